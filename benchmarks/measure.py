"""Ratios of interleaved slices: each variant runs between two slices of its base."""

from __future__ import annotations

import contextlib
import functools
import gc
import os
import random
import re
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Generator, Mapping
from pathlib import Path
from typing import Final

import attrs

Slice = Callable[[], Awaitable[object]]
Clock = Callable[[], float]

CPU: Final[Clock] = time.process_time
WALL: Final[Clock] = time.perf_counter
CLOCKS: Final[Mapping[Clock, str]] = {CPU: "CPU", WALL: "wall"}


@attrs.frozen
class Spread:
    """Ratios of the rounds, and their quartiles."""

    rounds: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.rounds)

    @property
    def low(self) -> float:
        return statistics.quantiles(self.rounds, n=4)[0]

    @property
    def high(self) -> float:
        return statistics.quantiles(self.rounds, n=4)[2]

    def over(self, other: Spread) -> Spread:
        """What this is to another of the same rounds, round by round."""
        return Spread(tuple(a / b for a, b in zip(self.rounds, other.rounds, strict=True)))

    def inverse(self) -> Spread:
        return Spread(tuple(1 / ratio for ratio in self.rounds))

    def __str__(self) -> str:
        return f"{self.median:.2f} [{self.low:.2f}..{self.high:.2f}]"


@attrs.frozen
class Ratio:
    """A variant against its base.

    `by` holds the ratios by both clocks; `clock` says which of them is meant where none is named,
    and `seconds` is the median time of a slice by it. The base itself is `is_base`.
    """

    name: str
    by: Mapping[Clock, Spread]
    clock: Clock
    seconds: float
    is_base: bool = False

    @property
    def spread(self) -> Spread:
        return self.by[self.clock]

    def over(self, other: Ratio, clock: Clock) -> Spread:
        """What this is to another variant; what is measured against the base as it is."""
        return self.by[clock] if other.is_base else self.by[clock].over(other.by[clock])


@attrs.frozen
class Growth:
    """Peak resident size in MB of a small and of a ten times larger job."""

    name: str
    small: float
    large: float


@attrs.frozen
class Missing:
    """A variant that could not be measured here, and why."""

    name: str
    reason: str


Figure = Ratio | Growth | Missing


def settle_memory() -> None:
    """Free one large block, after which asyncio's buffers are no longer mapped anew each time."""
    block = bytearray(1 << 20)
    del block


def stay_on(core: int) -> None:
    """Keep this process, and those it starts from now on, on one core, where that can be said."""
    if sys.platform == "linux":
        os.sched_setaffinity(0, {core})


@contextlib.contextmanager
def all_cores() -> Generator[None]:
    """Let this process use every core meanwhile: for clients with a thread, and their peers."""
    if sys.platform != "linux":
        yield
        return
    own = os.sched_getaffinity(0)
    os.sched_setaffinity(0, range(os.cpu_count() or 1))
    try:
        yield
    finally:
        os.sched_setaffinity(0, own)


@functools.cache
def two_cores() -> tuple[int, int] | None:
    """A core for the client and one for the server, as they were when this was first asked.

    None where there are not two to choose.
    """
    if sys.platform != "linux":
        return None
    cores = sorted(os.sched_getaffinity(0))
    return (cores[0], cores[1]) if len(cores) > 1 else None


async def compare(
    base: tuple[str, Slice],
    variants: Mapping[str, Slice],
    *,
    rounds: int,
    clock: Clock = CPU,
) -> list[Ratio]:
    """Time of each variant as a ratio to its base, over the rounds, in shuffled order.

    The base is among them, measured against itself like any other: its row shows the noise.
    """
    base_name, base_slice = base
    variants = {base_name: base_slice, **variants}
    for run in variants.values():
        await run()  # warm up
    gc.collect()
    gc.freeze()  # nobody's collections walk through what the others have imported
    try:
        timed = {key: list[tuple[float, ...]]() for key in variants}
        ratios = {key: list[tuple[float, ...]]() for key in variants}
        order = list(variants)
        for _ in range(rounds):
            random.shuffle(order)
            before = await _timed(base_slice)
            for key in order:
                own = await _timed(variants[key])
                after = await _timed(base_slice)
                timed[key].append(own)
                ratios[key].append(
                    tuple(2 * o / (b + a) for o, b, a in zip(own, before, after, strict=True))
                )
                before = after
    finally:
        gc.unfreeze()
    found: list[Ratio] = []
    for key in variants:
        by = {which: Spread(tuple(row[i] for row in ratios[key])) for i, which in enumerate(CLOCKS)}
        seconds = statistics.median(row[list(CLOCKS).index(clock)] for row in timed[key])
        found.append(Ratio(key, by, clock, seconds, is_base=key == base_name))
    return found


async def _timed(run: Slice) -> tuple[float, ...]:
    begun = [clock() for clock in CLOCKS]
    await run()
    return tuple(clock() - then for clock, then in zip(CLOCKS, begun, strict=True))


def own_peak() -> float:
    """Peak resident size of this process in MB.

    What getrusage tells includes the process that started this one, where there is /proc.
    """
    with contextlib.suppress(FileNotFoundError):
        found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text("utf-8"))
        if found is not None:
            return int(found[1]) / 1024
    import resource  # not on every system

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1 << 20 if sys.platform == "darwin" else 1 << 10)
