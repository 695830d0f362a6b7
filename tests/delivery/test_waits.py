"""Waiting for hours: patient, bounded, woken early, and plain about what was last seen."""

from __future__ import annotations

import asyncio
import pickle
import threading
from collections.abc import AsyncIterator, Callable, Iterable

import pytest

from cubicasa_async import AsyncCubiCasa, OrderStatus, Runtime
from cubicasa_async.delivery.waits import OrderSignals
from cubicasa_async.errors import (
    AuthenticationError,
    InvalidInputError,
    NotFoundError,
    Outcome,
    WaitTimeoutError,
)
from cubicasa_async.resources.waiting import duration
from cubicasa_async.sandbox import Fault, Sandbox
from tests.support.gate import Gate
from tests.support.moments import VirtualTime
from tests.support.waiting import until

HOUR = 3600.0


class Production:
    """Moves an order on when the time has come, whenever somebody sleeps."""

    def __init__(self, moments: VirtualTime, *steps: tuple[float, Callable[[], object]]) -> None:
        self._moments = moments
        self._steps = list(steps)

    async def sleep(self, seconds: float) -> None:
        await self._moments.sleep(seconds)
        while self._steps and self._steps[0][0] <= self._moments.now:
            self._steps.pop(0)[1]()

    def client(self, sandbox: Sandbox) -> AsyncCubiCasa:
        moments = self._moments
        runtime = Runtime(moments.monotonic, moments.utcnow, self.sleep, float)
        return AsyncCubiCasa(sandbox.api_key, base_url=sandbox.base_url, runtime=runtime)


async def test_an_order_that_stands_there_is_given_at_once(
    client: AsyncCubiCasa, sandbox: Sandbox, moments: VirtualTime
) -> None:
    order = sandbox.world.add_order(status="Ready")
    found = await client.orders.wait_until(order.id)
    assert (found.id, found.status) == (order.id, OrderStatus.READY)
    assert found.assets()
    assert moments.slept == []


async def test_it_waits_for_hours_in_growing_gaps_within_bounds(
    sandbox: Sandbox, moments: VirtualTime
) -> None:
    order = sandbox.world.add_order(status="Pending")
    ready = (17.9 * HOUR, lambda: sandbox.world.set_status(order.id, "Ready"))
    async with Production(moments, ready).client(sandbox) as client:
        found = await client.orders.wait_until(order.id, first_gap=20, longest_gap=900)
    assert found.status == "Ready"
    assert moments.slept[:4] == [20, 30, 45, 67.5]
    assert moments.slept == sorted(moments.slept)
    assert moments.slept[-1] == 900
    assert 17.9 * HOUR <= moments.now <= 17.9 * HOUR + 900


async def test_gaps_vary_by_chance_but_not_beyond_their_bounds(
    sandbox: Sandbox, moments: VirtualTime
) -> None:
    order = sandbox.world.add_order(status="Pending")
    for share, gaps in ((0.0, [10, 15, 22.5]), (1.0, [20, 30, 45])):
        slept: list[float] = []

        async def sleep(seconds: float, into: list[float] = slept) -> None:
            into.append(seconds)
            await moments.sleep(seconds)

        jitter = share.__mul__
        runtime = Runtime(moments.monotonic, moments.utcnow, sleep, jitter)
        async with AsyncCubiCasa(
            sandbox.api_key, base_url=sandbox.base_url, runtime=runtime
        ) as client:
            with pytest.raises(WaitTimeoutError):
                await client.orders.wait_until(order.id, deadline=300, first_gap=20)
        assert slept[:3] == gaps


@pytest.mark.parametrize("wanted", [["Ready", "Fixing"], ("Fixing",), "Fixing", OrderStatus.FIXING])
async def test_any_of_several_statuses_will_do(
    client: AsyncCubiCasa, sandbox: Sandbox, wanted: str | Iterable[str]
) -> None:
    order = sandbox.world.add_order(status="Fixing")
    assert (await client.orders.wait_until(order.id, wanted)).status == "Fixing"


