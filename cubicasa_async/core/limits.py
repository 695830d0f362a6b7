"""The gate in front of the connection pool: how many calls run at once, and how fast they begin."""

from __future__ import annotations

import asyncio
import enum
import heapq
import itertools
from collections import deque
from datetime import timedelta
from typing import Final

import attrs

from cubicasa_async.core.runtime import Runtime
from cubicasa_async.errors import QueueTimeoutError


class Priority(enum.IntEnum):
    """Whose turn comes first when calls have to wait."""

    INTERACTIVE = 0
    BULK = 1


_CUT: Final = 0.7
_RECOVERY: Final = 1.02
_SLOWEST: Final = 0.2
_RECENT: Final = 50


@attrs.frozen(order=True)
class _Waiting:
    priority: Priority
    number: int
    place: asyncio.Future[None] = attrs.field(order=False)
    deadline: float = attrs.field(order=False)


class Gate:
    """Lets a bounded number of calls through, interactive ones first, else in order of arrival.

    Waiting here, not inside the pool, keeps a call's own timeout for its own work. A rate limit
    concerns every call of the client: it pauses all, and the rate at which calls begin is cut and
    then grows again with each success until nothing holds it back.

    Args:
        limit: How many may be inside at once.
        runtime: Source of time.
    """

    def __init__(self, limit: int, runtime: Runtime) -> None:
        self._limit = limit
        self._runtime = runtime
        self._inside = 0
        self._order = itertools.count()
        self._waiting: list[_Waiting] = []
        self._paused_until = float("-inf")
        self._recent: deque[float] = deque(maxlen=_RECENT)
        self._rate: float | None = None
        self._refused_rate = 0.0
        self._next_turn = float("-inf")
        self._alarm: asyncio.Task[None] | None = None

    @property
    def inside(self) -> int:
        """How many calls are inside."""
        return self._inside

    @property
    def rate(self) -> float | None:
        """How many calls may begin per second; None while nothing limits that."""
        return self._rate

    def pause(self, until: float) -> None:
        """Let nobody in before `until`, in seconds on the runtime's monotonic clock."""
        self._paused_until = max(self._paused_until, until)
        for waiting in self._waiting:
            if waiting.deadline <= self._paused_until and not waiting.place.done():
                waiting.place.set_exception(self._too_long())

    def slow_down(self, until: float) -> None:
        """The server refused a call for being too many: pause, and begin fewer per second."""
        now = self._runtime.monotonic()
        if now >= self._paused_until:  # refusals of calls begun together count as one
            seconds = now - self._recent[0] if self._recent else 0.0
            seen = len(self._recent) / seconds if seconds > 0 else float("inf")
            refused = min(seen, self._rate or float("inf"))
            if refused < float("inf"):
                self._refused_rate = refused
                self._rate = max(refused * _CUT, _SLOWEST)
        self.pause(until)

    def speed_up(self) -> None:
        """A call went well: begin more per second, up to no limit at all."""
        if self._rate is not None:
            self._rate *= _RECOVERY
            if self._rate > 2 * self._refused_rate:
                self._rate = None
                self._admit()

    def enter_at_once(self, deadline: float) -> bool:
        """Take a place if one is free for whoever comes; `leave` gives it back.

        Raises:
            QueueTimeoutError: The pause lasts longer than until `deadline`.
        """
        now = self._runtime.monotonic()
        if now < self._paused_until and deadline <= self._paused_until:
            raise self._too_long()
        if self._inside >= self._limit or self._waiting or self._delay(now) > 0:
            return False
        self._take(now)
        return True

    async def enter(self, priority: Priority, deadline: float) -> None:
        """Wait for a place; `leave` gives it back.

        Args:
            priority: Whose turn comes first.
            deadline: The latest moment to get in, on the runtime's monotonic clock.

        Raises:
            QueueTimeoutError: No place came free in time, or the pause lasts longer than that.
        """
        if self.enter_at_once(deadline):
            return
        now = self._runtime.monotonic()
        place = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, _Waiting(priority, next(self._order), place, deadline))
        self._admit()
        try:
            async with asyncio.timeout(max(deadline - now, 0)):
                await place
        except QueueTimeoutError:  # a pause that is longer than this call may wait
            raise
        except TimeoutError:
            self._give_up(place)
            raise QueueTimeoutError(
                "The call waited for its turn until its deadline and was not sent. Too many calls "
                "are under way: raise the client's concurrency or the call's deadline."
            ) from None
        except asyncio.CancelledError:
            self._give_up(place)
            raise

    def leave(self) -> None:
        """Give a place back; the next who waits gets it when its turn comes."""
        self._inside -= 1
        if self._waiting:
            self._admit()

    def _delay(self, now: float) -> float:
        """Seconds until somebody may begin, as far as pause and rate are concerned."""
        turn = self._next_turn if self._rate is not None else float("-inf")
        return max(self._paused_until, turn) - now

    def _take(self, now: float) -> None:
        self._inside += 1
        self._recent.append(now)
        if self._rate is not None:
            self._next_turn = max(now, self._next_turn) + 1 / self._rate

    def _admit(self) -> None:
        """Let in all who may come in now, and see to it that the next is not forgotten."""
        while self._waiting and self._inside < self._limit:
            if self._waiting[0].place.done():
                heapq.heappop(self._waiting)
                continue
            now = self._runtime.monotonic()
            if (delay := self._delay(now)) > 0:
                if self._alarm is None:
                    self._alarm = asyncio.get_running_loop().create_task(self._admit_later(delay))
                return
            self._take(now)
            heapq.heappop(self._waiting).place.set_result(None)

    async def _admit_later(self, delay: float) -> None:
        await self._runtime.sleep(delay)
        self._alarm = None
        self._admit()

    def _give_up(self, place: asyncio.Future[None]) -> None:
        if place.done() and not place.cancelled() and place.exception() is None:
            self.leave()
        else:
            place.cancel()
        if self._alarm is not None and all(waiting.place.done() for waiting in self._waiting):
            self._alarm.cancel()
            self._alarm = None

    def _too_long(self) -> QueueTimeoutError:
        error = QueueTimeoutError(
            "The server asked this client to slow down, for longer than this call may wait. It "
            "was not sent; call again later."
        )
        left = self._paused_until - self._runtime.monotonic()
        error.retry_at = self._runtime.utcnow() + timedelta(seconds=max(left, 0))
        return error
