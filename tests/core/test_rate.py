"""How the gate answers refusals for being too many: a pause for all, then fewer per second."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cubicasa_async.core.limits import Gate, Priority
from cubicasa_async.errors import QueueTimeoutError
from tests.support.moments import VirtualTime

FOREVER = float("inf")


async def passes(gate: Gate, moments: VirtualTime, times: int, every: float) -> None:
    for _ in range(times):
        await gate.enter(Priority.BULK, FOREVER)
        gate.leave()
        moments.now += every


async def test_without_a_refusal_nothing_limits_the_rate(moments: VirtualTime) -> None:
    gate = Gate(5, moments.runtime)
    await passes(gate, moments, 100, 0.0)
    gate.speed_up()
    assert gate.rate is None
    assert moments.now == 0.0


async def test_a_refusal_pauses_all_and_cuts_the_rate_below_the_one_that_was_refused(
    moments: VirtualTime,
) -> None:
    gate = Gate(5, moments.runtime)
    await passes(gate, moments, 20, 0.1)  # ten calls a second
    refused_at = moments.now
    gate.slow_down(refused_at + 3.0)
    assert gate.rate is not None
    assert 6.0 < gate.rate < 8.0
    await passes(gate, moments, 1, 0.0)
    assert moments.now == refused_at + 3.0
    begun = moments.now
    await passes(gate, moments, 14, 0.0)
    assert 14 / (moments.now - begun) < 8.0


async def test_refusals_of_calls_that_began_together_count_as_one(moments: VirtualTime) -> None:
    gate = Gate(50, moments.runtime)
    await passes(gate, moments, 20, 0.1)
    gate.slow_down(moments.now + 1.0)
    once = gate.rate
    for _ in range(10):
        gate.slow_down(moments.now + 1.0)
    assert gate.rate == once


async def test_successes_raise_the_rate_until_nothing_limits_it(moments: VirtualTime) -> None:
    gate = Gate(5, moments.runtime)
    await passes(gate, moments, 20, 0.1)
    gate.slow_down(moments.now)
    rates: list[float] = []
    while gate.rate is not None:
        rates.append(gate.rate)
        gate.speed_up()
    assert rates == sorted(rates)
    assert 10 < len(rates) < 200


async def test_at_a_limited_rate_interactive_calls_still_come_first(moments: VirtualTime) -> None:
    gate = Gate(5, moments.runtime)
    await passes(gate, moments, 20, 0.1)
    gate.slow_down(moments.now + 1.0)
    entered: list[str] = []

    async def call(name: str, priority: Priority) -> None:
        await gate.enter(priority, FOREVER)
        entered.append(name)
        gate.leave()

    async with asyncio.TaskGroup() as group:
        for number in range(3):
            group.create_task(call(f"b{number}", Priority.BULK))
        group.create_task(call("i", Priority.INTERACTIVE))
    assert entered == ["i", "b0", "b1", "b2"]


async def test_a_pause_that_begins_later_turns_those_away_who_cannot_wait_that_long(
    moments: VirtualTime,
) -> None:
    gate = Gate(1, moments.runtime)
    await gate.enter(Priority.BULK, FOREVER)
    waiting = asyncio.create_task(gate.enter(Priority.BULK, 10.0))
    await asyncio.sleep(0)
    gate.slow_down(60.0)
    with pytest.raises(QueueTimeoutError) as caught:
        await waiting
    assert caught.value.retry_at is not None
    gate.leave()
    assert gate.inside == 0


@given(st.lists(st.sampled_from(["pass", "refused", "success", "cancel"]), max_size=40))
def test_whatever_happens_a_later_call_gets_in_and_no_task_is_left(events: list[str]) -> None:
    async def main() -> None:
        moments = VirtualTime()
        gate = Gate(2, moments.runtime)
        for event in events:
            match event:
                case "pass":
                    await passes(gate, moments, 1, 0.01)
                case "refused":
                    gate.slow_down(moments.now + 0.5)
                case "success":
                    gate.speed_up()
                case _:
                    task = asyncio.create_task(gate.enter(Priority.BULK, FOREVER))
                    await asyncio.sleep(0)
                    if not task.cancel():
                        gate.leave()
                    await asyncio.wait([task])
        await asyncio.wait_for(gate.enter(Priority.INTERACTIVE, FOREVER), 600)
        gate.leave()
        assert gate.inside == 0
        await asyncio.sleep(0)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(main())
