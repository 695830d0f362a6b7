"""What the server has, noted in the journal by external_id, so that nothing is made twice."""

from __future__ import annotations

import itertools
from typing import Any, Final

from cubicasa_async.bulk.journal import Record
from cubicasa_async.client import AsyncCubiCasa
from cubicasa_async.core import codec
from cubicasa_async.core.walk import Page
from cubicasa_async.errors import GapError
from cubicasa_async.resources.order import Order, OrderStatus

_WALKS: Final = 3
_KNOWN_STRETCH: Final = 100


class ServerOrders:
    """Looks at the server's orders for a job.

    The first look walks the whole list. Later ones stop at a long stretch of orders seen before,
    if the list proves to be newest first, as documented.

    Args:
        client: Reads the list.
        journal: Where orders are noted.
    """

    def __init__(self, client: AsyncCubiCasa, journal: Record) -> None:
        self._client = client
        self._journal = journal
        self._look = 0

    @property
    def looked(self) -> bool:
        """Whether a look was completed."""
        return self._look > 0

    async def look(self) -> None:
        """Note all orders that have an external_id.

        Drafts are asked for by their status as well: whether a list without a filter holds them is
        inferred, not documented.

        Raises:
            CubiCasaError: The list could not be walked to its end with proof.
        """
        if not self.looked:
            await self._journal.forget_orders()
        number = self._look + 1
        for status in (OrderStatus.DRAFT, None):
            await self._walk(status, number)
        self._look = number

    async def _walk(self, status: OrderStatus | None, number: int) -> None:
        for left in reversed(range(_WALKS)):
            try:
                await self._walk_once(status, number)
            except GapError:
                if not left:
                    raise
            else:
                return

    async def _walk_once(self, status: OrderStatus | None, number: int) -> None:
        known_in_a_row = 0
        newest_first = True
        times: list[Any] = []
        pages = self._client.orders.list(status=status).pages()
        try:
            async for page in pages:
                rows = list(_keys(page))
                known = await self._journal.note_orders(rows, number)
                known_in_a_row = known_in_a_row + known if known == len(page.keys) else 0
                times = [*times[-1:], *_times(page)]
                newest_first = newest_first and all(a >= b for a, b in itertools.pairwise(times))
                if self.looked and newest_first and known_in_a_row >= _KNOWN_STRETCH:
                    return
        finally:
            await pages.aclose()


def _keys(page: Page[Order]) -> list[tuple[str, str]]:
    """Order id and external_id of each entry; an entry that cannot be read may still have both."""
    rows = [(order.id, order.external_id) for order in page.items]
    for entry in page.undecodable:
        info = codec.as_mapping(codec.as_mapping(entry.raw).get("info"))
        rows.append((str(codec.as_mapping(entry.raw).get("id")), info.get("external_id")))
    return [(order_id, key) for order_id, key in rows if isinstance(key, str)]


def _times(page: Page[Order]) -> list[Any]:
    return [o.info.created_at for o in page.items if o.info and o.info.created_at]
