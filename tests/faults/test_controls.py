"""The judge of the matrix finds what it is there to find."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import attrs
import pytest

from cubicasa_async import Effect, RequestOptions
from cubicasa_async.core import policy
from cubicasa_async.core.endpoint import Effect as CoreEffect
from cubicasa_async.errors import CubiCasaError
from cubicasa_async.sandbox import Fault
from tests.faults.calls import Call, Client
from tests.faults.cells import Cell
from tests.faults.places import Place, raw, sandbox
from tests.faults.run import observe
from tests.faults.scripts import hang_up
from tests.support.canary import CANARY

LOST = Cell("Control", "FIN after the effect", sandbox(Fault("drop", phase="after_commit")))


async def test_a_client_that_repeats_whatever_failed_is_found_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def always(effect: CoreEffect, error: CubiCasaError) -> bool:
        return True

    monkeypatch.setattr(policy, "repeatable", always)
    problems = (await observe(LOST)).problems
    for face in ("AsyncCubiCasa", "CubiCasa"):
        assert f"create from {face}: done 2 times" in problems
        assert f"purchase from {face}: a purchase was sent 2 times" in problems


async def test_a_refusal_that_was_none_is_found_out() -> None:
    fault = Fault("status", status=409, phase="after_commit")
    problems = (await observe(Cell("Control", "409 after the effect", sandbox(fault)))).problems
    assert "create from AsyncCubiCasa: Outcome.REFUSED was reported and it was done" in problems


async def test_doubt_without_reason_is_found_out() -> None:
    @asynccontextmanager
    async def unseen(call: Call) -> AsyncGenerator[Place]:
        async with raw(hang_up)(call) as place:
            yield attrs.evolve(place, connections=int)

    problems = (await observe(Cell("Control", "nothing arrives", unseen))).problems
    assert "create from CubiCasa: doubt was reported and nothing was sent" in problems


async def test_what_is_left_behind_is_found_out(caplog: pytest.LogCaptureFixture) -> None:
    kept: list[Any] = []

    @asynccontextmanager
    async def careless(call: Call) -> AsyncGenerator[Place]:
        kept.append(socket.socket())
        kept.append(asyncio.create_task(asyncio.sleep(60)))
        logging.getLogger("careless").warning("something is amiss")
        async with raw(hang_up)(call) as place:
            yield place

    problems = (await observe(Cell("Control", "careless", careless, races=True), looks=3)).problems
    assert any(problem.startswith("sockets, tasks, threads: ") for problem in problems)
    assert any("something is amiss" in problem for problem in problems)
    caplog.clear()
    for thing in kept:
        thing.cancel() if isinstance(thing, asyncio.Task) else thing.close()


async def test_a_key_in_the_log_and_a_foreign_error_are_found_out() -> None:
    def foreign(client: Client, order_id: str, options: RequestOptions | None) -> Any:
        raise LookupError(CANARY)

    call = Call("read", Effect.READ, "orders.get", "Ready", foreign, LOST.read.good)
    problems = (await observe(attrs.evolve(LOST, read=call))).problems
    assert f"read from CubiCasa: LookupError('{CANARY}') is none of our errors" in problems
    assert "read from CubiCasa: the error shows the key" in problems
