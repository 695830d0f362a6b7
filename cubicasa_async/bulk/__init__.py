"""Jobs over many orders, each row exactly once."""

from __future__ import annotations

from cubicasa_async.bulk.draft_import import import_drafts
from cubicasa_async.bulk.files.sources import open_source
from cubicasa_async.bulk.journal.postgres import PostgresJournal
from cubicasa_async.bulk.journal.sqlite import SqliteJournal
from cubicasa_async.bulk.journal.status import JobStatus, WorkerLease, read_status
from cubicasa_async.bulk.mirror import mirror_orders
from cubicasa_async.bulk.mirror.outcomes import (
    ChangedOrder,
    FailedOrder,
    MirrorOutcome,
    NewOrder,
    ReturnedOrder,
    UnchangedOrder,
    VanishedOrder,
)
from cubicasa_async.bulk.mirror.reading import Mirror
from cubicasa_async.bulk.outcomes import (
    AlreadyThere,
    Created,
    Deleted,
    Kept,
    Rejected,
    RowOutcome,
    Skipped,
    Unknown,
    Updated,
)
from cubicasa_async.bulk.progress import Progress
from cubicasa_async.bulk.reconcile import (
    Candidate,
    Twin,
    find_by_address,
    find_by_external_id,
    find_twins,
)
from cubicasa_async.bulk.rows import Row

__all__ = [
    "AlreadyThere",
    "Candidate",
    "ChangedOrder",
    "Created",
    "Deleted",
    "FailedOrder",
    "JobStatus",
    "Kept",
    "Mirror",
    "MirrorOutcome",
    "NewOrder",
    "PostgresJournal",
    "Progress",
    "Rejected",
    "ReturnedOrder",
    "Row",
    "RowOutcome",
    "Skipped",
    "SqliteJournal",
    "Twin",
    "UnchangedOrder",
    "Unknown",
    "Updated",
    "VanishedOrder",
    "WorkerLease",
    "find_by_address",
    "find_by_external_id",
    "find_twins",
    "import_drafts",
    "mirror_orders",
    "open_source",
    "read_status",
]
