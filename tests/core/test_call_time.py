"""Deadlines, timeouts, queueing and waits between attempts, over real connections."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from email.utils import format_datetime

import pytest

from cubicasa_async import AsyncCubiCasa, Priority, RequestOptions, RetryPolicy, Runtime
from cubicasa_async.errors import (
    Attempt,
    CallTimeoutError,
    ConnectionLostError,
    CubiCasaError,
    Outcome,
    QueueTimeoutError,
    RateLimitError,
    ServerError,
)
from cubicasa_async.sandbox import Fault, Sandbox
from tests.support.canary import CANARY
from tests.support.leaps import Leaps
from tests.support.moments import EPOCH, VirtualTime
from tests.support.payloads import DRAFT, ORDER_ID, order
from tests.support.raw_server import SILENCE, RawServer, Reply, Then, answer
from tests.support.waiting import until


def shapes(attempts: tuple[Attempt, ...]) -> list[tuple[str, int | None, Outcome | None, float]]:
    return [(one.phase, one.status, one.outcome, one.slept) for one in attempts]


async def test_an_error_carries_every_attempt_with_phase_status_outcome_and_wait(
    client: AsyncCubiCasa, sandbox: Sandbox, moments: VirtualTime
) -> None:
    sandbox.faults.add(
        Fault("status", status=503, times=1),
        Fault("status", status=429, retry_after="7", times=1),
        Fault("drop", times=1),
        Fault("status", status=404),
    )
    with pytest.raises(CubiCasaError) as caught:
        await client.drafts.update(ORDER_ID, **DRAFT)
    assert shapes(caught.value.attempts) == [
        ("answer", 503, Outcome.REFUSED, 0.5),
        ("answer", 429, Outcome.REFUSED, 7.0),
        ("send", None, Outcome.UNKNOWN, 2.0),
        ("answer", 404, Outcome.REFUSED, 0.0),
    ]
    assert moments.slept == [0.5, 7.0, 2.0]
    starts = [(one.started - EPOCH).total_seconds() for one in caught.value.attempts]
    assert starts == [0.0, 0.5, 7.5, 9.5]
    assert caught.value.attempts[0].error is not None
    assert "(tried 4 times)" in str(caught.value)
    assert caught.value.operation == "drafts.update"


async def test_waits_are_drawn_by_jitter_from_below_their_bounds(
    sandbox: Sandbox, moments: VirtualTime
) -> None:
    drawn: list[float] = []

    def half(bound: float) -> float:
        drawn.append(bound)
        return bound / 2

    runtime = Runtime(moments.monotonic, moments.utcnow, moments.sleep, half)
    sandbox.faults.add(Fault("status", status=503))
    async with AsyncCubiCasa(
        CANARY, base_url=sandbox.base_url, runtime=runtime, retry=RetryPolicy(first_wait=1.0)
    ) as client:
        with pytest.raises(ServerError):
            await client.orders.get("x")
    assert moments.slept == [0.5, 1.0, 2.0]
    assert drawn[:3] == [1.0, 2.0, 4.0]


@pytest.mark.parametrize("retries", [0, 1, 5])
async def test_as_many_repeats_as_allowed(
    retries: int, client: AsyncCubiCasa, sandbox: Sandbox
) -> None:
    sandbox.faults.add(Fault("status", status=503))
    with pytest.raises(ServerError) as caught:
        await client.orders.get("x", options=RequestOptions(retries=retries))
    assert len(sandbox.ledger) == len(caught.value.attempts) == retries + 1


async def test_the_deadline_ends_attempts_and_waits_together(
    client: AsyncCubiCasa, sandbox: Sandbox, moments: VirtualTime
) -> None:
    sandbox.faults.add(Fault("status", status=503))
    with pytest.raises(ServerError):
        await client.orders.get("x", options=RequestOptions(retries=100, deadline=10.0))
    assert moments.slept == [0.5, 1.0, 2.0, 4.0]
    assert moments.now < 10.0


@pytest.mark.parametrize("reply", [SILENCE, Reply(b"HTTP/1.1 200 OK\r\n", Then.STALL)])
async def test_the_deadline_cuts_an_attempt_that_may_take_longer(
    reply: Reply, leaps: Leaps
) -> None:
    async with (
        RawServer(reply) as server,
        AsyncCubiCasa(CANARY, base_url=server.base_url) as client,
    ):
        options = RequestOptions(retries=0, timeout=5000.0, deadline=500.0)
        call = asyncio.create_task(client.orders.get("x", options=options))
        await server.arrived.wait()
        leaps.leap(500.0)
        with pytest.raises(CallTimeoutError) as caught:
            await call
    assert len(caught.value.attempts) == len(server.requests) == 1


@pytest.mark.usefixtures("leaps")
async def test_a_body_that_drips_does_not_outlast_the_timeout(sandbox: Sandbox) -> None:
    made = sandbox.world.add_order()
    sandbox.faults.add(Fault("drip", seconds=5.0))
    async with AsyncCubiCasa(CANARY, base_url=sandbox.base_url) as client:
        with pytest.raises(CallTimeoutError) as caught:
            await client.orders.get(made.id, options=RequestOptions(timeout=50.0, retries=0))
    assert caught.value.attempts[0].phase == "answer"
    assert caught.value.attempts[0].status == 200


@pytest.mark.parametrize("named", ["seconds", "date"])
async def test_a_retry_after_beyond_the_deadline_fails_at_once_and_says_when(
    named: str, client: AsyncCubiCasa, sandbox: Sandbox, moments: VirtualTime
) -> None:
    ahead = EPOCH + timedelta(days=1)  # the server's clock is wrong by a day
    after = format_datetime(ahead + timedelta(seconds=3600), usegmt=True)
    retry_after = "3600" if named == "seconds" else after
    headers = {"Date": format_datetime(ahead, usegmt=True)}
    sandbox.faults.add(Fault("status", status=503, retry_after=retry_after, headers=headers))
    with pytest.raises(ServerError) as caught:
        await client.orders.get("x")
    assert caught.value.retry_at == EPOCH + timedelta(seconds=3600)
    assert moments.slept == []
    assert len(sandbox.ledger) == 1


async def test_a_429_holds_back_every_call_of_the_client_and_of_those_derived_from_it(
    client: AsyncCubiCasa, sandbox: Sandbox, moments: VirtualTime
) -> None:
    made = sandbox.world.add_order()
    sandbox.faults.add(Fault("status", status=429, retry_after="7", times=1))
    once = RequestOptions(retries=0)
    with pytest.raises(RateLimitError) as caught:
        await client.orders.get(made.id, options=once)
    assert caught.value.retry_at == EPOCH + timedelta(seconds=7)
    assert moments.slept == []
    await client.with_options(once).orders.get(made.id)
    assert moments.slept == [7.0]
    await client.orders.get(made.id, options=once)
    assert moments.slept == [7.0]


async def test_a_503_holds_back_nobody_else(
    client: AsyncCubiCasa, sandbox: Sandbox, moments: VirtualTime
) -> None:
    made = sandbox.world.add_order()
    sandbox.faults.add(Fault("status", status=503, retry_after="7", times=1))
    with pytest.raises(ServerError):
        await client.orders.get(made.id, options=RequestOptions(retries=0))
    await client.orders.get(made.id)
    assert moments.slept == []


async def test_a_call_whose_deadline_ends_within_a_pause_is_not_sent(
    client: AsyncCubiCasa, sandbox: Sandbox
) -> None:
    sandbox.faults.add(Fault("status", status=429, retry_after="120", times=1))
    with pytest.raises(RateLimitError):
        await client.orders.get("x")
    with pytest.raises(QueueTimeoutError) as caught:
        await client.drafts.create(**DRAFT)
    assert caught.value.outcome is Outcome.NOT_SENT
    assert caught.value.retry_at == EPOCH + timedelta(seconds=120)
    assert [attempt.phase for attempt in caught.value.attempts] == ["queue"]
    assert len(sandbox.ledger) == 1


@pytest.mark.usefixtures("leaps")
async def test_waiting_for_a_turn_does_not_eat_an_attempts_own_timeout(sandbox: Sandbox) -> None:
    made = sandbox.world.add_order()
    sandbox.faults.add(Fault("delay", seconds=10.0))
    async with AsyncCubiCasa(CANARY, base_url=sandbox.base_url, concurrency=1) as client:
        options = RequestOptions(timeout=40.0, deadline=10_000.0, retries=0)
        async with asyncio.TaskGroup() as group:
            for _ in range(8):
                group.create_task(client.orders.get(made.id, options=options))
    assert len(sandbox.ledger) == 8


async def test_no_more_calls_run_at_once_than_allowed() -> None:
    async with RawServer(SILENCE) as server:
        client = AsyncCubiCasa(CANARY, base_url=server.base_url, concurrency=3)
        inside = [asyncio.create_task(client.drafts.create(**DRAFT)) for _ in range(3)]
        await until(lambda: len(server.requests) == 3)
        soon = RequestOptions(deadline=0.05)
        outside = [client.drafts.create(**DRAFT, options=soon) for _ in range(4)]
        ended = await asyncio.gather(*outside, return_exceptions=True)
        assert [type(one) for one in ended] == [QueueTimeoutError] * 4
        assert len(server.requests) == server.connections == 3
        await client.close()
        await asyncio.gather(*inside, return_exceptions=True)


async def test_an_interactive_call_overtakes_bulk_ones() -> None:
    async with (
        RawServer(answer(200, order())) as server,
        AsyncCubiCasa(CANARY, base_url=server.base_url, concurrency=1) as client,
    ):
        bulk = client.with_options(RequestOptions(priority=Priority.BULK))
        async with asyncio.TaskGroup() as group:
            for number in range(5):
                group.create_task(bulk.orders.get(f"bulk-{number}"))
            await server.arrived.wait()
            group.create_task(client.orders.get("now"))
    served = [request.path.rpartition("/")[2] for request in server.requests]
    assert served == ["bulk-0", "now", "bulk-1", "bulk-2", "bulk-3", "bulk-4"]


async def test_a_lost_create_is_not_waited_for(
    client: AsyncCubiCasa, sandbox: Sandbox, moments: VirtualTime
) -> None:
    sandbox.faults.add(Fault("drop", phase="after_commit"))
    with pytest.raises(ConnectionLostError, match="look before you repeat it"):
        await client.drafts.create(**DRAFT)
    assert moments.slept == []
