"""The life of connections: whose they are, what they carry, and when they end."""

from __future__ import annotations

import asyncio
import gc
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from cubicasa_async import AsyncCubiCasa, RequestOptions, Runtime
from cubicasa_async.errors import (
    ClientClosedError,
    ConfigError,
    ConnectError,
    CubiCasaError,
    Outcome,
    ResponseTooLargeError,
)
from cubicasa_async.sandbox import Fault, Sandbox
from tests.support.canary import CANARY
from tests.support.moments import VirtualTime
from tests.support.payloads import DRAFT, order
from tests.support.raw_server import SILENCE, RawServer, Reply, Then, answer

ONCE = RequestOptions(retries=0)
FOUND = answer(200, order())
NOWHERE = "https://nowhere.invalid/v3"


@pytest.fixture
def lasting_sandbox() -> Iterator[Sandbox]:
    """A sandbox on a loop of its own, in a thread, that outlives the loops of a test."""
    sandbox = Sandbox(CANARY)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(sandbox.start(), loop).result()
        yield sandbox
        asyncio.run_coroutine_threadsafe(sandbox.close(), loop).result()
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def test_one_client_serves_several_event_loops_in_turn(lasting_sandbox: Sandbox) -> None:
    made = lasting_sandbox.world.add_order()
    client = AsyncCubiCasa(CANARY, base_url=lasting_sandbox.base_url)

    async def main() -> str:
        return (await client.orders.get(made.id)).id

    assert [asyncio.run(main()) for _ in range(5)] == [made.id] * 5
    gc.collect()  # an unclosed connection would warn here, and a warning is an error
    asyncio.run(client.close())


def test_making_a_client_needs_no_loop_and_opens_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", refuse)
    assert not AsyncCubiCasa(CANARY).closed


async def test_connections_are_kept_and_used_again() -> None:
    async with RawServer(FOUND) as server:
        async with AsyncCubiCasa(CANARY, base_url=server.base_url) as client:
            for _ in range(3):
                await client.orders.get("x")
            await client.with_options(ONCE).drafts.create(**DRAFT)
        assert (len(server.requests), server.connections) == (4, 1)


async def test_closing_twice_is_fine_and_use_after_it_is_a_clear_error(sandbox: Sandbox) -> None:
    client = AsyncCubiCasa(CANARY, base_url=sandbox.base_url)
    derived = client.with_options(ONCE)
    await client.orders.list()
    await client.close()
    await client.close()
    assert client.closed
    assert derived.closed
    for one in (client, derived):
        with pytest.raises(ClientClosedError, match="The client is closed") as caught:
            await one.orders.get("x")
        assert caught.value.outcome is Outcome.NOT_SENT
    assert len(sandbox.ledger) == 1


async def test_closing_ends_a_call_under_way_and_says_what_is_known() -> None:
    async with RawServer(SILENCE) as server:
        client = AsyncCubiCasa(CANARY, base_url=server.base_url, concurrency=1)
        async with asyncio.TaskGroup() as group:
            sent = group.create_task(failure(client.drafts.create(**DRAFT)))
            await server.arrived.wait()
            queued = group.create_task(failure(client.drafts.create(**DRAFT)))
            await asyncio.sleep(0)
            await client.close()
    assert type(sent.result()) is type(queued.result()) is ClientClosedError
    assert sent.result().outcome is Outcome.UNKNOWN
    assert queued.result().outcome is Outcome.NOT_SENT
    assert len(server.requests) == 1


async def failure(call: object) -> CubiCasaError:
    with pytest.raises(CubiCasaError) as caught:
        await call  # type: ignore[misc] # any call
    return caught.value


async def test_closing_between_two_attempts_ends_the_call_and_opens_nothing_anew(
    sandbox: Sandbox,
) -> None:
    sandbox.faults.add(Fault("status", status=503))

    async def close_instead(_: float) -> None:
        await client.close()

    runtime = Runtime(sleep=close_instead)
    client = AsyncCubiCasa(CANARY, base_url=sandbox.base_url, runtime=runtime)
    error = await failure(client.orders.get("x"))
    assert type(error) is ClientClosedError
    assert len(sandbox.ledger) == 1
    assert [attempt.status for attempt in error.attempts] == [503, None]


