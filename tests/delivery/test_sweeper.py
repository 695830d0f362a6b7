from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from datetime import timedelta
from typing import Any

import pytest

from cubicasa_async import AsyncCubiCasa, Order
from cubicasa_async.delivery.events import Reason
from cubicasa_async.delivery.handling import handle_events
from cubicasa_async.delivery.inbox import Inbox
from cubicasa_async.delivery.inbox_tables import State, look_of
from cubicasa_async.delivery.sweeper import Swept, sweep, sweep_regularly
from cubicasa_async.errors import ConfigError, DecodeError
from cubicasa_async.sandbox import Fault, Sandbox
from tests.support.moments import EPOCH, VirtualTime
from tests.support.waiting import until

from .hooks import Taker, event, put, version

LONG_AGO = EPOCH - timedelta(days=365)


@pytest.fixture
async def inbox(tmp_path: Any, moments: VirtualTime) -> AsyncGenerator[Inbox]:
    """In a file only: that both databases do alike is tested of the inbox itself."""
    async with Inbox(tmp_path / "inbox.db", runtime=moments.runtime) as inbox:
        yield inbox


async def swept(client: AsyncCubiCasa, inbox: Inbox, **options: Any) -> list[Swept]:
    return [one async for one in sweep(client, inbox, **options)]


async def handled(client: AsyncCubiCasa, inbox: Inbox) -> Taker:
    taker = Taker()
    await handle_events(client, inbox, taker, until_idle=True)
    return taker


async def test_a_first_delivery_that_nobody_told_of_is_found(
    client: AsyncCubiCasa, inbox: Inbox, sandbox: Sandbox
) -> None:
    order = sandbox.world.add_order(status="Pending")
    assert await swept(client, inbox, deep=False) == []
    sandbox.world.advance(order.id)
    (found,) = await swept(client, inbox, deep=False)
    assert found.event is not None
    assert found.event.identity == (order.id, "Ready", "Pending", order.model_id, None, None)
    (notice,) = (await handled(client, inbox)).notices
    assert (notice.event.reason, notice.source) == (Reason.FIRST_DELIVERY, "sweep")
    assert await swept(client, inbox) == []


async def test_a_fix_that_nobody_told_of_is_found(
    client: AsyncCubiCasa, inbox: Inbox, sandbox: Sandbox
) -> None:
    order = sandbox.world.add_order(status="Ready")
    await put(inbox, event(order))
    await handled(client, inbox)
    sandbox.world.set_status(order.id, "Fixing")
    assert await swept(client, inbox, deep=False) == []
    sandbox.world.advance(order.id)
    await swept(client, inbox, deep=False)
    (notice,) = (await handled(client, inbox)).notices
    assert notice.event.reason is Reason.FIX
    assert version(notice) == 2


async def test_an_edit_that_nobody_told_of_is_found_by_a_deep_sweep(
    client: AsyncCubiCasa, inbox: Inbox, sandbox: Sandbox
) -> None:
    order = sandbox.world.add_order(status="Ready")
    await put(inbox, event(order))
    await handled(client, inbox)
    sandbox.world.set_status(order.id, "Ready")
    assert await swept(client, inbox, deep=False) == []
    await swept(client, inbox)
    (notice,) = (await handled(client, inbox)).notices
    assert notice.event.reason is Reason.EDIT
    assert version(notice) == 2


async def test_what_was_delivered_between_two_sweeps_is_found_by_a_deep_one(
    client: AsyncCubiCasa, inbox: Inbox, sandbox: Sandbox
) -> None:
    await swept(client, inbox)
    order = sandbox.world.add_order(status="Ready")
    assert await swept(client, inbox, deep=False) == []
    assert [one.order_id for one in await swept(client, inbox)] == [order.id]


async def test_what_the_inbox_was_told_of_is_not_put_in_again(
    client: AsyncCubiCasa, inbox: Inbox, sandbox: Sandbox
) -> None:
    orders = [sandbox.world.add_order(status="Ready") for _ in range(3)]
    await put(inbox, *map(event, orders))
    assert await swept(client, inbox) == []
    assert len((await handled(client, inbox)).notices) == 3
    assert await swept(client, inbox) == []
    assert sum((await inbox.counts()).values()) == 3


async def fails(_: object) -> None:
    raise ValueError("no")


