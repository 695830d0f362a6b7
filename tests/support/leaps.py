"""Time that passes at once where real connections keep limits.

How long an attempt may take is measured on the clock of its event loop. Here that clock is put
forward when the other side holds an answer back. So all limits may be long, whoever has to keep one
keeps it however slow the machine is, and whoever is held up has used it up at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Generator
from contextlib import contextmanager
from typing import Final
from unittest.mock import patch

import pytest

from cubicasa_async.sandbox.wire import Connection

_AT_LEAST: Final = 5.0
_REALLY: Final = 0.002


class Leaps:
    """Puts the clocks of event loops forward.

    Attributes:
        ahead: By how many seconds they are.
    """

    def __init__(self) -> None:
        self.ahead = 0.0
        self._loops: list[asyncio.AbstractEventLoop] = []

    def reach(self, loop: asyncio.AbstractEventLoop) -> None:
        """From now on its clock is put forward, too."""
        own = loop.time
        loop.time = lambda: own() + self.ahead  # type: ignore[method-assign] # of this one loop
        self._loops.append(loop)

    def leap(self, seconds: float) -> None:
        """Put the clocks forward."""
        self.ahead += seconds
        for loop in self._loops:
            if not loop.is_closed():
                loop.call_soon_threadsafe(_look_at_the_clock)

    @contextmanager
    def instead_of_waiting(self) -> Generator[None]:
        """Where a sandbox would wait, with a stall, a delay or a drip, it makes a leap.

        One of 5 s at least, so that a stall is soon over.
        """
        wait = Connection.wait

        async def leap(connection: Connection, seconds: float) -> bool:
            if seconds:
                self.leap(max(seconds, _AT_LEAST))
            return await wait(connection, min(seconds, _REALLY))

        with patch.object(Connection, "wait", leap):
            yield


def _look_at_the_clock() -> None:
    """Being called is enough."""


@pytest.fixture
async def leaps() -> AsyncGenerator[Leaps]:
    """Leaps of the test's own loop, also wherever a sandbox would wait."""
    found = Leaps()
    found.reach(asyncio.get_running_loop())
    with found.instead_of_waiting():
        yield found
