"""The sandbox's time, which a test may move on."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Final

__all__ = ["Clock"]

_MOST: Final = 1e10


class Clock:
    """Unix seconds: those of a source, and ahead of it by what the clock was advanced.

    Call it for the time. By it are made all times that the sandbox answers, the expiry of signed
    URLs of files, the pauses between the attempts of a webhook and the delays of webhooks. Delays
    of answers take as long as they say, as a client's own limits do. Safe from any thread.

    Args:
        source: Answers Unix seconds; by default `time.time`.
    """

    def __init__(self, source: Callable[[], float] = time.time) -> None:
        self._source = source
        self._advanced = 0.0
        self._forgotten = 0.0
        self._lock: Final = threading.Lock()
        self._wakers: set[Callable[[], object]] = set()

    def __call__(self) -> float:
        """The time in Unix seconds."""
        return self._source() + self.ahead

    @property
    def ahead(self) -> float:
        """By how many seconds it was advanced."""
        return self._advanced - self._forgotten

    def advance(self, seconds: float) -> None:
        """Let time pass at once.

        Args:
            seconds: How much of it, up to 10 thousand million (some 300 years) at a time.

        Raises:
            ValueError: It is more, or below 0: time does not go back.
        """
        if not 0 <= seconds <= _MOST:
            raise ValueError(
                f"The clock is advanced by 0 to {_MOST:.0f} seconds at a time, not by {seconds!r}."
            )
        with self._lock:
            self._advanced += seconds
            wakers = list(self._wakers)
        for wake in wakers:
            wake()

    def reset(self) -> None:
        """Go as the source goes again. What waits goes on waiting for what was left."""
        self._forgotten = self._advanced

    async def sleep(self, seconds: float) -> None:
        """Wait until so many seconds have passed, really or by `advance`."""
        loop = asyncio.get_running_loop()
        moved = asyncio.Event()
        wake = partial(loop.call_soon_threadsafe, moved.set)
        with self._lock:
            end = loop.time() + self._advanced + seconds
            self._wakers.add(wake)
        try:
            while (left := end - loop.time() - self._advanced) > 0:
                moved.clear()
                with suppress(TimeoutError):
                    async with asyncio.timeout(left):
                        await moved.wait()
        finally:
            with self._lock:
                self._wakers.discard(wake)
