from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from cubicasa_async.delivery.inbox import Inbox
from tests.support.leaps import Leaps
from tests.support.moments import VirtualTime
from tests.support.stores import server_schema, target

__all__ = ["server_schema", "target"]


@pytest.fixture
async def inbox(target: str, moments: VirtualTime) -> AsyncIterator[Inbox]:
    """An inbox whose time the test moves, in either database."""
    async with Inbox(target, runtime=moments.runtime) as inbox:
        yield inbox


@pytest.fixture
async def leaps() -> Leaps:
    """Leaps of the test's own loop, at moments that the test chooses."""
    leaps = Leaps()
    leaps.reach(asyncio.get_running_loop())
    return leaps
