from __future__ import annotations

import signal
from collections.abc import AsyncIterator

import pytest
from hypothesis import HealthCheck, settings

from cubicasa_async import AsyncCubiCasa
from cubicasa_async.sandbox import Sandbox
from tests.support.canary import CANARY, everything_is_logged, pytest_runtest_makereport
from tests.support.moments import VirtualTime
from tests.support.postgres import postgres_server, postgres_url

__all__ = [
    "everything_is_logged",
    "postgres_server",
    "postgres_url",
    "pytest_runtest_makereport",
]

# How fast a machine is says nothing about what is tested.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # Shells start what runs in the background like this, and children would inherit it.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    """A server of the API on a free port; its key is the canary."""
    async with Sandbox(CANARY) as sandbox:
        yield sandbox


@pytest.fixture
def moments() -> VirtualTime:
    """The time of `client`: sleeping moves it and takes none."""
    return VirtualTime()


@pytest.fixture
async def client(sandbox: Sandbox, moments: VirtualTime) -> AsyncIterator[AsyncCubiCasa]:
    """A client of the sandbox that waits without waiting, by the bounds and without chance."""
    async with AsyncCubiCasa(
        sandbox.api_key, base_url=sandbox.base_url, runtime=moments.runtime
    ) as client:
        yield client