async def test_a_session_of_the_users_lends_its_pool_and_nothing_else() -> None:
    foreign = {"X-Own": "1", "api-key": "another", "Authorization": "Basic x"}
    reply = answer(200, order(), {"Set-Cookie": "theirs=1"})
    async with RawServer(reply) as server:
        jar = aiohttp.CookieJar(unsafe=True)
        async with aiohttp.ClientSession(
            headers=foreign, cookies={"own": "1"}, cookie_jar=jar, base_url="http://127.0.0.1:1"
        ) as session:
            client = AsyncCubiCasa(CANARY, base_url=server.base_url, session=session)
            async with client:
                await client.orders.get("x")
                await client.drafts.create(**DRAFT)
            assert not session.closed
            async with session.get(server.base_url) as response:
                assert response.status == 200
        first, second, own = server.requests
        assert server.connections == 1
    for request in (first, second):
        assert request.headers["api-key"] == [CANARY]
        assert not {"x-own", "authorization", "cookie"} & request.headers.keys()
    assert own.headers["cookie"] == ["own=1"]


async def test_a_closed_session_of_the_users_is_a_clear_error() -> None:
    session = aiohttp.ClientSession()
    await session.close()
    async with AsyncCubiCasa(CANARY, base_url=NOWHERE, session=session) as client:
        with pytest.raises(ClientClosedError, match="session that was passed in is closed"):
            await client.orders.get("x")


def test_a_session_of_another_event_loop_is_a_clear_error() -> None:
    async def make() -> aiohttp.ClientSession:
        return aiohttp.ClientSession()

    elsewhere = asyncio.new_event_loop()
    session = elsewhere.run_until_complete(make())
    client = AsyncCubiCasa(CANARY, base_url=NOWHERE, session=session)
    error = asyncio.run(failure(client.drafts.create(**DRAFT)))
    assert isinstance(error, ConfigError)
    assert "belongs to another event loop" in str(error)
    assert len(error.attempts) == 1
    elsewhere.run_until_complete(session.close())
    elsewhere.close()


async def test_cookies_are_not_kept() -> None:
    async with RawServer(answer(200, order(), {"Set-Cookie": "a=1; Path=/"})) as server:
        base_url = server.base_url.replace("127.0.0.1", "localhost")  # a jar keeps none of a number
        async with AsyncCubiCasa(CANARY, base_url=base_url) as client:
            await client.orders.get("x")
            await client.orders.get("x")
        async with aiohttp.ClientSession() as control:
            for _ in range(2):
                async with control.get(base_url):
                    pass
        sent = [request.headers.get("cookie") for request in server.requests]
        assert sent == [None, None, None, ["a=1"]]


async def test_what_a_request_carries() -> None:
    async with RawServer(FOUND) as server:
        options = RequestOptions(headers={"X-Trace": "7"})
        client = AsyncCubiCasa(CANARY, base_url=server.base_url, options=options)
        async with client:
            await client.orders.get("x", options=RequestOptions(headers={"X-More": "8"}))
            await client.drafts.create(**DRAFT)
    read, create = server.requests
    assert (read.method, read.path) == ("GET", "/api/integrate/v3/orders/x")
    assert (create.method, create.path) == ("POST", "/api/integrate/v3/orders/draft")
    assert read.headers["api-key"] == create.headers["api-key"] == [CANARY]
    assert (read.headers["x-trace"], read.headers["x-more"]) == (["7"], ["8"])
    assert "x-more" not in create.headers
    assert read.headers["accept"] == ["application/json"]
    assert read.headers["user-agent"][0].startswith("cubicasa-async/")
    assert "content-type" not in read.headers
    assert create.headers["content-type"] == ["application/json"]


async def test_an_identifier_cannot_change_the_path() -> None:
    async with (
        RawServer(FOUND) as server,
        AsyncCubiCasa(CANARY, base_url=server.base_url) as client,
    ):
        for order_id in ("a/../b", "a?b=c", "a#b", "%2e%2e", "ä"):
            await client.orders.get(order_id)
    ends = [request.path.removeprefix("/api/integrate/v3/orders/") for request in server.requests]
    assert ends == ["a%2F..%2Fb", "a%3Fb%3Dc", "a%23b", "%252e%252e", "%C3%A4"]


