"""A fault that takes the server down for a while, as the clients of its port see it."""

from __future__ import annotations

import asyncio
import errno
import socket
import sys

import aiohttp
import pytest

from cubicasa_async.sandbox import Entry, Fault, Phase, Sandbox
from tests.faults.run import leaving_nothing
from tests.support.leaps import Leaps

from .support import Caller, draft, until

LONG = 600.0
QUIET = "127.0.0.3" if sys.platform == "linux" else "127.0.0.1"
"""Where nobody else is given a port meanwhile."""

CUT = (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError, aiohttp.ClientPayloadError)
DONE = (Phase.AFTER_COMMIT, Phase.MID_HEADERS, Phase.MID_BODY, Phase.AFTER_BODY)


def address(sandbox: Sandbox) -> tuple[str, int]:
    host, _, port = sandbox.origin.removeprefix("http://").rpartition(":")
    return host.strip("[]"), int(port)


async def refused(sandbox: Sandbox) -> bool:
    """Whether nobody listens on the port."""
    try:
        _, writer = await asyncio.open_connection(*address(sandbox))
    except ConnectionRefusedError:
        return True
    writer.close()
    await asyncio.gather(writer.wait_closed(), return_exceptions=True)
    return False


async def until_down(sandbox: Sandbox) -> None:
    while not await refused(sandbox):  # noqa: ASYNC110 # a port has no event
        await asyncio.sleep(0.001)


async def until_back(sandbox: Sandbox) -> None:
    while await refused(sandbox):  # noqa: ASYNC110 # a port has no event
        await asyncio.sleep(0.001)


async def struck(call: Caller, phase: Phase, path: str, body: object) -> None:
    """Make a call that is hit. No GET: aiohttp would repeat that by itself."""
    if phase is Phase.AFTER_BODY:
        assert (await call("POST", path, body)).status == 200
    else:
        with pytest.raises(CUT):
            await call("POST", path, body)


async def take_down(call: Caller, seconds: float = LONG, phase: Phase = Phase.AFTER_READ) -> Entry:
    fault = Fault("refuse", path="/offices", phase=phase, seconds=seconds, times=1)
    call.sandbox.faults.add(fault)
    await struck(call, phase, "/offices", {"name": "Any"})
    return call.sandbox.ledger[-1]


@pytest.mark.parametrize("phase", Phase)
async def test_in_each_phase_it_cuts_and_refuses_until_it_is_back(
    phase: Phase, call: Caller
) -> None:
    sandbox, before = call.sandbox, address(call.sandbox)
    sandbox.faults.add(Fault("refuse", phase=phase, seconds=LONG, times=1))
    await struck(call, phase, "/orders/draft", draft(external_id="E-1"))
    await until_down(sandbox)
    for _ in range(2):
        with pytest.raises(aiohttp.ClientConnectorError) as failed:
            await call("POST", "/orders/draft", draft())
        assert failed.value.os_error.errno == errno.ECONNREFUSED
    (entry,) = sandbox.ledger
    made = [order.id for order in sandbox.world.orders]
    assert (entry.committed, entry.created) == (phase in DONE, made)
    assert len(made) == (phase in DONE)
    assert entry.read == (phase is not Phase.BEFORE_READ)
    assert entry.status == (200 if phase in (Phase.MID_BODY, Phase.AFTER_BODY) else None)
    assert entry.fault == sandbox.faults.hits[0].fault
    assert sandbox.ledger.by_external_id() == ({"E-1": made} if made else {})
    sandbox.recover()
    assert address(sandbox) == before
    assert (await call("POST", "/orders/draft", draft())).status == 200
    assert len(sandbox.world.orders) == 1 + len(made)


async def test_it_is_back_by_itself_after_the_seconds_and_not_earlier(
    call: Caller, leaps: Leaps
) -> None:
    await take_down(call, LONG)
    assert await refused(call.sandbox)
    leaps.leap(LONG / 2)
    await asyncio.sleep(0.01)
    assert await refused(call.sandbox)
    leaps.leap(LONG / 2)
    await until_back(call.sandbox)
    assert (await call("GET", "/offices")).status == 200


async def test_no_seconds_are_a_restart(call: Caller) -> None:
    for _ in range(3):
        await take_down(call, 0)
        await until_back(call.sandbox)
    assert [entry.status for entry in call.sandbox.ledger] == [None] * 3


async def test_what_others_had_open_is_cut_and_what_was_held_is_not_done(
    sandbox: Sandbox, call: Caller
) -> None:
    idle, writer = await asyncio.open_connection(*address(sandbox))
    sandbox.faults.add(
        Fault("delay", operation="drafts.create", seconds=LONG),
        Fault("stall", operation="users.list"),
    )
    others = [
        asyncio.create_task(call("POST", "/orders/draft", draft())),
        asyncio.create_task(call("GET", "/users")),
    ]
    await until(lambda: len(sandbox.faults.hits) == 2)
    await take_down(call)
    assert all(isinstance(r, CUT) for r in await asyncio.gather(*others, return_exceptions=True))
    assert await idle.read() == b""
    writer.close()
    sandbox.recover()
    assert (await call("GET", "/orders")).json["items"] == []
    assert [(entry.status, entry.committed) for entry in sandbox.ledger[:3]] == [(None, False)] * 3


