from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest

from cubicasa_async.sandbox import Sandbox
from tests.support.leaps import Leaps

from .support import Caller


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox() as sandbox:
        sandbox.webhooks.patience = 120.0  # whoever answers, does so however slow the machine is
        yield sandbox


@pytest.fixture
async def call(sandbox: Sandbox) -> AsyncIterator[Caller]:
    async with aiohttp.ClientSession() as session:
        yield Caller(session, sandbox)


@pytest.fixture
async def leaps() -> Leaps:
    """Leaps of the test's own loop, at moments that the test chooses."""
    leaps = Leaps()
    leaps.reach(asyncio.get_running_loop())
    return leaps
