"""All orders there are, with proof, whatever a list without a filter means."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Final

from cubicasa_async.core.paging import Pager
from cubicasa_async.core.walk import Page
from cubicasa_async.errors import GapError
from cubicasa_async.resources.order import Order, OrderStatus

STATUSES: Final = (OrderStatus.DRAFT, None)
"""What is asked for: whether a list without a filter holds the drafts is inferred only."""

_WALKS: Final = 3

ListOrders = Callable[[OrderStatus | None], Pager[Order]]
"""Lists the orders in a status; all, without one."""


async def walk_all(list_orders: ListOrders) -> AsyncGenerator[Page[Order]]:
    """All pages of the drafts, then all pages of the list without a filter.

    An order may come more than once; what comes later is newer.

    Raises:
        GapError: The list moved too fast for a proof, each time.
        CubiCasaError: A page could not be had.
    """
    for status in STATUSES:
        async with aclosing(pages_of(list_orders, status)) as pages:
            async for _, page in pages:
                yield page


async def pages_of(
    list_orders: ListOrders, status: OrderStatus | None
) -> AsyncGenerator[tuple[int, Page[Order]]]:
    """All pages of one list, each with the number of its walk.

    A walk that cannot be followed is begun anew, three times at most.

    Raises:
        GapError: The list moved too fast for a proof, each time.
        CubiCasaError: A page could not be had.
    """
    for walk in range(1, _WALKS + 1):
        try:
            async with aclosing(list_orders(status).pages()) as pages:
                async for page in pages:
                    yield walk, page
        except GapError:
            if walk == _WALKS:
                raise
        else:
            return