async def test_a_delivery_that_was_given_up_is_not_raised_by_a_sweep_but_the_next_one_is(
    client: AsyncCubiCasa, inbox: Inbox, sandbox: Sandbox
) -> None:
    order = sandbox.world.add_order(status="Ready")
    await put(inbox, event(order))
    await handle_events(client, inbox, fails, until_idle=True, attempts=1)
    assert await swept(client, inbox) == []
    sandbox.world.set_status(order.id, "Fixing")
    assert await swept(client, inbox) == []
    sandbox.world.advance(order.id)
    (found,) = await swept(client, inbox, deep=False)
    assert found.event is not None
    assert found.event.reason is Reason.FIX
    await handle_events(client, inbox, fails, until_idle=True, attempts=1)
    sandbox.world.set_status(order.id, "Ready")
    assert [one.order_id for one in await swept(client, inbox)] == [order.id]
    assert (await inbox.counts())[State.DEAD] == 2


async def test_a_delivery_behind_a_dead_letter_about_something_else_is_found(
    client: AsyncCubiCasa, inbox: Inbox, sandbox: Sandbox
) -> None:
    order = sandbox.world.add_order(status="Pending")
    await put(inbox, event(order, previous_status="Draft", current_status="Pending"))
    await handle_events(client, inbox, fails, until_idle=True, attempts=1)
    sandbox.world.advance(order.id)
    (found,) = await swept(client, inbox)
    assert found.event is not None
    assert found.event.reason is Reason.FIRST_DELIVERY


async def test_a_delivery_by_which_its_handlers_process_died_again_and_again_is_not_raised(
    client: AsyncCubiCasa, inbox: Inbox, sandbox: Sandbox, moments: VirtualTime
) -> None:
    order = sandbox.world.add_order(status="Ready")
    await put(inbox, event(order))
    work = await inbox.take(attempts=1)
    assert work is not None
    assert await inbox.note_look(work, look_of(await client.orders.get(order.id)))
    moments.now += inbox.hold + 1
    assert await inbox.take(attempts=1) is None
    assert await swept(client, inbox) == []
    sandbox.world.set_status(order.id, "Ready")
    assert [one.order_id for one in await swept(client, inbox)] == [order.id]


async def test_a_dead_letter_of_an_order_that_can_be_read_by_now_is_raised(
    client: AsyncCubiCasa, inbox: Inbox, sandbox: Sandbox
) -> None:
    order = sandbox.world.add_order(status="Ready")
    sandbox.faults.add(Fault("status", status=404, operation="orders.get", times=1))
    await put(inbox, event(order))
    await handle_events(client, inbox, Taker(), until_idle=True, attempts=1)
    assert (await inbox.counts())[State.DEAD] == 1
    assert [one.order_id for one in await swept(client, inbox)] == [order.id]


async def test_a_delivery_that_came_before_the_event_of_its_production_was_handled_is_found(
    client: AsyncCubiCasa, inbox: Inbox, sandbox: Sandbox
) -> None:
    order = sandbox.world.add_order(status="Ready")
    await put(inbox, event(order, previous_status="Draft", current_status="Pending"))
    await handled(client, inbox)
    (found,) = await swept(client, inbox, deep=False)
    assert found.event is not None
    assert found.event.reason is Reason.FIRST_DELIVERY
    await handled(client, inbox)
    assert await swept(client, inbox) == []


async def test_the_reason_is_known_of_orders_that_were_seen_in_production(
    client: AsyncCubiCasa, inbox: Inbox, sandbox: Sandbox
) -> None:
    first, fixed = (sandbox.world.add_order(status=status) for status in ("Pending", "Ready"))
    await put(inbox, event(first, previous_status="Draft", current_status="Pending"))
    await handled(client, inbox)
    sandbox.world.set_status(fixed.id, "Fixing")
    await swept(client, inbox, deep=False)
    for order in (first, fixed):
        sandbox.world.advance(order.id)
    found = await swept(client, inbox, deep=False)
    reasons = {one.order_id: one.event.reason for one in found if one.event is not None}
    assert reasons == {first.id: Reason.FIRST_DELIVERY, fixed.id: Reason.FIX}


async def test_orders_delivered_before_there_was_an_inbox_are_left_alone_unless_asked_for(
    client: AsyncCubiCasa, inbox: Inbox, sandbox: Sandbox
) -> None:
    order = sandbox.world.add_order(status="Ready")
    order.first_delivered_at = LONG_AGO.timestamp()
    assert await swept(client, inbox) == []
    found = await swept(client, inbox, since=LONG_AGO - timedelta(days=1))
    assert [one.order_id for one in found] == [order.id]


