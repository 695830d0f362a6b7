"""Requests that the sandbox holds until a test lets them go on, however long that takes."""

from __future__ import annotations

# It reaches inside to find the moment.
# pyright: reportPrivateUsage=false
import asyncio
from typing import Any, Final

from aiohttp import web

from cubicasa_async.sandbox import Fault, Sandbox
from cubicasa_async.sandbox.wire import Connection

_HELD: Final = 86_400.0
_HELD_ALONE: Final = 2 * _HELD


class Gate:
    """Holds the requests that its faults hit until it is opened.

    Args:
        sandbox: Whose requests.
    """

    def __init__(self, sandbox: Sandbox) -> None:
        self._opened = asyncio.Event()
        listener: Any = sandbox._listener
        self._handle: Any = listener._handler
        listener._handler = self._pass

    def open(self) -> None:
        """Let what is held, and what comes, go on as if nothing had been."""
        self._opened.set()

    def fault(self, *, client_leaves: bool = False, **options: Any) -> Fault:
        """A fault that holds requests; the options are those of a fault.

        Args:
            client_leaves: Reset the connection first, so that the client waits no more and has no
                answer. What the request asks for is still done when the gate is opened.
        """
        return Fault("delay", seconds=_HELD_ALONE if client_leaves else _HELD, **options)

    async def _pass(self, request: web.BaseRequest, connection: Connection) -> web.StreamResponse:
        wait = connection.wait

        async def wait_for_gate(seconds: float) -> bool:
            if seconds < _HELD:
                return await wait(seconds)
            if seconds == _HELD_ALONE:
                await connection.reset()
            opened = asyncio.create_task(self._opened.wait())
            closing = asyncio.create_task(wait(seconds))
            both = [opened, closing]
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            went_on = not closing.done()
            for task in both:
                task.cancel()
            await asyncio.wait(both)
            return went_on

        vars(connection)["wait"] = wait_for_gate
        answer: web.StreamResponse = await self._handle(request, connection)
        return answer
