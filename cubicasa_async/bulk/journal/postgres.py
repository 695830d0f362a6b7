"""A journal in a PostgreSQL database, by which several machines work on one job together."""

from __future__ import annotations

import hashlib
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeVar

from cubicasa_async.bulk.journal import postgres_sql as texts
from cubicasa_async.bulk.journal.group_commit import GroupCommit
from cubicasa_async.bulk.journal.postgres_place import JOB, PostgresPlace, row
from cubicasa_async.bulk.journal.protocol import (
    MADE,
    Claim,
    Doubt,
    Entry,
    Other,
    Settlement,
    SharedJournal,
    State,
    Taken,
)
from cubicasa_async.errors import ConfigError, JournalError

if TYPE_CHECKING:
    from cubicasa_async.bulk.journal.postgres_place import Database

T = TypeVar("T")

LEASE: Final = 300.0
"""Seconds after which the rows of a worker that shows no sign of life may be taken over."""

_SHORTEST_LEASE: Final = 1.0
_BEATS: Final = 5  # signs of life per lease
_MARGIN: Final = 0.1  # the part of a lease in which nothing is sent any more
# Counts on while the machine sleeps, where there is such a clock.
_CLOCK: Final = getattr(time, "CLOCK_BOOTTIME", getattr(time, "CLOCK_MONOTONIC", None))
_ENDS: Final = MADE | {State.REJECTED}
_CONTESTED: Final = "two workers may have sent it"


