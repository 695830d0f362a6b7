"""Runs of pytest in processes of their own, with the plugin."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import metadata
from pathlib import Path

import attrs
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support.commands import environment

HERE = Path(__file__).parent
ASYNCIO = "pytest_asyncio.plugin"
ANYIO = "anyio.pytest_plugin"
XDIST = "xdist.plugin"
OURS = "cubicasa-async"


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


def only_with(*wanted: str) -> str:
    """A conftest that takes out what our extras bring, but for what these requirements bring."""
    others = brought_by([f"{OURS}[all]"]) - brought_by(wanted)
    away = sorted(
        module
        for module, brought in metadata.packages_distributions().items()
        if others & {canonicalize_name(name) for name in brought}
    )
    return f"import sys\n\nsys.modules.update(dict.fromkeys({away!r}))\n"


def brought_by(wanted: Iterable[str]) -> set[str]:
    """The names of all packages that are installed with these requirements."""
    found: set[tuple[str, str]] = set()
    left = [Requirement(one) for one in wanted]
    while left:
        one = left.pop()
        for extra in ("", *one.extras):
            if (one.name, extra) not in found:
                found.add((one.name, extra))
                left += [
                    need
                    for need in _needs_of(one.name)
                    if need.marker is None or need.marker.evaluate({"extra": extra})
                ]
    return {canonicalize_name(name) for name, _ in found}


@cache
def _needs_of(name: str) -> list[Requirement]:
    if name != OURS:
        try:
            return [Requirement(one) for one in metadata.requires(name) or ()]
        except metadata.PackageNotFoundError:  # not for this platform
            return []
    text = (HERE.parents[1] / "pyproject.toml").read_text("utf-8")
    project = tomllib.loads(text)["project"]
    needs = [Requirement(one) for one in project["dependencies"]]
    for extra, more in project["optional-dependencies"].items():
        needs += [Requirement(f"{one} ; extra == {extra!r}") for one in more]
    return needs
