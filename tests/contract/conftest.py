from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from cubicasa_async import AsyncCubiCasa
from cubicasa_async.sandbox import Sandbox
from tests.contract.cases import CASES, INFERRED, Case, accepted, scene
from tests.support.leaps import leaps
from tests.support.moments import VirtualTime

__all__ = ["cases", "leaps", "ready", "sure"]


@pytest.fixture
async def sure(sandbox: Sandbox, moments: VirtualTime) -> AsyncIterator[AsyncCubiCasa]:
    """A client whose user has accepted all inferred paths."""
    async with AsyncCubiCasa(
        sandbox.api_key,
        base_url=sandbox.base_url,
        runtime=moments.runtime,
        paths=accepted(*INFERRED),
    ) as client:
        yield client


@pytest.fixture
def cases(sandbox: Sandbox) -> dict[str, Case]:
    found = scene(sandbox)
    return {operation: case.on(found) for operation, case in CASES.items()}


@pytest.fixture
def ready(sandbox: Sandbox) -> str:
    return sandbox.world.add_order(status="Ready").id
