"""A journal in one SQLite file, with one run at a time."""

from __future__ import annotations

import json
import math
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import attrs
from filelock import FileLock, Timeout

from cubicasa_async.bulk.journal import sqlite_damage
from cubicasa_async.bulk.journal.group_commit import GroupCommit
from cubicasa_async.bulk.journal.protocol import (
    IN_DOUBT,
    MADE,
    Claim,
    Doubt,
    Entry,
    Gone,
    Journal,
    Settlement,
    State,
)
from cubicasa_async.errors import JournalError

APPLICATION: Final = 0x43754361  # "CuCa", marks the file as ours
VERSION: Final = 2

_OLDEST: Final = (3, 33)  # UPDATE with FROM

_SCHEMA: Final = """
CREATE TABLE job (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE drafts (
    external_id TEXT PRIMARY KEY,
    line INTEGER NOT NULL,      -- where the row stood when last read, from 1
    body TEXT NOT NULL,         -- the request as JSON, as last read
    made TEXT,                  -- what it was when its draft was made, found or changed; '' if
                                -- that is not known, as while a change is under way
    state TEXT NOT NULL CHECK (state IN ('new', 'intent', 'unknown', 'created', 'there',
        'rejected', 'deleting', 'deleted')),    -- see State
    order_id TEXT,
    reason TEXT,                -- why it was rejected or is unknown
    sends INTEGER NOT NULL,     -- how often a request was about to leave
    sent_at REAL,               -- when one whose end is not known may have left last, Unix seconds
    run INTEGER NOT NULL,       -- the last run that claimed the row
    seen INTEGER NOT NULL       -- the last run whose input named the row
) WITHOUT ROWID;
CREATE INDEX drafts_in_doubt ON drafts (external_id) WHERE state IN ('intent', 'unknown');
CREATE TABLE server_orders (    -- what the server listed when last looked at
    order_id TEXT PRIMARY KEY,
    external_id TEXT NOT NULL,
    look INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX server_orders_by_key ON server_orders (external_id);
"""
_LOG_AHEAD: Final = "PRAGMA journal_mode = WAL"
_SYNC_EACH_COMMIT: Final = "PRAGMA synchronous = FULL"
_EMPTY_LOG: Final = "PRAGMA wal_checkpoint(TRUNCATE)"
_APPLICATION_OF_FILE: Final = "PRAGMA application_id"
_VERSION_OF_FILE: Final = "PRAGMA user_version"
_ANY_TABLE: Final = "SELECT 1 FROM sqlite_master"
_MAKE: Final = (
    f"BEGIN; {_SCHEMA} PRAGMA application_id = {APPLICATION}; "
    f"PRAGMA user_version = {VERSION}; COMMIT;"
)
_BEGIN: Final = "BEGIN IMMEDIATE"
_FIND: Final = """
SELECT external_id, state, line, body, made, order_id, sends, run FROM drafts
WHERE external_id IN ({})
"""
_ADD: Final = "INSERT INTO drafts VALUES {}"
_NEW_ROW: Final = "(?, ?, ?, NULL, 'new', NULL, NULL, 0, NULL, ?, ?)"
_READ_AGAIN: Final = """
UPDATE drafts SET line = ?, body = ?, run = ?, seen = ? WHERE external_id = ?
"""
_SEEN: Final = "UPDATE drafts SET seen = ? WHERE external_id = ?"
_INTEND: Final = """
UPDATE drafts SET
    made = CASE WHEN state IN ('intent', 'unknown') AND made <> body THEN '' ELSE body END,
    state = 'intent', order_id = NULL, reason = NULL, sends = sends + 1, sent_at = ?
WHERE external_id IN (SELECT value FROM json_each(?))
"""
_UNSENT: Final = """
UPDATE drafts SET state = ?, sends = sends - 1 WHERE external_id = ? AND state = 'intent'
"""
_SETTLE: Final = """
UPDATE drafts SET
    state = ?1, order_id = coalesce(?2, order_id), reason = ?3,
    made = CASE WHEN ?4 THEN coalesce(made, body) WHEN ?5 THEN made END,
    sent_at = CASE WHEN ?5 THEN ?6 ELSE sent_at END
WHERE external_id = ?7
"""
_SETTLE_CREATED: Final = """
UPDATE drafts SET
    state = 'created', order_id = coalesce(answered.value, order_id), reason = NULL,
    made = coalesce(made, body)
FROM json_each(?) AS answered WHERE external_id = answered.key
"""
_INTEND_UPDATE: Final = "UPDATE drafts SET made = '' WHERE external_id = ?"
_SETTLE_UPDATE: Final = "UPDATE drafts SET made = body WHERE external_id = ?"
_INTEND_DELETE: Final = "UPDATE drafts SET state = 'deleting', sent_at = ? WHERE external_id = ?"
_GONE: Final = "state IN ('created', 'deleting') AND order_id IS NOT NULL AND seen < ?"
_COUNT_GONE: Final = f"SELECT count(*) FROM drafts WHERE {_GONE}"  # noqa: S608 # of constants
_LIST_GONE: Final = f"""
SELECT external_id, line, order_id FROM drafts WHERE {_GONE}
AND external_id > ? ORDER BY external_id LIMIT ?
"""  # noqa: S608 # of constants
_DOUBTS: Final = """
SELECT external_id, line, body, order_id, reason, sends FROM drafts
WHERE state IN ('intent', 'unknown') AND run = ? AND external_id > ?
ORDER BY external_id LIMIT ?
"""
_LAST_DOUBT: Final = """
SELECT max(sent_at) FROM drafts WHERE state IN ('intent', 'unknown', 'deleting')
"""
_LEFT_BY_A_CRASH: Final = """
UPDATE drafts SET sent_at = ? WHERE state IN ('intent', 'deleting')
"""
_FORGET_ORDERS: Final = "DELETE FROM server_orders"
_ORDERS: Final = """
SELECT external_id, order_id FROM server_orders WHERE external_id IN ({}) ORDER BY order_id
"""
_SEEN_BEFORE: Final = "SELECT count(*) FROM server_orders WHERE look < ? AND order_id IN ({})"
_NOTE_ORDER: Final = "INSERT OR IGNORE INTO server_orders VALUES (?, ?, ?)"
_COUNTS: Final = "SELECT state, count(*) FROM drafts GROUP BY state"
_JOB_VALUE: Final = "SELECT value FROM job WHERE name = ?"
_SET_TARGET: Final = "INSERT INTO job VALUES ('target', ?)"
_SET_RUN: Final = "INSERT OR REPLACE INTO job VALUES ('run', ?), ('began', ?)"
_NEVER_SEEN: Final = Claim(None, None, changed=False, repeats=None, orders=(), sends=0)


