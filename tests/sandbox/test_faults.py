from __future__ import annotations

import asyncio
import gzip
import json
from typing import Any

import aiohttp
import pytest

from cubicasa_async.sandbox import Fault, Kind, Phase, Sandbox
from tests.support.leaps import Leaps

from .support import Caller, draft, raw_call, until

LOST = (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError, aiohttp.ClientPayloadError)
DONE = (Phase.AFTER_COMMIT, Phase.MID_HEADERS, Phase.MID_BODY, Phase.AFTER_BODY)


async def create(call: Caller, **fields: Any) -> Any:
    return await call("POST", "/orders/draft", draft(external_id="E-1", **fields))


async def still_answers(sandbox: Sandbox) -> None:
    async with aiohttp.ClientSession() as session:
        assert (await create(Caller(session, sandbox))).status == 200


@pytest.mark.parametrize("phase", Phase)
@pytest.mark.parametrize("kind", [Kind.DROP, Kind.RESET])
async def test_the_ledger_tells_the_truth_when_the_connection_ends(
    kind: Kind, phase: Phase, call: Caller
) -> None:
    call.sandbox.faults.add(Fault(kind, phase=phase, times=1))
    if phase is Phase.AFTER_BODY:
        assert (await create(call)).status == 200
    else:
        with pytest.raises(LOST):
            await create(call)
    (entry,) = call.sandbox.ledger
    made = [order.id for order in call.sandbox.world.orders]
    assert len(made) == (phase in DONE)
    assert (entry.committed, entry.created) == (phase in DONE, made)
    assert entry.read == (phase is not Phase.BEFORE_READ)
    assert (entry.body is None) == (phase is Phase.BEFORE_READ)
    assert entry.status == (200 if phase in (Phase.MID_BODY, Phase.AFTER_BODY) else None)
    assert entry.fault is not None
    assert entry.fault.kind is kind
    assert call.sandbox.ledger.by_external_id() == ({"E-1": made} if made else {})
    await still_answers(call.sandbox)


@pytest.mark.parametrize("phase", [Phase.AFTER_READ, Phase.AFTER_COMMIT])
async def test_a_drop_is_an_orderly_end_and_a_reset_is_none(phase: Phase, sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault("drop", phase=phase, times=1), Fault("reset", phase=phase))
    dropped = await raw_call(sandbox, "POST", "/orders/draft", draft())
    reset = await raw_call(sandbox, "POST", "/orders/draft", draft())
    assert (dropped.content, dropped.reset) == (b"", False)
    assert (reset.content, reset.reset) == (b"", True)


async def test_half_a_header_block_and_half_a_body(sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault("drop", phase="mid_headers", times=1), Fault("cut"))
    headers = await raw_call(sandbox, "POST", "/orders/draft", draft())
    assert headers.content.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"\r\n\r\n" not in headers.content
    head, _, body = (await raw_call(sandbox, "POST", "/orders/draft", draft())).content.partition(
        b"\r\n\r\n"
    )
    (length,) = [line for line in head.split(b"\r\n") if line.startswith(b"Content-Length")]
    assert 0 < len(body) < int(length.split()[1])
    assert [entry.committed for entry in sandbox.ledger] == [True, True]


async def test_a_cut_body_reaches_the_client_as_cut(call: Caller) -> None:
    call.sandbox.faults.add(Fault("cut"))
    with pytest.raises(aiohttp.ClientPayloadError):
        await create(call)
    assert len(call.sandbox.ledger.created("drafts.create")) == 1


@pytest.mark.parametrize("phase", Phase)
async def test_a_stall_is_silent_until_the_client_leaves(phase: Phase, call: Caller) -> None:
    call.sandbox.faults.add(Fault("stall", phase=phase, times=1))
    task = asyncio.create_task(create(call))
    await until(lambda: call.sandbox.faults.hits)
    await until(lambda: phase not in DONE or call.sandbox.ledger.committed())
    if phase is Phase.AFTER_BODY:
        assert (await task).status == 200
    else:
        await asyncio.sleep(0.05)
        assert not task.done()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert call.sandbox.ledger[0].committed == (phase in DONE)
    await still_answers(call.sandbox)


async def test_a_stall_of_some_seconds_ends_without_an_answer(call: Caller) -> None:
    call.sandbox.faults.add(Fault("stall", phase="after_commit", seconds=0.05))
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await create(call)
    assert call.sandbox.ledger[0].committed is True


@pytest.mark.parametrize("phase", [one for one in Phase if one is not Phase.AFTER_BODY])
async def test_a_delay_goes_on_as_if_nothing_had_been(phase: Phase, call: Caller) -> None:
    call.sandbox.faults.add(Fault("delay", phase=phase, seconds=0.05, times=1))
    start = asyncio.get_running_loop().time()
    reply = await create(call)
    assert asyncio.get_running_loop().time() - start >= 0.05
    assert reply.status == 200
    assert reply.json["info"]["external_id"] == "E-1"
    assert call.sandbox.ledger[0].status == 200
    assert len(call.sandbox.world.orders) == 1


async def test_a_delay_after_the_answer_does_not_hold_it_up(call: Caller) -> None:
    call.sandbox.faults.add(Fault("delay", phase="after_body", seconds=3600, times=1))
    reply = await create(call)
    assert (reply.status, reply.json["info"]["external_id"]) == (200, "E-1")
    assert call.sandbox.ledger[0].status == 200
    assert len(call.sandbox.world.orders) == 1


