from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from cubicasa_async import AsyncCubiCasa
from cubicasa_async.sandbox import Sandbox
from tests.support.canary import CANARY

ROOT = Path(__file__).parents[2]


SHOWN = f"""
import logging, sys

def test_stdout():
    print({CANARY!r})

def test_stderr():
    print({CANARY!r}, file=sys.stderr)

def test_log():
    logging.getLogger("any").debug({CANARY!r})

def test_nothing():
    assert {CANARY!r}
"""


def test_a_test_that_shows_the_key_fails(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(SHOWN, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.support.canary"]
    ended = subprocess.run(
        [*command, "-p", "no:cacheprovider", "test_it.py"],
        cwd=tmp_path,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "PYTEST_ADDOPTS": "",
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    for place in ("stdout", "stderr", "log"):
        assert f"the api key was shown in {place}" in ended.stdout
        assert f"ERROR test_it.py::test_{place}" in ended.stdout
    assert "4 passed, 3 errors" in ended.stdout
    assert "test_nothing" not in ended.stdout


async def test_the_sandbox_and_its_client_use_the_canary(
    sandbox: Sandbox, client: AsyncCubiCasa
) -> None:
    assert sandbox.api_key == client.config.api_key.reveal() == CANARY
    assert await client.orders.list() is not None
