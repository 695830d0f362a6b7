"""How far a job has come, as often as somebody wants to hear of it."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Final

import attrs

from cubicasa_async.core.runtime import Runtime
from cubicasa_async.core.watch import Watch

WAITING: Final = "waiting"
"""The phase in which rows of another worker are waited for."""

_EVERY: Final = 0.2
_RECENT: Final = 10.0


@attrs.frozen(kw_only=True)
class Progress:
    """A job at one moment.

    Attributes:
        phase: What is being done: "looking" at the server's orders, "sending" rows, "settling"
            rows whose answer was lost, "waiting" for rows that another worker of the job has,
            "deleting" drafts, or "ended".
        read: Rows read from the source.
        outcomes: How many outcomes of each kind there are.
        retries: Requests that were repeated.
        waiting: Seconds until the server's rate limit lets requests go on; 0.0 if none is waited
            for.
        rate: Outcomes per second, of the last ten seconds.
        elapsed: Seconds since the job began.
        details: Orders that were asked for one by one; only a mirror run does that.
        until: When rows of another worker that are waited for may be taken over, if it shows no
            sign of life until then (UTC); None if none are waited for.
    """

    phase: str
    read: int
    outcomes: Mapping[str, int]
    retries: int
    waiting: float
    rate: float
    elapsed: float
    details: int = 0
    until: datetime | None = None


class Meter:
    """Counts what a job does, and tells it a few times per second.

    Args:
        runtime: Source of time.
        tell: Takes each snapshot; None if nobody wants them.
    """

    def __init__(self, runtime: Runtime, tell: Callable[[Progress], object] | None) -> None:
        self._runtime = runtime
        self._tell = tell
        self._began = runtime.monotonic()
        self._recent: deque[tuple[float, int]] = deque([(self._began, 0)])
        self.watch: Watch = Watch()
        self.phase: str = "looking"
        self.read: int = 0
        self.outcomes: Counter[str] = Counter()
        self.details: int = 0
        self._until: datetime | None = None

    def snapshot(self) -> Progress:
        """The job as it is now."""
        now, done = self._runtime.monotonic(), self.outcomes.total()
        while len(self._recent) > 1 and self._recent[1][0] <= now - _RECENT:
            self._recent.popleft()
        since, before = self._recent[0]
        self._recent.append((now, done))
        return Progress(
            phase=self.phase,
            read=self.read,
            outcomes=dict(self.outcomes),
            retries=self.watch.repeats,
            waiting=max(0.0, self.watch.held_until - now),
            rate=(done - before) / (now - since) if now > since else 0.0,
            elapsed=now - self._began,
            details=self.details,
            until=self._until if self.phase == WAITING else None,
        )

    def wait(self, seconds: float) -> None:
        """Rows of another worker are waited for, which may be taken over after this time."""
        self.phase = WAITING
        self._until = self._runtime.utcnow() + timedelta(seconds=seconds)

    def tell(self) -> None:
        """Tell it now."""
        if self._tell is not None:
            self._tell(self.snapshot())

    def silence(self) -> None:
        """Tell it no more."""
        self._tell = None

    async def tell_now_and_then(self) -> None:
        """Tell it until cancelled. The time between is real, whatever clock the job has."""
        while self._tell is not None:
            self.tell()
            await asyncio.sleep(_EVERY)
