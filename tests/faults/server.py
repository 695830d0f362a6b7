"""A server of bare bytes that does to a connection what it is told, and counts what reached it."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
import sys
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Final, Self

from tests.faults.calls import Good

ASIDE: Final = "/orders/aside"
"""Requests below this path prepare a test and are not counted."""

_LINGER_NONE: Final = (
    struct.pack("hh", 1, 0) if sys.platform == "win32" else struct.pack("ii", 1, 0)
)


class Line:
    """One connection.

    Attributes:
        good: The answer that the client hopes for.
        number: 1 for the first connection.
        answered: Whether something was said.
    """

    def __init__(
        self,
        server: FaultServer,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        number: int,
    ) -> None:
        self._server = server
        self._reader = reader
        self._writer = writer
        self.good = server.good
        self.number = number
        self.answered = False

    async def request(self, *, done: bool) -> None:
        """Read a whole request and count it; `done` says whether it takes effect."""
        head = await self._reader.readuntil(b"\r\n\r\n")
        for line in head.split(b"\r\n"):
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                await self._reader.readexactly(int(value))
        if ASIDE.encode() in head.split(b"\r\n")[0]:
            self._server.asides += 1
        else:
            self._server.requests += 1
            self._server.effects += done

    async def part(self, size: int) -> None:
        """Read some bytes of a request."""
        await self._reader.readexactly(size)

    async def say(self, data: bytes) -> None:
        """Send bytes."""
        self._writer.write(data)
        await self._writer.drain()
        self.answered = True

    async def stall(self) -> None:
        """Wait until the client leaves."""
        await self._reader.read()

    async def part_in_order(self) -> None:
        """Send the end, wait until the client has taken note of it, and count that."""
        self._writer.write_eof()
        await self._reader.read()
        self._server.left += 1

    def reset(self) -> None:
        """Reset the connection."""
        raw: Any = self._writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NONE)
        self._writer.transport.abort()


Script = Callable[[Line], Awaitable[None]]
"""What becomes of a connection. At its end the connection is closed."""


class FaultServer:
    """A server on a free port.

    Args:
        script: What becomes of each connection.
        good: The answer that the client hopes for.
        tls: Speak TLS.

    Attributes:
        connections: How many were made.
        requests: How many requests were read whole.
        effects: How many of them took effect.
        asides: How many requests below ASIDE were read whole.
        left: How many connections were parted from in order.
    """

    def __init__(self, script: Script, good: Good, *, tls: ssl.SSLContext | None = None) -> None:
        self._script = script
        self._tls = tls
        self._open: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self.good = good
        self.connections = self.requests = self.effects = self.asides = self.left = 0

    @property
    def base_url(self) -> str:
        """The base URL of the API."""
        return f"http{'s' if self._tls else ''}://127.0.0.1:{self.port}/api/integrate/v3"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._tls)
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

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open[task] = writer
        self.connections += 1
        try:
            await self._script(Line(self, reader, writer, self.connections))
        except (OSError, asyncio.IncompleteReadError):
            pass  # the client left
        finally:
            writer.close()
            await asyncio.gather(writer.wait_closed(), return_exceptions=True)
            del self._open[task]
