from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cubicasa_async.sandbox import Sandbox
from tests.guide.reader import Reader, reading


@pytest.fixture
async def reader(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Reader]:
    """Somebody who follows a page, with a sandbox that has something to show of each kind."""
    sandbox.world.add_examples(30)
    async with reading(tmp_path, sandbox, monkeypatch) as reader:
        yield reader