async def test_what_was_read_is_done_though_the_client_has_left(call: Caller, leaps: Leaps) -> None:
    call.sandbox.faults.add(Fault("delay", phase="after_read", seconds=3600))
    task = asyncio.create_task(create(call))
    await until(lambda: call.sandbox.ledger and call.sandbox.ledger[0].read)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await until(lambda: connections(call.sandbox) == 0)
    assert not call.sandbox.ledger.committed()
    leaps.leap(3600)
    await until(call.sandbox.ledger.committed)
    assert call.sandbox.ledger[0].status is None


def connections(sandbox: Sandbox) -> int:
    """How many the server takes for open."""
    server: Any = sandbox._listener._server  # pyright: ignore[reportPrivateUsage] # what it sees
    return sum(one.transport is not None for one in server.connections)


@pytest.mark.parametrize("phase", [Phase.BEFORE_READ, Phase.AFTER_READ, Phase.AFTER_COMMIT])
async def test_a_status_replaces_the_answer(phase: Phase, call: Caller) -> None:
    call.sandbox.faults.add(
        Fault(
            "status",
            phase=phase,
            status=429,
            retry_after="Wed, 21 Oct 2015 07:28:00 GMT",
            headers={"x-more": "1"},
            times=1,
        )
    )
    reply = await create(call, info="x" * 500_000)
    assert reply.status == 429
    assert reply.headers["Retry-After"] == "Wed, 21 Oct 2015 07:28:00 GMT"
    assert reply.headers["x-more"] == "1"
    assert reply.json["message"]
    (entry,) = call.sandbox.ledger
    assert (entry.status, entry.committed) == (429, phase is Phase.AFTER_COMMIT)
    assert (await create(call)).status == 200


async def test_a_502_in_html_after_the_effect(call: Caller) -> None:
    page = "<h1>Bad gateway</h1>"
    call.sandbox.faults.add(Fault("status", status=502, phase="after_commit", html=page))
    reply = await create(call)
    assert (reply.status, reply.content) == (502, page.encode())
    assert reply.headers["Content-Type"].startswith("text/html")
    assert len(call.sandbox.world.orders) == 1


async def test_html_body_and_redirect(call: Caller) -> None:
    call.sandbox.faults.add(
        Fault("html", times=1),
        Fault("body", body={"message": "no id"}, times=1),
        Fault("redirect", location="https://elsewhere.example.test/", times=1),
        Fault("redirect", location="/other", status=302, times=1),
    )
    html, body, redirect, found = [await create(call) for _ in range(4)]
    assert (html.status, html.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert (body.status, body.json) == (200, {"message": "no id"})
    assert (redirect.status, redirect.headers["Location"]) == (
        307,
        "https://elsewhere.example.test/",
    )
    assert (found.status, found.headers["Location"]) == (302, "/other")
    assert [entry.committed for entry in call.sandbox.ledger] == [False, True, False, False]


@pytest.mark.parametrize(
    "phase", [Phase.BEFORE_READ, Phase.AFTER_READ, Phase.AFTER_COMMIT, Phase.MID_BODY]
)
async def test_garbage_is_not_http(phase: Phase, call: Caller) -> None:
    call.sandbox.faults.add(Fault("garbage", phase=phase))
    with pytest.raises((aiohttp.ClientResponseError, aiohttp.ClientPayloadError, *LOST)):
        await create(call)
    assert call.sandbox.ledger[0].committed == (phase in DONE)


async def test_a_duplicate_is_done_twice_and_answered_once(call: Caller) -> None:
    call.sandbox.faults.add(Fault("duplicate"))
    reply = await create(call)
    (entry,) = call.sandbox.ledger
    assert entry.created[0] == reply.json["id"]
    assert sorted(entry.created) == sorted(order.id for order in call.sandbox.world.orders)
    assert len(call.sandbox.ledger.by_external_id()["E-1"]) == 2


@pytest.mark.parametrize("phase", [Phase.MID_HEADERS, Phase.MID_BODY])
async def test_a_drip_comes_whole_and_slowly(phase: Phase, call: Caller) -> None:
    call.sandbox.faults.add(Fault("drip", phase=phase, seconds=0.001))
    start = asyncio.get_running_loop().time()
    reply = await call("DELETE", "/companies/webhook")
    assert asyncio.get_running_loop().time() - start >= 0.001 * (len(reply.content) - 1)
    assert reply.json["message"]
    assert call.sandbox.ledger[0].status == 200


async def test_a_bomb_is_small_and_inflates(sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault("bomb", size=3_000_000, times=1))
    reply = await raw_call(sandbox, "GET", "/orders", last=True)
    head, _, body = reply.content.partition(b"\r\n\r\n")
    assert b"Content-Encoding: gzip" in head
    assert len(body) < 10_000
    inflated = gzip.decompress(body)
    assert len(inflated) == 3_000_000
    assert json.loads(inflated) == {}


async def test_a_fault_hits_paths_that_do_not_exist_too(call: Caller) -> None:
    call.sandbox.faults.add(Fault("status", path="/nothing*", status=500))
    assert (await call("GET", "/nothing/at/all")).status == 500
    assert (await call("GET", "/orders")).status == 200


async def test_faults_are_silent(sandbox: Sandbox, capfd: pytest.CaptureFixture[str]) -> None:
    for kind in Kind:
        if kind is not Kind.STALL:
            sandbox.faults.clear()
            sandbox.faults.add(Fault(kind, seconds=0, location="/", size=10))
            await raw_call(sandbox, "POST", "/orders/draft", draft(), last=True)
            sandbox.recover()
    assert len(sandbox.faults.hits) == len(Kind) - 1
    assert capfd.readouterr() == ("", "")