async def test_giving_up_says_what_was_last_seen(
    client: AsyncCubiCasa, sandbox: Sandbox, moments: VirtualTime
) -> None:
    order = sandbox.world.add_order(status="Pending")
    with pytest.raises(WaitTimeoutError) as caught:
        await client.orders.wait_until(order.id, deadline=6 * HOUR)
    error = caught.value
    assert f"Order {order.id} did not become Ready within 6 h: it was Pending" in str(error)
    assert isinstance(error, TimeoutError)
    assert error.outcome is Outcome.UNKNOWN
    assert error.order.status == "Pending"
    assert error.seen_at is not None
    assert 6 * HOUR - 10 <= moments.now <= 6 * HOUR
    assert pickle.loads(pickle.dumps(error)).order == error.order  # noqa: S301 # our own bytes


@pytest.mark.parametrize("deadline", [0.5, 4.0, 5.0, 8.0, 60.0])
async def test_the_last_look_is_just_before_the_deadline(
    sandbox: Sandbox, moments: VirtualTime, deadline: float
) -> None:
    order = sandbox.world.add_order(status="Pending")
    late = deadline - min(1.0, deadline / 10) - 0.01
    ready = (late, lambda: sandbox.world.set_status(order.id, "Ready"))
    async with Production(moments, ready).client(sandbox) as client:
        found = await client.orders.wait_until(
            order.id, deadline=deadline, first_gap=0.2, longest_gap=3.0
        )
    assert found.status == "Ready"
    assert late <= moments.now <= deadline


async def test_a_short_wait_looks_at_its_end_and_once_only(
    client: AsyncCubiCasa, sandbox: Sandbox, moments: VirtualTime
) -> None:
    order = sandbox.world.add_order(status="Pending")
    with pytest.raises(WaitTimeoutError, match=r"within 4 s: it was Pending .* in 2 looks\."):
        await client.orders.wait_until(order.id, deadline=4)
    assert moments.slept == [pytest.approx(3.6)]


async def test_a_deadline_of_0_is_for_one_look(
    client: AsyncCubiCasa, sandbox: Sandbox, moments: VirtualTime
) -> None:
    order = sandbox.world.add_order(status="Pending")
    with pytest.raises(WaitTimeoutError, match=r"in 1 look\."):
        await client.orders.wait_until(order.id, deadline=0)
    assert (await client.orders.wait_until(order.id, "Pending", deadline=0)).id == order.id
    assert moments.slept == []


async def test_an_order_that_is_deleted_meanwhile_is_said_to_be_gone(
    sandbox: Sandbox, moments: VirtualTime
) -> None:
    order = sandbox.world.add_order(status="Pending")
    gone = Fault("status", status=404, operation="orders.get")
    async with Production(moments, (HOUR, lambda: sandbox.faults.add(gone))).client(
        sandbox
    ) as client:
        with pytest.raises(NotFoundError) as caught:
            await client.orders.wait_until(order.id)
    error = caught.value
    assert str(error).startswith(f"Order {order.id} is gone: it was Pending when last seen, 2026-")
    assert "base URL" not in str(error)
    assert (error.status, error.outcome, error.operation) == (404, Outcome.REFUSED, "orders.get")


async def test_failures_that_pass_do_not_end_it(sandbox: Sandbox, moments: VirtualTime) -> None:
    order = sandbox.world.add_order(status="Pending")
    steps = [
        (1 * HOUR, lambda: sandbox.faults.add(Fault("status", status=503))),
        (3 * HOUR, lambda: sandbox.faults.clear()),
        (3 * HOUR, lambda: sandbox.faults.add(Fault("drop"))),
        (5 * HOUR, lambda: sandbox.faults.clear()),
        (6 * HOUR, lambda: sandbox.world.set_status(order.id, "Ready")),
    ]
    async with Production(moments, *steps).client(sandbox) as client:
        assert (await client.orders.wait_until(order.id)).status == "Ready"
    assert moments.now >= 6 * HOUR