class SqliteJournal(Journal):
    """A job's journal in one file.

    All calls that arrive while the disk is busy share the next commit, so that durability costs
    one write for many rows.

    Args:
        path: The file; made if it does not exist.
    """

    def __init__(self, path: str | Path) -> None:
        self.path: Path = Path(path)
        self._run = 0
        self._now: Callable[[], float] = lambda: 0.0
        self._lock = FileLock(f"{self.path}.lock", timeout=0, thread_local=False)
        self._file = GroupCommit(self._open, self._explain, begin=_begin)
        self._do = self._file.do

    def __repr__(self) -> str:
        return f"SqliteJournal({str(self.path)!r})"

    @property
    def place(self) -> str:
        """The file."""
        return str(self.path)

    async def open(self, *, target: str, now: Callable[[], float]) -> None:
        """Begin a run; see Journal."""
        self._acquire()
        self._now = now
        await self._file.open()
        self._run = await self._do(lambda db: self._begin_run(db, target))

    async def close(self) -> None:
        """End the run; see Journal."""
        try:
            await self._file.close()
        finally:
            self._lock.release()

    async def claim(self, entries: Sequence[Entry]) -> list[Claim]:
        """Take rows into this run; tells what is known of each."""
        return await self._do(lambda db: self._claim(db, entries))

    async def intend(self, *keys: str) -> None:
        """Write down that the requests of these rows are about to leave."""
        values = (self._now(), json.dumps(keys))
        await self._do(lambda db: db.execute(_INTEND, values))

    def unsent(self, *keys: str, in_doubt: bool = False) -> None:
        """Take back the intent of rows whose requests surely did not leave."""
        state = State.UNKNOWN if in_doubt else State.NEW
        rows = [(state.value, key) for key in keys]
        self._file.note(lambda db: db.executemany(_UNSENT, rows))

    async def settle_all(self, settlements: Sequence[Settlement]) -> Collection[str]:
        """Write down what became of rows. None is contested."""
        now = self._now()
        # The usual end in one statement: each one costs a change of threads.
        created = {s.key: s.order_id for s in settlements if s.state is State.CREATED}
        rows = [
            (s.state.value, s.order_id, s.reason, s.state in MADE, s.state in IN_DOUBT, now, s.key)
            for s in settlements
            if s.state is not State.CREATED
        ]

        def settle(db: sqlite3.Connection) -> None:
            if created:
                db.execute(_SETTLE_CREATED, (json.dumps(created),))
            if rows:
                db.executemany(_SETTLE, rows)

        await self._do(settle)
        return ()

    async def time_to_send(self) -> float:
        """No limit: there is one run at a time."""
        return math.inf

    async def seen(self, keys: Iterable[str]) -> None:
        """Note that this run's input names rows that it does not claim."""
        rows = [(self._run, key) for key in keys]
        await self._do(lambda db: db.executemany(_SEEN, rows))

    async def intend_update(self, key: str) -> None:
        """Write down that a change of a row's draft is about to leave."""
        await self._do(lambda db: db.execute(_INTEND_UPDATE, (key,)))

    async def settle_update(self, key: str) -> None:
        """Write down that a row's draft is what the row says."""
        await self._do(lambda db: db.execute(_SETTLE_UPDATE, (key,)))

    async def intend_delete(self, key: str) -> None:
        """Write down that the deletion of a row's draft is about to leave."""
        await self._do(lambda db: db.execute(_INTEND_DELETE, (self._now(), key)))

    async def count_gone(self) -> int:
        """How many rows whose drafts this job made are not named by this run's input."""
        found = await self._do(lambda db: db.execute(_COUNT_GONE, (self._run,)).fetchone())
        return int(found[0])

    async def gone(self, after: str, count: int) -> list[Gone]:
        """The next of those rows, by key, behind `after`."""
        rows = await self._do(
            lambda db: db.execute(_LIST_GONE, (self._run, after, count)).fetchall()
        )
        return [Gone(key, line, order_id) for key, line, order_id in rows]

    async def doubts(self, after: str, count: int) -> list[Doubt]:
        """The next rows of this run that are in doubt, by key, behind `after`."""
        return await self._do(lambda db: self._doubts(db, after, count))

    async def doubt_age(self) -> float | None:
        """Seconds since a request whose effect is not known may have left last, or None."""
        found = await self._do(lambda db: db.execute(_LAST_DOUBT).fetchone())
        return None if found[0] is None else self._now() - float(found[0])

    async def forget_orders(self) -> None:
        """Drop what the server listed in earlier runs."""
        await self._do(lambda db: db.execute(_FORGET_ORDERS))

    async def note_orders(self, orders: Iterable[tuple[str, str]], look: int) -> int:
        """Note (order id, external_id) pairs; gives how many an earlier look had seen."""
        rows = [(order_id, key, look) for order_id, key in orders]
        return await self._do(lambda db: _note_orders(db, rows, look))

    async def counts(self) -> dict[str, int]:
        """How many rows of the job stand in which state."""
        rows = await self._do(lambda db: db.execute(_COUNTS).fetchall())
        return {str(state): int(count) for state, count in rows}

    def _claim(self, db: sqlite3.Connection, entries: Sequence[Entry]) -> list[Claim]:
        keys = [entry.key for entry in entries]
        orders = _orders(db, keys)
        try:  # the usual case, in one statement
            self._add(db, entries)
        except sqlite3.IntegrityError:
            return self._claim_again(db, entries, orders)
        if not orders:
            return [_NEVER_SEEN] * len(entries)
        return [attrs.evolve(_NEVER_SEEN, orders=tuple(orders.get(key, ()))) for key in keys]

    def _add(self, db: sqlite3.Connection, entries: Sequence[Entry]) -> None:
        if entries:
            run = self._run
            values = [v for row in entries for v in (row.key, row.line, row.body, run, run)]
            db.execute(_ADD.format(", ".join([_NEW_ROW] * len(entries))), values)

    def _claim_again(
        self, db: sqlite3.Connection, entries: Sequence[Entry], orders: Mapping[str, list[str]]
    ) -> list[Claim]:
        """Claim rows of which some are in the journal already, or come more than once."""
        keys = [entry.key for entry in entries]
        known: dict[str, tuple[Any, ...]] = {
            row[0]: row[1:] for row in db.execute(_FIND.format(_marks(keys)), keys)
        }
        run = self._run
        claims: list[Claim] = []
        added: list[Entry] = []
        read_again: list[tuple[object, ...]] = []
        for entry in entries:
            key, line, body = entry.key, entry.line, entry.body
            listed = tuple(orders.get(key, ()))
            if key not in known:
                added.append(entry)
                known[key] = ("new", line, body, None, None, 0, run)
                claims.append(attrs.evolve(_NEVER_SEEN, orders=listed))
                continue
            state, first, last, made, order_id, sends, last_run = known[key]
            if last_run == run:
                changed = last != body
                claims.append(Claim(State(state), order_id, changed, first, listed, sends))
                continue
            read_again.append((line, body, run, run, key))
            known[key] = (state, line, body, made, order_id, sends, run)
            # From its draft, however often it changed since.
            changed = (last if made is None else made) != body
            updating = made == ""
            claims.append(Claim(State(state), order_id, changed, None, listed, sends, updating))
        self._add(db, added)
        db.executemany(_READ_AGAIN, read_again)
        return claims

    def _doubts(self, db: sqlite3.Connection, after: str, count: int) -> list[Doubt]:
        rows = db.execute(_DOUBTS, (self._run, after, count)).fetchall()
        orders = _orders(db, [row[0] for row in rows])
        return [
            Doubt(key, line, body, order_id, reason or "", sends, tuple(orders.get(key, ())))
            for key, line, body, order_id, reason, sends in rows
        ]

    def _begin_run(self, db: sqlite3.Connection, target: str) -> int:
        known = db.execute(_JOB_VALUE, ("target",)).fetchone()
        if known is None:
            db.execute(_SET_TARGET, (target,))
        elif known[0] != target:
            raise JournalError(
                f"The journal {self.path} belongs to a job against {known[0]}, not against "
                f"{target}. Name another journal."
            )
        last = db.execute(_JOB_VALUE, ("run",)).fetchone()
        run, now = int(last[0]) + 1 if last else 1, self._now()
        db.execute(_SET_RUN, (str(run), str(now)))
        # A run that died may have sent until it did, which was not later than now.
        db.execute(_LEFT_BY_A_CRASH, (now,))
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
        if sqlite3.sqlite_version_info < _OLDEST:
            raise JournalError(
                f"A journal needs SQLite {'.'.join(map(str, _OLDEST))} or newer; this Python has "
                f"{sqlite3.sqlite_version}."
            )
        sqlite_damage.refuse_damaged_log(self.path)
        db = sqlite3.connect(self.path, isolation_level=None, timeout=10)
        try:
            db.execute(_LOG_AHEAD)
            db.execute(_SYNC_EACH_COMMIT)
            found = (
                db.execute(_APPLICATION_OF_FILE).fetchone()[0],
                db.execute(_VERSION_OF_FILE).fetchone()[0],
            )
            if found == (0, 0) and not db.execute(_ANY_TABLE).fetchone():
                db.executescript(_MAKE)
            elif found != (APPLICATION, VERSION):
                message = f"{self.path} is not a journal of this version. Name another file."
                raise JournalError(message)  # noqa: TRY301 # the connection is closed below
            sqlite_damage.refuse_damaged_pages(db, self.path)
            db.execute(_EMPTY_LOG)  # what a crash tore is not to stand behind what another tears
        except BaseException:
            db.close()
            raise
        return db

    def _explain(self, exc: Exception) -> JournalError:
        if isinstance(exc, JournalError):
            return exc
        if isinstance(exc, sqlite3.DatabaseError) and "not a database" in str(exc):
            return JournalError(f"{self.path} is not a journal. Name another file.")
        if isinstance(exc, sqlite3.DatabaseError) and "malformed" in str(exc):
            return sqlite_damage.damaged(self.path, str(exc))
        return JournalError(
            f"The journal {self.path} failed: {exc}. Nothing is sent without it; see to the disk "
            "and run the job again."
        )


def _begin(db: sqlite3.Connection) -> None:
    db.execute(_BEGIN)


def _marks(values: Sequence[object]) -> str:
    return ", ".join("?" * len(values))


def _orders(db: sqlite3.Connection, keys: Sequence[str]) -> dict[str, list[str]]:
    found: defaultdict[str, list[str]] = defaultdict(list)
    for key, order_id in db.execute(_ORDERS.format(_marks(keys)), keys):
        found[key].append(order_id)
    return found


def _note_orders(db: sqlite3.Connection, rows: list[tuple[str, str, int]], look: int) -> int:
    ids = [row[0] for row in rows]
    known = db.execute(_SEEN_BEFORE.format(_marks(ids)), [look, *ids]).fetchone()
    db.executemany(_NOTE_ORDER, rows)
    return int(known[0])
