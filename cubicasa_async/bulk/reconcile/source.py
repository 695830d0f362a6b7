"""Where orders are looked for: on the server, or in a mirror of it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from cubicasa_async.bulk.job import LOOKING
from cubicasa_async.bulk.mirror.reading import Mirror
from cubicasa_async.client import AsyncCubiCasa
from cubicasa_async.errors import Undecodable, UndecodableItemsError
from cubicasa_async.resources.order import Order, OrderStatus
from cubicasa_async.resources.walks import walk_all

Source = AsyncCubiCasa | Mirror
"""A client, which lists all orders with proof, or a mirror, which is as current as its last run."""


async def all_orders(source: Source) -> AsyncGenerator[Order]:
    """All orders, without their files: the drafts, and then all.

    An order may come more than once; what comes later is newer.

    Raises:
        UndecodableItemsError: Behind all others: entries of the list could not be read.
        CubiCasaError: The list could not be walked to its end with proof.
        StoreError: The mirror cannot be read.
    """
    if isinstance(source, Mirror):
        for status in (OrderStatus.DRAFT, None):
            async with aclosing(source.orders(status=status)) as found:
                async for order in found:
                    yield order
        return
    orders = source.with_options(LOOKING).orders
    bad: list[Undecodable] = []
    async with aclosing(walk_all(lambda status: orders.list(status=status))) as pages:
        async for page in pages:
            bad += page.undecodable[: 100 - len(bad)]
            for order in page.items:
                yield order
    if bad:
        message = "Entries of the list could not be read; all others were looked at."
        raise UndecodableItemsError(message, bad, len(bad))
