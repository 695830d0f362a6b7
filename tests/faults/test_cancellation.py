"""Cancelling at every await, and leaving early: nothing of it stays behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Generator
from contextlib import aclosing, nullcontext
from pathlib import Path
from typing import Any, Final

import pytest

from cubicasa_async import AsyncCubiCasa, RequestOptions
from cubicasa_async.bulk import import_drafts
from cubicasa_async.sandbox import Fault, Sandbox
from tests.faults.calls import CALLS, CREATE, Call
from tests.faults.run import leaving_nothing
from tests.support.canary import CANARY
from tests.support.listings import listings, made, once

ONCE: Final = RequestOptions(retries=0, timeout=600.0, deadline=600.0)


class Interrupted:
    """Awaits something, and is cancelled as it waits for the n-th time."""

    def __init__(self, inner: Awaitable[object], at: int) -> None:
        self._inner = inner
        self._at = at
        self._waited = 0

    def __await__(self) -> Generator[Any, Any, None]:
        task, steps = asyncio.current_task(), self._inner.__await__()
        assert task is not None
        thrown: BaseException | None = None
        while True:
            try:
                pending = next(steps) if thrown is None else _throw(steps, thrown)
            except StopIteration:
                return
            finally:
                thrown = None
            self._waited += 1
            if self._waited == self._at:
                asyncio.get_running_loop().call_soon(task.cancel)
            try:
                yield pending
            except BaseException as exc:  # noqa: BLE001 # it is passed on
                thrown = exc


def _throw(steps: Any, exc: BaseException) -> Any:
    return steps.throw(exc)


async def interrupted(work: Awaitable[object], at: int) -> bool:
    """Whether it was cancelled before its end; anything but that is an error."""

    async def run() -> None:
        await Interrupted(work, at)

    task = asyncio.create_task(run())
    await asyncio.wait([task])
    if not task.cancelled():
        task.result()
    return task.cancelled()


async def check(client: AsyncCubiCasa, sandbox: Sandbox) -> None:
    """The only place of a client is free, and its connections carry no answer of another call."""
    order = sandbox.world.add_order()
    assert (await client.orders.get(order.id, options=ONCE)).id == order.id


@pytest.fixture
async def narrow(sandbox: Sandbox) -> AsyncIterator[AsyncCubiCasa]:
    """A client with a single place, closed before it is looked at what is left."""
    async with (
        leaving_nothing() as problems,
        AsyncCubiCasa(sandbox.api_key, base_url=sandbox.base_url, concurrency=1) as client,
    ):
        yield client
    assert problems == []


@pytest.mark.parametrize("cold", [False, True], ids=["warm", "cold"])
@pytest.mark.parametrize("call", CALLS, ids=str)
async def test_a_call_cancelled_at_any_await_is_not_repeated_and_gives_its_place_back(
    call: Call, cold: bool, narrow: AsyncCubiCasa, sandbox: Sandbox
) -> None:
    sandbox.world.combined_pdf_as_bytes = True
    in_parts = Fault("delay", phase="mid_body", seconds=0.005, operation=call.operation)
    at, going = 0, True
    while going:
        at += 1
        order = sandbox.world.add_order(status=call.status)
        sandbox.ledger.clear()
        sandbox.faults.add(in_parts)
        async with another(narrow) if cold else nullcontext(narrow) as client:
            going = await interrupted(call.make(client, order.id, None), at)
            entries = sandbox.ledger.of(call.operation)
            assert len(entries) <= 1
            if not going:
                assert len(entries) == 1
            sandbox.faults.clear()
            await check(client, sandbox)
    assert at > (3 if cold else 2)


def another(client: AsyncCubiCasa) -> AsyncCubiCasa:
    """A client like this one that has no connection yet."""
    config = client.config
    return AsyncCubiCasa(config.api_key, base_url=str(config.base_url), concurrency=1)


async def test_a_repeat_cancelled_at_any_await_is_the_last(
    narrow: AsyncCubiCasa, sandbox: Sandbox
) -> None:
    refused_once = Fault("status", status=503, times=1, operation="drafts.create")
    at, going = 0, True
    while going:
        at += 1
        sandbox.ledger.clear()
        sandbox.faults.add(refused_once)
        call = CREATE.make(narrow, "", RequestOptions(retries=1))
        going = await interrupted(call, at)
        assert len(sandbox.ledger.of("drafts.create")) <= 2
        assert len(sandbox.ledger.committed("drafts.create")) <= 1
        sandbox.faults.clear()
        await check(narrow, sandbox)
    assert at > 3


async def test_a_walk_cancelled_at_any_await_leaves_nothing(
    narrow: AsyncCubiCasa, sandbox: Sandbox
) -> None:
    sandbox.world.add_examples(25)

    async def walk() -> None:
        assert len([order async for order in narrow.orders.list(limit=10)]) >= 25

    at, going = 0, True
    while going:
        at += 1
        going = await interrupted(walk(), at)
        await check(narrow, sandbox)
    assert at > 3


@pytest.mark.parametrize("properly", [False, True], ids=["by break", "by aclose"])
async def test_a_walk_left_at_any_item_leaves_nothing(
    properly: bool, narrow: AsyncCubiCasa, sandbox: Sandbox
) -> None:
    sandbox.world.add_examples(25)
    for leave_after in range(1, 26):
        walk = narrow.orders.list(limit=10).items()
        if properly:
            async with aclosing(walk):
                await _take(walk, leave_after)
        else:
            await _take(walk, leave_after)
            del walk
        await check(narrow, sandbox)


async def _take(walk: AsyncGenerator[object], count: int) -> None:
    async for _ in walk:
        count -= 1
        if not count:
            break


@pytest.mark.parametrize("at", [*range(1, 8), *range(8, 40, 4)])
async def test_an_import_cancelled_at_any_await_is_taken_up_again_and_makes_nothing_twice(
    at: int, narrow: AsyncCubiCasa, sandbox: Sandbox, tmp_path: Path
) -> None:
    rows = listings(20)
    journal = tmp_path / "rows.journal"

    async def run() -> None:
        outcomes = import_drafts(narrow, rows, journal=journal, concurrency=4, settle=0.0)
        async with aclosing(outcomes):
            async for _ in outcomes:
                await asyncio.sleep(0)

    await interrupted(run(), at)
    await check(narrow, sandbox)
    await run()
    assert made(sandbox) == once(20)


@pytest.mark.parametrize("leave_after", [1, 2, 7, 19])
async def test_an_import_left_early_leaves_nothing_and_makes_nothing_twice(
    leave_after: int, narrow: AsyncCubiCasa, sandbox: Sandbox, tmp_path: Path
) -> None:
    async def run(count: int) -> None:
        outcomes = import_drafts(
            narrow, listings(20), journal=tmp_path / "rows.journal", concurrency=4, settle=0.0
        )
        async with aclosing(outcomes):
            await _take(outcomes, count)

    await run(leave_after)
    await check(narrow, sandbox)
    await run(1000)
    assert made(sandbox) == once(20)


async def test_control_a_call_that_hides_from_cancellation_is_seen(sandbox: Sandbox) -> None:
    async with AsyncCubiCasa(CANARY, base_url=sandbox.base_url, concurrency=1) as client:
        sandbox.faults.add(Fault("stall", operation="drafts.create"))
        hidden = asyncio.ensure_future(CREATE.make(client, "", None))
        assert await interrupted(asyncio.shield(hidden), 1)
        held = asyncio.create_task(check(client, sandbox))
        await asyncio.sleep(0.02)
        assert not held.done()
        hidden.cancel()
        await held