class PostgresJournal(SharedJournal):
    """A job's journal in a PostgreSQL database (psycopg 3; extra `postgres`).

    Any number of workers, in processes on any machines, may use it at the same time. Its tables
    begin with `cubicasa_` and are made if missing, in the first schema of the search path.

    Args:
        url: The database, `postgresql://user:password@host:port/database`, with parameters as
            libpq takes them. A name behind `#` is the job's.
        job: The job's name, if the URL has none. One database may hold many.
        lease: Seconds after which the rows of a worker that shows no sign of life may be taken
            over by others. It also limits how long one request may take.

    Raises:
        ConfigError: The URL cannot be read, the lease is out of range, or the driver is missing.
    """

    def __init__(self, url: str, *, job: str = JOB, lease: float = LEASE) -> None:
        if lease < _SHORTEST_LEASE:
            raise ConfigError(f"lease must be {_SHORTEST_LEASE:g} seconds or more.")
        self._place = PostgresPlace(url, job)
        from psycopg.errors import DeadlockDetected, ForeignKeyViolation

        self._buried = ForeignKeyViolation
        self._lease = lease
        self._ids: dict[str, Any] = {"name": self._place.job, "lease": lease}
        self._held_until = float("-inf")
        self._lost = False
        self._group: GroupCommit[Database] = GroupCommit(
            lambda: self._place.connect(idle=lease),
            self._explain,
            begin=lambda _: None,  # the driver begins a transaction with its first statement
            again=lambda exc: isinstance(exc, DeadlockDetected),
            beat=(lease / _BEATS, self._renew),
        )

    def __repr__(self) -> str:
        return f"PostgresJournal({self.place!r})"

    @property
    def place(self) -> str:
        """The database and the job, without any password."""
        return str(self._place)

    async def open(self, *, target: str, now: Callable[[], float]) -> None:
        """Begin a run; see Journal. All times are the server's."""
        del now
        self._lost = False
        await self._group.open()
        await self._group.do(lambda db: self._join(db, target))

    async def close(self) -> None:
        """End the run; see Journal. Rows that belong to this worker belong to nobody then."""
        if "me" in self._ids:
            self._group.note(lambda db: db.execute(texts.LEAVE, self._ids))
        await self._group.close()
        self._ids.pop("me", None)

    async def add(self, entries: Sequence[Entry]) -> list[tuple[int, bool] | None]:
        """Put rows that this worker was given into the job; see SharedJournal."""
        return await self._mine(lambda db: self._add(db, entries))

    async def take(self, count: int) -> list[Taken]:
        """Take rows that are to be sent and belong to nobody."""
        return await self._mine(lambda db: self._take(db, count))

    async def intend(self, *keys: str) -> None:
        """Write down that the requests of these rows are about to leave."""
        asked = {**self._ids, "keys": list(keys)}
        count = await self._mine(lambda db: db.execute(texts.INTEND, asked).rowcount)
        if count != len(keys):
            raise self._lease_lost()

    def unsent(self, *keys: str, in_doubt: bool = False) -> None:
        """Take back the intent of rows whose requests surely did not leave."""
        state = State.UNKNOWN if in_doubt else State.NEW
        values = {**self._ids, "keys": list(keys), "state": state.value}
        self._group.note(lambda db: db.execute(texts.UNSENT, values))

    async def settle_all(self, settlements: Sequence[Settlement]) -> Collection[str]:
        """Write down what became of rows; gives the keys of those that are contested."""
        return await self._group.do(lambda db: self._settle(db, settlements))

    async def time_to_send(self) -> float:
        """Seconds that a request may take which leaves now, so that it ends within the lease.

        Raises:
            JournalError: The lease was lost.
        """
        if self._left() < self._lease / 2:
            await self._mine(lambda _: None)
        left = self._left()
        if left <= 0:  # the database took longer to answer than a lease lasts
            raise self._lease_lost()
        return left

    async def hold_doubts(self, count: int) -> int:
        """Take rows in doubt that belong to nobody; gives how many."""
        return await self._mine(lambda db: self._hold_doubts(db, count))

    async def give_up(self) -> None:
        """Leave the rows in doubt, which were reported, to later runs."""
        await self._group.do(lambda db: db.execute(texts.GIVE_UP, self._ids))

    async def doubts(self, after: str, count: int) -> list[Doubt]:
        """The next rows in doubt that belong to this worker, by key, behind `after`."""
        return await self._group.do(lambda db: self._doubts(db, after, count))

    async def doubt_age(self) -> float | None:
        """Seconds since a request of such a row may have left last, or None."""
        [age] = await self._group.do(lambda db: row(db.execute(texts.DOUBT_AGE, self._ids)))
        return None if age is None else float(age)

    async def others(self, after: str, count: int) -> tuple[list[Other], str | None]:
        """Rows that this worker was given and others settled; see SharedJournal."""
        return await self._mine(lambda db: self._others(db, after, count))

    async def anything_open(self) -> bool:
        """Whether there are rows of the job that nobody has settled or given up yet."""
        [found] = await self._mine(lambda db: row(db.execute(texts.OPEN, self._ids)))
        return bool(found)

    async def held_by_others(self) -> float | None:
        """Seconds until rows of another worker may be taken over; see SharedJournal."""
        [left] = await self._mine(lambda db: row(db.execute(texts.HELD_BY_OTHERS, self._ids)))
        return None if left is None else max(0.0, float(left))

    async def forget_orders(self) -> None:
        """Drop what this worker saw on the server before."""
        await self._mine(lambda db: db.execute(texts.FORGET_ORDERS, self._ids))

    async def note_orders(self, orders: Iterable[tuple[str, str]], look: int) -> int:
        """Note (order id, external_id) pairs; gives how many an earlier look had seen."""
        pairs = list(orders)
        values = {
            **self._ids,
            "ids": [order_id for order_id, _ in pairs],
            "keys": [key for _, key in pairs],
            "look": look,
        }

        def note(db: Database) -> int:
            [known] = row(db.execute(texts.SEEN_BEFORE, values))
            db.execute(texts.NOTE_ORDERS, values)
            return int(known)

        return await self._mine(note)

    async def counts(self) -> dict[str, int]:
        """How many rows of the job stand in which state."""
        rows = await self._group.do(lambda db: db.execute(texts.COUNTS, self._ids).fetchall())
        return {str(state): int(count) for state, count in rows}

    async def _mine(self, operation: Callable[[Database], T]) -> T:
        """Run an operation that only a worker may do whose rows nobody has taken over."""

        def renewed(db: Database) -> tuple[T] | None:
            self._renew(db)
            return None if self._lost else (operation(db),)

        done = None if self._lost else await self._group.do(renewed)
        if done is None:
            raise self._lease_lost()
        return done[0]

    def _left(self) -> float:
        return self._held_until - _seconds() - self._lease * _MARGIN

    def _renew(self, db: Database) -> None:
        """Show a sign of life."""
        begun = _seconds()  # the server's lease begins later, and so ends later
        if db.execute(texts.RENEW, self._ids).rowcount:
            self._held_until = begun + self._lease
        else:
            self._lost, self._held_until = True, float("-inf")

    def _lease_lost(self) -> JournalError:
        return JournalError(
            f"This worker showed no sign of life to {self.place} for its lease of "
            f"{self._lease:g} seconds, and others have taken over its rows. It sent nothing after "
            "that. Run the job again; if this happens often, give it a longer lease."
        )

    def _add(self, db: Database, entries: Sequence[Entry]) -> list[tuple[int, bool] | None]:
        first: dict[str, Entry] = {}
        for entry in entries:
            first.setdefault(entry.key, entry)
        digests = {entry.key: _digest(entry.body) for entry in first.values()}
        new = {str(key) for (key,) in db.execute(texts.READ, self._rows(first.values(), digests))}
        rows = self._rows([entry for key, entry in first.items() if key in new], digests)
        db.execute(texts.ADD, rows)
        db.execute(texts.REVISE, rows)
        again = {**self._ids, "keys": [key for key in first if key not in new]}
        before = {str(row[0]): row[1:] for row in db.execute(texts.READ_BEFORE, again)}
        before |= {key: (first[key].line, digests[key]) for key in new}
        repeats: list[tuple[int, bool] | None] = []
        for entry in entries:
            line, digest = before[entry.key]
            if entry is first[entry.key] and entry.key in new:
                repeats.append(None)
            else:
                repeats.append((line, digest != _digest(entry.body)))
        return repeats

    def _rows(self, entries: Iterable[Entry], digests: Mapping[str, str]) -> dict[str, Any]:
        rows = list(entries)
        return {
            **self._ids,
            "keys": [row.key for row in rows],
            "lines": [row.line for row in rows],
            "bodies": [row.body for row in rows],
            "digests": [digests[row.key] for row in rows],
            "cells": [row.cells for row in rows],
        }

    def _take(self, db: Database, count: int) -> list[Taken]:
        rows = db.execute(texts.TAKE, {**self._ids, "count": count}).fetchall()
        orders = self._orders(db, [row[0] for row in rows])
        return [
            Taken(Entry(key, line, body, cells), tuple(orders.get(key, ())), order_id, sends)
            for key, line, body, cells, order_id, sends in rows
        ]

    def _settle(self, db: Database, settlements: Sequence[Settlement]) -> set[str]:
        values = {
            **self._ids,
            "keys": [s.key for s in settlements],
            "states": [s.state.value for s in settlements],
            "orders": [s.order_id for s in settlements],
            "reasons": [s.reason and s.reason.replace("\0", "") for s in settlements],
            "reason": _CONTESTED,
        }
        settled: dict[str, bool] = dict(db.execute(texts.SETTLE, values).fetchall())
        contested = {key for key, has_other_orders in settled.items() if has_other_orders}
        db.execute(texts.SPOIL, {**values, "keys": list(contested)})
        if lost := [s for s in settlements if s.key not in settled]:
            values |= {
                "keys": [s.key for s in lost],
                "states": [s.state.value for s in lost],
                "orders": [s.order_id for s in lost],
                "reasons": [None for _ in lost],
            }
            contested |= {key for (key,) in db.execute(texts.CONTEST, values)}
        told = [s.key for s in settlements if s.state in _ENDS or s.key in contested]
        db.execute(texts.TELL, {**values, "keys": told})
        return contested

    def _hold_doubts(self, db: Database, count: int) -> int:
        db.execute(texts.BURY, self._ids)
        return db.execute(texts.HOLD_DOUBTS, {**self._ids, "count": count}).rowcount

    def _doubts(self, db: Database, after: str, count: int) -> list[Doubt]:
        asked = {**self._ids, "after": after, "count": count}
        rows = db.execute(texts.DOUBTS, asked).fetchall()
        orders = self._orders(db, [row[0] for row in rows])
        return [
            Doubt(key, line, body, order_id, reason, sends, tuple(orders.get(key, ())))
            for key, line, body, order_id, reason, sends in rows
        ]

    def _others(self, db: Database, after: str, count: int) -> tuple[list[Other], str | None]:
        asked = {**self._ids, "after": after, "count": count}
        rows = db.execute(texts.UNTOLD, asked).fetchall()
        ready = [row for row in rows if row[-1]]
        keys = [row[0] for row in ready]
        db.execute(texts.TELL, {**self._ids, "keys": keys})
        orders = self._orders(db, keys)
        found = [
            Other(
                Entry(key, line, "", cells),
                Claim(
                    State(state),
                    order_id,
                    changed,
                    repeats=None,
                    orders=tuple(orders.get(key, ())),
                    sends=sends,
                ),
                reason or "",
                recent,
            )
            for key, line, cells, state, order_id, changed, reason, sends, recent, _ in ready
        ]
        return found, rows[-1][0] if len(rows) == count else None

    def _orders(self, db: Database, keys: list[str]) -> dict[str, list[str]]:
        found: defaultdict[str, list[str]] = defaultdict(list)
        for key, order_id in db.execute(texts.ORDERS, {**self._ids, "keys": keys}):
            found[key].append(order_id)
        return found

    def _join(self, db: Database, target: str) -> None:
        found = db.execute(texts.JOB, {**self._ids, "target": target}).fetchone()
        if found is None:
            [other] = row(db.execute(texts.TARGET, self._ids))
            raise JournalError(
                f"The journal {self.place} belongs to a job against {other}, not against {target}. "
                "Name another job."
            )
        self._ids["job"] = found[0]
        begun = _seconds()
        [self._ids["me"]] = row(db.execute(texts.JOIN, self._ids))
        self._held_until = begun + self._lease

    def _explain(self, exc: Exception) -> JournalError:
        if isinstance(exc, self._buried):  # it wrote as a worker that is not there any more
            return self._lease_lost()
        return self._place.explain(exc)


def _seconds() -> float:
    return time.monotonic() if _CLOCK is None else time.clock_gettime(_CLOCK)


def _digest(body: str) -> str:
    return hashlib.sha256(body.encode()).hexdigest()
