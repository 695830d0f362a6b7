"""Many failures in a row wear nothing out."""

from __future__ import annotations

import asyncio
import itertools
import random
from typing import Final

import pytest

from cubicasa_async import AsyncCubiCasa, RequestOptions
from cubicasa_async.errors import CubiCasaError
from tests.faults.calls import CREATE, READ
from tests.faults.run import leaving_nothing, sockets
from tests.faults.server import FaultServer, Line
from tests.support.canary import CANARY

ONCE: Final = RequestOptions(retries=0, deadline=600.0)
NOT_FOUND: Final = b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}"
WAVE: Final = 100


class Patient:
    """Refuses, and hangs up in the middle of each fifth answer; until it is to answer well."""

    well = False

    async def __call__(self, line: Line) -> None:
        for number in itertools.count(1):
            await line.request(done=False)
            if self.well:
                await line.say(line.good.head() + line.good.body)
            elif number % 5:
                await line.say(NOT_FOUND)
            else:
                await line.say(NOT_FOUND[:30])
                return


async def _wave(client: AsyncCubiCasa, chance: random.Random) -> int:
    """A hundred calls that fail or are cancelled at any moment; gives how many were cancelled."""
    tasks: list[asyncio.Future[object]] = [
        asyncio.ensure_future(chance.choice([READ, CREATE]).make(client, "x", ONCE))
        for _ in range(WAVE)
    ]
    pending: set[asyncio.Future[object]] = set(tasks)
    while pending:
        for task in chance.sample(sorted(pending, key=id), k=min(2, len(pending))):
            if chance.random() < 0.7:
                task.cancel()
        for _ in range(chance.randrange(4)):
            await asyncio.sleep(0)
        _, pending = await asyncio.wait(pending, timeout=0)
    for task in tasks:
        assert task.cancelled() or isinstance(task.exception(), CubiCasaError)
    return sum(task.cancelled() for task in tasks)


async def _wear(calls: int) -> None:
    chance = random.Random(7)
    script = Patient()
    async with (
        leaving_nothing() as problems,
        FaultServer(script, READ.good) as server,
        AsyncCubiCasa(CANARY, base_url=server.base_url, concurrency=4) as client,
    ):
        cancelled, at_first = 0, sockets()
        for _ in range(calls // WAVE):
            cancelled += await _wave(client, chance)
            # A place each, at both ends, and what has not yet been taken note of.
            assert len(sockets() - at_first) < 50
        assert 0 < cancelled < calls
        script.well = True
        await asyncio.gather(
            *(client.orders.get("x", options=RequestOptions(deadline=600.0)) for _ in range(8))
        )
    assert problems == []


@pytest.mark.parametrize("calls", [2_000, pytest.param(200_000, marks=pytest.mark.soak)])
async def test_after_thousands_of_cancelled_or_failed_calls_the_next_succeed_at_once(
    calls: int,
) -> None:
    await _wear(calls)
