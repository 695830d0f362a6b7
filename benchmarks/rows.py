"""The rows of the table: what is measured, by which module, and what is aimed at."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Iterable, Mapping
from typing import Any, Final

import attrs

from benchmarks.goals import AtMost, Faster, Goal, GrowsLess, Verdict
from benchmarks.measure import CPU, WALL, Figure, Missing


@attrs.frozen
class Row:
    """One row.

    Attributes:
        title: What is measured, and by which clock if no goal says another.
        module: Module of this package that measures it: `run(base_url, quick=...)`.
        goals: What is aimed at.
        settings: Further arguments of its `run`.
        limits: What is known of the limit, for the report.
    """

    title: str
    module: str
    goals: tuple[Goal, ...]
    settings: Mapping[str, Any] = attrs.field(factory=dict[str, Any])
    limits: str = ""

    async def run(self, base_url: str, *, quick: bool) -> list[Figure]:
        """Measure it. A row whose peers are not installed is a missing one."""
        try:
            module = importlib.import_module(f"benchmarks.{self.module}")
        except ModuleNotFoundError as exc:
            if exc.name and exc.name.startswith(("benchmarks", "cubicasa_async")):
                raise
            return [Missing(self.title, f"{exc.name} is not installed")]
        run = functools.partial(module.run, **self.settings)
        return [*await run(base_url, quick=quick)]

    def judge(self, figures: Iterable[Figure]) -> list[Verdict]:
        figures = tuple(figures)
        return [goal.judge(figures) for goal in self.goals]


AIOHTTP: Final = "aiohttp + orjson"
GENERATED: Final = "openapi-python-client"

ROWS: Final[Mapping[str, Row]] = {
    "decode": Row(
        "Decode pages of 100 orders (88 kB) into models, CPU",
        "decode",
        (AtMost(1.8, "orjson.loads"), Faster(1.6, "pydantic"), Faster(5, GENERATED)),
    ),
    "walk-100": Row(
        "Walk 10,000 orders in pages of 100, CPU",
        "walks",
        (
            AtMost(1.35, AIOHTTP, clock=CPU),
            Faster(1, "aiohttp + r.json()", clock=WALL),
            Faster(3, "httpx + pydantic", clock=WALL),
            Faster(4, GENERATED, clock=WALL),
        ),
        {"limit": 100},
    ),
    "walk-20": Row(
        "Walk 10,000 orders in pages of 20, CPU",
        "walks",
        (AtMost(1.3, AIOHTTP, clock=CPU),),
        {"limit": 20},
        limits=(
            "Our own code takes some 11 us per call if all of it is in the processor's caches (17 "
            "before one timer for all deadlines, a prebuilt query and late copies of headers): "
            "deadline, gate, checks, URL."
        ),
    ),
    "get": Row(
        "Get 200 orders, one after another, CPU",
        "gets",
        (AtMost(1.2, "aiohttp get"),),
        {"at_once": 1},
    ),
    "get-50": Row(
        "Get 500 orders, 50 at once, CPU",
        "gets",
        (AtMost(1.2, "aiohttp get"),),
        {"at_once": 50},
        limits="With 50 at once aiohttp itself takes less per call, so the same time weighs more.",
    ),
    "create": Row(
        "Create 200 drafts, one after another, CPU",
        "drafts",
        (AtMost(1.45, "aiohttp post + orjson"),),
    ),
    "sync": Row(
        "Get 100 orders without an event loop, wall",
        "sync_calls",
        (
            AtMost(0.7, "httpx.Client"),
            AtMost(0.45, "requests"),
            AtMost(1.1, "urllib3"),
            AtMost(1.5, "the same call awaited"),
        ),
    ),
    "window": Row(
        "Walk 10,000 orders in pages of 100 at 50 ms of latency, wall",
        "window",
        (Faster(6, "cubicasa_async, sequential", "cubicasa_async, window of 8"),),
    ),
    "import": Row(
        "Import 5,000 drafts with a durable journal, 50 at once, wall",
        "bulk_import",
        (AtMost(1.6, "aiohttp"), Faster(1, "httpx")),
        limits=(
            "Creating the drafts without a journal takes 1.2 x by itself (checks, deadline, gate). "
            "What is left is the handling of rows, the collector of garbage (up to 0.1 x), which "
            "the bare loop hardly wakes, and the journal's thread, where no core is free for it."
        ),
    ),
    "downloads": Row(
        "Download 200 files of 1 MB, 8 at once, wall",
        "downloads",
        (AtMost(1.11, "aiohttp"),),
        limits=(
            "The client's loop, its two threads and the server share two cores here. With "
            "durable=True each file is put on the disk itself, for which it is waited."
        ),
    ),
    "start": Row(
        "Start, import and end, wall",
        "imports",
        (
            AtMost(1.25, "import aiohttp", "import cubicasa_async"),
            AtMost(2.5, "import aiohttp", "cubicasa --help"),
        ),
        limits=(
            "The package imports its client when it is first used, so the client is measured "
            "beside it. Half of what it takes above aiohttp is making some 90 attrs classes, an "
            "eighth cattrs."
        ),
    ),
    "memory": Row(
        "Peak resident size of a job ten times as large",
        "memory",
        (GrowsLess(10, "import 1,000,000 rows"), GrowsLess(10, "walk 1,000,000 orders")),
    ),
}
