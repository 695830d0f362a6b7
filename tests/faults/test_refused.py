"""A server that goes down and comes back: what is repeated, and what is done once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from cubicasa_async import AsyncCubiCasa, RequestOptions
from cubicasa_async.errors import ConnectError, CubiCasaError, Outcome
from cubicasa_async.sandbox import Fault, Phase, Sandbox
from tests.faults.run import sockets
from tests.support.moments import VirtualTime
from tests.support.payloads import DRAFT
from tests.support.waiting import until

LONG = 600.0
ROW: dict[str, Any] = {**DRAFT, "external_id": "E-1"}
NEXT: dict[str, Any] = {**ROW, "external_id": "E-2"}
RETRIES = RequestOptions(retries=5)


class Outage(VirtualTime):
    """Time in which the server is back after some of the client's waits."""

    def __init__(self, sandbox: Sandbox, waits: int) -> None:
        super().__init__()
        self._sandbox, self._waits = sandbox, waits

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds)
        if len(self.slept) == self._waits:
            self._sandbox.recover()


@pytest.fixture
def outage(sandbox: Sandbox) -> Outage:
    """One that is over after the second wait."""
    return Outage(sandbox, waits=2)


@pytest.fixture
async def client(sandbox: Sandbox, outage: Outage) -> AsyncIterator[AsyncCubiCasa]:
    async with AsyncCubiCasa(
        sandbox.api_key, base_url=sandbox.base_url, runtime=outage.runtime, options=RETRIES
    ) as client:
        yield client


async def take_down(sandbox: Sandbox, client: AsyncCubiCasa) -> None:
    sandbox.faults.add(Fault("refuse", operation="company.info", seconds=LONG, times=1))
    with pytest.raises(CubiCasaError):
        await client.company.info(options=RequestOptions(retries=0))


async def test_a_read_is_repeated_until_the_server_is_back(
    sandbox: Sandbox, client: AsyncCubiCasa, outage: Outage
) -> None:
    made = sandbox.world.add_order()
    sandbox.faults.add(Fault("refuse", seconds=LONG, times=1))
    assert (await client.orders.get(made.id)).id == made.id
    # The first was cut, the second refused: that one no server has seen.
    assert [entry.status for entry in sandbox.ledger] == [None, 200]
    assert len(outage.slept) == 2


async def test_a_create_that_is_refused_is_not_sent(
    sandbox: Sandbox, client: AsyncCubiCasa
) -> None:
    await take_down(sandbox, client)
    with pytest.raises(ConnectError) as failed:
        await client.drafts.create(**ROW, options=RequestOptions(retries=0))
    assert failed.value.outcome is Outcome.NOT_SENT
    assert sandbox.ledger.of("drafts.create") == []


async def test_a_create_that_is_refused_is_repeated_and_done_once(
    sandbox: Sandbox, client: AsyncCubiCasa, outage: Outage
) -> None:
    await take_down(sandbox, client)
    order = await client.drafts.create(**ROW)
    assert sandbox.ledger.by_external_id() == {"E-1": [order.id]}
    assert len(sandbox.ledger.of("drafts.create")) == 1
    assert len(outage.slept) == 2


@pytest.mark.parametrize(
    ("phase", "done"),
    [
        (Phase.BEFORE_READ, 0),
        (Phase.AFTER_READ, 0),
        (Phase.AFTER_COMMIT, 1),
        (Phase.MID_HEADERS, 1),
        (Phase.MID_BODY, 1),
    ],
)
async def test_a_create_that_was_cut_is_in_doubt_and_not_repeated(
    phase: Phase, done: int, sandbox: Sandbox, client: AsyncCubiCasa, outage: Outage
) -> None:
    sandbox.faults.add(Fault("refuse", phase=phase, seconds=LONG, times=1))
    with pytest.raises(CubiCasaError) as failed:
        await client.drafts.create(**ROW)
    assert failed.value.outcome is Outcome.UNKNOWN
    assert (len(failed.value.attempts), outage.slept) == (1, [])
    sandbox.recover()
    assert len(sandbox.ledger.created("drafts.create")) == done
    assert len(sandbox.ledger.of("drafts.create")) == 1


async def test_a_create_answered_just_before_the_end_is_done_and_the_next_waits_for_the_return(
    sandbox: Sandbox, client: AsyncCubiCasa
) -> None:
    sandbox.faults.add(Fault("refuse", phase="after_body", seconds=LONG, times=1))
    before = sockets()
    first = await client.drafts.create(**ROW)
    # What holds the port is new; the connection is gone when its end has arrived here, too.
    await until(lambda: len(sockets() - before) <= 1)
    second = await client.drafts.create(**NEXT)
    assert sandbox.ledger.by_external_id() == {"E-1": [first.id], "E-2": [second.id]}


async def _again_and_again(make: Callable[[], Awaitable[object]], sandbox: Sandbox) -> None:
    while True:
        try:
            await make()
        except CubiCasaError:
            sandbox.recover()
        else:
            return


async def test_control_who_repeats_what_is_in_doubt_does_it_twice(
    sandbox: Sandbox, client: AsyncCubiCasa
) -> None:
    sandbox.faults.add(Fault("refuse", phase="after_commit", seconds=LONG, times=1))
    await _again_and_again(lambda: client.drafts.create(**ROW), sandbox)
    assert len(sandbox.ledger.by_external_id()["E-1"]) == 2
