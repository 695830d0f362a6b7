"""The durable record of a job, in one SQLite file.

That a row is about to be sent is on disk before its request leaves; what became of it follows. A
crash between the two leaves a row in doubt, which the next run settles by looking at the server.
"""

from __future__ import annotations

import enum
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final, Self

import attrs
from filelock import FileLock, Timeout

from cubicasa_async.bulk.group_commit import GroupCommit
from cubicasa_async.errors import JournalError

_APPLICATION: Final = 0x43754361  # "CuCa", marks the file as ours
_VERSION: Final = 1
_SCHEMA: Final = """
CREATE TABLE job (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE drafts (
    external_id TEXT PRIMARY KEY,
    line INTEGER NOT NULL,      -- where the row stood when last read, from 1
    body TEXT NOT NULL,         -- the request as JSON, as last read
    made TEXT,                  -- what it was when its draft was made or found
    state TEXT NOT NULL,        -- see State
    order_id TEXT,
    reason TEXT,                -- why it was rejected or is unknown
    sends INTEGER NOT NULL,     -- how often a request was about to leave
    sent_at REAL,               -- the last time of that, Unix seconds
    run INTEGER NOT NULL        -- the last run whose input held the row
) WITHOUT ROWID;
CREATE INDEX drafts_in_doubt ON drafts (external_id) WHERE state IN ('intent', 'unknown');
CREATE TABLE server_orders (    -- what the server listed when last looked at
    order_id TEXT PRIMARY KEY,
    external_id TEXT NOT NULL,
    look INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX server_orders_by_key ON server_orders (external_id);
"""


class State(enum.StrEnum):
    """Where a row of the job stands."""

    NEW = "new"
    """Nothing was sent, or the server surely did not do it."""
    INTENT = "intent"
    """A request was about to leave, and nothing is known after that."""
    UNKNOWN = "unknown"
    """A request left, and its answer was lost."""
    CREATED = "created"
    """A draft was made by this job."""
    THERE = "there"
    """The server had an order with this external_id before."""
    REJECTED = "rejected"
    """The server refused the row."""


IN_DOUBT: Final = frozenset({State.INTENT, State.UNKNOWN})
MADE: Final = frozenset({State.CREATED, State.THERE})


@attrs.frozen
class Entry:
    """A row as the journal is told of it.

    Attributes:
        key: Its external_id.
        line: Where it stands in its file.
        body: The request as JSON text.
    """

    key: str
    line: int
    body: str


@attrs.frozen
class Claim:
    """What the journal knew of a row when a run came to it.

    Attributes:
        state: Where it stood before; None if it was not known.
        order_id: The order it belonged to.
        changed: Whether its request differs from what its draft was made from, or else from what
            was last read.
        repeats: The line of the same run that already had this external_id; None if none had.
        orders: Orders of this external_id that the server listed.
        sends: How often a request was about to leave.
    """

    state: State | None
    order_id: str | None
    changed: bool
    repeats: int | None
    orders: tuple[str, ...]
    sends: int


@attrs.frozen
class Doubt:
    """A row whose draft may or may not exist.

    Attributes:
        key: Its external_id.
        line: Where it stands in its file.
        body: The request as JSON text.
        order_id: What a repeated request answered, if it did.
        reason: Why it is in doubt.
        sends: How often a request was about to leave.
        orders: Orders of this external_id that the server listed.
    """

    key: str
    line: int
    body: str
    order_id: str | None
    reason: str
    sends: int
    orders: tuple[str, ...]


