"""Events that were given up, until a person has looked at them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime

import attrs
from sqlalchemy import delete, select, update

from cubicasa_async.delivery.events import Event, parse_event
from cubicasa_async.delivery.inbox_database import InboxDatabase, lock, refresh_due
from cubicasa_async.delivery.inbox_tables import EVENTS, State
from cubicasa_async.errors import EventError

__all__ = ["DeadLetter", "DeadLetters"]


@attrs.frozen
class DeadLetter:
    """An event that needs a person.

    Attributes:
        number: Its place in the inbox.
        order_id: The order; None if the body could not be read.
        body: The bytes as they came.
        reason: Why it was given up.
        attempts: How often its handling was begun.
        received_at: When it first came (aware, UTC).
    """

    number: int
    order_id: str | None
    body: bytes
    reason: str
    attempts: int
    received_at: datetime


class DeadLetters:
    """The events of an inbox that were given up. All methods may raise StoreError."""

    def __init__(
        self, database: InboxDatabase, put: Callable[[Event, bytes], Awaitable[object]]
    ) -> None:
        self._database = database
        self._put = put

    async def list(self, limit: int = 1000) -> tuple[DeadLetter, ...]:
        """The events that were given up, oldest first."""
        query = select(EVENTS).where(EVENTS.c.state == State.DEAD)
        query = query.order_by(EVENTS.c.number).limit(limit)
        async with self._database.reading() as db:
            rows = (await db.execute(query)).mappings().all()
        return tuple(
            DeadLetter(**{name: row[name] for name in attrs.fields_dict(DeadLetter)})
            for row in rows
        )

    async def requeue(self, *numbers: int) -> int:
        """Have dead letters handled anew: these, or all if none is named.

        One that could not be read is read again, in case the library knows more by now.

        Returns:
            How many will be handled.
        """
        wanted = [EVENTS.c.state == State.DEAD]
        if numbers:
            wanted.append(EVENTS.c.number.in_(numbers))
        query = select(EVENTS.c.number, EVENTS.c.order_id, EVENTS.c.body).where(*wanted)
        async with self._database.reading() as db:
            rows = (await db.execute(query)).all()
        return sum([await self._revive(*row) for row in rows])

    async def _revive(self, number: int, order_id: str | None, body: bytes) -> bool:
        this = (EVENTS.c.number == number) & (EVENTS.c.state == State.DEAD)
        if order_id is None:
            try:
                event = parse_event(body)
            except EventError:
                return False
            await self._put(event, body)
            async with self._database.writing() as db:
                await db.execute(delete(EVENTS).where(this))
            return True
        fresh = {
            "state": State.WAITING,
            "attempts": 0,
            "due": self._database.now(),
            "settled_at": None,
        }
        async with self._database.writing() as db:
            await lock(db, order_id)
            revived = await db.execute(update(EVENTS).where(this).values(fresh))
            await refresh_due(db, order_id)
        self._database.tell()
        return bool(revived.rowcount)
