"""Finding what no call told: CubiCasa tries each call three times and then drops it (documented).

A quick sweep lists the orders in production, and reads those that were there before and are not
any more: few calls, and it finds first deliveries and fixes. A deep one also lists what is Ready,
and reads what was handled lately to see whether it has changed since: it finds all else.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Sequence
from contextlib import aclosing
from datetime import datetime, timedelta
from typing import Final

import attrs

from cubicasa_async.client import AsyncCubiCasa
from cubicasa_async.config import RequestOptions
from cubicasa_async.core import codec
from cubicasa_async.core.limits import Priority
from cubicasa_async.delivery.events import Event
from cubicasa_async.delivery.inbox import SWEEP, Inbox
from cubicasa_async.delivery.inbox_tables import look_of
from cubicasa_async.delivery.known_orders import KnownOrder
from cubicasa_async.errors import (
    ConfigError,
    CubiCasaError,
    NotFoundError,
    StoreError,
    UndecodableItemsError,
)
from cubicasa_async.resources.order import Order, OrderStatus

__all__ = ["Swept", "sweep", "sweep_regularly"]

_LOGGER: Final = logging.getLogger("cubicasa_async.delivery")
_IN_PRODUCTION: Final = (OrderStatus.NEW, OrderStatus.PENDING, OrderStatus.FIXING)
_GONE: Final = "gone"
_CALLS: Final = RequestOptions(priority=Priority.BULK)
_ORDERS_AT_ONCE: Final = 100

Listing = Callable[[], AsyncGenerator[Order]]
"""Gives all orders that are in production or Ready, as a list has them; a mirror may be one."""


@attrs.frozen
class Swept:
    """What a sweep has to tell.

    Attributes:
        order_id: The order; None if the fault is of the list itself.
        event: What was put into the inbox, if the order had a delivery that nobody told of.
        error: Why the order, or the rest of the list, could not be looked at. The next sweep tries
            again.
    """

    order_id: str | None
    event: Event | None = None
    error: CubiCasaError | None = None


async def sweep(
    client: AsyncCubiCasa,
    inbox: Inbox,
    *,
    deep: bool = True,
    since: datetime | None = None,
    watched: timedelta = timedelta(days=7),
    listing: Listing | None = None,
    concurrency: int = 4,
) -> AsyncGenerator[Swept]:
    """Put into the inbox what it was not told of, as events of the same kind.

    They name the order, why it became Ready as far as can be known, and its model, but no product
    and no delivery type. An order that cannot be looked at is told, and stops no other.

    Args:
        client: Lists and reads orders.
        inbox: Is asked what is known, and given what is found.
        deep: Whether to look at Ready orders too: edits are seen by it only, and so is what was
            delivered or fixed between two sweeps.
        since: Of orders that the inbox knows nothing of, only those first delivered since then
            count as missed (aware); since the inbox was made by default.
        watched: How long after it was last handled an order is read to see whether it changed, in
            each deep sweep.
        listing: Where to list orders from, such as a mirror; the service by default.
        concurrency: How many orders are read at once.

    Yields:
        One Swept for each find and each fault.

    Raises:
        ConfigError: An argument is out of range.
        StoreError: The inbox's database failed.
    """
    if concurrency < 1:
        raise ConfigError("concurrency must be 1 or more.")
    if since is not None and since.tzinfo is None:
        raise ConfigError("since must have a time zone, such as datetime.UTC.")
    course = _Sweep(
        client.with_options(_CALLS),
        inbox,
        since=since or inbox.began,
        watched_since=inbox.now() - watched,
        concurrency=concurrency,
    )
    async with aclosing(course.run(deep=deep, listing=listing)) as found:
        async for one in found:
            yield one


async def sweep_regularly(
    client: AsyncCubiCasa,
    inbox: Inbox,
    *,
    every: float = 300.0,
    deep_every: int = 12,
    told: Callable[[Swept], object] | None = None,
    since: datetime | None = None,
) -> None:
    """Sweep again and again until cancelled; the first is deep. No failure ends it.

    Args:
        client: Lists and reads orders.
        inbox: Where to put what is found.
        every: Seconds between two sweeps; each wait is a random part of it longer, up to a tenth.
        deep_every: Each so many-th is deep.
        told: Called with each find and each fault.
        since: As for `sweep`.

    Raises:
        ConfigError: An argument is out of range.
    """
    if not every > 0 or deep_every < 1:
        raise ConfigError("every must be above 0 seconds, and deep_every 1 or more.")
    number = 0
    while True:
        try:
            deep = number % deep_every == 0
            async with aclosing(sweep(client, inbox, deep=deep, since=since)) as found:
                async for one in found:
                    if one.error is not None:
                        _LOGGER.warning("Sweep: order %s: %s", one.order_id, one.error)
                    if told is not None:
                        told(one)
        except StoreError as exc:
            _LOGGER.error("%s", exc.message)  # noqa: TRY400 # a plain sentence says it
        number += 1
        await inbox.runtime.sleep(every + inbox.runtime.jitter(every / 10))


@attrs.frozen
class _Sweep:
    """One sweep."""

    client: AsyncCubiCasa
    inbox: Inbox
    since: datetime = attrs.field(kw_only=True)
    watched_since: datetime = attrs.field(kw_only=True)
    concurrency: int = attrs.field(kw_only=True)

    async def run(self, *, deep: bool, listing: Listing | None) -> AsyncGenerator[Swept]:
        """The course of it: what is listed first, then what is missing from the list."""
        statuses = (*_IN_PRODUCTION, OrderStatus.READY) if deep else _IN_PRODUCTION
        listed: set[str] = set()
        rows = listing() if listing else self._listed(statuses)
        async with aclosing(rows), aclosing(self._batches(rows)) as batches:
            async for batch in batches:
                orders = [one for one in batch if isinstance(one, Order)]
                listed.update(order.id for order in orders)
                faults = [one for one in batch if isinstance(one, Swept)]
                for swept in [*faults, *await self._look_at(orders)]:
                    yield swept
        missing = [
            order_id
            async for order_id in self.inbox.orders.seen_in(_IN_PRODUCTION)
            if order_id not in listed
        ]
        for start in range(0, len(missing), _ORDERS_AT_ONCE):
            for swept in await self._read(missing[start : start + _ORDERS_AT_ONCE]):
                yield swept

    async def _listed(self, statuses: Sequence[OrderStatus]) -> AsyncGenerator[Order]:
        async with aclosing(self.client.orders.list(status=statuses).items()) as orders:
            async for order in orders:
                yield order

    async def _batches(self, orders: AsyncIterable[Order]) -> AsyncGenerator[list[Order | Swept]]:
        """Orders in parts; where the list breaks, what was listed and why it broke."""
        batch: list[Order | Swept] = []
        try:
            async for order in orders:
                batch.append(order)
                if len(batch) == _ORDERS_AT_ONCE:
                    yield batch
                    batch = []
        except UndecodableItemsError as exc:
            batch += [Swept(codec.as_mapping(item.raw).get("id"), error=exc) for item in exc.items]
        except StoreError:
            raise
        except CubiCasaError as exc:
            batch.append(Swept(None, error=exc))
        if batch:
            yield batch

    async def _look_at(self, orders: Sequence[Order]) -> list[Swept]:
        """Compare rows of a list with what the inbox knows."""
        known = await self.inbox.orders.get([order.id for order in orders])
        suspects: list[str] = []
        seen: dict[str, str] = {}
        for order in orders:
            if order.status == OrderStatus.READY:
                if self._is_suspect(order, known.get(order.id, KnownOrder())):
                    suspects.append(order.id)
            elif order.status is not None:
                seen[order.id] = str(order.status)
        await self.inbox.orders.saw(
            {
                order_id: status
                for order_id, status in seen.items()
                if known.get(order_id, KnownOrder()).seen_status != status
            }
        )
        return await self._read(suspects)

    def _is_suspect(self, order: Order, known: KnownOrder) -> bool:
        """Whether a Ready order is worth a call."""
        if known.is_open:
            return False
        if known.seen_status in _IN_PRODUCTION:
            return True
        if known.settled_at is not None:
            return known.settled_at >= self.watched_since
        delivered = order.info.first_delivered_at if order.info else None
        return delivered is None or delivered >= self.since

    async def _read(self, order_ids: Sequence[str]) -> list[Swept]:
        """Read orders, and put into the inbox those that have a delivery it does not know."""
        turn = asyncio.Semaphore(self.concurrency)

        async def read(order_id: str) -> Swept | None:
            async with turn:
                return await self._read_one(order_id)

        results = await asyncio.gather(*map(read, order_ids), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result
        return [result for result in results if isinstance(result, Swept)]

    async def _read_one(self, order_id: str) -> Swept | None:
        try:
            order = await self.client.orders.get(order_id)
        except NotFoundError:
            await self.inbox.orders.saw({order_id: _GONE})
            return None
        except CubiCasaError as exc:
            return Swept(order_id, error=exc)
        # Asked after the order was read: what came meanwhile will be handled with it or later.
        known = (await self.inbox.orders.get([order_id])).get(order_id, KnownOrder())
        if known.is_open:  # what is being handled may have been read before this delivery
            return None
        event: Event | None = None
        if order.status == OrderStatus.READY and not known.has_settled(look_of(order)):
            event = _event(order, known)
            await self.inbox.put(event, codec.encode(event), source=SWEEP)
        await self.inbox.orders.saw({order_id: str(order.status)})
        return None if event is None else Swept(order_id, event=event)


def _event(order: Order, known: KnownOrder) -> Event:
    """The event that should have come, as far as can be known."""
    if known.seen_status in {*_IN_PRODUCTION, OrderStatus.DRAFT}:
        fixed = known.seen_status == OrderStatus.FIXING
        before = OrderStatus.FIXING if fixed else OrderStatus.PENDING
    else:
        before = OrderStatus.PENDING if known.settled_at is None else OrderStatus.READY
    return Event(
        order_id=order.id,
        current_status=OrderStatus.READY,
        previous_status=before,
        model_id=order.info.model_id if order.info else None,
    )