async def test_one_bad_order_never_stops_a_sweep(
    client: AsyncCubiCasa, inbox: Inbox, sandbox: Sandbox
) -> None:
    orders = [sandbox.world.add_order(status="Ready") for _ in range(5)]
    bad = orders[2].id
    sandbox.faults.add(Fault("body", path=f"/orders/{bad}", body={"id": 7}))
    found = await swept(client, inbox)
    assert {one.order_id for one in found if one.event} == {one.id for one in orders} - {bad}
    assert [one.order_id for one in found if one.error] == [bad]
    sandbox.faults.clear()
    assert [one.order_id for one in await swept(client, inbox)] == [bad]


async def test_control_a_sweep_that_stops_at_the_bad_order_misses_others(
    client: AsyncCubiCasa, sandbox: Sandbox
) -> None:
    orders = [sandbox.world.add_order(status="Ready") for _ in range(5)]
    sandbox.faults.add(Fault("body", path=f"/orders/{orders[2].id}", body={"id": 7}))
    found: list[str] = []

    async def naive() -> None:
        async for row in client.orders.list().items():
            order = await client.orders.get(row.id)
            found.append(order.id)

    with pytest.raises(DecodeError):
        await naive()
    assert len(found) < 4


async def test_a_row_that_cannot_be_read_is_told_and_stops_no_other(
    client: AsyncCubiCasa, inbox: Inbox, sandbox: Sandbox
) -> None:
    orders = [sandbox.world.add_order(status="Ready") for _ in range(3)]
    orders[1].created_at = "yesterday"  # type: ignore[assignment] # what is tested
    found = await swept(client, inbox)
    assert {one.order_id for one in found if one.event} == {orders[0].id, orders[2].id}
    assert [one.order_id for one in found if one.error] == [orders[1].id]


async def test_a_list_that_breaks_is_told_and_what_was_in_production_is_looked_at_anyway(
    client: AsyncCubiCasa, inbox: Inbox, sandbox: Sandbox
) -> None:
    order = sandbox.world.add_order(status="Pending")
    await swept(client, inbox)
    sandbox.world.advance(order.id)
    sandbox.faults.add(Fault("status", status=403, operation="orders.list"))
    broken, found = await swept(client, inbox)
    assert (broken.order_id, found.order_id) == (None, order.id)
    assert broken.error is not None


async def test_an_order_that_is_gone_is_asked_for_once(
    client: AsyncCubiCasa, inbox: Inbox, sandbox: Sandbox
) -> None:
    order = sandbox.world.add_order(status="Pending")
    await swept(client, inbox)
    sandbox.world.delete(order.id)
    for _ in range(2):
        assert await swept(client, inbox) == []
    assert len(sandbox.ledger.of("orders.get")) == 1


async def test_a_quick_sweep_reads_no_order_that_stays_in_production(
    client: AsyncCubiCasa, inbox: Inbox, sandbox: Sandbox
) -> None:
    for _ in range(5):
        sandbox.world.add_order(status="Pending")
        sandbox.world.add_order(status="Ready")
    for _ in range(3):
        await swept(client, inbox, deep=False)
    assert sandbox.ledger.of("orders.get") == []


async def test_a_mirror_can_stand_in_for_the_list(
    client: AsyncCubiCasa, inbox: Inbox, sandbox: Sandbox
) -> None:
    order = sandbox.world.add_order(status="Ready")
    rows = [await client.orders.get(order.id)]

    async def mirror() -> AsyncGenerator[Order]:
        for row in rows:
            yield row

    found = await swept(client, inbox, listing=mirror)
    assert [one.order_id for one in found] == [order.id]
    assert sandbox.ledger.of("orders.list") == []


async def test_sweeping_regularly_goes_on_after_failures_and_is_deep_now_and_then(
    client: AsyncCubiCasa, inbox: Inbox, sandbox: Sandbox, moments: VirtualTime
) -> None:
    sandbox.faults.add(Fault("status", status=403, operation="orders.list", times=1))
    order = sandbox.world.add_order(status="Ready")
    told: list[Swept] = []
    moments.slept.clear()
    task = asyncio.create_task(
        sweep_regularly(client, inbox, every=60, deep_every=3, told=told.append)
    )
    await until(lambda: any(one.event for one in told), pause=0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    # The first one broke, the two after it were quick, the fourth was deep.
    assert [one.order_id for one in told] == [None, order.id]
    assert [wait for wait in moments.slept if wait > 5] == [66, 66, 66]


async def test_arguments_out_of_range_are_refused(client: AsyncCubiCasa, inbox: Inbox) -> None:
    with pytest.raises(ConfigError):
        await swept(client, inbox, concurrency=0)
    with pytest.raises(ConfigError, match="time zone"):
        await swept(client, inbox, since=LONG_AGO.replace(tzinfo=None))
    with pytest.raises(ConfigError):
        await sweep_regularly(client, inbox, every=0)
