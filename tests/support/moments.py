"""Time that a test moves."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from cubicasa_async.core.runtime import Runtime

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


class VirtualTime:
    """A clock that only sleeping moves, and a sleep that does not wait.

    Attributes:
        now: Seconds since the test began.
        slept: Every wait in seconds, in order.
    """

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def utcnow(self) -> datetime:
        return EPOCH + timedelta(seconds=self.now)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        end = self.now + seconds
        await asyncio.sleep(0)
        self.now = max(self.now, end)

    @property
    def runtime(self) -> Runtime:
        """It as the client takes it; a wait is as long as its bound, without chance."""
        return Runtime(self.monotonic, self.utcnow, self.sleep, float)
