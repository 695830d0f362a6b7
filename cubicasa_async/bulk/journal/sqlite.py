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

from cubicasa_async.bulk.journal import sqlite_damage
from cubicasa_async.bulk.journal import sqlite_sql as texts
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
from cubicasa_async.bulk.journal.sole_run import SoleRun
from cubicasa_async.bulk.journal.sqlite_damage import mark
from cubicasa_async.errors import JournalError

_OLDEST: Final = (3, 33)  # UPDATE with FROM

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
        self._place: Path
        self._run = 0
        self._now: Callable[[], float] = lambda: 0.0
        self._sole = SoleRun(self.path)
        self._file = GroupCommit(self._open, self._explain, begin=self._begin)
        self._do = self._file.do

    def __repr__(self) -> str:
        return f"SqliteJournal({str(self.path)!r})"

    @property
    def place(self) -> str:
        """The file."""
        return str(self.path)

    async def open(self, *, target: str, now: Callable[[], float]) -> None:
        """Begin a run; see Journal."""
        self._place = self._sole.acquire()
        self._now = now
        await self._file.open()
        self._run = await self._do(lambda db: self._begin_run(db, target))

    async def close(self) -> None:
        """End the run; see Journal."""
        try:
            await self._file.close()
        finally:
            self._sole.release()

    async def claim(self, entries: Sequence[Entry]) -> list[Claim]:
        """Take rows into this run; tells what is known of each."""
        return await self._do(lambda db: self._claim(db, entries))

    async def intend(self, *keys: str) -> None:
        """Write down that the requests of these rows are about to leave."""
        values = (self._now(), json.dumps(keys))
        await self._do(lambda db: db.execute(texts.INTEND, values))

    def unsent(self, *keys: str, in_doubt: bool = False) -> None:
        """Take back the intent of rows whose requests surely did not leave."""
        state = State.UNKNOWN if in_doubt else State.NEW
        rows = [(state.value, key) for key in keys]
        self._file.note(lambda db: db.executemany(texts.UNSENT, rows))

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
                db.execute(texts.SETTLE_CREATED, (json.dumps(created),))
            if rows:
                db.executemany(texts.SETTLE, rows)

        await self._do(settle)
        return ()

    async def time_to_send(self) -> float:
        """No limit: there is one run at a time."""
        return math.inf

    async def seen(self, keys: Iterable[str]) -> None:
        """Note that this run's input names rows that it does not claim."""
        rows = [(self._run, key) for key in keys]
        await self._do(lambda db: db.executemany(texts.SEEN, rows))

    async def intend_update(self, key: str) -> None:
        """Write down that a change of a row's draft is about to leave."""
        await self._do(lambda db: db.execute(texts.INTEND_UPDATE, (key,)))

    async def settle_update(self, key: str) -> None:
        """Write down that a row's draft is what the row says."""
        await self._do(lambda db: db.execute(texts.SETTLE_UPDATE, (key,)))

    async def intend_delete(self, key: str) -> None:
        """Write down that the deletion of a row's draft is about to leave."""
        await self._do(lambda db: db.execute(texts.INTEND_DELETE, (self._now(), key)))

    async def count_gone(self) -> int:
        """How many rows whose drafts this job made are not named by this run's input."""
        found = await self._do(lambda db: db.execute(texts.COUNT_GONE, (self._run,)).fetchone())
        return int(found[0])

    async def gone(self, after: str, count: int) -> list[Gone]:
        """The next of those rows, by key, behind `after`."""
        rows = await self._do(
            lambda db: db.execute(texts.LIST_GONE, (self._run, after, count)).fetchall()
        )
        return [Gone(key, line, order_id) for key, line, order_id in rows]

    async def doubts(self, after: str, count: int) -> list[Doubt]:
        """The next rows of this run that are in doubt, by key, behind `after`."""
        return await self._do(lambda db: self._doubts(db, after, count))

    async def doubt_age(self) -> float | None:
        """Seconds since a request whose effect is not known may have left last, or None."""
        found = await self._do(lambda db: db.execute(texts.LAST_DOUBT).fetchone())
        return None if found[0] is None else self._now() - float(found[0])

    async def forget_orders(self) -> None:
        """Drop what the server listed in earlier runs."""
        await self._do(lambda db: db.execute(texts.FORGET_ORDERS))

    async def note_orders(self, orders: Iterable[tuple[str, str]], look: int) -> int:
        """Note (order id, external_id) pairs; gives how many an earlier look had seen."""
        rows = [(order_id, key, look) for order_id, key in orders]
        return await self._do(lambda db: _note_orders(db, rows, look))

    async def counts(self) -> dict[str, int]:
        """How many rows of the job stand in which state."""
        rows = await self._do(lambda db: db.execute(texts.COUNTS).fetchall())
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
            values = [
                value
                for row in entries
                for value in (row.key, row.line, row.body, run, run, mark(row.key, row.body))
            ]
            db.execute(texts.ADD.format(", ".join([texts.NEW_ROW] * len(entries))), values)

    def _claim_again(
        self, db: sqlite3.Connection, entries: Sequence[Entry], orders: Mapping[str, list[str]]
    ) -> list[Claim]:
        """Claim rows of which some are in the journal already, or come more than once."""
        keys = [entry.key for entry in entries]
        known: dict[str, tuple[Any, ...]] = {
            row[0]: row[1:] for row in db.execute(texts.FIND.format(_marks(keys)), keys)
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
            read_again.append((line, body, mark(key, body), run, run, key))
            known[key] = (state, line, body, made, order_id, sends, run)
            # From its draft, however often it changed since.
            changed = (last if made is None else made) != body
            updating = made == ""
            claims.append(Claim(State(state), order_id, changed, None, listed, sends, updating))
        self._add(db, added)
        db.executemany(texts.READ_AGAIN, read_again)
        return claims

    def _doubts(self, db: sqlite3.Connection, after: str, count: int) -> list[Doubt]:
        rows = db.execute(texts.DOUBTS, (self._run, after, count)).fetchall()
        orders = _orders(db, [row[0] for row in rows])
        return [
            Doubt(key, line, body, order_id, reason or "", sends, tuple(orders.get(key, ())))
            for key, line, body, order_id, reason, sends in rows
        ]

    def _begin(self, db: sqlite3.Connection) -> None:
        self._sole.check()
        db.execute(texts.BEGIN)

    def _begin_run(self, db: sqlite3.Connection, target: str) -> int:
        known = db.execute(texts.JOB_VALUE, ("target",)).fetchone()
        if known is None:
            db.execute(texts.SET_TARGET, (target,))
        elif known[0] != target:
            raise JournalError(
                f"The journal {self.path} belongs to a job against {known[0]}, not against "
                f"{target}. Name another journal."
            )
        last = db.execute(texts.JOB_VALUE, ("run",)).fetchone()
        run, now = int(last[0]) + 1 if last else 1, self._now()
        db.execute(texts.SET_RUN, (str(run), str(now)))
        # A run that died may have sent until it did, which was not later than now.
        db.execute(texts.LEFT_BY_A_CRASH, (now,))
        return run

    def _open(self) -> sqlite3.Connection:
        if sqlite3.sqlite_version_info < _OLDEST:
            raise JournalError(
                f"A journal needs SQLite {'.'.join(map(str, _OLDEST))} or newer; this Python has "
                f"{sqlite3.sqlite_version}."
            )
        sqlite_damage.refuse_damaged_log(self._place)
        db = sqlite3.connect(self._place, isolation_level=None, timeout=10)
        try:
            db.execute(texts.LOG_AHEAD)
            db.execute(texts.SYNC_EACH_COMMIT)
            found = (
                db.execute(texts.APPLICATION_OF_FILE).fetchone()[0],
                db.execute(texts.VERSION_OF_FILE).fetchone()[0],
            )
            if found == (0, 0) and not db.execute(texts.ANY_TABLE).fetchone():
                db.executescript(texts.MAKE)
            elif found != (texts.APPLICATION, texts.VERSION):
                message = f"{self.path} is not a journal of this version. Name another file."
                raise JournalError(message)  # noqa: TRY301 # the connection is closed below
            sqlite_damage.refuse_damaged_pages(db, self.path)
            sqlite_damage.refuse_damaged_rows(db, self.path)
            # What a crash tore is not to stand behind what another tears.
            db.execute(texts.EMPTY_LOG)
            self._sole.watch(self._place)
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


def _marks(values: Sequence[object]) -> str:
    return ", ".join("?" * len(values))


def _orders(db: sqlite3.Connection, keys: Sequence[str]) -> dict[str, list[str]]:
    found: defaultdict[str, list[str]] = defaultdict(list)
    for key, order_id in db.execute(texts.ORDERS.format(_marks(keys)), keys):
        found[key].append(order_id)
    return found


def _note_orders(db: sqlite3.Connection, rows: list[tuple[str, str, int]], look: int) -> int:
    ids = [row[0] for row in rows]
    known = db.execute(texts.SEEN_BEFORE.format(_marks(ids)), [look, *ids]).fetchone()
    db.executemany(texts.NOTE_ORDER, rows)
    return int(known[0])
