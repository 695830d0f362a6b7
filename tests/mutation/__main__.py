"""How many small faults the tests find in the modules that the promise rests on.

`python -m tests.mutation [part of a module's name ...]` copies the tree, lets mutmut change one
thing at a time in the copy and run the tests that reach it, and says which changes no test found.
What is known of those stands in survivors.toml. A run over all modules is written to SCORE.md.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import attrs

HERE: Final = Path(__file__).resolve().parent
ROOT: Final = HERE.parent.parent
COPIED: Final = ("cubicasa_async", "tests", "pyproject.toml")
LONGEST: Final = 3600.0
"""Seconds until mutmut is stopped; what it has not come to then is told."""

FLOOR: Final = 0.9
TOOLS: Final = ("mutmut", "pytest", "hypothesis")

COLUMNS: Final = (
    "module",
    "changes",
    "found",
    "equivalent",
    "other survivors",
    "untried",
    "found of all",
    "found of those that can be",
)
PREFACE: Final = """\
# Mutation score

Made by `python3 noxfile.py mutation`; do not edit. mutmut makes one small change at a time to a
module and runs the tests that reach it. A change is found if a test fails or never ends. An
equivalent one changes nothing that a test could rely on; which those are, and why the others
survive, stands in `survivors.toml`, kept by hand.
"""

_FOUND: Final = {1, 3}  # a test failed; pytest itself did
_TIMED_OUT: Final = {24, -24, 36, 152, 255}


@attrs.frozen
class Survivor:
    """A change that no test found.

    Attributes:
        where: Module and function.
        diff: The lines that were taken out and put in.
    """

    where: str
    diff: str


@attrs.frozen
class Reason:
    """What is known of a survivor.

    Attributes:
        why: Why no test finds it, in one line.
        equivalent: Whether none could, as nothing that can be seen changes.
    """

    why: str
    equivalent: bool


@attrs.frozen
class Score:
    """What came of the changes to one module.

    Attributes:
        module: Its path in the package.
        changes: How many were to be tried.
        found: How many made a test fail.
        timed_out: How many made the tests run on without end, which is finding them too.
        untried: How many the time did not suffice for.
        survivors: The rest.
        reasons: What is known of those, as far as it is.
    """

    module: str
    changes: int
    found: int
    timed_out: int
    untried: int
    survivors: tuple[Survivor, ...]
    reasons: dict[Survivor, Reason]

    @property
    def equivalent(self) -> int:
        """How many survivors no test could find."""
        return sum(reason.equivalent for reason in self.reasons.values())

    @property
    def share(self) -> float:
        """What was found of all changes."""
        return (self.found + self.timed_out) / self.changes

    @property
    def share_of_real(self) -> float:
        """What was found of the changes that a test could find."""
        return (self.found + self.timed_out) / (self.changes - self.equivalent)

    @property
    def unexplained(self) -> list[Survivor]:
        """The survivors that survivors.toml says nothing of."""
        return [survivor for survivor in self.survivors if survivor not in self.reasons]


def mutate(work: Path, wanted: Sequence[str]) -> None:
    """Run mutmut in a copy of the tree, at the lowest priority, for no longer than LONGEST."""
    unneeded = shutil.ignore_patterns("__pycache__", ".*", "SCORE.md")
    for name in COPIED:
        source, copy = ROOT / name, work / name
        if source.is_dir():
            shutil.copytree(source, copy, ignore=unneeded)
        else:
            shutil.copy(source, copy)
    if hasattr(os, "nice"):
        os.nice(15)
    # Under CI, Hypothesis tries the same examples each time and sets no time limits.
    environ = {**os.environ, "CI": "true", "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "mutmut", "run", "--max-children", "1", *wanted]
    log = work / "mutmut.log"
    with log.open("wb") as output:
        shown = None if sys.stdout.isatty() else output
        mutmut = subprocess.Popen(
            command, cwd=work, env=environ, stdout=shown, stderr=shown, start_new_session=True
        )
        try:
            mutmut.wait(LONGEST)
        except BaseException as exc:
            os.killpg(mutmut.pid, signal.SIGTERM)
            mutmut.wait()
            if not isinstance(exc, subprocess.TimeoutExpired):
                raise
        else:
            if mutmut.returncode:
                said = log.read_text("utf-8", errors="replace")[-4000:]
                sys.exit(f"{said}\nmutmut failed with exit code {mutmut.returncode}.")


def explained() -> dict[Survivor, Reason]:
    """What survivors.toml says."""
    told: dict[Survivor, Reason] = {}
    for entry in tomllib.loads((HERE / "survivors.toml").read_text("utf-8"))["survivor"]:
        reason = Reason(entry["why"], entry["equivalent"])
        for diff in entry["diffs"]:
            told[Survivor(entry["where"], normal(diff))] = reason
    return told


def normal(diff: str) -> str:
    """The changed lines of a diff, however far they are indented."""
    lines = [line for line in diff.strip().splitlines() if line[:1] in {"+", "-"}]
    return "\n".join(f"{line[0]} {line[1:].strip()}" for line in lines)


def survivor_of(work: Path, module: str, name: str) -> Survivor:
    """What a surviving mutant of mutmut's is."""
    command = [sys.executable, "-m", "mutmut", "show", name]
    shown = subprocess.run(
        command, cwd=work, capture_output=True, encoding="utf-8", check=True
    ).stdout
    _, _, diff = shown.partition("\n@@")
    mangled = name.rpartition(".")[2].rpartition("__mutmut_")[0]
    function = mangled.removeprefix("x").removeprefix("_").strip("ǁ").replace("ǁ", ".")
    return Survivor(f"{module} {function}", normal(diff.partition("\n")[2]))


