"""What the fixtures are made of: a sandbox on a thread of its own, and its time for clients."""

from __future__ import annotations

import asyncio
import time
import weakref
from collections.abc import Coroutine, Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import attrs

from cubicasa_async.client import AsyncCubiCasa
from cubicasa_async.core.runtime import Runtime
from cubicasa_async.sandbox import Clock, Sandbox
from cubicasa_async.sync.portal import Portal

__all__ = ["LastingSandbox", "Server", "client_of_any_loop", "runtime_of"]


class LastingSandbox(Sandbox):
    """A sandbox that no test starts or closes, as those that come after it need it."""

    async def begin(self) -> None:
        """Start it."""
        await super().start()

    async def end(self) -> None:
        """Close it."""
        await super().close()

    async def start(self) -> None:
        """Refused.

        Raises:
            RuntimeError: Always.
        """
        raise RuntimeError(
            "The sandbox of the fixtures runs already, for all tests of the session. Use it as it "
            "is, without `async with`; for one that is yours make a Sandbox()."
        )

    async def close(self) -> None:
        """Refused.

        Raises:
            RuntimeError: Always.
        """
        raise RuntimeError(
            "The sandbox of the fixtures serves all tests of the session and cannot be closed. To "
            'have it down add the fault Fault("refuse", seconds=3600): the next test finds it up.'
        )


class Server:
    """A sandbox that runs on an event loop and a thread of its own.

    Attributes:
        sandbox: The sandbox.

    Raises:
        OSError: No port can be had.
    """

    def __init__(self) -> None:
        self.sandbox: LastingSandbox = LastingSandbox()
        self._leaks: list[str] = []
        self.sandbox.file_host.on_key = self._leaks.append
        self._portal = Portal()
        try:
            self.run(self.sandbox.begin())
        except BaseException:
            self._portal.close()
            raise

    def run(self, coroutine: Coroutine[Any, Any, object]) -> None:
        """Run a coroutine on the sandbox's loop, and wait for its end."""
        self._portal.run(coroutine)

    def paths_with_a_key(self) -> list[str]:
        """Paths that the file host was asked for with a key since this was last called."""
        paths = list(self._leaks)
        del self._leaks[: len(paths)]
        return paths

    def close(self) -> None:
        """Close the sandbox and end the thread."""
        try:
            self.run(self.sandbox.end())
        finally:
            self._portal.close()


def runtime_of(clock: Clock) -> Runtime:
    """A client's time that goes with a sandbox's clock: sleeping moves it and takes no time."""

    def monotonic() -> float:
        return time.monotonic() + clock.ahead

    def utcnow() -> datetime:
        return datetime.fromtimestamp(clock(), UTC)

    async def sleep(seconds: float) -> None:
        end = monotonic() + seconds
        await asyncio.sleep(0)  # others have their turn, and may move the clock as well
        clock.advance(max(end - monotonic(), 0.0))

    return Runtime(monotonic, utcnow, sleep, float)


@contextmanager
def client_of_any_loop(sandbox: Sandbox, runtime: Runtime) -> Generator[AsyncCubiCasa]:
    """A client that is closed on each loop it was used on, also where that waits for more tests."""
    loops: weakref.WeakSet[asyncio.AbstractEventLoop] = weakref.WeakSet()

    def monotonic() -> float:
        loops.add(asyncio.get_running_loop())  # each call begins with a look at the clock
        return runtime.monotonic()

    client = AsyncCubiCasa(
        sandbox.api_key,
        base_url=sandbox.base_url,
        runtime=attrs.evolve(runtime, monotonic=monotonic),
    )
    try:
        yield client
    finally:
        for loop in list(loops):
            if loop.is_running():
                asyncio.run_coroutine_threadsafe(client.close(), loop).result()
            elif not loop.is_closed():
                loop.run_until_complete(client.close())
