"""The table as text, and the report of a whole run as Markdown."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

import attrs

from benchmarks.goals import Verdict
from benchmarks.measure import Figure, Growth, Missing, Ratio
from benchmarks.rows import Row

_PACKAGES: Final = (
    "aiohttp", "attrs", "cattrs", "msgspec", "orjson", "pydantic", "httpx", "requests", "urllib3",
    "openapi-python-client",
)  # fmt: skip

_QUIET: Final = 0.5
_AT_WORK: Final = 0.005

METHOD: Final = """\
Every figure is a ratio to the first line of its table, taken in one process: each variant runs
between two slices of the base, in shuffled order, round by round, and the ratio is that to the
mean of the two. Given is the median of the rounds and the quartiles. The base is measured against
itself like any other; its quartiles show the noise. A goal against another peer compares the two
round by round.

CPU is the time of the whole client process. The server is a process of its own that serves
prepared bytes; where the system has it, client and server are each kept on a core of their own. A
block of 1 MiB is freed first, or asyncio's buffers would cost two page faults per answer. All
collections of garbage leave out what was there when a row began.

All clients have their default settings, but for a concurrency of 50 where 50 calls are made at
once: ours checks that pages overlap, decodes strictly, keeps a deadline, tracks what was sent and
blots out the key. Peers do the same work: before the pages are decoded, all decoders must agree on
every value. Our models build a time when it is read, so both times of every order are read where
pages are decoded or walked, unless the line says otherwise. The peers are used like this: aiohttp
with the query in the URL and `orjson.loads(await response.read())`; `r.json()` with `params=`;
pydantic with strict models, open enums, aware times and an alias; cattrs with its default
converter on our classes; the generated client is made by openapi-python-client from the OpenAPI
document of the sandbox, and its decoder is given what orjson read."""


@attrs.frozen
class Result:
    """What was measured for a row, and which part of that time the server was at work."""

    row: Row
    figures: Sequence[Figure]
    server_busy: float

    @property
    def verdicts(self) -> list[Verdict]:
        return self.row.judge(self.figures)


def text(result: Result, *, judged: bool) -> str:
    """A row's figures and goals for the terminal."""
    verdicts = result.verdicts
    cells = [_cells(figure) for figure in result.figures]
    cells += [
        (f"goal: {each.goal}", each.found, each.text if judged or each.excess is None else "")
        for each in verdicts
    ]
    width = max(len(name) for name, _, _ in cells)
    lines = [f"  {name:<{width}}  {found:<22}  {rest}".rstrip() for name, found, rest in cells]
    return "\n".join([result.row.title, *lines, *(f"  {each}" for each in _server(result))])


def markdown(results: Iterable[Result], *, where: Iterable[str], chart: str) -> str:
    """The report of a whole run; `where` tells of machine and server, in paragraphs."""
    results = tuple(results)
    goals = [
        f"| {result.row.title} | {verdict.goal} | {verdict.found} | {verdict.text} |"
        for result in results
        for verdict in result.verdicts
    ]
    parts = [
        "# Benchmarks",
        "Written by `nox -s bench`. The ratios are the result; times depend on the machine.",
        f"![Ratios to peers]({chart})",
        "## Goals",
        "\n".join(["| what | goal | found | |", "|---|---|---|---|", *goals]),
        "## Figures",
        *(_section(result) for result in results),
        "## Method",
        METHOD,
        "## Where",
        *where,
    ]
    return "\n\n".join(parts) + "\n"


def _section(result: Result) -> str:
    growths = [figure for figure in result.figures if isinstance(figure, Growth)]
    others = [figure for figure in result.figures if not isinstance(figure, Growth)]
    tables = (
        _table("| | ratio [quartiles] | median |", others),
        _table("| | peak growth | from, to |", growths),
    )
    parts = [f"### {result.row.title}", *tables, *_server(result), result.row.limits]
    return "\n\n".join(filter(None, parts))


def _table(heading: str, figures: Iterable[Figure]) -> str:
    rows = [f"| {' | '.join(_cells(figure))} |" for figure in figures]
    return "\n".join([heading, "|---|---|---|", *rows]) if rows else ""


def _server(result: Result) -> list[str]:
    """What says that the server was not what was measured, where it took part."""
    if result.server_busy < _AT_WORK:
        return []
    return [f"The server was at work for {result.server_busy:.0%} of the time."]


def _cells(figure: Figure) -> tuple[str, str, str]:
    match figure:
        case Ratio():
            return figure.name, f"{figure.spread} x", f"{figure.seconds * 1e3:.1f} ms"
        case Growth():
            sizes = f"{figure.small:.0f}, {figure.large:.0f} MB"
            return figure.name, f"{figure.large - figure.small:+.1f} MB", sizes
        case Missing():
            return figure.name, f"not measured: {figure.reason}", ""


def machine() -> str:
    """What it was measured on."""
    implementation = f"{platform.python_implementation()} {platform.python_version()}"
    packages = ", ".join(f"{name} {_version(name)}" for name in _PACKAGES)
    today = datetime.now(UTC).date()
    cores = f"{os.cpu_count()} x {_processor()}"
    return f"{today}, {cores}, {platform.system()}, {implementation}. {packages}."


def load() -> str:
    """How much else was running, where the system tells."""
    if not hasattr(os, "getloadavg"):
        return ""
    waiting = os.getloadavg()[0]
    if waiting < _QUIET:
        return f"Load average at the start: {waiting:.1f}."
    return (
        f"Load average at the start: {waiting:.1f}. Something else was running: ratios by wall "
        "clock are not to be trusted, as a client with threads gets more of a core that is shared."
    )


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "missing"


def _processor() -> str:
    named = platform.processor() or platform.machine()
    if sys.platform == "linux":
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                named = line.partition(":")[2].strip()
                break
    return named
