"""All orders there are, with proof, whatever a list without a filter means."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Final

from cubicasa_async.core.paging import Pager
from cubicasa_async.core.walk import Page
from cubicasa_async.errors import GapError
from cubicasa_async.resources.order import Order, OrderStatus

_WALKS: Final = 3


async def walk_all(
    list_orders: Callable[[OrderStatus | None], Pager[Order]],
) -> AsyncGenerator[Page[Order]]:
    """All pages of the drafts, then all pages of the list without a filter.

    Whether that one holds the drafts is inferred, not documented. An order may come more than
    once; what comes later is newer. A walk that cannot be followed is begun anew, three times at
    most.

    Args:
        list_orders: Lists the orders in a status; all, without one.

    Raises:
        GapError: The list moved too fast for a proof, each time.
        CubiCasaError: A page could not be had.
    """
    for status in (OrderStatus.DRAFT, None):
        for left in reversed(range(_WALKS)):
            try:
                async with aclosing(list_orders(status).pages()) as pages:
                    async for page in pages:
                        yield page
            except GapError:
                if not left:
                    raise
            else:
                break
