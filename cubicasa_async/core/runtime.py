"""Clock, sleep and chance: all that a call takes from the world besides its socket."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import attrs
import backoff


def _utcnow() -> datetime:
    return datetime.now(UTC)


@attrs.frozen
class Runtime:
    """The sources of time and chance, replaceable as one, so that tests need no waiting.

    Attributes:
        monotonic: Seconds on a clock that never goes back; deadlines are measured on it.
        utcnow: The present moment (aware, UTC), for reports only.
        sleep: Waits the given seconds.
        jitter: Maps a wait in seconds to the one really taken; full jitter by default.
    """

    monotonic: Callable[[], float] = time.monotonic
    utcnow: Callable[[], datetime] = _utcnow
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
    jitter: Callable[[float], float] = backoff.full_jitter
