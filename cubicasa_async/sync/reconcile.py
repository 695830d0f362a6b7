"""Finding orders, and what belongs together, for callers without an event loop."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cubicasa_async.resources.order import Address, Order
from cubicasa_async.sync.client import CubiCasa
from cubicasa_async.sync.mirror import Mirror

if TYPE_CHECKING:  # the extra `bulk` is needed for these only
    from cubicasa_async.bulk import Candidate, Twin

Source = CubiCasa | Mirror
"""A client, which lists all orders with proof, or a mirror, which is as current as its last run."""


def find_by_external_id(source: Source, external_id: str) -> tuple[Order, ...]:
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
    from cubicasa_async import bulk

    return source.portal.run(bulk.find_by_external_id(source.asynchronous, external_id))


def find_by_address(
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
    from cubicasa_async import bulk

    return source.portal.run(
        bulk.find_by_address(source.asynchronous, address, least=least, most=most)
    )


def find_twins(source: Source, *, least: float = 0.6, most: int = 10) -> tuple[Twin, ...]:
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
    from cubicasa_async import bulk

    return source.portal.run(bulk.find_twins(source.asynchronous, least=least, most=most))
