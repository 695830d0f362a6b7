"""Drafts near a property: the same as by comparing all with all, without doing so."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest

from cubicasa_async import Address
from cubicasa_async.bulk.reconcile import drafts as module
from cubicasa_async.bulk.reconcile.addresses import Property
from cubicasa_async.bulk.reconcile.drafts import LATE, LONG_BEFORE, Drafts
from cubicasa_async.bulk.reconcile.likeness import Likeness, likeness
from cubicasa_async.resources.order import Order, OrderInfo, OrderStatus

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def draft(number: int, *, made: datetime | None = NOON, **address: str) -> Order:
    where = Address(**{"city": "New Orleans", "state": "LA", "country": "US", **address})  # type: ignore[arg-type] # all of them are texts
    info = OrderInfo(status=OrderStatus.DRAFT, created_at=made)
    return Order(id=f"{number:06d}", address=where, info=info)


def of_all(orders: Sequence[Order]) -> Drafts:
    drafts = Drafts()
    for order in orders:
        drafts.add(order)
    return drafts


def by_comparing_all(
    orders: Sequence[Order], home: Property, made: datetime, least: float
) -> set[tuple[float, str]]:
    found: set[tuple[float, str]] = set()
    for order in orders:
        assert order.address is not None
        other = Property.of(order.address)
        alike = likeness(other, home) if set(other.keys) & set(home.keys) else None
        if alike is None:
            continue
        drafted = order.info.created_at if order.info else None
        late = drafted is not None and drafted - made > LONG_BEFORE
        if (score := round(alike.score * (LATE if late else 1.0), 3)) >= least:
            found.add((score, order.id))
    return found


def town(size: int, seed: int) -> list[Order]:
    pick = random.Random(seed)
    orders: list[Order] = []
    for number in range(size):
        house = pick.choice(["", "1", "2", "12", "12-16", "14", "14a", "10 1/2"])
        street = pick.choice(["Bourbon St", "Bourbon Street", "Burbon St", "N Oak Rd", "Oak Road"])
        made = pick.choice([None, *(NOON + timedelta(days=days) for days in (-30, 0, 6, 9))])
        found = draft(
            number,
            made=made,
            street=f"{house} {street}".strip(),
            suite=pick.choice(["", "", "1", "2", "Apt 2"]),
            city=pick.choice(["New Orleans", "New Orleans", "Metairie", ""]),
            postal_code=pick.choice(["70130", "70131", ""]),
        )
        orders.append(found)
    return orders


@pytest.mark.parametrize("least", [0.0, 0.4, 0.5, 0.6, 0.9])
def test_nothing_is_missed_that_comparing_all_with_all_would_find(least: float) -> None:
    orders = town(150, seed=1)
    drafts = of_all(orders)
    for one in town(40, seed=2):
        assert one.address is not None
        home = Property.of(one.address)
        found = [(score, near.order.id) for score, near in drafts.near(home, NOON, least=least)]
        assert len(found) == len(set(found))
        assert set(found) == by_comparing_all(orders, home, NOON, least)
        assert [score for score, _ in found] == sorted((s for s, _ in found), reverse=True)


def test_what_is_no_draft_any_more_is_not_found_and_a_new_address_is() -> None:
    orders = town(80, seed=3)
    drafts = of_all(orders)
    for order in orders[::2]:
        drafts.drop(order.id)
    drafts.drop("unknown")
    moved = draft(1, street="7 New St")
    drafts.add(moved)
    left = [order for order in orders[1::2] if order.id != moved.id] + [moved]
    assert [order.id in drafts for order in orders[:3]] == [False, True, False]
    for one in [moved, *town(10, seed=4)]:
        assert one.address is not None
        home = Property.of(one.address)
        found = {(score, near.order.id) for score, near in drafts.near(home, NOON, least=0.0)}
        assert found == by_comparing_all(left, home, NOON, 0.0)


def test_of_equal_ones_the_last_before_the_order_comes_first() -> None:
    orders = [draft(n, made=NOON + timedelta(days=n - 3), street="1 Oak Rd") for n in range(20)]
    near = of_all(orders).near(Property.of(Address(street="1 Oak Rd")), NOON, least=0.0)
    assert [int(found.order.id) for _, found in near] == [*reversed(range(11)), *range(11, 20)]


@pytest.mark.parametrize("kind", ["street", "block", "one property"])
def test_a_dense_town_is_not_compared_all_with_all(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared = 0

    def counted(ours: Property, theirs: Property) -> Likeness | None:
        nonlocal compared
        compared += 1
        return likeness(ours, theirs)

    monkeypatch.setattr(module, "likeness", counted)

    def address(number: int) -> dict[str, str]:
        if kind == "street":
            return {"street": f"{number + 1} Bourbon St"}
        return {"street": "1 Bourbon St", "suite": str(number) if kind == "block" else ""}

    orders = [draft(number, made=NOON, **address(number)) for number in range(300)]
    drafts = of_all(orders)
    for order in orders:
        assert order.address is not None
        home = Property.of(order.address)
        assert len(list(islice(drafts.near(home, NOON, least=0.6), 10))) >= 1
    assert compared <= 3 * len(orders)  # all with all would be 90,000
