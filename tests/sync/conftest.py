from __future__ import annotations

from collections.abc import Iterator

import pytest

from cubicasa_async import CubiCasa
from cubicasa_async.sandbox import Sandbox
from tests.sync.support import KEY, hosted


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A server of the API on a loop of its own, in a thread."""
    with hosted(Sandbox(KEY)) as sandbox:
        yield sandbox


@pytest.fixture
def twin(sandbox: Sandbox) -> Iterator[CubiCasa]:
    """A client of the sandbox."""
    with CubiCasa(sandbox.api_key, base_url=sandbox.base_url) as client:
        yield client
