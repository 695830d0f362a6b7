from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cubicasa_async import AsyncCubiCasa
from cubicasa_async.sandbox import Sandbox
from tests.support.canary import CANARY

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("line", "place"),
    [
        (f"print({CANARY!r})", "stdout"),
        (f"print({CANARY!r}, file=sys.stderr)", "stderr"),
        (f"logging.getLogger('any').debug({CANARY!r})", "log"),
        ("pass", None),
    ],
)
def test_a_test_that_shows_the_key_fails(tmp_path: Path, line: str, place: str | None) -> None:
    (tmp_path / "test_it.py").write_text(f"import logging, sys\n\ndef test_it():\n    {line}\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.support.canary"]
    ended = subprocess.run(
        [*command, "-p", "no:cacheprovider", "test_it.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode == 0) == (place is None), ended.stdout
    assert (f"the api key was shown in {place}" in ended.stdout) == (place is not None)


async def test_the_sandbox_and_its_client_use_the_canary(
    sandbox: Sandbox, client: AsyncCubiCasa
) -> None:
    assert sandbox.api_key == client.config.api_key.reveal() == CANARY
    assert await client.orders.list() is not None
