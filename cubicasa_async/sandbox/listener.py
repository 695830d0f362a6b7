"""An HTTP server on one port that closes at once."""

from __future__ import annotations

import asyncio
import logging
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
        self._closing = asyncio.Event()
        self._handling: set[asyncio.Task[Any]] = set()

    @property
    def origin(self) -> str:
        """Scheme, address and port by which this machine reaches it.

        Raises:
            RuntimeError: It is not listening.
        """
        if self._runner is None:
            raise RuntimeError("The sandbox is not running: use `async with Sandbox() as sandbox`.")
        host: str
        port: int
        host, port = self._runner.addresses[0][:2]
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared only
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

    async def close(self) -> None:
        """Stop listening, end all waiting and cut all connections."""
        server, runner = self._server, self._runner
        self._server = self._runner = None
        if server is None or runner is None:
            return
        self._closing.set()
        for connection in server.connections:
            if connection.transport is not None:
                connection.transport.abort()
        await runner.cleanup()
        if self._handling:
            await asyncio.wait(self._handling)
        for _ in range(3):  # aiohttp's own tasks end on the loop's next turns
            await asyncio.sleep(0)

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        task = asyncio.current_task()
        if task is not None:
            self._handling.add(task)
            task.add_done_callback(self._handling.discard)
        return await self._handler(request, Connection(request, self._closing))