async def test_a_request_whose_body_is_still_coming_is_not_done(
    sandbox: Sandbox, call: Caller
) -> None:
    reader, writer = await asyncio.open_connection(*address(sandbox))
    writer.write(b"POST /api/integrate/v3/orders/draft HTTP/1.1\r\nHost: x\r\n")
    writer.write(f"api-key: {sandbox.api_key}\r\nContent-Length: 10\r\n\r\n{{".encode())
    await until(lambda: sandbox.ledger)
    await take_down(call)
    assert await reader.read() == b""
    writer.close()
    assert (sandbox.ledger[0].read, sandbox.ledger[0].committed) == (False, False)


async def test_nobody_else_can_take_the_port_meanwhile(call: Caller) -> None:
    await take_down(call)
    for host in ("127.0.0.1", ""):
        # What a server of somebody else does; on POSIX it asks to share what is not listened on.
        with pytest.raises(OSError, match="in use"):
            socket.create_server((host, address(call.sandbox)[1]))
    assert await refused(call.sandbox)
    call.sandbox.recover()
    assert (await call("GET", "/offices")).status == 200


async def test_control_a_closed_port_can_be_taken() -> None:
    async with Sandbox(host=QUIET) as sandbox:
        where = address(sandbox)
    socket.create_server(where).close()


async def test_two_that_hit_at_once_take_it_down_once(sandbox: Sandbox, call: Caller) -> None:
    sandbox.faults.add(Fault("refuse", operation="users.create", seconds=LONG, times=2))
    lines = [await asyncio.open_connection(*address(sandbox)) for _ in range(2)]
    for _, writer in lines:
        writer.write(b"POST /api/integrate/v3/users HTTP/1.1\r\nHost: x\r\n")
        writer.write(b"Content-Length: 2\r\n\r\n{")
    await until(lambda: len(sandbox.faults.hits) == 2)
    for _, writer in lines:
        writer.write(b"}")
    for reader, writer in lines:
        assert await ended(reader)
        writer.close()
    sandbox.recover()
    for _ in range(3):
        assert (await call("GET", "/users")).status == 200


async def ended(reader: asyncio.StreamReader) -> bool:
    """Wait until a connection is cut, in either way; whether nothing came before."""
    try:
        return await reader.read() == b""
    except ConnectionResetError:
        return True


async def test_a_reset_brings_it_back_at_once(sandbox: Sandbox, call: Caller) -> None:
    await take_down(call)
    sandbox.reset()
    assert (await call("GET", "/offices")).status == 200
    assert len(sandbox.ledger) == 1
    sandbox.reset()  # when there is nothing to come back from
    assert (await call("GET", "/offices")).status == 200
    assert len(sandbox.ledger) == 1


@pytest.mark.parametrize("waits", [LONG, 0])
async def test_closing_while_it_is_down_leaves_nothing_and_frees_the_port(waits: float) -> None:
    async with leaving_nothing() as problems:
        async with Sandbox(host=QUIET) as sandbox, aiohttp.ClientSession() as session:
            await take_down(Caller(session, sandbox), waits)
            where = address(sandbox)
        socket.create_server(where).close()
        async with sandbox, aiohttp.ClientSession() as session:
            assert (await Caller(session, sandbox)("GET", "/offices")).status == 200
    assert problems == []


@pytest.mark.parametrize("host", ["::1", "localhost"])
async def test_it_refuses_on_all_of_its_addresses(host: str) -> None:
    sandbox = Sandbox(host=host)
    try:
        await sandbox.start()
    except OSError:
        pytest.skip("there is no IPv6 here")
    try:
        async with aiohttp.ClientSession() as session:
            call = Caller(session, sandbox)
            await take_down(call)
            assert await refused(sandbox)
            sandbox.recover()
            assert (await call("GET", "/offices")).status == 200
    finally:
        await sandbox.close()


async def test_the_file_host_can_go_down_too(sandbox: Sandbox) -> None:
    host = sandbox.file_host
    host.faults.add(Fault("refuse", seconds=LONG, times=1))
    async with aiohttp.ClientSession() as session:
        with pytest.raises(CUT):
            await session.get(f"{host.origin}/a/1/b.pdf")
        with pytest.raises(aiohttp.ClientConnectorError):
            await session.get(f"{host.origin}/a/1/b.pdf")
        sandbox.reset()
        async with session.get(f"{host.origin}/a/1/b.pdf") as response:
            assert response.status == 200


async def test_it_is_asked_for_from_another_process_and_told_in_the_ledger(call: Caller) -> None:
    asked = {"kind": "refuse", "phase": "after_commit", "seconds": 0, "times": 1}
    added = await call("POST", "/_sandbox/faults", asked, headers={"x-sandbox": "1"})
    assert (added.json["fault"]["kind"], added.json["fault"]["seconds"]) == ("refuse", 0)
    with pytest.raises(CUT):
        await call("POST", "/orders/draft", draft())
    await until_back(call.sandbox)
    (entry,) = (await call("GET", "/_sandbox/ledger")).json["entries"]
    assert (entry["fault"]["kind"], entry["committed"], entry["status"]) == ("refuse", True, None)
