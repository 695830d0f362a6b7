"""How an answer leaves the server, whole or spoiled: the connection below one request."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import sys
import zlib
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any, Final

import attrs
from aiohttp import web

__all__ = ["Connection", "Payload", "Silence", "bomb"]

_POLL: Final = 0.02
_LINGER_NONE: Final = (
    struct.pack("hh", 1, 0) if sys.platform == "win32" else struct.pack("ii", 1, 0)
)


@attrs.frozen
class Payload:
    """A whole answer: status, headers and the bytes of the body."""

    status: int
    body: bytes
    content_type: str = "application/json"
    headers: Mapping[str, str] = attrs.field(factory=dict[str, str])

    @classmethod
    def of_json(
        cls, status: int, value: object, headers: Mapping[str, str] | None = None
    ) -> Payload:
        """An answer in JSON."""
        return cls(status, json.dumps(value).encode(), headers=headers or {})

    @classmethod
    def of_html(cls, status: int, page: str, headers: Mapping[str, str] | None = None) -> Payload:
        """An answer in HTML."""
        return cls(
            status, page.encode("utf-8", "replace"), "text/html; charset=utf-8", headers or {}
        )

    def response(self) -> web.Response:
        """The answer for aiohttp to send."""
        headers = {"Content-Type": self.content_type, **self.headers}
        return web.Response(status=self.status, body=self.body, headers=headers)

    def head(self, framing: str | None = None) -> bytes:
        """The header block, for an answer that is sent by hand and ends the connection."""
        try:
            reason = HTTPStatus(self.status).phrase
        except ValueError:
            reason = ""
        lines = [
            f"HTTP/1.1 {self.status} {reason}",
            f"Content-Type: {self.content_type}",
            *(f"{name}: {value}" for name, value in self.headers.items()),
            framing or f"Content-Length: {len(self.body)}",
            "Connection: close",
        ]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8")


class Silence(web.Response):
    """Tells aiohttp that the answer has been sent by hand, or that there is none."""

    async def prepare(self, request: web.BaseRequest) -> None:
        """Send no headers."""
        del request

    async def write_eof(self, data: bytes = b"") -> None:
        """Send no body."""
        del data


class Connection:
    """The connection of one request, for what HTTP does not provide for.

    Args:
        request: The request.
        closing: Set when the server closes or goes down; it ends all waiting.
        go_down: Takes the server down for some seconds.
    """

    def __init__(
        self,
        request: web.BaseRequest,
        closing: asyncio.Event,
        go_down: Callable[[float], Awaitable[None]],
    ) -> None:
        self._request = request
        self._closing = closing
        self._go_down = go_down

    @property
    def open(self) -> bool:
        """Whether the client is still there and the server is neither closing nor down."""
        transport = self._request.transport
        return transport is not None and not transport.is_closing() and not self._closing.is_set()

    async def send(self, payload: Payload) -> web.StreamResponse:
        """Let aiohttp send a whole answer now, before the handler returns."""
        response = payload.response()
        try:
            await response.prepare(self._request)
            await response.write_eof()
        except ConnectionError:
            return Silence()
        return response

    async def discard(self) -> None:
        """Read what is left of the request and forget it."""
        try:
            while await self._request.content.readany():
                continue
        except (OSError, web.RequestPayloadError):
            return

    def write(self, data: bytes) -> None:
        """Send bytes as they are."""
        transport = self._request.transport
        if transport is not None and not transport.is_closing():
            transport.write(data)

    async def drip(self, data: bytes, seconds: float) -> None:
        """Send bytes one by one."""
        for place in range(len(data)):
            if place and not await self.wait(seconds):
                return
            self.write(data[place : place + 1])

    async def wait(self, seconds: float) -> bool:
        """Wait, whether the client stays or not.

        Returns:
            False if the server closes or goes down meanwhile.
        """
        if seconds == 0:
            await asyncio.sleep(0)
            return not self._closing.is_set()
        try:
            async with asyncio.timeout(seconds):
                await self._closing.wait()
        except TimeoutError:
            return True
        return False

    async def wait_while_open(self, seconds: float | None) -> None:
        """Wait until the client leaves or the server closes or goes down, for `seconds` at most."""
        loop = asyncio.get_running_loop()
        end = None if seconds is None else loop.time() + seconds
        while self.open and (end is None or loop.time() < end):
            await self.wait(_POLL if end is None else min(_POLL, max(end - loop.time(), 0.001)))

    async def drop(self) -> None:
        """Close in order: what was written arrives, then the end (FIN)."""
        transport = self._request.transport
        if transport is not None:
            if not transport.is_closing() and transport.can_write_eof():
                transport.write_eof()
            transport.close()
        await self._gone()

    async def reset(self) -> None:
        """Reset (RST)."""
        transport = self._request.transport
        if transport is not None:
            raw: Any = transport.get_extra_info("socket")
            if raw is not None:
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NONE)
            transport.abort()
        await self._gone()

    async def refuse(self, seconds: float) -> None:
        """Take the server down, with this connection and all others, unless it is already."""
        if not self._closing.is_set():
            await self._go_down(seconds)
        await self._gone()

    async def _gone(self) -> None:
        # aiohttp hears of a closed transport on one of the loop's next turns, and has to while the
        # request is its current one: then it does not wait for the rest of the request's body.
        for _ in range(3):
            await asyncio.sleep(0)


def bomb(size: int) -> bytes:
    """A gzip stream of a few bytes per thousand that inflates to `size` bytes of JSON."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    blank = b" " * 65536
    parts = [packer.compress(b"{")]
    left = max(size - 2, 0)
    while left:
        parts.append(packer.compress(blank[:left]))
        left -= min(left, len(blank))
    parts += [packer.compress(b"}"), packer.flush()]
    return b"".join(parts)
