"""Finding orders by what is known of them."""

from __future__ import annotations

from contextlib import aclosing

import attrs

from cubicasa_async.bulk.job import LOOKING
from cubicasa_async.bulk.mirror.reading import Mirror
from cubicasa_async.bulk.reconcile.addresses import Property, address_of_line
from cubicasa_async.bulk.reconcile.likeness import likeness
from cubicasa_async.bulk.reconcile.source import Source, all_orders
from cubicasa_async.errors import ConfigError, FieldError, InvalidInputError
from cubicasa_async.resources.order import Address, Order


@attrs.frozen
class Candidate:
    """An order that may be of the property that is looked for.

    Attributes:
        order: The order, without its files.
        score: How alike the addresses are, 0.0 to 1.0. It ranks; it is no probability.
        reasons: What speaks for it and against it, in words.
    """

    order: Order
    score: float
    reasons: tuple[str, ...]


async def find_by_external_id(source: Source, external_id: str) -> tuple[Order, ...]:
    """Find all orders with an external_id, newest first.

    Nothing says that the server keeps an external_id unique, so there may be several; which of
    them is the right one is for you to say.

    Args:
        source: A client, whose orders are all listed with proof, or a mirror.
        external_id: Your own identifier.

    Raises:
        InvalidInputError: The external_id is empty.
        CubiCasaError: The orders could not all be listed; see `outcome`.
        StoreError: The mirror cannot be read.
    """
    if not isinstance(source, Mirror):
        return await source.orders.find_by_external_id(external_id, options=LOOKING)
    if not external_id:
        fault = FieldError("external_id", "must be text and not empty")
        raise InvalidInputError("The orders were not looked for.", [fault])
    async with aclosing(source.orders(external_id=external_id)) as found:
        return tuple([order async for order in found])


async def find_by_address(
    source: Source, address: Address | str, *, least: float = 0.5, most: int = 20
) -> tuple[Candidate, ...]:
    """Find orders whose property may be the one at an address, the most alike first.

    Addresses are compared part by part: upper case, marks on letters, abbreviations of streets,
    directions and states, units, and missing house numbers or postal codes make no address
    another, but count less than what is the same. Which candidate is the right one is for you to
    say, also if there is only one.

    Args:
        source: A client, whose orders are all listed with proof, or a mirror.
        address: The address, by its parts or on one line with commas between street, city, state
            with postal code, and country.
        least: The score that a candidate has at least, 0.0 to 1.0.
        most: How many candidates are given at most.

    Raises:
        InvalidInputError: The address names no street.
        ConfigError: An argument is out of range.
        UndecodableItemsError: Entries of the list could not be read; one of them may be it.
        CubiCasaError: The orders could not all be listed; see `outcome`.
        StoreError: The mirror cannot be read.
    """
    if not 0.0 <= least <= 1.0 or most < 1:
        raise ConfigError("least must be 0.0 to 1.0, and most 1 or more.")
    wanted = Property.of(address_of_line(address) if isinstance(address, str) else address)
    if not wanted.street:
        fault = FieldError("street", "is needed to find an order by its address")
        raise InvalidInputError("The orders were not looked for.", [fault])
    found: dict[str, Candidate] = {}
    async with aclosing(all_orders(source)) as orders:
        async for order in orders:
            found.pop(order.id, None)  # what comes later is newer
            if order.address is None:
                continue
            alike = likeness(wanted, Property.of(order.address))
            if alike is not None and alike.score >= least:
                found[order.id] = Candidate(order, alike.score, alike.reasons)
                if len(found) >= 2 * most + 100:
                    found = dict(sorted(found.items(), key=_rank)[:most])
    return tuple(candidate for _, candidate in sorted(found.items(), key=_rank)[:most])


def _rank(item: tuple[str, Candidate]) -> tuple[float, float, str]:
    order_id, candidate = item
    made = candidate.order.info.created_at if candidate.order.info else None
    return -candidate.score, -made.timestamp() if made else 0.0, order_id
