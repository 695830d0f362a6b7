from __future__ import annotations

import pytest

from cubicasa_async.sandbox import Sandbox, World


def world(seed: int = 0) -> World:
    ticks = iter(range(1_000, 10_000_000))
    return World(lambda: next(ticks), seed)


def test_ids_and_times_repeat_with_seed_and_clock() -> None:
    one, two, other = world(), world(), world(seed=1)
    for each in (one, two, other):
        each.add_examples(3)
    assert [order.id for order in one.orders] == [order.id for order in two.orders]
    assert [order.created_at for order in one.orders] == [o.created_at for o in two.orders]
    assert [order.id for order in one.orders] != [order.id for order in other.orders]
    before = [order.id for order in one.orders]
    one.reset()
    one.add_examples(3)
    assert [order.id for order in one.orders] == before


def test_created_at_increases_though_the_clock_stands_or_steps_back() -> None:
    now = 0.0
    still = World(lambda: now)
    created: list[float] = []
    for now in (50.0, 50.0, 40.0, 30.0, 60.0):  # noqa: B007 # the world reads it
        created.append(still.add_order().created_at)  # noqa: PERF401 # as the clock moves
    assert created == sorted(set(created))
    assert created[-1] == 60.0


def test_production_moves_an_order_to_ready_and_delivers_it() -> None:
    here = world()
    order = here.add_order()
    assert (order.status, order.first_delivered_at, order.asset_base) == ("Draft", None, None)
    assert here.advance(order.id) == "Pending"
    assert [one.first_delivered_at for one in here.orders] == [None]
    assert here.advance(order.id) == "Ready"
    (delivered,) = [one.first_delivered_at for one in here.orders]
    assert delivered
    assert order.model_id
    with pytest.raises(ValueError, match="does not move it"):
        here.advance(order.id)
    here.set_status(order.id, "Fixing")
    assert here.advance(order.id) == "Ready"
    assert order.first_delivered_at == delivered
    assert order.deliveries == 2
    with pytest.raises(LookupError, match="no order nowhere"):
        here.advance("nowhere")


def test_an_unknown_field_of_an_order_is_named() -> None:
    with pytest.raises(TypeError, match="no zip; it knows status, street"):
        world().add_order(zip="1")


def test_many_orders_stay_in_order_and_are_found_and_deleted() -> None:
    here = world()
    ids = [here.add_order().id for _ in range(20_000)]
    for order_id in ids[::2]:
        here.delete(order_id)
    left = ids[1::2][::-1]
    assert [order.id for order in here.orders] == left
    assert [order.id for order in here.orders[5_000:5_010]] == left[5_000:5_010]
    assert (here.orders[0].id, here.orders[-1].id) == (left[0], left[-1])
    assert here.order(left[0]) in here.orders
    assert here.orders.get(ids[0]) is None
    with pytest.raises(IndexError):
        here.orders[10_000]


def test_a_key_is_made_up_and_differs_each_time() -> None:
    one, two = Sandbox(), Sandbox()
    assert one.api_key.startswith("sandbox-")
    assert one.api_key != two.api_key
    assert Sandbox("given").api_key == "given"


@pytest.mark.parametrize("key", ["", "wröng", "two\nlines"])
def test_a_key_that_no_header_can_carry_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match="printable ASCII"):
        Sandbox(key)


def test_a_page_has_room_for_one_at_least() -> None:
    with pytest.raises(ValueError, match="max_limit is at least 1"):
        Sandbox(max_limit=0)
