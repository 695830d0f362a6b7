from __future__ import annotations

import asyncio
import random
from collections import deque
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cubicasa_async.core.limits import Gate, Priority
from cubicasa_async.core.runtime import Runtime
from cubicasa_async.errors import Outcome, QueueTimeoutError
from tests.support.moments import EPOCH, VirtualTime

FOREVER = float("inf")
INTERACTIVE, BULK = Priority.INTERACTIVE, Priority.BULK


async def turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


class NaiveGate(Gate):
    """Forgets that a place may have been given to one who left at that moment."""

    def _give_up(self, place: asyncio.Future[None]) -> None:
        place.cancel()


class Crowd:
    """Calls that pass a gate, are cancelled at any moment, and are counted inside."""

    def __init__(self, gate: Gate) -> None:
        self.gate = gate
        self.inside = 0
        self.most = 0
        self.tasks: list[asyncio.Task[None]] = []

    async def call(self, priority: Priority, stays: int) -> None:
        await self.gate.enter(priority, FOREVER)
        try:
            self.inside += 1
            self.most = max(self.most, self.inside)
            for _ in range(stays):
                await asyncio.sleep(0)
        finally:
            self.inside -= 1
            self.gate.leave()

    async def run(self, seed: int, calls: int = 30) -> None:
        chance = random.Random(seed)
        for _ in range(calls):
            priority = chance.choice(list(Priority))
            self.tasks.append(asyncio.create_task(self.call(priority, chance.randrange(4))))
            for _ in range(chance.randrange(3)):
                await asyncio.sleep(0)
            living = [task for task in self.tasks if not task.done()]
            if living and chance.random() < 0.5:
                chance.choice(living).cancel()
        for _ in range(10 * calls):
            await asyncio.sleep(0)

    async def end(self) -> int:
        """Ends those that still hang and says how many they were."""
        hanging = [task for task in self.tasks if not task.done()]
        for task in hanging:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        return len(hanging)


@given(st.integers(1, 4), st.integers(0, 2**32))
def test_cancelling_at_any_moment_neither_overfills_nor_loses_a_place(
    limit: int, seed: int
) -> None:
    async def main() -> None:
        crowd = Crowd(Gate(limit, Runtime()))
        await crowd.run(seed)
        assert await crowd.end() == 0
        assert crowd.most <= limit
        assert crowd.gate.inside == 0
        await asyncio.wait_for(crowd.call(BULK, 0), 600)

    asyncio.run(main())


async def test_control_a_gate_that_forgets_given_places_hangs_under_the_same_crowd() -> None:
    hung = 0
    for seed in range(50):
        crowd = Crowd(NaiveGate(2, Runtime()))
        await crowd.run(seed)
        hung += await crowd.end()
    assert hung


async def test_those_who_wait_enter_in_order_interactive_ones_first() -> None:
    gate = Gate(1, Runtime())
    await gate.enter(BULK, FOREVER)
    entered: list[str] = []

    async def call(name: str, priority: Priority) -> None:
        await gate.enter(priority, FOREVER)
        entered.append(name)
        gate.leave()

    async with asyncio.TaskGroup() as group:
        for name, priority in [
            ("b1", BULK),
            ("b2", BULK),
            ("i1", INTERACTIVE),
            ("i2", INTERACTIVE),
        ]:
            group.create_task(call(name, priority))
        await turns()
        assert entered == []
        gate.leave()
    assert entered == ["i1", "i2", "b1", "b2"]
    assert gate.inside == 0


async def test_a_pause_holds_everybody_back_until_it_ends(moments: VirtualTime) -> None:
    gate = Gate(5, moments.runtime)
    gate.pause(10.0)
    gate.pause(4.0)
    for priority in Priority:
        await gate.enter(priority, FOREVER)
    assert moments.now == 10.0


async def test_a_pause_holds_back_who_waited_for_a_place_when_it_began() -> None:
    sleeping: deque[asyncio.Event] = deque()
    now = 0.0

    async def sleep(_: float) -> None:
        sleeping.append(asyncio.Event())
        await sleeping[-1].wait()

    gate = Gate(1, Runtime(monotonic=lambda: now, sleep=sleep))
    await gate.enter(INTERACTIVE, FOREVER)
    waiting = asyncio.create_task(gate.enter(INTERACTIVE, FOREVER))
    await turns()
    gate.pause(5.0)
    gate.leave()
    await turns()
    assert not waiting.done()
    assert gate.inside == 0
    now = 5.0
    sleeping.popleft().set()
    await waiting
    assert gate.inside == 1


async def test_a_pause_that_grows_while_it_is_sat_out_is_sat_out_whole(
    moments: VirtualTime,
) -> None:
    gate = Gate(1, moments.runtime)
    gate.pause(1.0)
    entering = asyncio.create_task(gate.enter(INTERACTIVE, FOREVER))
    await asyncio.sleep(0)
    gate.pause(3.0)
    await entering
    assert moments.slept == [1.0, 2.0]


async def test_a_pause_beyond_the_deadline_fails_at_once(moments: VirtualTime) -> None:
    gate = Gate(1, moments.runtime)
    gate.pause(30.0)
    with pytest.raises(QueueTimeoutError, match="asked this client to slow down") as caught:
        await gate.enter(INTERACTIVE, 20.0)
    assert moments.slept == []
    assert caught.value.retry_at == EPOCH + timedelta(seconds=30)
    assert caught.value.outcome is Outcome.NOT_SENT
    assert gate.inside == 0


async def test_a_place_that_does_not_come_free_until_the_deadline_is_given_up() -> None:
    runtime = Runtime()
    gate = Gate(1, runtime)
    await gate.enter(INTERACTIVE, FOREVER)
    with pytest.raises(QueueTimeoutError, match="waited for its turn") as caught:
        await gate.enter(INTERACTIVE, runtime.monotonic() + 0.01)
    assert caught.value.outcome is Outcome.NOT_SENT
    gate.leave()
    assert gate.inside == 0
    await gate.enter(INTERACTIVE, FOREVER)
