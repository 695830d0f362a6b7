"""One timer for all calls does what one for each would do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pytest

from cubicasa_async.core.alarm import Alarm
from tests.support.leaps import Leaps

SHORT, LONG = 60.0, 86_400.0


@pytest.fixture
async def alarm() -> AsyncGenerator[Alarm]:
    found = Alarm()
    yield found
    found.stop()


@asynccontextmanager
async def by_alarm(seconds: float) -> AsyncGenerator[None]:
    alarm = Alarm()
    try:
        with alarm.limit(seconds):
            yield
    finally:
        alarm.stop()


async def take(seconds: float, leaps: Leaps) -> None:
    """Let time pass, and then wait for more of it."""
    leaps.leap(seconds)
    await asyncio.sleep(LONG)


async def turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


both = pytest.mark.parametrize("limit", [by_alarm, asyncio.timeout], ids=["alarm", "asyncio"])


@both
async def test_what_takes_too_long_is_a_timeout(
    limit: Callable[[float], Any], leaps: Leaps
) -> None:
    with pytest.raises(TimeoutError):
        async with limit(SHORT):
            await take(SHORT, leaps)
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
    await asyncio.sleep(0)


@both
async def test_what_ends_in_time_is_left_alone(limit: Callable[[float], Any], leaps: Leaps) -> None:
    async with limit(SHORT):
        await asyncio.sleep(0)
    leaps.leap(3 * SHORT)
    await turns()


@both
async def test_an_error_goes_through(limit: Callable[[float], Any]) -> None:
    with pytest.raises(LookupError):
        async with limit(SHORT):
            raise LookupError


@both
async def test_cancelling_is_no_timeout(limit: Callable[[float], Any]) -> None:
    async def work() -> None:
        async with limit(LONG):
            await asyncio.sleep(LONG)

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert task.cancelled()


@both
async def test_cancelling_at_the_same_moment_is_no_timeout(
    limit: Callable[[float], Any], leaps: Leaps
) -> None:
    begun = asyncio.Event()

    async def work() -> None:
        async with limit(SHORT):
            begun.set()
            leaps.leap(SHORT)
            try:
                await asyncio.sleep(LONG)
            finally:
                task.cancel()  # the limit has passed, and somebody cancels the task as well

    task = asyncio.create_task(work())
    with pytest.raises(asyncio.CancelledError):
        await task
    assert begun.is_set()


@both
async def test_a_limit_within_a_longer_one_is_the_one_that_ends(
    limit: Callable[[float], Any], leaps: Leaps
) -> None:
    async with limit(LONG):
        with pytest.raises(TimeoutError):
            async with limit(SHORT):
                await take(SHORT, leaps)
        await asyncio.sleep(0)


async def test_each_of_many_ends_at_its_own_time_whatever_their_order(
    alarm: Alarm, leaps: Leaps
) -> None:
    ended: list[float] = []

    async def work(seconds: float) -> None:
        with pytest.raises(TimeoutError), alarm.limit(seconds):
            await asyncio.sleep(LONG)
        ended.append(seconds)

    times = [5 * SHORT, SHORT, 3 * SHORT, 2 * SHORT, 4 * SHORT]
    tasks = [asyncio.create_task(work(seconds)) for seconds in times]
    await turns()
    for number in range(6):
        assert ended == sorted(times)[:number]
        leaps.leap(SHORT)
        await turns()
    await asyncio.gather(*tasks)


async def test_many_that_end_in_time_need_one_timer(
    alarm: Alarm, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_timers: list[float] = []
    loop = asyncio.get_running_loop()
    call_at = loop.call_at

    def count(when: float, *rest: Any, **more: Any) -> asyncio.TimerHandle:
        set_timers.append(when)
        return call_at(when, *rest, **more)

    monkeypatch.setattr(loop, "call_at", count)
    for _ in range(100):
        with alarm.limit(LONG):
            pass
    assert len(set_timers) == 1


async def test_a_limit_after_the_timer_found_nothing_to_end_is_kept(
    alarm: Alarm, leaps: Leaps
) -> None:
    with alarm.limit(SHORT):
        pass
    leaps.leap(3 * SHORT)
    await turns()
    with pytest.raises(TimeoutError), alarm.limit(SHORT):
        await take(SHORT, leaps)


async def test_a_limit_that_is_over_already_ends_at_once(alarm: Alarm) -> None:
    with pytest.raises(TimeoutError), alarm.limit(-1):
        await asyncio.sleep(LONG)


async def test_stopped_it_ends_nothing(alarm: Alarm, leaps: Leaps) -> None:
    with alarm.limit(SHORT):
        alarm.stop()
        leaps.leap(3 * SHORT)
        await turns()


async def test_it_needs_a_task(alarm: Alarm) -> None:
    failed: asyncio.Future[BaseException] = asyncio.get_running_loop().create_future()

    def enter() -> None:
        try:
            alarm.limit(LONG).__enter__()
        except RuntimeError as exc:
            failed.set_result(exc)

    asyncio.get_running_loop().call_soon(enter)
    assert "needs a task" in str(await failed)


async def test_control_a_limit_that_swallows_a_cancellation_is_found_out() -> None:
    @contextmanager
    def careless() -> Generator[None]:
        try:
            yield
        except asyncio.CancelledError:
            raise TimeoutError from None

    async def work() -> None:
        with careless():
            await asyncio.sleep(LONG)

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(TimeoutError):
        await task
