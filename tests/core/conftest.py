from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from cubicasa_async import AsyncCubiCasa
from cubicasa_async.sandbox import Sandbox
from tests.support.leaps import leaps
from tests.support.moments import VirtualTime

__all__ = ["bounded", "leaps"]


@pytest.fixture
async def bounded(sandbox: Sandbox, moments: VirtualTime) -> AsyncIterator[AsyncCubiCasa]:
    """A client for which a small bomb is large enough."""
    async with AsyncCubiCasa(
        sandbox.api_key,
        base_url=sandbox.base_url,
        runtime=moments.runtime,
        max_response_bytes=1_000_000,
    ) as client:
        yield client