class Journal:
    """A job's journal, open for one run.

    All calls that arrive while the disk is busy share the next commit, so that durability costs
    one write for many rows. Use `async with`.

    Args:
        path: The file; made if it does not exist.
        target: What the job is about, such as the base URL; a journal serves only one.
        now: Gives the time in Unix seconds.

    Raises:
        JournalError: The file cannot be used, is in use by another run, or belongs to another
            target.
    """

    def __init__(self, path: str | Path, *, target: str, now: Callable[[], float]) -> None:
        self.path: Path = Path(path)
        self._target = target
        self._now = now
        self._run = 0
        self._lock = FileLock(f"{self.path}.lock", timeout=0, thread_local=False)
        self._file = GroupCommit(self._open, self._explain)
        self._do = self._file.do

    async def __aenter__(self) -> Self:
        self._acquire()
        try:
            await self._file.open()
            self._run = await self._do(self._begin_run)
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Finish what was asked for, close the file and let another run have it."""
        try:
            await self._file.close()
        finally:
            self._lock.release()

    async def claim(self, entries: Sequence[Entry]) -> list[Claim]:
        """Take rows into this run; tells what is known of each."""
        return await self._do(lambda db: [self._claim(db, entry) for entry in entries])

    async def intend(self, key: str) -> None:
        """Put on disk that a row's request is about to leave. Returns when it is there."""
        await self._do(
            lambda db: db.execute(
                "UPDATE drafts SET state = 'intent', sends = sends + 1, sent_at = ?, reason = NULL "
                "WHERE external_id = ?",
                (self._now(), key),
            )
        )

    async def settle(
        self, key: str, state: State, *, order_id: str | None = None, reason: str | None = None
    ) -> None:
        """Put on disk what became of a row."""
        await self._do(
            lambda db: db.execute(
                "UPDATE drafts SET state = ?, order_id = coalesce(?, order_id), reason = ?, "
                "made = CASE WHEN ? THEN coalesce(made, body) ELSE made END "
                "WHERE external_id = ?",
                (state.value, order_id, reason, state in MADE, key),
            )
        )

    async def doubts(self, after: str, count: int) -> list[Doubt]:
        """The next rows of this run that are in doubt, by key, behind `after`."""
        return await self._do(lambda db: self._doubts(db, after, count))

    async def last_doubt(self) -> float | None:
        """When a request of a row in doubt last left, in Unix seconds; None if none is in doubt."""
        found = await self._do(
            lambda db: db.execute(
                "SELECT max(sent_at) FROM drafts WHERE state IN ('intent', 'unknown')"
            ).fetchone()
        )
        return None if found[0] is None else float(found[0])

    async def forget_orders(self) -> None:
        """Drop what the server listed in earlier runs."""
        await self._do(lambda db: db.execute("DELETE FROM server_orders"))

    async def note_orders(self, orders: Iterable[tuple[str, str]], look: int) -> int:
        """Note (order id, external_id) pairs; gives how many an earlier look had seen."""
        rows = [(order_id, key, look) for order_id, key in orders]
        return await self._do(lambda db: self._note_orders(db, rows, look))

    async def counts(self) -> dict[str, int]:
        """How many rows of the job stand in which state."""
        rows = await self._do(
            lambda db: db.execute("SELECT state, count(*) FROM drafts GROUP BY state").fetchall()
        )
        return {str(state): int(count) for state, count in rows}

    def _claim(self, db: sqlite3.Connection, entry: Entry) -> Claim:
        orders = self._orders(db, entry.key)
        found = db.execute(
            "SELECT state, line, body, made, order_id, sends, run FROM drafts "
            "WHERE external_id = ?",
            (entry.key,),
        ).fetchone()
        if found is None:
            db.execute(
                "INSERT INTO drafts VALUES (?, ?, ?, NULL, 'new', NULL, NULL, 0, NULL, ?)",
                (entry.key, entry.line, entry.body, self._run),
            )
            return Claim(None, None, changed=False, repeats=None, orders=orders, sends=0)
        state, line, body, made, order_id, sends, run = found
        if run == self._run:
            changed = body != entry.body
            return Claim(State(state), order_id, changed, line, orders, sends)
        db.execute(
            "UPDATE drafts SET line = ?, body = ?, run = ? WHERE external_id = ?",
            (entry.line, entry.body, self._run, entry.key),
        )
        changed = (made or body) != entry.body  # from its draft, however often it changed since
        return Claim(State(state), order_id, changed, None, orders, sends)

    def _doubts(self, db: sqlite3.Connection, after: str, count: int) -> list[Doubt]:
        rows = db.execute(
            "SELECT external_id, line, body, order_id, reason, sends FROM drafts "
            "WHERE state IN ('intent', 'unknown') AND run = ? AND external_id > ? "
            "ORDER BY external_id LIMIT ?",
            (self._run, after, count),
        ).fetchall()
        return [
            Doubt(key, line, body, order_id, reason or "", sends, self._orders(db, key))
            for key, line, body, order_id, reason, sends in rows
        ]

    @staticmethod
    def _orders(db: sqlite3.Connection, key: str) -> tuple[str, ...]:
        rows = db.execute(
            "SELECT order_id FROM server_orders WHERE external_id = ? ORDER BY order_id", (key,)
        )
        return tuple(str(row[0]) for row in rows)

    @staticmethod
    def _note_orders(db: sqlite3.Connection, rows: list[tuple[str, str, int]], look: int) -> int:
        known = 0
        for order_id, key, _ in rows:
            seen = db.execute(
                "SELECT look FROM server_orders WHERE order_id = ?", (order_id,)
            ).fetchone()
            known += seen is not None and seen[0] < look
            if seen is None:
                db.execute("INSERT INTO server_orders VALUES (?, ?, ?)", (order_id, key, look))
        return known

    def _begin_run(self, db: sqlite3.Connection) -> int:
        target = db.execute("SELECT value FROM job WHERE name = 'target'").fetchone()
        if target is None:
            db.execute("INSERT INTO job VALUES ('target', ?)", (self._target,))
        elif target[0] != self._target:
            raise JournalError(
                f"The journal {self.path} belongs to a job against {target[0]}, not against "
                f"{self._target}. Name another journal."
            )
        last = db.execute("SELECT value FROM job WHERE name = 'run'").fetchone()
        run = int(last[0]) + 1 if last else 1
        db.execute("INSERT OR REPLACE INTO job VALUES ('run', ?)", (str(run),))
        return run

    def _acquire(self) -> None:
        try:
            self._lock.acquire()
        except Timeout:
            raise JournalError(
                f"The journal {self.path} is in use by another run. Wait for it, or name another."
            ) from None
        except OSError as exc:
            raise JournalError(f"The journal {self.path} cannot be made: {exc}.") from None

    def _open(self) -> sqlite3.Connection:
        db = sqlite3.connect(self.path, isolation_level=None, timeout=10, check_same_thread=False)
        try:
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = FULL")
            found = (
                db.execute("PRAGMA application_id").fetchone()[0],
                db.execute("PRAGMA user_version").fetchone()[0],
            )
            if found == (0, 0) and not db.execute("SELECT 1 FROM sqlite_master").fetchone():
                db.executescript(
                    f"BEGIN; {_SCHEMA} PRAGMA application_id = {_APPLICATION}; "
                    f"PRAGMA user_version = {_VERSION}; COMMIT;"
                )
            elif found != (_APPLICATION, _VERSION):
                message = f"{self.path} is not a journal of this version. Name another file."
                raise JournalError(message)  # noqa: TRY301 # the connection is closed below
        except BaseException:
            db.close()
            raise
        return db

    def _explain(self, exc: Exception) -> JournalError:
        if isinstance(exc, JournalError):
            return exc
        if isinstance(exc, sqlite3.DatabaseError) and "not a database" in str(exc):
            return JournalError(f"{self.path} is not a journal. Name another file.")
        return JournalError(
            f"The journal {self.path} failed: {exc}. Nothing is sent without it; see to the disk "
            "and run the job again."
        )