def scores(work: Path) -> list[Score]:
    """What mutmut noted, of each module that it tried something of."""
    told = explained()
    results: list[Score] = []
    for path in settings()["only_mutate"]:
        module = path.removeprefix("cubicasa_async/")
        noted = json.loads((work / "mutants" / f"{path}.meta").read_text("utf-8"))
        codes: dict[str, int | None] = noted["exit_code_by_key"]
        if set(codes.values()) == {None}:
            continue
        survivors = tuple(
            survivor_of(work, module, name)
            for name, code in codes.items()
            if code is not None and code not in _FOUND | _TIMED_OUT
        )
        results.append(
            Score(
                module,
                changes=len(codes),
                found=sum(code in _FOUND for code in codes.values()),
                timed_out=sum(code in _TIMED_OUT for code in codes.values()),
                untried=sum(code is None for code in codes.values()),
                survivors=survivors,
                reasons={one: told[one] for one in survivors if one in told},
            )
        )
    return results


def settings() -> dict[str, Any]:
    """mutmut's settings."""
    settings: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]
    return dict(settings["mutmut"])


def percent(share: float) -> str:
    """A share in words, rounded down: 89.97 % are not 90 %."""
    return f"{int(share * 1000) / 10:.1f} %"


def table(results: Sequence[Score]) -> str:
    """The score of each module."""
    lines = ["| " + " | ".join(COLUMNS) + " |", "| --- " * len(COLUMNS) + "|"]
    lines += [
        f"| {one.module} | {one.changes} | {one.found + one.timed_out} | {one.equivalent} "
        f"| {len(one.survivors) - one.equivalent} | {one.untried} | {percent(one.share)} "
        f"| {percent(one.share_of_real)} |"
        for one in results
    ]
    return "\n".join(lines)


def listing(one: Score) -> str:
    """The survivors of a module, each with what is known of it."""
    alike: dict[str, list[str]] = {}
    for survivor in one.survivors:
        reason = one.reasons.get(survivor)
        why = reason.why if reason else "Not explained yet."
        kind = "Equivalent. " if reason and reason.equivalent else ""
        where = survivor.where.partition(" ")[2]
        alike.setdefault(f"`{where}`: {kind}{why}", []).append(survivor.diff)
    return "\n".join(
        "\n".join([head, "", "```diff", "\n\n".join(diffs), "```", ""])
        for head, diffs in alike.items()
    )


def report(results: Sequence[Score], minutes: float) -> str:
    """SCORE.md."""
    tools = ", ".join(f"{tool} {version(tool)}" for tool in TOOLS)
    python, when = platform.python_version(), f"{datetime.now(UTC):%d %B %Y}"
    made = f"{when}, Python {python}, {tools}; {minutes:.0f} minutes."
    parts = [PREFACE, made, table(results)]
    for one in results:
        if one.survivors:
            parts += [f"## {one.module}", listing(one)]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def verdict(results: Sequence[Score], *, whole: bool) -> list[str]:
    """What is not as it should be."""
    faults = [
        f"{one.module}: only {percent(one.share_of_real)} of the changes were found."
        for one in results
        if one.share_of_real < FLOOR
    ]
    faults += [
        f"{survivor.where}: survivors.toml does not explain\n{survivor.diff}"
        for one in results
        for survivor in one.unexplained
    ]
    if whole and not any(one.untried for one in results):
        survivors = {survivor for one in results for survivor in one.survivors}
        faults += [
            f"{gone.where}: survivors.toml explains what does not survive\n{gone.diff}"
            for gone in explained()
            if gone not in survivors
        ]
    return faults


def _stop(signum: int, _: object) -> None:
    sys.exit(128 + signum)


def main(wanted: Sequence[str]) -> int:
    """Run it, print it, write it down; gives the exit code."""
    began = time.monotonic()
    signal.signal(signal.SIGTERM, _stop)  # or mutmut would run on by itself
    with tempfile.TemporaryDirectory() as directory:
        work = Path(directory)
        mutate(work, [f"*{name}*" for name in wanted])
        results = scores(work)
    if not wanted:
        text = report(results, (time.monotonic() - began) / 60)
        (HERE / "SCORE.md").write_text(text, "utf-8")
    for one in results:
        sys.stdout.write(f"\n{one.module}\n\n{listing(one)}")
    faults = verdict(results, whole=not wanted)
    sys.stdout.write("\n".join(["", table(results), "", *faults, ""]))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
