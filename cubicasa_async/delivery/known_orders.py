"""What the inbox knows of orders, so that a sweep can tell what it was not told."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

import attrs
from sqlalchemy import RowMapping, or_, select

from cubicasa_async.delivery.inbox_database import OPEN, InboxDatabase, set_order
from cubicasa_async.delivery.inbox_tables import EVENTS, ORDERS, State
from cubicasa_async.store import insert_new

__all__ = ["KnownOrder", "KnownOrders"]

_ROWS_AT_ONCE: Final = 500


@attrs.frozen
class KnownOrder:
    """What the inbox knows of an order.

    Attributes:
        seen_status: The status it had when last read or listed.
        handled_look: What it was when an event of it was last handled.
        handled_at: When that was.
        is_open: Whether an event of it is still to be handled; the order is read again for it.
        given_up_looks: What it was when events of it were given up since.
        given_up_at: When the last of them was.
    """

    seen_status: str | None = None
    handled_look: str | None = None
    handled_at: datetime | None = None
    is_open: bool = False
    given_up_looks: frozenset[str] = frozenset()
    given_up_at: datetime | None = None

    @property
    def settled_at(self) -> datetime | None:
        """When an event of it was last handled or given up."""
        return self.given_up_at or self.handled_at  # it was given up since

    def has_settled(self, look: str) -> bool:
        """Whether the order looked like this when an event of it was handled or given up."""
        return look == self.handled_look or look in self.given_up_looks


class KnownOrders:
    """The orders of an inbox. All methods may raise StoreError."""

    def __init__(self, database: InboxDatabase) -> None:
        self._database = database

    async def get(self, order_ids: Sequence[str]) -> Mapping[str, KnownOrder]:
        """What is known of orders; those not known are left out."""
        query = select(ORDERS).where(ORDERS.c.order_id.in_(order_ids))
        dead_since = (EVENTS.c.state == State.DEAD) & or_(
            ORDERS.c.handled_at.is_(None), EVENTS.c.settled_at > ORDERS.c.handled_at
        )
        unhandled = (
            select(EVENTS.c.order_id, EVENTS.c.state, EVENTS.c.look, EVENTS.c.settled_at)
            .join(ORDERS, ORDERS.c.order_id == EVENTS.c.order_id)
            .where(EVENTS.c.order_id.in_(order_ids))
            .where(or_(EVENTS.c.state.in_(OPEN), dead_since))
        )
        async with self._database.reading() as db:
            rows = (await db.execute(query)).mappings().all()
            events = defaultdict[str, list[RowMapping]](list)
            for event in (await db.execute(unhandled)).mappings():
                events[event["order_id"]].append(event)
        return {row["order_id"]: _known(row, events[row["order_id"]]) for row in rows}

    async def saw(self, statuses: Mapping[str, str]) -> None:
        """Remember the status of orders, by id."""
        if not statuses:
            return
        async with self._database.writing() as db:
            for order_id, status in sorted(statuses.items()):  # in one order: no deadlock
                await db.execute(insert_new(db, ORDERS).values(order_id=order_id))
                await set_order(db, order_id, {"seen_status": status})

    async def seen_in(self, statuses: Iterable[str]) -> AsyncIterator[str]:
        """The ids of orders that were last seen in one of these statuses."""
        after = ""
        while True:
            query = select(ORDERS.c.order_id).where(ORDERS.c.order_id > after)
            query = query.where(ORDERS.c.seen_status.in_(list(statuses)))
            query = query.order_by(ORDERS.c.order_id).limit(_ROWS_AT_ONCE)
            async with self._database.reading() as db:
                found = list((await db.execute(query)).scalars())
            for order_id in found:
                yield order_id
            if len(found) < _ROWS_AT_ONCE:
                return
            after = found[-1]


def _known(row: RowMapping, unhandled: Sequence[RowMapping]) -> KnownOrder:
    dead = [event for event in unhandled if event["state"] == State.DEAD]
    return KnownOrder(
        row["seen_status"],
        row["handled_look"],
        row["handled_at"],
        is_open=any(event["state"] in OPEN for event in unhandled),
        given_up_looks=frozenset(event["look"] for event in dead if event["look"] is not None),
        given_up_at=max((event["settled_at"] for event in dead), default=None),
    )
