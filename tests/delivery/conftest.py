from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from cubicasa_async.delivery.inbox import Inbox
from tests.support.moments import VirtualTime
from tests.support.stores import server_schema, target

__all__ = ["server_schema", "target"]


@pytest.fixture
async def inbox(target: str, moments: VirtualTime) -> AsyncIterator[Inbox]:
    """An inbox whose time the test moves, in either database."""
    async with Inbox(target, runtime=moments.runtime) as inbox:
        yield inbox
