"""How a job stands, read from its journal without touching it."""

from __future__ import annotations

import sqlite3
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import attrs

from cubicasa_async.bulk.journal.protocol import IN_DOUBT, MADE, Entry, Gone, State
from cubicasa_async.bulk.journal.sqlite_damage import refuse_damaged_rows
from cubicasa_async.bulk.journal.sqlite_sql import APPLICATION, VERSION
from cubicasa_async.errors import JournalError

_JOB: Final = "SELECT name, value FROM job"
_STATES: Final = """
SELECT state, count(*), sum(made = ''), max(sent_at) FROM drafts GROUP BY state ORDER BY state
"""
_MADE: Final = """
SELECT external_id, line, order_id FROM drafts
WHERE state IN ('created', 'deleting') AND order_id IS NOT NULL ORDER BY external_id
"""
_ROW: Final = "SELECT state, made, body, order_id FROM drafts WHERE external_id = ?"
_FOLLOWS: Final = MADE | IN_DOUBT | {State.DELETING}


@attrs.frozen
class WorkerLease:
    """A worker of a shared job.

    Attributes:
        until: When its rows may be taken over, if it shows no sign of life until then (UTC).
        rows: How many rows belong to it.
    """

    until: datetime
    rows: int


@attrs.frozen(kw_only=True)
class JobStatus:
    """A job as its journal has it.

    Attributes:
        place: The journal.
        target: The base URL that the job is about; None if no run has begun.
        runs: How many runs there were; None if that is not counted, as for shared jobs.
        began: When the last one began (UTC).
        last_sent: When a request last left of a row that has been sent (UTC).
        states: How many rows stand in which state.
        updating: How many drafts are being changed, or may have been: the end is not known.
        workers: How many workers are at it; None if it is not a shared job.
        leases: What those have. One that was killed counts until its lease runs out.
    """

    place: str
    target: str | None
    runs: int | None
    began: datetime | None
    last_sent: datetime | None
    states: Mapping[str, int]
    updating: int
    workers: int | None = None
    leases: Sequence[WorkerLease] = ()

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return sum(self.states.values())

    @property
    def in_doubt(self) -> int:
        """How many rows may or may not have a draft; the next run settles those that it reads."""
        return sum(self.states.get(state, 0) for state in IN_DOUBT)


@attrs.frozen
class Changed:
    """A row that has changed since its draft was made.

    Attributes:
        order_id: The draft; None if it is not known whether there is one.
    """

    order_id: str | None


class JournalReader:
    """Reads a journal in a file, also while a run has it.

    Args:
        path: The journal.
        db: The file, opened for reading.
    """

    def __init__(self, path: Path, db: sqlite3.Connection) -> None:
        self._path = path
        self._db = db

    @classmethod
    @contextmanager
    def opened(cls, path: Path) -> Generator[JournalReader]:
        """Open a journal for reading.

        Raises:
            JournalError: There is none, or it cannot be read.
        """
        if not path.is_file():
            raise JournalError(f"There is no journal {path}.")
        try:
            with closing(_connected(path)) as db:
                _refuse_another(db, path)
                refuse_damaged_rows(db, path)
                yield cls(path, db)
        except sqlite3.Error as exc:
            raise _unreadable(path, exc) from None

    def status(self) -> JobStatus:
        """How the job stands."""
        job = {str(name): str(value) for name, value in self._db.execute(_JOB)}
        found = self._db.execute(_STATES).fetchall()
        sent = [float(row[3]) for row in found if row[3] is not None]
        return JobStatus(
            place=str(self._path),
            target=job.get("target"),
            runs=int(job.get("run", 0)),
            began=_moment(job.get("began")),
            last_sent=_moment(max(sent, default=None)),
            states={str(state): int(count) for state, count, *_ in found},
            updating=sum(
                int(row[2] or 0) for row in found if row[0] in {State.CREATED, State.THERE}
            ),
        )

    def made(self) -> Iterator[Gone]:
        """The rows whose drafts this job made."""
        for key, line, order_id in self._db.execute(_MADE):
            yield Gone(key, line, order_id)

    def changed(self, entry: Entry) -> Changed | None:
        """The draft of a row that differs from what it was made from; None for other rows."""
        found: tuple[Any, ...] | None = self._db.execute(_ROW, (entry.key,)).fetchone()
        if found is None or found[0] not in _FOLLOWS:
            return None
        made = str(found[2] if found[1] is None else found[1])
        if entry.body == made:
            return None
        return Changed(found[3] if found[0] in MADE else None)


def read_status(path: str | Path) -> JobStatus:
    """How a job stands, whose journal is a file.

    Raises:
        JournalError: There is no such journal, or it cannot be read.
    """
    with JournalReader.opened(Path(path)) as reader:
        return reader.status()


def _connected(path: Path) -> sqlite3.Connection:
    address = f"file:{quote(str(path.resolve()))}?mode=ro"
    # Without a log nobody writes, and a directory that cannot be written to does not matter.
    if not Path(f"{path}-wal").exists():
        address += "&immutable=1"
    return sqlite3.connect(address, uri=True, timeout=10)


def _refuse_another(db: sqlite3.Connection, path: Path) -> None:
    found = (
        db.execute("PRAGMA application_id").fetchone()[0],
        db.execute("PRAGMA user_version").fetchone()[0],
    )
    if found != (APPLICATION, VERSION):
        raise JournalError(f"{path} is not a journal of this version.")


def _unreadable(path: Path, exc: sqlite3.Error) -> JournalError:
    if "not a database" in str(exc):
        return JournalError(f"{path} is not a journal.")
    return JournalError(
        f"The journal {path} cannot be read: {exc}. If a run uses it, ask again; if not, it is "
        "damaged, and a run with a new journal finds by external_id what is on the server."
    )


def _moment(seconds: str | float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(float(seconds), UTC)
