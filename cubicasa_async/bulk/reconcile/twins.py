"""Two orders of one property: a draft made by the API, and what a scan without it made."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import aclosing
from datetime import timedelta
from typing import Final

import attrs

from cubicasa_async.bulk.reconcile.addresses import Property
from cubicasa_async.bulk.reconcile.likeness import likeness
from cubicasa_async.bulk.reconcile.source import Source, all_orders
from cubicasa_async.errors import ConfigError
from cubicasa_async.resources.order import Order, OrderStatus

_LONG_BEFORE: Final = timedelta(days=7)


@attrs.frozen
class Twin:
    """A draft that nobody scanned, and an order of the app that may be of the same property.

    Attributes:
        draft: The draft.
        order: The order, without its files.
        score: How alike their addresses are, 0.0 to 1.0. It ranks; it is no probability.
        reasons: What speaks for it and against it, in words.
    """

    draft: Order
    order: Order
    score: float
    reasons: tuple[str, ...]


@attrs.frozen
class _Draft:
    """A draft, and the property that it is for."""

    order: Order
    home: Property


class _Drafts:
    """The drafts, and by what they may be found."""

    def __init__(self) -> None:
        self._all: dict[str, _Draft] = {}
        self._by_key: defaultdict[tuple[str, ...], set[str]] = defaultdict(set)

    def add(self, order: Order) -> None:
        self.drop(order.id)
        if order.address is None:
            return
        draft = _Draft(order, Property.of(order.address))
        self._all[order.id] = draft
        for key in draft.home.keys:
            self._by_key[key].add(order.id)

    def drop(self, order_id: str) -> None:
        draft = self._all.pop(order_id, None)
        for key in draft.home.keys if draft else ():
            self._by_key[key].discard(order_id)

    def near(self, home: Property) -> Iterable[_Draft]:
        ids = {order_id for key in home.keys for order_id in self._by_key.get(key, ())}
        return [self._all[order_id] for order_id in sorted(ids)]

    def __contains__(self, order_id: str) -> bool:
        return order_id in self._all


async def find_twins(source: Source, *, least: float = 0.6) -> tuple[Twin, ...]:
    """Find drafts beside which the app made an order of what may be the same property.

    A photographer who scans without the draft makes an order of its own, without an external_id,
    and the draft stays a draft for ever. A draft may have several candidates, and an order may be
    one for several drafts: all are given, the most alike first, and nothing is chosen or changed.
    That an order without an external_id was made by the app is inferred.

    Args:
        source: A client, whose orders are all listed with proof, or a mirror.
        least: The score that a pair has at least, 0.0 to 1.0.

    Raises:
        ConfigError: `least` is out of range.
        UndecodableItemsError: Entries of the list could not be read; one of them may be a twin.
        CubiCasaError: The orders could not all be listed; see `outcome`.
        StoreError: The mirror cannot be read.
    """
    if not 0.0 <= least <= 1.0:
        raise ConfigError("least must be 0.0 to 1.0.")
    drafts, of_order = _Drafts(), dict[str, list[Twin]]()
    async with aclosing(all_orders(source)) as orders:  # the drafts come first
        async for order in orders:
            of_order.pop(order.id, None)
            if _is_empty_draft(order):
                drafts.add(order)
                continue
            drafts.drop(order.id)  # it was one when it was listed before
            if _is_of_the_app(order) and (twins := list(_twins(order, drafts, least))):
                of_order[order.id] = twins
    found = [twin for twins in of_order.values() for twin in twins if twin.draft.id in drafts]
    return tuple(sorted(found, key=lambda twin: (-twin.score, twin.draft.id, twin.order.id)))


def _is_empty_draft(order: Order) -> bool:
    info = order.info
    return (
        info is not None
        and info.status == OrderStatus.DRAFT
        and info.first_delivered_at is None
        and not info.model_id
        and not info.total_scanned_area
    )


def _is_of_the_app(order: Order) -> bool:
    info = order.info
    return (
        info is not None
        and info.status != OrderStatus.DRAFT
        and not info.external_id
        and order.address is not None
    )


def _twins(order: Order, drafts: _Drafts, least: float) -> Iterator[Twin]:
    if order.address is None:
        return
    home = Property.of(order.address)
    for draft in drafts.near(home):
        alike = likeness(draft.home, home)
        if alike is None:
            continue
        factor, reason = _in_time(draft.order, order)
        score = round(alike.score * factor, 3)
        if score >= least:
            yield Twin(draft.order, order, score, (*alike.reasons, *([reason] if reason else [])))


def _in_time(draft: Order, order: Order) -> tuple[float, str]:
    """Whether the order was made when a scan for the draft would have been."""
    drafted = draft.info.created_at if draft.info else None
    made = order.info.created_at if order.info else None
    if drafted is None or made is None:
        return 1.0, ""
    days = abs(made - drafted).days
    if made >= drafted:
        return 1.0, f"the order was made {days} days after the draft"
    factor = 0.8 if drafted - made > _LONG_BEFORE else 1.0
    return factor, f"the order was made {days} days before the draft"
