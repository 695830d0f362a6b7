"""An HTTP server on one port that closes at once, and that can be down for a while."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from cubicasa_async.sandbox.wire import Connection

__all__ = ["Listener"]

# Silent unless the program that runs the sandbox has set up logging.
_LOGGER = logging.getLogger("cubicasa_async.sandbox")
_LOGGER.addHandler(logging.NullHandler())

Handler = Callable[[web.BaseRequest, Connection], Awaitable[web.StreamResponse]]


class Listener:
    """A port, its connections and the requests that are being answered.

    Args:
        handler: Answers a request.
        host: Address to bind.
        port: Port to bind; 0 takes a free one.
    """

    def __init__(self, handler: Handler, host: str, port: int) -> None:
        self._handler = handler
        self._host = host
        self._port = port
        self._server: web.Server | None = None
        self._runner: web.ServerRunner | None = None
        self._addresses: list[Any] = []
        self._closing = asyncio.Event()
        self._handling: set[asyncio.Task[Any]] = set()
        self._reserved: list[socket.socket] = []
        self._back = asyncio.Event()
        self._returning: asyncio.Task[None] | None = None

    @property
    def origin(self) -> str:
        """Scheme, address and port by which this machine reaches it.

        Raises:
            RuntimeError: It has not been started.
        """
        if self._runner is None:
            raise RuntimeError("The sandbox is not running: use `async with Sandbox() as sandbox`.")
        host: str
        port: int
        host, port = self._addresses[0][:2]
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 # compared only
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    async def start(self) -> None:
        """Begin to listen.

        Raises:
            OSError: The port is taken, or the address is not this machine's.
        """
        self._closing = asyncio.Event()
        self._server = web.Server(self._handle, access_log=None, logger=_LOGGER, lingering_time=0)
        runner = web.ServerRunner(self._server, shutdown_timeout=1.0)
        await runner.setup()
        try:
            await web.TCPSite(runner, self._host, self._port).start()
        except BaseException:
            await runner.cleanup()
            raise
        self._runner = runner
        self._addresses = runner.addresses

    async def go_down(self, seconds: float) -> None:
        """Cut all connections and refuse new ones for `seconds`, as if the process had died.

        The port is not free meanwhile.
        """
        if self._returning is not None:  # it is coming back, but not yet on all addresses
            await asyncio.wait([self._returning])
        server, runner = self._server, self._runner
        if server is None or runner is None:
            return
        for site in runner.sites:
            await site.stop()
        self._reserved = [_reserved(address) for address in self._addresses]
        self._cut(server)
        self._closing, self._back = asyncio.Event(), asyncio.Event()
        self._returning = asyncio.create_task(self._return(runner, seconds))

    def recover(self) -> None:
        """End being down: from here on connections are taken again."""
        for reserved in self._reserved:
            _listen(reserved)
        self._back.set()

    def let_go(self) -> None:
        """End all waiting: the requests that are held are not answered, and not done."""
        self._closing.set()
        self._closing = asyncio.Event()

    async def _return(self, runner: web.ServerRunner, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._back.wait()
        reserved, self._reserved = self._reserved, []
        for one in reserved:
            if self._runner is None:  # closed while it was down
                one.close()
            else:
                _listen(one)
                await web.SockSite(runner, one).start()
        self._returning = None

    async def close(self) -> None:
        """Stop listening, end all waiting and cut all connections."""
        server, runner = self._server, self._runner
        self._server = self._runner = None
        if server is None or runner is None:
            return
        self._cut(server)
        if self._returning is not None:
            self._back.set()
            await asyncio.wait([self._returning])
        await runner.cleanup()
        if self._handling:
            await asyncio.wait(self._handling)
        for _ in range(3):  # aiohttp's own tasks end on the loop's next turns
            await asyncio.sleep(0)

    def _cut(self, server: web.Server) -> None:
        self._closing.set()
        for connection in server.connections:
            if connection.transport is not None:
                connection.transport.abort()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        task = asyncio.current_task()
        if task is not None:
            self._handling.add(task)
            task.add_done_callback(self._handling.discard)
        return await self._handler(request, Connection(request, self._closing, self.go_down))


def _reserved(address: Any) -> socket.socket:
    """A socket that holds a port without listening on it, so that connections are refused."""
    one = socket.socket(socket.AF_INET6 if len(address) == 4 else socket.AF_INET)
    try:
        if one.family == socket.AF_INET6:
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        _share(one, True)
        one.bind(address)
        _share(one, False)
    except BaseException:
        one.close()
        raise
    return one


def _listen(reserved: socket.socket) -> None:
    _share(reserved, True)
    reserved.listen(128)


def _share(one: socket.socket, shared: bool) -> None:
    """Whether the port may be bound beside what is left of old connections and of others.

    On POSIX nothing could be bound or listen beside an old connection without that; while the port
    is held it would let others take it.
    """
    if os.name == "posix":
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, shared)
