"""What the server has, noted in the journal by external_id, so that nothing is made twice."""

from __future__ import annotations

import itertools
from collections import defaultdict
from contextlib import aclosing
from typing import Any, Final

import attrs

from cubicasa_async.bulk.journal.protocol import Record
from cubicasa_async.client import AsyncCubiCasa
from cubicasa_async.core import codec
from cubicasa_async.core.paging import Pager
from cubicasa_async.core.walk import Page
from cubicasa_async.resources import walks
from cubicasa_async.resources.order import Order, OrderStatus

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

        Raises:
            CubiCasaError: The list could not be walked to its end with proof.
        """
        if not self.looked:
            await self._journal.forget_orders()
        number = self._look + 1
        for status in walks.STATUSES:
            await self._walk(status, number)
        self._look = number

    async def _walk(self, status: OrderStatus | None, number: int) -> None:
        stretches: defaultdict[int, _Stretch] = defaultdict(_Stretch)
        async with aclosing(walks.pages_of(self._list, status)) as pages:
            async for walk, page in pages:
                known = await self._journal.note_orders(_keys(page), number)
                if stretches[walk].is_known(page, known) and self.looked:
                    return

    def _list(self, status: OrderStatus | None) -> Pager[Order]:
        return self._client.orders.list(status=status)


@attrs.define
class _Stretch:
    """How many orders in a row were seen before, in a list that may be newest first."""

    known_in_a_row: int = 0
    newest_first: bool = True
    last_times: list[Any] = attrs.field(factory=list[Any])

    def is_known(self, page: Page[Order], known: int) -> bool:
        """Whether all that is older was seen before, if `known` of the page were."""
        self.known_in_a_row = self.known_in_a_row + known if known == len(page.keys) else 0
        times = [*self.last_times, *_times(page)]
        self.newest_first = self.newest_first and all(a >= b for a, b in itertools.pairwise(times))
        self.last_times = times[-1:]
        return self.newest_first and self.known_in_a_row >= _KNOWN_STRETCH


def _keys(page: Page[Order]) -> list[tuple[str, str]]:
    """Order id and external_id of each entry; an entry that cannot be read may still have both."""
    rows = [(order.id, order.external_id) for order in page.items]
    for entry in page.undecodable:
        info = codec.as_mapping(codec.as_mapping(entry.raw).get("info"))
        rows.append((str(codec.as_mapping(entry.raw).get("id")), info.get("external_id")))
    return [(order_id, key) for order_id, key in rows if isinstance(key, str)]


def _times(page: Page[Order]) -> list[Any]:
    return [o.info.created_at for o in page.items if o.info and o.info.created_at]
