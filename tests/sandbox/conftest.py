from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest

from cubicasa_async.sandbox import Sandbox

from .support import Caller


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
async def call(sandbox: Sandbox) -> AsyncIterator[Caller]:
    async with aiohttp.ClientSession() as session:
        yield Caller(session, sandbox)