async def test_a_declared_length_above_the_bound_is_not_read() -> None:
    body = b" " * 1_000_000
    async with (
        RawServer(answer(200, body)) as server,
        AsyncCubiCasa(CANARY, base_url=server.base_url, max_response_bytes=999_999) as client,
    ):
        error = await failure(client.orders.get("x"))
    assert isinstance(error, ResponseTooLargeError)
    assert len(server.requests) == 1


BLANK = b" " * 65536
ENDLESS = {
    "in chunks": Reply(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        Then.REPEAT,
        b"10000\r\n" + BLANK + b"\r\n",
    ),
    "without framing": Reply(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", Then.REPEAT, BLANK),
}


@pytest.mark.parametrize("reply", ENDLESS.values(), ids=ENDLESS)
async def test_a_body_without_end_is_cut_at_the_bound(reply: Reply) -> None:
    bound = 300_000
    async with (
        RawServer(reply) as server,
        AsyncCubiCasa(CANARY, base_url=server.base_url, max_response_bytes=bound) as client,
    ):
        error = await failure(client.orders.get("x"))
    assert isinstance(error, ResponseTooLargeError)
    assert server.written > bound
    assert len(server.requests) == 1


async def test_a_small_answer_that_inflates_without_measure_is_cut_at_the_bound(
    client: AsyncCubiCasa, sandbox: Sandbox
) -> None:
    sandbox.faults.add(Fault("bomb", size=client.config.max_response_bytes + 1))
    error = await failure(client.orders.get("x"))
    assert isinstance(error, ResponseTooLargeError)
    assert len(sandbox.ledger) == 1


@pytest.fixture
def deaf_port() -> Iterator[int]:
    """A port that is taken, so that nobody else gets it, and on which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield int(taken.getsockname()[1])


@pytest.mark.parametrize("repeats", [0, 2])
async def test_an_unreachable_host_is_not_sent_and_said_so(
    repeats: int, deaf_port: int, moments: VirtualTime
) -> None:
    base_url = f"http://127.0.0.1:{deaf_port}/v3"
    options = RequestOptions(retries=repeats)
    async with AsyncCubiCasa(CANARY, base_url=base_url, runtime=moments.runtime) as client:
        for call in (
            client.orders.get("x", options=options),
            client.drafts.create(**DRAFT, options=options),
        ):
            error = await failure(call)
            assert isinstance(error, ConnectError)
            assert error.outcome is Outcome.NOT_SENT
            assert [attempt.phase for attempt in error.attempts] == ["connect"] * (repeats + 1)


async def test_a_name_that_is_not_found_is_not_sent() -> None:
    class Nowhere(AbstractResolver):
        async def resolve(
            self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
        ) -> list[ResolveResult]:
            raise OSError(None, "Name or service not known")

        async def close(self) -> None:
            return

    connector = aiohttp.TCPConnector(resolver=Nowhere())
    async with aiohttp.ClientSession(connector=connector) as session:
        client = AsyncCubiCasa(CANARY, base_url=NOWHERE, session=session)
        error = await failure(client.drafts.create(**DRAFT, options=ONCE))
        await client.close()
    assert isinstance(error, ConnectError)
    assert error.outcome is Outcome.NOT_SENT
    assert "name could not be found" in str(error)


async def test_tls_to_a_plain_port_is_not_sent(sandbox: Sandbox) -> None:
    base_url = sandbox.base_url.replace("http://", "https://")
    async with AsyncCubiCasa(CANARY, base_url=base_url) as client:
        error = await failure(client.drafts.create(**DRAFT, options=ONCE))
    assert isinstance(error, ConnectError)
    assert error.outcome is Outcome.NOT_SENT
    assert len(sandbox.ledger) == 0


async def test_a_certificate_of_nobody_known_is_refused_once_and_a_given_authority_accepted() -> (
    None
):
    pem = Path(__file__).parents[1] / "support" / "localhost.pem"
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    connections = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await reader.readuntil(b"\r\n\r\n")
        writer.write(FOUND.data)
        await reader.read()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    async with server:
        base_url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/v3"
        async with AsyncCubiCasa(CANARY, base_url=base_url) as client:
            error = await failure(client.drafts.create(**DRAFT))
        assert isinstance(error, ConnectError)
        assert error.permanent
        assert len(error.attempts) == 1
        assert connections == 0
        trusting = ssl.create_default_context(cafile=pem)
        async with AsyncCubiCasa(CANARY, base_url=base_url, ssl=trusting) as client:
            await client.orders.get("x")
        assert connections == 1
