"""Runs of pytest in processes of their own, with the plugin."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import attrs

from tests.support.commands import environment

HERE = Path(__file__).parent
ASYNCIO = "pytest_asyncio.plugin"
ANYIO = "anyio.pytest_plugin"
XDIST = "xdist.plugin"


@attrs.frozen
class Run:
    """How a run ended.

    Attributes:
        outcomes: What was said of each test: its name, and the words as pytest has them.
        text: All that was written.
    """

    outcomes: Mapping[str, set[str]]
    text: str

    def named(self, outcome: str) -> set[str]:
        """The tests of which this was said."""
        return {name for name, said in self.outcomes.items() if outcome in said}


def run_pytest(place: Path, *arguments: str, plugins: tuple[str, ...] = (ASYNCIO,)) -> Run:
    """Run the tests of a directory with the plugin, and with no others but those named."""
    loaded = [word for name in ("cubicasa_async.testing", *plugins) for word in ("-p", name)]
    ended = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-rA",
            "-p",
            "no:cacheprovider",
            *loaded,
            *arguments,
        ],
        cwd=place,
        env=environment(
            None, PYTEST_DISABLE_PLUGIN_AUTOLOAD="1", PYTHONDONTWRITEBYTECODE="1", PYTEST_ADDOPTS=""
        ),
        capture_output=True,
        text=True,
        check=False,
    )
    text = ended.stdout + ended.stderr
    outcomes: dict[str, set[str]] = {}
    for outcome, name in re.findall(r"^(PASSED|FAILED|ERROR) \S*::(\w+)", text, re.MULTILINE):
        outcomes.setdefault(name, set()).add(outcome)
    return Run(outcomes, text)