async def test_a_failing_last_look_is_said(
    client: AsyncCubiCasa, sandbox: Sandbox, moments: VirtualTime
) -> None:
    order = sandbox.world.add_order(status="Pending")
    sandbox.faults.add(Fault("status", status=503))
    with pytest.raises(WaitTimeoutError, match=r"never be read.* The last look failed: .*503"):
        await client.orders.wait_until(order.id, deadline=HOUR)
    assert moments.now <= HOUR


async def test_a_pause_that_the_server_asks_for_is_kept(
    sandbox: Sandbox, moments: VirtualTime
) -> None:
    order = sandbox.world.add_order(status="Pending")
    sandbox.faults.add(Fault("status", status=429, retry_after="1800", times=1))
    ready = (1.0, lambda: sandbox.world.set_status(order.id, "Ready"))
    async with Production(moments, ready).client(sandbox) as client:
        await client.orders.wait_until(order.id)
    assert moments.now == pytest.approx(1800, abs=1)


async def test_what_does_not_pass_ends_it(client: AsyncCubiCasa, sandbox: Sandbox) -> None:
    with pytest.raises(NotFoundError, match=r"Order nowhere cannot be waited for\. .*check the id"):
        await client.orders.wait_until("nowhere")
    sandbox.faults.add(Fault("status", status=401))
    with pytest.raises(AuthenticationError):
        await client.orders.wait_until("any")


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"status": []}, "status"),
        ({"status": [""]}, "status"),
        ({"deadline": -1}, "deadline"),
        ({"deadline": float("nan")}, "deadline"),
        ({"deadline": "5"}, "deadline"),
        ({"deadline": None}, "deadline"),
        ({"first_gap": "5"}, "first_gap"),
        ({"longest_gap": None}, "longest_gap"),
        ({"first_gap": 0}, "deadline"),
        ({"first_gap": 10, "longest_gap": 5}, "deadline"),
        ({"order_id": "a b"}, "order_id"),
    ],
)
async def test_arguments_are_checked_before_anything_is_sent(
    wrong: dict[str, object], field: str, client: AsyncCubiCasa, sandbox: Sandbox
) -> None:
    arguments: dict[str, object] = {"order_id": "x", "status": "Ready", **wrong}
    with pytest.raises(InvalidInputError) as caught:
        await client.orders.wait_until(**arguments)  # type: ignore[arg-type] # wrong on purpose
    assert caught.value.field_errors[0].field == field
    assert len(sandbox.ledger) == 0


