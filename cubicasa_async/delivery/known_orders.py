"""What the inbox knows of orders, so that a sweep can tell what it was not told."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

import attrs
from sqlalchemy import or_, select

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
        is_open: Whether an event of it waits, or is dead since; then it is known already.
    """

    seen_status: str | None = None
    handled_look: str | None = None
    handled_at: datetime | None = None
    is_open: bool = False


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
        still_open = (
            select(EVENTS.c.order_id)
            .join(ORDERS, ORDERS.c.order_id == EVENTS.c.order_id)
            .where(EVENTS.c.order_id.in_(order_ids))
            .where(or_(EVENTS.c.state.in_(OPEN), dead_since))
        )
        async with self._database.reading() as db:
            rows = (await db.execute(query)).mappings().all()
            is_open = set((await db.execute(still_open)).scalars())
        return {
            row["order_id"]: KnownOrder(
                row["seen_status"],
                row["handled_look"],
                row["handled_at"],
                row["order_id"] in is_open,
            )
            for row in rows
        }

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
