"""Drafts by what their properties may be found by, so that few are compared with an order."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

import attrs

from cubicasa_async.bulk.reconcile.addresses import Property
from cubicasa_async.bulk.reconcile.likeness import likeness
from cubicasa_async.resources.order import Order

LONG_BEFORE: Final = timedelta(days=7)
LATE: Final = 0.8
"""What the score is multiplied by if the order was made so long before the draft."""

# Addresses with two different house numbers score less, whatever else they have in common.
_OTHER_NUMBER: Final = 0.5
_STREETS: Final = frozenset({"street", "start"})

_Entry = tuple[float, str]


@attrs.frozen
class Draft:
    """A draft, and the property that it is for."""

    order: Order
    home: Property

    @property
    def entry(self) -> _Entry:
        """When it was made, and its id; one that does not say when is older than all."""
        made = self.order.info.created_at if self.order.info else None
        return made.timestamp() if made else 0.0, self.order.id


@attrs.define(eq=False)
class _Building:
    """The drafts of one address, by their units and then by age."""

    home: Property
    units: dict[str, list[_Entry]] = attrs.field(factory=dict[str, list[_Entry]])

    def groups(self, unit: str) -> Iterator[Sequence[str]]:
        """Its units, those together that are equally like one."""
        alone = [name for name in dict.fromkeys((unit, "")) if name in self.units]
        yield from ([name] for name in alone)
        if len(self.units) > len(alone):
            yield [name for name in self.units if name not in alone]


class Drafts:
    """The drafts, and by what they may be found.

    An order is compared once with all drafts of a building that are equally like it, and not at
    all with those whose house number rules them out.
    """

    def __init__(self) -> None:
        self._all: dict[str, Draft] = {}
        self._buildings: dict[Property, _Building] = {}
        self._by_key: defaultdict[tuple[str, ...], dict[_Building, None]] = defaultdict(dict)

    def __contains__(self, order_id: str) -> bool:
        return order_id in self._all

    def add(self, order: Order) -> None:
        """Note a draft, or what it is now."""
        self.drop(order.id)
        if order.address is None:
            return
        draft = Draft(order, Property.of(order.address))
        self._all[order.id] = draft
        address = attrs.evolve(draft.home, suite="")
        building = self._buildings.get(address)
        if building is None:
            building = self._buildings[address] = _Building(address)
            for key in _kept_under(address):
                self._by_key[key][building] = None
        insort(building.units.setdefault(draft.home.suite, []), draft.entry)

    def drop(self, order_id: str) -> None:
        """Forget what is no draft any more."""
        draft = self._all.pop(order_id, None)
        if draft is None:
            return
        units = self._buildings[attrs.evolve(draft.home, suite="")].units
        entries = units[draft.home.suite]
        del entries[bisect_left(entries, draft.entry)]
        if not entries:
            del units[draft.home.suite]

    def near(
        self, home: Property, made: datetime | None, *, least: float
    ) -> Iterator[tuple[float, Draft]]:
        """The drafts that may be of a property, each with its score, the most alike first.

        Of those with the same score and unit, the ones made last before the order come first.
        """
        until = (made + LONG_BEFORE).timestamp() if made else float("inf")
        tiers: list[tuple[float, bool, _Building, Sequence[str]]] = []
        keys = _looked_for(home, any_number=least <= _OTHER_NUMBER)
        found = {building: None for key in keys for building in self._by_key.get(key, ())}
        for building in found:
            for units in building.groups(home.suite):
                alike = likeness(attrs.evolve(building.home, suite=units[0]), home)
                if alike is not None:
                    tiers.append((alike.score, True, building, units))
                    tiers.append((round(alike.score * LATE, 3), False, building, units))
        tiers = [tier for tier in tiers if tier[0] >= least]
        tiers.sort(key=lambda tier: -tier[0])
        for score, in_time, building, units in tiers:
            for unit in units:
                entries = building.units[unit]
                place = bisect_right(entries, (until, "\U0010ffff"))
                places = reversed(range(place)) if in_time else range(place, len(entries))
                for number in places:
                    yield score, self._all[entries[number][1]]


def _one_number(home: Property) -> bool:
    return bool(home.number) and "-" not in home.number


def _kept_under(home: Property) -> Iterator[tuple[str, ...]]:
    for key in home.keys:
        yield key
        if key[0] in _STREETS:
            yield (*key, home.number) if _one_number(home) else ("any", *key)


def _looked_for(home: Property, *, any_number: bool) -> Iterator[tuple[str, ...]]:
    for key in home.keys:
        if any_number or not _one_number(home) or key[0] not in _STREETS:
            yield key
        else:
            yield (*key, home.number)
            yield ("any", *key)
