from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from cubicasa_async import AsyncCubiCasa
from tests.support import mocked
from tests.support.canary import CANARY
from tests.support.mocked import BASE_URL, Answers
from tests.support.moments import VirtualTime


@pytest.fixture
def answers() -> Iterator[Answers]:
    """What the server would answer, and what it was asked."""
    yield from mocked.answers()


@pytest.fixture
async def mocked_client(answers: Answers, moments: VirtualTime) -> AsyncIterator[AsyncCubiCasa]:
    async with AsyncCubiCasa(CANARY, base_url=BASE_URL, runtime=moments.runtime) as client:
        yield client
