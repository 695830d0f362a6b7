"""Jobs over many orders, each row exactly once."""

from __future__ import annotations

from cubicasa_async.bulk.draft_import import import_drafts
from cubicasa_async.bulk.outcomes import (
    AlreadyThere,
    Created,
    Rejected,
    RowOutcome,
    Skipped,
    Unknown,
)
from cubicasa_async.bulk.rows import Row

__all__ = [
    "AlreadyThere",
    "Created",
    "Rejected",
    "Row",
    "RowOutcome",
    "Skipped",
    "Unknown",
    "import_drafts",
]
