"""Two orders of one property: a draft made by the API, and what a scan without it made."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import aclosing
from datetime import datetime
from itertools import islice

import attrs

from cubicasa_async.bulk.reconcile.addresses import Property
from cubicasa_async.bulk.reconcile.drafts import Drafts
from cubicasa_async.bulk.reconcile.likeness import likeness
from cubicasa_async.bulk.reconcile.source import Source, all_orders
from cubicasa_async.errors import ConfigError
from cubicasa_async.resources.order import Order, OrderStatus


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


async def find_twins(source: Source, *, least: float = 0.6, most: int = 10) -> tuple[Twin, ...]:
    """Find drafts beside which the app made an order of what may be the same property.

    A photographer who scans without the draft makes an order of its own, without an external_id,
    and the draft stays a draft for ever. A draft may have several candidates, and an order may be
    one for several drafts: they are given, the most alike first, and nothing is chosen or changed.
    Where more than `most` drafts may be of one order, as in a block of flats, its pairs say so.
    That an order without an external_id was made by the app is inferred.

    The drafts are kept in memory, and at most `most` pairs for an order.

    Args:
        source: A client, whose orders are all listed with proof, or a mirror.
        least: The score that a pair has at least, 0.0 to 1.0. At 0.5 and below, drafts are also
            compared with orders of other house numbers in the street, which takes much longer.
        most: How many drafts are given for one order at most.

    Raises:
        ConfigError: An argument is out of range.
        UndecodableItemsError: Entries of the list could not be read; one of them may be a twin.
        CubiCasaError: The orders could not all be listed; see `outcome`.
        StoreError: The mirror cannot be read.
    """
    if not 0.0 <= least <= 1.0 or most < 1:
        raise ConfigError("least must be 0.0 to 1.0, and most 1 or more.")
    drafts, of_order = Drafts(), dict[str, list[Twin]]()
    async with aclosing(all_orders(source)) as orders:  # the drafts come first
        async for order in orders:
            of_order.pop(order.id, None)
            if _is_empty_draft(order):
                drafts.add(order)
                continue
            drafts.drop(order.id)  # it was one when it was listed before
            if _is_of_the_app(order) and (twins := _twins(order, drafts, least, most)):
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


def _twins(order: Order, drafts: Drafts, least: float, most: int) -> list[Twin]:
    if order.address is None:
        return []
    home = Property.of(order.address)
    made = order.info.created_at if order.info else None
    found = list(islice(drafts.near(home, made, least=least), most + 1))
    more = [f"more drafts than these {most} may be of this order"] if len(found) > most else []
    twins: list[Twin] = []
    for score, draft in found[:most]:
        alike = likeness(draft.home, home)
        reasons = [*(alike.reasons if alike else ()), *_days_between(draft.order, made), *more]
        twins.append(Twin(draft.order, order, score, tuple(reasons)))
    return twins


def _days_between(draft: Order, made: datetime | None) -> Iterator[str]:
    drafted = draft.info.created_at if draft.info else None
    if drafted is not None and made is not None:
        when = "after" if made >= drafted else "before"
        yield f"the order was made {abs(made - drafted).days} days {when} the draft"
