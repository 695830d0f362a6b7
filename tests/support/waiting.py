"""Waiting for what somebody else does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


async def until(holds: Callable[[], object], *, pause: float = 0.005) -> None:
    """Wait until it holds; `pause` in seconds is between two questions."""
    while not holds():  # noqa: ASYNC110 # what is awaited has no event
        await asyncio.sleep(pause)
