"""Reading from an order mirror."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from cubicasa_async.bulk.mirror.rows import mirrored_order
from cubicasa_async.core.extras import from_extra
from cubicasa_async.resources.order import Order

if TYPE_CHECKING:  # the extra `store` is needed for a mirror only
    from cubicasa_async.store import Store

BATCH: Final = 1000


class Mirror:
    """The local copy of all orders that `mirror_orders` keeps, open for reading.

    ::

        async with Mirror("orders.db") as mirror:
            async for order in mirror.orders(status="Ready"): ...

    It may be read while a run is at work on it: each reading sees one state of it.

    Args:
        store: The file, or its URL.

    Raises:
        ConfigError: The target is of a kind that is not supported, or an extra is not installed.
        StoreError: On entering: there is no mirror, or it is of another version.
    """

    def __init__(self, store: str | Path) -> None:
        with from_extra("store", "The order mirror"):
            from cubicasa_async.bulk.mirror.tables import SCHEMA
            from cubicasa_async.store import Store
        self.store: Store = Store(store, SCHEMA, create=False)

    async def __aenter__(self) -> Self:
        await self.store.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.store.close()

    async def orders(
        self,
        *,
        external_id: str | None = None,
        status: str | None = None,
        vanished: bool = False,
    ) -> AsyncGenerator[Order]:
        """The orders, newest first, as a list has them: without their files.

        Args:
            external_id: Only those with this one.
            status: Only those in this status.
            vanished: Also those that the server has no more.

        Raises:
            StoreError: The mirror cannot be read.
        """
        from sqlalchemy import select

        from cubicasa_async.bulk.mirror.tables import ORDERS

        query = select(ORDERS).order_by(ORDERS.c.created_at.desc(), ORDERS.c.id)
        if external_id is not None:
            query = query.where(ORDERS.c.external_id == external_id)
        if status is not None:
            query = query.where(ORDERS.c.status == status)
        if not vanished:
            query = query.where(ORDERS.c.vanished_at.is_(None))
        async with self.store.reading() as connection:
            found = await connection.stream(query.execution_options(yield_per=BATCH))
            async for row in found.mappings():
                yield mirrored_order({str(key): value for key, value in row.items()})
