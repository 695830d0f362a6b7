"""The gate in front of the connection pool: how many calls run at once, and pauses for all."""

from __future__ import annotations

import asyncio
import enum
import heapq
import itertools
from datetime import timedelta

from cubicasa_async.core.runtime import Runtime
from cubicasa_async.errors import QueueTimeoutError


class Priority(enum.IntEnum):
    """Whose turn comes first when calls have to wait."""

    INTERACTIVE = 0
    BULK = 1


class Gate:
    """Lets a bounded number of calls through, interactive ones first, else in order of arrival.

    Waiting here, not inside the pool, keeps a call's own timeout for its own work. A pause holds
    back every call of the client, as a rate limit concerns them all.

    Args:
        limit: How many may be inside at once.
        runtime: Source of time.
    """

    def __init__(self, limit: int, runtime: Runtime) -> None:
        self._limit = limit
        self._runtime = runtime
        self._inside = 0
        self._order = itertools.count()
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._paused_until = float("-inf")

    @property
    def inside(self) -> int:
        """How many calls are inside."""
        return self._inside

    def pause(self, until: float) -> None:
        """Let nobody in before `until`, in seconds on the runtime's monotonic clock."""
        self._paused_until = max(self._paused_until, until)

    async def enter(self, priority: Priority, deadline: float) -> None:
        """Wait for a place; `leave` gives it back.

        Args:
            priority: Whose turn comes first.
            deadline: The latest moment to get in, on the runtime's monotonic clock.

        Raises:
            QueueTimeoutError: No place came free in time, or the pause lasts longer than that.
        """
        while True:
            await self._sit_out_pause(deadline)
            if self._inside < self._limit and not self._waiting:
                self._inside += 1
            else:
                await self._wait_for_place(priority, deadline)
            if self._runtime.monotonic() >= self._paused_until:
                return
            self.leave()

    def leave(self) -> None:
        """Give a place back, to the next who waits if there is one."""
        while self._waiting:
            _, _, place = heapq.heappop(self._waiting)
            if not place.done():
                place.set_result(None)
                return
        self._inside -= 1

    async def _sit_out_pause(self, deadline: float) -> None:
        while (seconds := self._paused_until - self._runtime.monotonic()) > 0:
            if self._paused_until >= deadline:
                error = QueueTimeoutError(
                    "The server asked this client to slow down, for longer than this call may "
                    "wait. It was not sent; call again later."
                )
                error.retry_at = self._runtime.utcnow() + timedelta(seconds=seconds)
                raise error
            await self._runtime.sleep(seconds)

    async def _wait_for_place(self, priority: Priority, deadline: float) -> None:
        place = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (priority, next(self._order), place))
        try:
            async with asyncio.timeout(max(deadline - self._runtime.monotonic(), 0)):
                await place
        except TimeoutError:
            self._give_up(place)
            raise QueueTimeoutError(
                "The call waited for its turn until its deadline and was not sent. Too many calls "
                "are under way: raise the client's concurrency or the call's deadline."
            ) from None
        except asyncio.CancelledError:
            self._give_up(place)
            raise

    def _give_up(self, place: asyncio.Future[None]) -> None:
        if place.done() and not place.cancelled():
            self.leave()
        else:
            place.cancel()
