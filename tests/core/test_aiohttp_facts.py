"""What aiohttp does by itself, and that this client does not let it.

Each fact is shown on a plain session first: where such a test fails, aiohttp has changed, and the
guard beside it may no longer be needed, or no longer be enough.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from unittest.mock import create_autospec

import aiohttp
import pytest
from aiohttp.http_writer import StreamWriter

from cubicasa_async import AsyncCubiCasa, RequestOptions
from cubicasa_async.core.connections import Mark, MarkedBody
from cubicasa_async.errors import (
    AuthenticationError,
    BadRequestError,
    CallTimeoutError,
    ConnectionLostError,
    Outcome,
    ProtocolError,
    RedirectError,
    ServerError,
)
from tests.support.canary import CANARY
from tests.support.moments import VirtualTime
from tests.support.payloads import DRAFT, order
from tests.support.raw_server import HANG_UP, SILENCE, RawServer, Reply, answer

ONCE = RequestOptions(retries=0)


def client_of(server: RawServer, moments: VirtualTime) -> AsyncCubiCasa:
    return AsyncCubiCasa(CANARY, base_url=server.base_url, runtime=moments.runtime)


async def test_fact_aiohttp_repeats_a_get_by_itself() -> None:
    async with RawServer(HANG_UP) as server, aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await session.get(server.base_url)
        assert len(server.requests) == 2


@pytest.mark.parametrize("retries", [0, 2])
async def test_a_get_reaches_the_server_once_per_attempt(
    retries: int, moments: VirtualTime
) -> None:
    async with RawServer(HANG_UP) as server, client_of(server, moments) as client:
        with pytest.raises(ConnectionLostError) as caught:
            await client.orders.get("x", options=RequestOptions(retries=retries))
        assert len(server.requests) == len(caught.value.attempts) == retries + 1


async def test_a_kept_connection_that_the_server_closed_is_not_used_twice_in_one_attempt(
    moments: VirtualTime,
) -> None:
    kept = answer(200, order())
    async with RawServer(kept, HANG_UP, kept) as server, client_of(server, moments) as client:
        await client.orders.get("x")
        with pytest.raises(ConnectionLostError):
            await client.orders.get("x", options=ONCE)
        assert len(server.requests) == 2
        await client.orders.get("x")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_fact_aiohttp_takes_the_key_along_to_another_host(status: int) -> None:
    async with RawServer(answer(200, order())) as other:
        to_other = answer(status, headers={"Location": f"http://localhost:{other.port}/"})
        async with RawServer(to_other) as server, aiohttp.ClientSession() as session:
            await session.post(server.base_url, json=DRAFT, headers={"api-key": CANARY})
        assert other.requests[0].headers["api-key"] == [CANARY]


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 307, 308])
async def test_a_redirect_is_not_followed_and_the_key_stays(
    status: int, moments: VirtualTime
) -> None:
    async with RawServer(answer(200, order())) as other:
        to_other = answer(status, b"", {"Location": f"http://localhost:{other.port}/"})
        async with RawServer(to_other) as server, client_of(server, moments) as client:
            with pytest.raises(RedirectError) as on_read:
                await client.orders.get("x")
            with pytest.raises(RedirectError, match="correct the base URL") as on_create:
                await client.drafts.create(**DRAFT)
            assert len(server.requests) == 2
        assert other.requests == []
    assert on_read.value.outcome is Outcome.REFUSED
    not_done = status in (307, 308)
    assert on_create.value.outcome is (Outcome.REFUSED if not_done else Outcome.UNKNOWN)


GARBLED = {
    "status line": Reply(b"HTTP/1.1 abc\r\n\r\n"),
    "no HTTP": Reply(b"\x16\x03\x01\x02\x00 not HTTP\r\n\r\n"),
    "header": Reply(b"HTTP/1.1 200 OK\r\nbad header\r\n\r\n"),
    "huge header": Reply(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 20_000 + b"\r\n\r\n"),
}


@pytest.mark.parametrize("reply", GARBLED.values(), ids=GARBLED)
async def test_fact_aiohttp_invents_a_status_of_400(reply: Reply) -> None:
    async with RawServer(reply) as server, aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientResponseError) as caught:
            await session.post(server.base_url, json=DRAFT)
        assert caught.value.status == 400


@pytest.mark.parametrize("reply", GARBLED.values(), ids=GARBLED)
async def test_a_garbled_answer_is_no_refusal(reply: Reply, moments: VirtualTime) -> None:
    async with RawServer(reply) as server, client_of(server, moments) as client:
        with pytest.raises(ProtocolError) as caught:
            await client.drafts.create(**DRAFT)
        assert len(server.requests) == 1
    assert not isinstance(caught.value, BadRequestError)
    assert caught.value.outcome is Outcome.UNKNOWN
    assert [attempt.status for attempt in caught.value.attempts] == [None]


DAMAGED = {
    "short body": Reply(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"),
    "cut chunks": Reply(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"),
    "bad chunk size": Reply(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}"),
    "half the headers": Reply(b"HTTP/1.1 200 OK\r\nContent-Le"),
    "bad gzip": answer(200, b"not gzip", {"Content-Encoding": "gzip"}),
    "cut gzip": answer(200, b"\x1f\x8b\x08\x00\x00\x00\x00\x00", {"Content-Encoding": "gzip"}),
    "other encoding": answer(200, b"{}", {"Content-Encoding": "br"}),
}


@pytest.mark.parametrize("reply", DAMAGED.values(), ids=DAMAGED)
async def test_a_damaged_body_is_a_doubt_and_one_of_our_errors(
    reply: Reply, moments: VirtualTime
) -> None:
    async with RawServer(reply) as server, client_of(server, moments) as client:
        with pytest.raises((ConnectionLostError, ProtocolError)) as caught:
            await client.drafts.create(**DRAFT)
        assert len(server.requests) == 1
    assert caught.value.outcome is Outcome.UNKNOWN


class _Unwritten(aiohttp.BytesPayload):
    """A body that fails instead of being written."""

    async def write_with_length(self, writer: object, content_length: int | None) -> None:
        raise OSError("It is not written.")


async def test_fact_aiohttp_keeps_the_headers_back_until_the_body_leaves() -> None:
    arrived: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def read(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        arrived.set_result(await reader.read())
        writer.close()

    server = await asyncio.start_server(read, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientConnectionError):
            await session.post(f"http://127.0.0.1:{port}/", data=_Unwritten(b"{}"))
        assert await arrived == b""


async def test_a_body_marks_its_attempt_before_it_leaves() -> None:
    mark, seen = Mark(), list[bool]()

    def look(_: bytes) -> None:
        seen.append(mark.sent)

    writer = create_autospec(StreamWriter, instance=True)
    writer.write.side_effect = look
    await MarkedBody(b"{}", mark).write_with_length(writer, 2)
    assert seen == [True]


CALLS: dict[str, Callable[[AsyncCubiCasa], Awaitable[object]]] = {
    "with a body": lambda client: client.drafts.create(**DRAFT),
    "without one": lambda client: client.users.delete("x", options=ONCE),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
async def test_what_was_sent_is_known_to_be(
    call: Callable[[AsyncCubiCasa], Awaitable[object]], moments: VirtualTime
) -> None:
    async with RawServer(HANG_UP) as server, client_of(server, moments) as client:
        with pytest.raises(ConnectionLostError) as caught:
            await call(client)
        assert len(server.requests) == 1
    assert caught.value.outcome is Outcome.UNKNOWN
    assert caught.value.attempts[0].phase == "send"


async def test_fact_aiohttp_counts_waiting_for_its_pool_as_time_of_the_request() -> None:
    pool = aiohttp.TCPConnector(limit=1)
    async with RawServer(SILENCE) as server, aiohttp.ClientSession(connector=pool) as session:
        holding = asyncio.create_task(_get(session, server, 600.0))
        await server.arrived.wait()
        with pytest.raises(TimeoutError):
            await _get(session, server, 0.02)
        assert len(server.requests) == 1
        holding.cancel()
        await asyncio.gather(holding, return_exceptions=True)


async def _get(session: aiohttp.ClientSession, server: RawServer, total: float) -> None:
    async with session.get(server.base_url, timeout=aiohttp.ClientTimeout(total=total)):
        pass


async def test_fact_a_total_timeout_is_no_client_error() -> None:
    assert not issubclass(asyncio.TimeoutError, aiohttp.ClientError)


async def test_a_timeout_is_a_call_timeout_and_a_timeout_error(moments: VirtualTime) -> None:
    async with RawServer(SILENCE) as server, client_of(server, moments) as client:
        with pytest.raises(TimeoutError) as caught:
            await client.orders.get("x", options=RequestOptions(timeout=0.05, retries=0))
    assert type(caught.value) is CallTimeoutError


async def test_an_empty_or_foreign_error_body_is_no_other_error(moments: VirtualTime) -> None:
    replies = [answer(401, b""), answer(500, b"\xff\xfe"), answer(400, b'{"message": "\xff"}')]
    for reply, cls in zip(
        replies, (AuthenticationError, ServerError, BadRequestError), strict=True
    ):
        async with RawServer(reply) as server, client_of(server, moments) as client:
            with pytest.raises(cls):
                await client.orders.get("x", options=ONCE)
