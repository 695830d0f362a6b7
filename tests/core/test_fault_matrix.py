"""Every fault at every point of a call of every effect, over real connections."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest

from cubicasa_async import AsyncCubiCasa, Effect, RequestOptions
from cubicasa_async.errors import CubiCasaError, Outcome
from cubicasa_async.sandbox import Fault, Kind, Phase, Sandbox
from tests.support.calls import CALLS, CREATE, PURCHASE, REPLACE, Call, judge
from tests.support.payloads import DRAFT

BREAKS = [
    Fault(kind, phase=phase)
    for kind in (Kind.DROP, Kind.RESET)
    for phase in Phase
    if phase is not Phase.AFTER_BODY
]
STALLS = [
    Fault(Kind.STALL, phase=phase)
    for phase in (Phase.AFTER_READ, Phase.AFTER_COMMIT, Phase.MID_HEADERS, Phase.MID_BODY)
]
NONSENSE = [
    Fault(Kind.CUT),
    *(
        Fault(Kind.GARBAGE, phase=phase)
        for phase in (Phase.BEFORE_READ, Phase.AFTER_READ, Phase.AFTER_COMMIT, Phase.MID_BODY)
    ),
    *(Fault(Kind.HTML, phase=phase) for phase in (Phase.AFTER_READ, Phase.AFTER_COMMIT)),
    Fault(Kind.BODY, body={}),
    Fault(Kind.BODY, body={"id": None}),
    Fault(Kind.BODY, body=[]),
    Fault(Kind.BOMB, size=2_000_000),
]
REFUSALS = [
    *(
        Fault(Kind.STATUS, status=status)
        for status in (400, 401, 403, 404, 409, 418, 422, 429, 503)
    ),
    Fault(Kind.REDIRECT, status=307, location="/"),
    Fault(Kind.REDIRECT, status=308, location="/"),
]
DOUBTS = [
    *(
        Fault(Kind.STATUS, status=status, phase=phase)
        for status in (500, 502, 504)
        for phase in (Phase.AFTER_READ, Phase.AFTER_COMMIT)
    ),
    Fault(Kind.STATUS, status=500, html="<h1>Oops</h1>", phase=Phase.AFTER_COMMIT),
    Fault(Kind.REDIRECT, status=302, location="/", phase=Phase.AFTER_COMMIT),
    Fault(Kind.REDIRECT, status=303, location="/", phase=Phase.AFTER_COMMIT),
]
FAULTS = [*BREAKS, *STALLS, *NONSENSE, *REFUSALS, *DOUBTS]

SHORT = RequestOptions(timeout=20.0, retries=1)

pytestmark = pytest.mark.usefixtures("leaps")


@pytest.fixture
def client(bounded: AsyncCubiCasa) -> AsyncCubiCasa:
    return bounded


def named(value: object) -> str:
    if not isinstance(value, Fault):
        return str(value)
    status = value.status if value.kind in (Kind.STATUS, Kind.REDIRECT) else ""
    body = value.body if value.kind is Kind.BODY else ""
    return f"{value.kind}{status}{body}-{value.phase}".replace(" ", "")


def options(fault: Fault) -> RequestOptions | None:
    return SHORT if fault.kind is Kind.STALL else None


@pytest.mark.parametrize("fault", FAULTS, ids=named)
@pytest.mark.parametrize("call", CALLS, ids=str)
async def test_the_error_agrees_with_what_the_server_did(
    call: Call, fault: Fault, client: AsyncCubiCasa, sandbox: Sandbox
) -> None:
    verdict = await judge(call, client, sandbox, fault, options=options(fault))
    assert verdict.error is not None
    assert verdict.lies() == []
    assert verdict.error.operation == call.operation


@pytest.mark.parametrize("fault", FAULTS, ids=named)
@pytest.mark.parametrize("call", CALLS, ids=str)
async def test_after_one_fault_a_call_ends_well_wherever_a_repeat_is_safe(
    call: Call, fault: Fault, client: AsyncCubiCasa, sandbox: Sandbox
) -> None:
    once = Fault.from_json({**fault.to_json(), "times": 1})
    verdict = await judge(call, client, sandbox, once, options=options(fault))
    assert verdict.lies() == []
    passing = fault in BREAKS + STALLS or fault.kind in (Kind.CUT, Kind.GARBAGE)
    passing = passing or (fault.kind is Kind.STATUS and fault.status >= 500)
    refused_for_now = fault.kind is Kind.STATUS and fault.status in (429, 503)
    safe = {
        Effect.READ: passing or refused_for_now,
        Effect.REPLACE: passing or refused_for_now,
        Effect.CREATE: refused_for_now,
        Effect.PURCHASE: False,
    }[call.effect]
    assert (verdict.error is None) == safe


@pytest.mark.parametrize("fault", FAULTS, ids=named)
async def test_a_failed_call_leaves_a_client_that_works(
    fault: Fault, sandbox: Sandbox, client: AsyncCubiCasa
) -> None:
    await judge(CREATE, client, sandbox, fault, options=options(fault))
    sandbox.faults.clear()
    order = sandbox.world.add_order()
    again = RequestOptions(deadline=200_000.0)
    assert (await client.orders.get(order.id, options=again)).id == order.id


@pytest.mark.parametrize("call", CALLS, ids=str)
async def test_a_connection_dropped_after_the_whole_answer_does_no_harm(
    call: Call, client: AsyncCubiCasa, sandbox: Sandbox
) -> None:
    verdict = await judge(call, client, sandbox, Fault(Kind.DROP, phase=Phase.AFTER_BODY))
    assert verdict.error is None
    assert verdict.lies() == []


@pytest.mark.parametrize(
    "last",
    [
        Fault(Kind.STATUS, status=503),
        Fault(Kind.STATUS, status=404),
        Fault(Kind.STATUS, status=429),
    ],
    ids=named,
)
async def test_a_refusal_of_the_repeat_does_not_undo_the_doubt_about_the_first_attempt(
    last: Fault, client: AsyncCubiCasa, sandbox: Sandbox
) -> None:
    lost = Fault(Kind.DROP, phase=Phase.AFTER_COMMIT, times=1)
    verdict = await judge(REPLACE, client, sandbox, lost, last)
    assert verdict.lies() == []
    assert verdict.error is not None
    assert verdict.error.outcome is Outcome.UNKNOWN
    assert [attempt.outcome for attempt in verdict.error.attempts[:2]] == [
        Outcome.UNKNOWN,
        Outcome.REFUSED,
    ]


async def naive_create(sandbox: Sandbox) -> None:
    """What is often written: repeat whatever failed, as long as it fails."""
    headers = {"api-key": sandbox.api_key}
    async with aiohttp.ClientSession(headers=headers) as session:
        for _ in range(3):
            try:
                async with asyncio.timeout(20.0):
                    async with session.post(f"{sandbox.base_url}/orders/draft", json=DRAFT) as got:
                        got.raise_for_status()
                        (await got.json())["id"]
                        return
            except (aiohttp.ClientError, OSError, TimeoutError, ValueError, LookupError, TypeError):
                continue


async def test_control_a_naive_client_creates_twice_under_the_same_faults() -> None:
    doubled: set[str] = set()
    for fault in FAULTS:
        if fault.kind is Kind.BOMB:
            continue
        async with Sandbox() as sandbox:
            sandbox.faults.add(Fault.from_json({**fault.to_json(), "times": 1}))
            await naive_create(sandbox)
            if len(sandbox.ledger.committed("drafts.create")) > 1:
                doubled.add(named(fault))
    assert doubled >= {"drop-after_commit", "stall-mid_body", "html-after_commit", "cut-mid_body"}
    assert "status500-after_commit" in doubled


@pytest.mark.parametrize("call", [CREATE, PURCHASE], ids=str)
async def test_cancelling_at_any_step_sends_nothing_more_and_leaves_a_client_that_works(
    call: Call, sandbox: Sandbox
) -> None:
    for step in range(40):
        sandbox.reset()
        order = sandbox.world.add_order(status=call.status)
        async with AsyncCubiCasa(sandbox.api_key, base_url=sandbox.base_url) as client:
            task = asyncio.ensure_future(call.make(client, order.id, None))
            for _ in range(step):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            assert task.cancelled() or task.exception() is None
            await call.make(client, order.id, None)
        assert len(sandbox.ledger.committed(call.operation)) <= 2
        assert len(sandbox.ledger.of(call.operation)) <= 2


async def test_a_wrong_key_is_refused_once_and_said_so(sandbox: Sandbox) -> None:
    async with AsyncCubiCasa("another-key", base_url=sandbox.base_url) as client:
        with pytest.raises(CubiCasaError, match="the api key was refused") as caught:
            await client.orders.get("x")
    assert caught.value.outcome is Outcome.REFUSED
    assert len(sandbox.ledger) == 1
