"""A server of bare bytes, for answers that no HTTP library would give."""

from __future__ import annotations

import asyncio
import enum
import json
from types import TracebackType
from typing import Any, Self

import attrs


class Then(enum.Enum):
    """What becomes of the connection after an answer."""

    KEEP = enum.auto()
    CLOSE = enum.auto()
    STALL = enum.auto()
    """It stays open and silent until the client leaves."""
    REPEAT = enum.auto()
    """Its `again` comes without end, until the client leaves."""


@attrs.frozen
class Reply:
    """Bytes, and what becomes of the connection after them."""

    data: bytes = b""
    then: Then = Then.CLOSE
    again: bytes = b""


def answer(status: int = 200, body: Any = None, headers: dict[str, str] | None = None) -> Reply:
    """A well-formed answer with a JSON body, or with bytes as they are."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = {"Content-Type": "application/json", "Content-Length": str(len(content))}
    head = [
        f"HTTP/1.1 {status} Any",
        *(f"{k}: {v}" for k, v in {**lines, **(headers or {})}.items()),
    ]
    return Reply("\r\n".join(head).encode("latin-1") + b"\r\n\r\n" + content, Then.KEEP)


SILENCE = Reply(b"", Then.STALL)
HANG_UP = Reply(b"", Then.CLOSE)


@attrs.frozen
class Arrived:
    """A request as it came, its header names in lower case."""

    method: str
    path: str
    headers: dict[str, list[str]]
    body: bytes
    connection: int


class RawServer:
    """Gives each request the next of its replies; the last one for ever.

    Attributes:
        requests: What was read whole, in order.
        connections: How many were made.
        written: Bytes written.
    """

    def __init__(self, *replies: Reply, host: str = "127.0.0.1") -> None:
        self._replies = list(replies)
        self._host = host
        self.requests: list[Arrived] = []
        self.connections = 0
        self.written = 0
        self.arrived = asyncio.Event()
        self._open: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    @property
    def base_url(self) -> str:
        return f"http://{self._host}:{self.port}/api/integrate/v3"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, self._host, 0)
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.close()
        for writer in self._open.values():
            writer.transport.abort()
        await asyncio.gather(*self._open)
        await self._server.wait_closed()

    async def before(self, number: int) -> None:
        """What comes before the answer to the n-th request: nothing."""

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open[task] = writer
        self.connections += 1
        try:
            await self._converse(reader, writer, self.connections)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client left
        finally:
            writer.close()
            await asyncio.gather(writer.wait_closed(), return_exceptions=True)
            del self._open[task]

    async def _converse(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, connection: int
    ) -> None:
        while True:
            self.requests.append(await _read(reader, connection))
            self.arrived.set()
            reply = self._replies[min(len(self.requests), len(self._replies)) - 1]
            await self.before(len(self.requests))
            writer.write(reply.data)
            self.written += len(reply.data)
            await writer.drain()
            while reply.then is Then.REPEAT:
                writer.write(reply.again)
                self.written += len(reply.again)
                await writer.drain()
            if reply.then is Then.STALL:
                await reader.read()
            if reply.then is not Then.KEEP:
                return


async def _read(reader: asyncio.StreamReader, connection: int) -> Arrived:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.strip().split("\r\n")
    headers: dict[str, list[str]] = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers.setdefault(name.lower(), []).append(value.strip())
    body = await reader.readexactly(int(headers.get("content-length", ["0"])[0]))
    method, path, _ = first.split(" ")
    return Arrived(method, path, headers, body, connection)
