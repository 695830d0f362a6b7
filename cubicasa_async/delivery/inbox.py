"""The inbox: every event on disk before its call is answered, until somebody has handled it.

What is open is held by one handler at a time, order by order; who does not renew its hold in time
is taken for dead, and another begins anew. So an event is handled at least once, and in rare cases
(a process that dies between handling and writing that down) twice.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import attrs
from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from cubicasa_async.core.runtime import Runtime
from cubicasa_async.delivery.dead_letters import DeadLetters
from cubicasa_async.delivery.events import Event, parse_event
from cubicasa_async.delivery.inbox_database import (
    InboxDatabase,
    let_go,
    lock,
    refresh_due,
    set_order,
)
from cubicasa_async.delivery.inbox_tables import EVENTS, ORDERS, State
from cubicasa_async.delivery.known_orders import KnownOrders
from cubicasa_async.resources.order import OrderStatus
from cubicasa_async.store import insert_new

__all__ = ["SWEEP", "WEBHOOK", "Entry", "Inbox", "Settled", "Work"]

WEBHOOK: Final = "webhook"
SWEEP: Final = "sweep"


@attrs.frozen
class Entry:
    """An event whose handling has begun.

    Attributes:
        number: Its place in the inbox.
        event: What it says.
        attempt: 1 at first.
        source: "webhook", or "sweep" if a sweep found what no call told.
        received: How often it came before its handling began.
        received_at: When it first came (aware, UTC).
        earlier_look: What the order looked like when the same event was last handled; None if it
            was not.
        earlier_at: When that one last came.
    """

    number: int
    event: Event
    attempt: int
    source: str
    received: int
    received_at: datetime
    earlier_look: str | None = None
    earlier_at: datetime | None = None

    def came_within(self, span: timedelta) -> bool:
        """Whether it first came so soon after the same event that was handled."""
        return self.earlier_at is not None and self.received_at - self.earlier_at <= span


@attrs.frozen
class Work:
    """An event to handle, and the hold on its order."""

    order_id: str
    holder: str
    entry: Entry


@attrs.frozen(kw_only=True)
class Settled:
    """What became of a handling.

    Attributes:
        state: WAITING to try again, or HANDLED, REPEAT or DEAD.
        due: When to try again.
        counts: Whether it counts as an attempt.
        reason: Why it failed.
        look: What the order looked like.
        status: The status it had.
    """

    state: State
    due: datetime | None = None
    counts: bool = True
    reason: str | None = None
    look: str | None = None
    status: str | None = None


class Inbox(InboxDatabase):
    """Events in a database, for one event loop; other processes may share the database.

    Use `async with`.

    Args:
        target: A file, made if it does not exist, or a URL `sqlite:///...` or `postgresql://...`.
        hold: Seconds after which a handler that gives no sign of life is taken for dead. Where
            several machines share a database, their clocks must agree better than that.
        runtime: Sources of time and chance; for tests.

    Attributes:
        dead: The events that were given up.
        orders: What is known of orders.

    Raises:
        ConfigError: The target cannot be used, or an extra is not installed.
        StoreError: On entering, and by all methods: the database failed.
    """

    def __init__(
        self, target: str | Path, *, hold: float = 60.0, runtime: Runtime | None = None
    ) -> None:
        super().__init__(target, runtime)
        self.hold: float = hold
        self.dead: DeadLetters = DeadLetters(self, self.put)
        self.orders: KnownOrders = KnownOrders(self)

    async def put(self, event: Event, body: bytes, *, source: str = WEBHOOK) -> bool:
        """Keep an event; it is on disk when this returns.

        One that says the same as another that has come and is not being handled is the same: the
        order is read after both. As it may tell of a new delivery, it is due now and has all its
        attempts, whatever failed before. Any other is kept.

        Returns:
            Whether it was new.
        """
        now = self.now()
        async with self.writing() as db:
            await db.execute(insert_new(db, ORDERS).values(order_id=event.order_id))
            await lock(db, event.order_id)
            waits = (EVENTS.c.key == event.key) & (EVENTS.c.state == State.WAITING)
            again = update(EVENTS).where(waits)
            count = EVENTS.c.received + 1
            news = {"received": count, "last_received_at": now, "due": now, "attempts": 0}
            merged = await db.execute(again.values(news))
            is_new = merged.rowcount == 0
            if is_new:
                await db.execute(
                    EVENTS.insert().values(
                        key=event.key,
                        order_id=event.order_id,
                        current_status=str(event.current_status),
                        previous_status=_plain(event.previous_status),
                        product_type=_plain(event.product_type),
                        body=body,
                        source=source,
                        state=State.WAITING,
                        due=now,
                        **_arrived(now),
                    )
                )
            await refresh_due(db, event.order_id)
        self.tell()
        return is_new

    async def put_unreadable(self, body: bytes, reason: str) -> None:
        """Keep a body that is no event, once, as a dead letter."""
        now = self.now()
        key = hashlib.sha256(b"unreadable " + body).hexdigest()
        async with self.writing() as db:
            same = update(EVENTS).where(EVENTS.c.key == key, EVENTS.c.state == State.DEAD)
            count = EVENTS.c.received + 1
            merged = await db.execute(same.values(received=count, last_received_at=now))
            if merged.rowcount == 0:
                await db.execute(
                    EVENTS.insert().values(
                        key=key,
                        body=body,
                        source=WEBHOOK,
                        state=State.DEAD,
                        due=now,
                        reason=reason,
                        settled_at=now,
                        **_arrived(now),
                    )
                )

    async def take(self, attempts: int) -> Work | None:
        """Begin to handle the event that is due the longest; None if none is.

        Args:
            attempts: One that was begun so often, and ended with its process, is given up.
        """
        now = self.now()
        free = or_(ORDERS.c.held_until.is_(None), ORDERS.c.held_until <= now)
        next_one = (
            select(ORDERS.c.order_id)
            .where(ORDERS.c.due <= now, free)
            .order_by(ORDERS.c.due)
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        async with self.writing() as db:
            while (order_id := (await db.execute(next_one)).scalar()) is not None:
                holder = secrets.token_hex(8)
                held = {"holder": holder, "held_until": now + timedelta(seconds=self.hold)}
                await set_order(db, order_id, held)
                entry = await self._begin(db, order_id, attempts)
                if entry is not None:
                    return Work(order_id, holder, entry)
                await let_go(db, order_id)
        return None

    async def renew(self, work: Work) -> bool:
        """Give a sign of life; False if the hold was lost to another."""
        until = self.now() + timedelta(seconds=self.hold)
        ours = (ORDERS.c.order_id == work.order_id) & (ORDERS.c.holder == work.holder)
        async with self.writing() as db:
            result = await db.execute(update(ORDERS).where(ours).values(held_until=until))
            return bool(result.rowcount)

    async def note_look(self, work: Work, look: str) -> bool:
        """Write down what the order looks like that is about to be handed over.

        So it is known what was given up, also if the handling ends with its process.

        Returns:
            Whether the order is still held; if not, another one handles it.
        """
        async with self.writing() as db:
            if await lock(db, work.order_id) != work.holder:
                return False
            this = EVENTS.c.number == work.entry.number
            await db.execute(update(EVENTS).where(this).values(look=look))
            return True

    async def finish(self, work: Work, settled: Settled, attempts: int = 0) -> Work | None:
        """Write down what became of an event, and begin the next one of its order, if any is due.

        Where the hold was lost meanwhile nothing is written: another has begun anew.

        Args:
            work: What was handled.
            settled: What became of it.
            attempts: As for `take`; 0 begins no other.
        """
        now = self.now()
        async with self.writing() as db:
            if await lock(db, work.order_id) != work.holder:
                return None
            values = {
                "state": settled.state,
                "reason": settled.reason,
                "look": settled.look,
                "due": settled.due or now,
                "attempts": work.entry.attempt if settled.counts else work.entry.attempt - 1,
                "settled_at": None if settled.state is State.WAITING else now,
            }
            this = EVENTS.c.number == work.entry.number
            await db.execute(update(EVENTS).where(this).values(values))
            order: dict[str, Any] = {"held_until": now + timedelta(seconds=self.hold)}
            if settled.state is State.HANDLED:
                order["handled_at"] = now
            said = work.entry.event.current_status
            if settled.status == OrderStatus.READY != said:  # of that, another event has to tell
                order["seen_status"] = str(said)
            elif settled.status is not None:
                order["seen_status"] = settled.status
                if settled.state is State.HANDLED:
                    order["handled_look"] = settled.look
            await set_order(db, work.order_id, order)
            entry = await self._begin(db, work.order_id, attempts) if attempts else None
            if entry is None:
                await let_go(db, work.order_id)
        return None if entry is None else attrs.evolve(work, entry=entry)

    async def counts(self) -> dict[State, int]:
        """How many events stand where."""
        query = select(EVENTS.c.state, func.count()).group_by(EVENTS.c.state)
        async with self.reading() as db:
            found = {State(state): count for state, count in await db.execute(query)}
        return {state: found.get(state, 0) for state in State}

    async def forget(self, before: datetime) -> int:
        """Delete what was handled before a moment (aware); what is open or dead stays.

        Returns:
            How many events were deleted.
        """
        done = EVENTS.c.state.in_([State.HANDLED, State.REPEAT])
        old = delete(EVENTS).where(done, EVENTS.c.settled_at < before)
        async with self.writing() as db:
            return (await db.execute(old)).rowcount

    async def _begin(self, db: AsyncConnection, order_id: str, attempts: int) -> Entry | None:
        """Begin the next event of an order that is held, if one is due."""
        is_due = (EVENTS.c.state == State.WAITING) & (EVENTS.c.due <= self.now())
        query = select(EVENTS).where(EVENTS.c.order_id == order_id)
        query = query.where(or_(is_due, EVENTS.c.state == State.HANDLING))
        query = query.order_by(EVENTS.c.number)
        for row in (await db.execute(query)).mappings().all():
            this = update(EVENTS).where(EVENTS.c.number == row["number"])
            if row["state"] == State.HANDLING and row["attempts"] >= attempts:
                reason = f"its handling ended with its process {row['attempts']} times"
                given_up = {"state": State.DEAD, "reason": reason, "settled_at": self.now()}
                await db.execute(this.values(given_up))
                continue
            begun = {"state": State.HANDLING, "attempts": row["attempts"] + 1}
            await db.execute(this.values(begun))
            return await self._entry(db, row)
        return None

    async def _entry(self, db: AsyncConnection, row: RowMapping) -> Entry:
        earlier = select(EVENTS.c.look, EVENTS.c.last_received_at)
        earlier = earlier.where(EVENTS.c.key == row["key"], EVENTS.c.state == State.HANDLED)
        earlier = earlier.order_by(EVENTS.c.number.desc()).limit(1)
        look, at = (await db.execute(earlier)).one_or_none() or (None, None)
        return Entry(
            row["number"],
            parse_event(row["body"]),
            row["attempts"] + 1,
            row["source"],
            row["received"],
            row["received_at"],
            look,
            at,
        )


def _arrived(now: datetime) -> dict[str, Any]:
    return {"received": 1, "received_at": now, "last_received_at": now, "attempts": 0}


def _plain(value: str | None) -> str | None:
    return None if value is None else str(value)
