"""The sandbox's time, and what may be done to it from another thread."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web

from cubicasa_async.sandbox import Clock, Fault, Reading, Sandbox, WebhookFault
from cubicasa_async.sync import Portal

from .support import Caller, draft, until

HOUR = 3600.0


def test_it_goes_as_its_source_and_ahead_of_it() -> None:
    now = 1000.0
    clock = Clock(lambda: now)
    assert (clock(), clock.ahead) == (1000.0, 0.0)
    clock.advance(HOUR)
    clock.advance(0.5)
    now += 1
    assert (clock(), clock.ahead) == (4601.5, 3600.5)
    clock.reset()
    assert clock() == 1001.0


@pytest.mark.parametrize("seconds", [-1, math.nan, math.inf, 10**400])
def test_it_does_not_go_back(seconds: float) -> None:
    clock = Clock()
    with pytest.raises(ValueError, match="advanced by 0 to 10000000000 seconds"):
        clock.advance(seconds)
    assert clock.ahead == 0


async def test_a_sleep_is_over_when_enough_was_advanced_from_any_thread() -> None:
    clock = Clock(lambda: 0.0)
    sleeping = asyncio.create_task(clock.sleep(HOUR))
    await asyncio.sleep(0)
    for _ in range(3):
        await asyncio.to_thread(clock.advance, HOUR / 4)
        await asyncio.sleep(0.005)
        assert not sleeping.done()
    await asyncio.to_thread(clock.advance, HOUR / 4)
    await sleeping


async def test_a_sleep_is_over_when_the_time_has_really_passed_though_its_source_stands() -> None:
    clock = Clock(lambda: 0.0)
    began = time.monotonic()
    await clock.sleep(0.05)
    assert time.monotonic() - began >= 0.04


async def test_what_is_left_of_a_sleep_stays_when_the_clock_is_reset() -> None:
    clock = Clock(lambda: 0.0)
    clock.advance(HOUR)
    sleeping = asyncio.create_task(clock.sleep(HOUR))
    await asyncio.sleep(0)
    clock.advance(HOUR / 2)
    await asyncio.sleep(0.005)
    clock.reset()
    clock.advance(HOUR / 2)
    await sleeping


async def test_orders_are_made_by_it(sandbox: Sandbox, call: Caller) -> None:
    first = sandbox.world.add_order()
    sandbox.clock.advance(HOUR)
    await call("POST", "/orders/draft", draft())
    second = sandbox.world.orders[0]
    assert second.created_at - first.created_at == pytest.approx(HOUR, abs=60)
    assert sandbox.ledger[0].time == pytest.approx(time.time() + HOUR, abs=60)


async def test_signed_urls_expire_by_it(sandbox: Sandbox, call: Caller) -> None:
    sandbox.file_host.habits.signed_for = 600
    order = sandbox.world.add_order(status="Ready")
    assets = (await call("GET", f"/orders/{order.id}")).json["delivery_assets"]
    url = assets["listing_floorplans"]["pdf_urls"][0]
    for seconds, status in ((0, 200), (540, 200), (60, 403)):
        sandbox.clock.advance(seconds)
        async with call.session.get(url) as answer:
            assert answer.status == status


async def test_it_is_advanced_over_the_control_interface(sandbox: Sandbox, call: Caller) -> None:
    by_hand = {"x-sandbox": "1"}
    answer = await call("POST", "/_sandbox/clock", {"advance": HOUR}, headers=by_hand)
    assert (answer.status, answer.json["ahead"]) == (200, HOUR)
    assert answer.json["now"] == pytest.approx(time.time() + HOUR, abs=60)
    for wrong in ({}, {"advance": "1"}, {"advance": True}, {"advance": -1}):
        assert (await call("POST", "/_sandbox/clock", wrong, headers=by_hand)).status == 400
    assert sandbox.clock.ahead == HOUR


@asynccontextmanager
async def hook(*statuses: int) -> AsyncGenerator[tuple[str, list[int]]]:
    """A URL that answers with these statuses, then with 200, and the answers it has given."""
    left, given = list(statuses), list[int]()

    async def answer(_: web.BaseRequest) -> web.Response:
        given.append(left.pop(0) if left else 200)
        return web.Response(status=given[-1])

    runner = web.ServerRunner(web.Server(answer), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/", given
    await runner.cleanup()
    await asyncio.sleep(0)


async def test_pauses_and_delays_of_webhooks_go_by_it(sandbox: Sandbox) -> None:
    async with hook(500) as (url, given):
        sandbox.world.webhook_urls, sandbox.world.webhook_triggers = [url], ["moved_to_draft"]
        sandbox.webhooks.pause = HOUR
        sandbox.webhooks.faults.add(WebhookFault("delay", seconds=HOUR))
        sandbox.world.add_order()
        for heard in (0, 1):
            await until(lambda: sandbox.clock._wakers)  # pyright: ignore[reportPrivateUsage] # who waits
            assert len(given) == heard
            sandbox.clock.advance(HOUR)
            await until(lambda heard=heard: len(given) > heard)  # type: ignore[misc] # a default
        await sandbox.webhooks.settled()
        assert given == [500, 200]
        times = [one.time for one in sandbox.webhooks.calls]
        assert times[1] - times[0] == pytest.approx(HOUR, abs=60)


async def test_a_reset_brings_back_the_time_and_the_settings() -> None:
    sandbox = Sandbox(reading=Reading.ONE_BASED, max_limit=7)
    sandbox.clock.advance(HOUR)
    sandbox.reading, sandbox.max_limit = Reading.SKIPPING, 9
    sandbox.webhooks.attempts, sandbox.webhooks.pause, sandbox.webhooks.patience = 1, 2, 3
    size, sandbox.file_host.size = sandbox.file_host.size, 1
    sandbox.reset()
    assert sandbox.clock.ahead == 0
    assert (sandbox.reading, sandbox.max_limit) == (Reading.ONE_BASED, 7)
    webhooks = sandbox.webhooks
    assert (webhooks.attempts, webhooks.pause, webhooks.patience) == (3, 1.0, 10.0)
    assert sandbox.file_host.size == size


async def test_what_is_delayed_at_a_reset_is_not_done(sandbox: Sandbox) -> None:
    async with aiohttp.ClientSession() as session:
        call = Caller(session, sandbox)
        sandbox.faults.add(Fault("delay", seconds=60))
        delayed = asyncio.create_task(call("POST", "/orders/draft", draft()))
        await until(lambda: sandbox.faults.hits)
        sandbox.reset()
        with pytest.raises(aiohttp.ClientError):
            await delayed
        assert (await call("GET", "/orders")).json["items"] == []
        assert [entry.operation for entry in sandbox.ledger] == ["orders.list"]


@pytest.fixture
def elsewhere() -> Iterator[Sandbox]:
    """A sandbox on the loop of another thread."""
    sandbox = Sandbox()
    sandbox.webhooks.patience = 120.0
    portal = Portal(sandbox)
    portal.run(sandbox.start())
    yield sandbox
    portal.close()


Step = Callable[[Sandbox], None]


@pytest.mark.parametrize("step", [Sandbox.reset, Sandbox.recover], ids=["reset", "recover"])
async def test_it_is_brought_back_from_another_thread(elsewhere: Sandbox, step: Step) -> None:
    async with aiohttp.ClientSession() as session:
        call = Caller(session, elsewhere)
        elsewhere.faults.add(Fault("refuse", seconds=HOUR, times=1))
        with pytest.raises(aiohttp.ClientError):
            await call("GET", "/offices")
        step(elsewhere)
        assert (await call("GET", "/offices")).status == 200


async def test_a_reset_from_another_thread_ends_its_webhooks(elsewhere: Sandbox) -> None:
    async with hook() as (url, given):
        world = elsewhere.world
        world.webhook_urls, world.webhook_triggers = [url], ["moved_to_draft"]
        elsewhere.webhooks.faults.add(WebhookFault("delay", seconds=HOUR))
        world.add_order()
        elsewhere.reset()
        elsewhere.clock.advance(HOUR)
        await elsewhere.webhooks.settled()
        assert (given, elsewhere.webhooks.calls) == ([], [])


async def test_its_webhooks_are_waited_for_from_another_loop(elsewhere: Sandbox) -> None:
    async with hook(500, 500) as (url, given):
        world = elsewhere.world
        world.webhook_urls, world.webhook_triggers = [url], ["moved_to_draft"]
        elsewhere.webhooks.pause = 0.01
        world.add_order()
        with pytest.raises(RuntimeError, match=r"Use `await webhooks\.settled\(\)`"):
            elsewhere.webhooks.wait_until_settled()
        await elsewhere.webhooks.settled()
        assert given == [500, 500, 200]
        world.add_order()
        await asyncio.to_thread(elsewhere.webhooks.wait_until_settled)
        assert given == [500, 500, 200, 200]


async def test_connections_at_rest_outlive_a_reset(elsewhere: Sandbox) -> None:
    opened: list[object] = []
    tracing = aiohttp.TraceConfig()

    async def count(*_: object) -> None:
        opened.append(1)

    tracing.on_connection_create_end.append(count)
    async with aiohttp.ClientSession(trace_configs=[tracing]) as session:
        call = Caller(session, elsewhere)
        for _ in range(3):
            assert (await call("GET", "/offices")).status == 200
            elsewhere.reset()
    assert len(opened) == 1
