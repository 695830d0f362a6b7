"""The database of the inbox: open and closed, and written to by one after the other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Self

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from cubicasa_async.core.runtime import Runtime
from cubicasa_async.delivery.inbox_tables import EVENTS, INBOX, ORDERS, SCHEMA, State
from cubicasa_async.store import Store, insert_new

__all__ = ["OPEN", "InboxDatabase", "let_go", "lock", "refresh_due", "set_order"]

OPEN: Final = (State.WAITING, State.HANDLING)
"""The states of an event that is still to be handled."""


class InboxDatabase:
    """The tables of an inbox, for one event loop; other processes may share the database."""

    def __init__(self, target: str | Path, runtime: Runtime | None = None) -> None:
        self.runtime: Runtime = runtime or Runtime()
        self._store = Store(target, SCHEMA)
        self._turn = asyncio.Lock()
        self._news = asyncio.Event()
        self._began: datetime | None = None

    async def open(self) -> None:
        """Open the database, and make the tables if they are not there. Raises StoreError."""
        await self._store.__aenter__()
        try:
            async with self.writing() as db:
                await db.execute(insert_new(db, INBOX).values(id=1, began=self.now()))
                self._began = (await db.execute(select(INBOX.c.began))).scalar_one()
        except BaseException:
            await self._store.close()
            raise

    async def close(self) -> None:
        """Close the database; a second time does nothing."""
        await self._store.close()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def name(self) -> str:
        """The database as people are told, without a password."""
        return self._store.name

    @property
    def began(self) -> datetime:
        """When the inbox was made (aware, UTC)."""
        return self._began or self.now()

    def now(self) -> datetime:
        """The present moment (aware, UTC)."""
        return self.runtime.utcnow()

    @asynccontextmanager
    async def writing(self) -> AsyncGenerator[AsyncConnection]:
        """A transaction that writes. Raises StoreError."""
        if self._store.place.path is None:
            async with self._store.writing() as db:
                yield db
        else:  # a file has one writer at a time; waiting here is fairer than there
            async with self._turn, self._store.writing() as db:
                yield db

    def reading(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """A transaction that only reads. Raises StoreError."""
        return self._store.reading()

    def tell(self) -> None:
        """Wake up who waits for news."""
        self._news.set()

    async def news(self, patience: float) -> None:
        """Wait until an event is put in here, or so many seconds for one put in elsewhere."""
        self._news.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await self._news.wait()


async def lock(db: AsyncConnection, order_id: str) -> str | None:
    """Let nobody else change an order's events until the transaction ends; its holder."""
    query = select(ORDERS.c.holder).where(ORDERS.c.order_id == order_id).with_for_update()
    return (await db.execute(query)).scalar()


async def set_order(db: AsyncConnection, order_id: str, values: Mapping[str, Any]) -> None:
    """Change what is written of an order."""
    await db.execute(update(ORDERS).where(ORDERS.c.order_id == order_id).values(values))


async def refresh_due(db: AsyncConnection, order_id: str) -> None:
    """Write down when the next event of an order is due."""
    first = select(func.min(EVENTS.c.due)).where(EVENTS.c.order_id == order_id)
    first = first.where(EVENTS.c.state.in_(OPEN))
    await set_order(db, order_id, {"due": first.scalar_subquery()})


async def let_go(db: AsyncConnection, order_id: str) -> None:
    """End the hold on an order."""
    await set_order(db, order_id, {"holder": None, "held_until": None})
    await refresh_due(db, order_id)