class TestWaking:
    @pytest.fixture
    async def patient(self, sandbox: Sandbox) -> AsyncIterator[AsyncCubiCasa]:
        """A client whose gaps would never end by themselves, but for the least between looks."""

        async def sleep(seconds: float) -> None:
            if seconds > 2.0:
                await asyncio.Event().wait()

        runtime = Runtime(sleep=sleep)
        async with AsyncCubiCasa(
            sandbox.api_key, base_url=sandbox.base_url, runtime=runtime
        ) as client:
            yield client

    async def test_a_signal_ends_the_gap(self, patient: AsyncCubiCasa, sandbox: Sandbox) -> None:
        order, signals = sandbox.world.add_order(status="Pending"), OrderSignals()
        waiting = asyncio.create_task(patient.orders.wait_until(order.id, waker=signals))
        await until(lambda: len(sandbox.ledger) == 1)
        signals.tell("another")
        signals.tell(order.id)  # too early: it is read again, and waited for on
        await until(lambda: len(sandbox.ledger) == 2)
        sandbox.world.set_status(order.id, "Ready")
        signals.tell(order.id)
        assert (await waiting).status == "Ready"
        assert len(sandbox.ledger) == 3

    async def test_a_signal_during_the_look_is_not_missed(
        self, patient: AsyncCubiCasa, sandbox: Sandbox
    ) -> None:
        order, signals = sandbox.world.add_order(status="Pending"), OrderSignals()
        gate = Gate(sandbox)
        # The answer is made, and says Pending; it arrives only after the order became Ready.
        sandbox.faults.add(gate.fault(phase="mid_body", times=1))
        waiting = asyncio.create_task(patient.orders.wait_until(order.id, waker=signals))
        await until(lambda: sandbox.ledger and sandbox.ledger[0].status == 200)
        sandbox.world.set_status(order.id, "Ready")
        signals.tell(order.id)
        gate.open()
        assert (await waiting).status == "Ready"
        assert len(sandbox.ledger) == 2

    async def test_it_may_be_told_from_any_thread(
        self, patient: AsyncCubiCasa, sandbox: Sandbox
    ) -> None:
        order, signals = sandbox.world.add_order(status="Pending"), OrderSignals()
        waiting = asyncio.create_task(patient.orders.wait_until(order.id, waker=signals))
        await until(lambda: len(sandbox.ledger) == 1)
        sandbox.world.set_status(order.id, "Ready")
        thread = threading.Thread(target=signals.tell, args=(order.id,))
        thread.start()
        assert (await waiting).status == "Ready"
        thread.join()

    async def test_a_waker_that_never_rests_does_not_have_it_look_all_the_time(
        self, client: AsyncCubiCasa, sandbox: Sandbox, moments: VirtualTime
    ) -> None:
        class Restless:
            async def changed(self, order_id: str) -> None:
                """Come back at once."""

        order = sandbox.world.add_order(status="Pending")
        with pytest.raises(WaitTimeoutError):
            await client.orders.wait_until(order.id, deadline=60.0, waker=Restless())
        assert moments.now <= 60.0
        assert len(sandbox.ledger) <= 32

    async def test_a_waker_that_fails_does_not_end_it(
        self, client: AsyncCubiCasa, sandbox: Sandbox, moments: VirtualTime
    ) -> None:
        class Broken:
            async def changed(self, order_id: str) -> None:
                raise LookupError(order_id)

        order = sandbox.world.add_order(status="Pending")
        with pytest.raises(WaitTimeoutError):
            await client.orders.wait_until(order.id, deadline=HOUR, waker=Broken())
        assert len(moments.slept) > 3

    async def test_a_wait_that_is_cancelled_leaves_nothing(
        self, patient: AsyncCubiCasa, sandbox: Sandbox
    ) -> None:
        order, signals = sandbox.world.add_order(status="Pending"), OrderSignals()
        waiting = asyncio.create_task(patient.orders.wait_until(order.id, waker=signals))
        await until(lambda: len(sandbox.ledger) == 1)
        assert len(signals) == 1
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert len(signals) == 0
        assert [task for task in asyncio.all_tasks() if "OrderSignals" in repr(task)] == []

    async def test_control_who_listens_only_after_the_look_misses_it(
        self, patient: AsyncCubiCasa, sandbox: Sandbox
    ) -> None:
        order, signals = sandbox.world.add_order(status="Pending"), OrderSignals()
        looked, go_on = asyncio.Event(), asyncio.Event()

        async def naive() -> None:
            while (await patient.orders.get(order.id)).status != "Ready":
                looked.set()
                await go_on.wait()
                await signals.changed(order.id)

        waiting = asyncio.create_task(naive())
        await looked.wait()
        sandbox.world.set_status(order.id, "Ready")
        signals.tell(order.id)
        go_on.set()
        await until(lambda: len(signals))
        assert not waiting.done()  # and it never would be
        waiting.cancel()
        await asyncio.wait([waiting])

    async def test_a_signal_for_a_loop_that_has_ended_is_dropped(self) -> None:
        signals, loop = OrderSignals(), asyncio.new_event_loop()
        waiting = signals._waiting  # pyright: ignore[reportPrivateUsage] # a task would be left
        waiting["x"] = {loop.create_future()}
        loop.close()
        signals.tell("x")


@pytest.mark.parametrize(
    ("seconds", "said"), [(21_600, "6 h"), (300, "5 min"), (90, "90 s"), (0.5, "0.5 s")]
)
def test_times_are_said_as_people_say_them(seconds: float, said: str) -> None:
    assert duration(seconds) == said
