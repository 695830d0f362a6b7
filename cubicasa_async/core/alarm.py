"""Time limits for many calls at once, with one timer for all of them."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self


class Alarm:
    """Ends what takes too long as `asyncio.timeout` does, for the tasks of one event loop.

    A timer for each call costs an eighth of a short one. Here one timer stands at the earliest end
    and is not touched when a call ends in time, which nearly all do.
    """

    def __init__(self) -> None:
        self.loop: asyncio.AbstractEventLoop = asyncio.get_running_loop()
        self._limits: set[Limit] = set()
        self._timer: asyncio.TimerHandle | None = None

    def limit(self, seconds: float) -> Limit:
        """A context that raises TimeoutError if it is not left in time."""
        return Limit(self, self.loop.time() + seconds)

    def add(self, limit: Limit) -> None:
        """Watch a limit."""
        self._limits.add(limit)
        if self._timer is None or limit.when < self._timer.when():
            self._set(limit.when)

    def remove(self, limit: Limit) -> None:
        """Watch it no longer."""
        self._limits.discard(limit)

    def stop(self) -> None:
        """Watch nothing any more."""
        self._limits.clear()
        if self._timer is not None:
            self._timer.cancel()

    def _set(self, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self.loop.call_at(when, self._ring, when)

    def _ring(self, when: float) -> None:
        self._timer = None
        for limit in [limit for limit in self._limits if limit.when <= when]:
            self._limits.discard(limit)
            limit.pass_()
        if self._limits:
            self._set(min(limit.when for limit in self._limits))


class Limit:
    """A time limit of the task that enters it, on the clock of its loop."""

    _passed = False

    def __init__(self, alarm: Alarm, when: float) -> None:
        self._alarm = alarm
        self.when: float = when

    def pass_(self) -> None:
        """It has come: cancel the task, which `__exit__` makes a TimeoutError."""
        self._passed = True
        self._task.cancel()

    def __enter__(self) -> Self:
        task = asyncio.current_task(self._alarm.loop)
        if task is None:
            raise RuntimeError("A time limit needs a task.")
        self._task = task
        self._cancelling = task.cancelling()
        self._alarm.add(self)
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._alarm.remove(self)
        # What else cancelled the task meanwhile is not taken for the limit.
        if (
            self._passed
            and self._task.uncancel() <= self._cancelling
            and exc_type is asyncio.CancelledError
        ):
            raise TimeoutError from exc
