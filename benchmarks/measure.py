"""Ratios of interleaved slices: each variant runs between two slices of its base."""

from __future__ import annotations

import statistics
import time
from collections.abc import Awaitable, Callable

import attrs

Slice = Callable[[], Awaitable[object]]


@attrs.frozen
class Ratio:
    """A variant against its base.

    `median`, `low` and `high` (quartiles) are of the ratios of the rounds.
    """

    name: str
    median: float
    low: float
    high: float
    seconds: float

    def __str__(self) -> str:
        spread = f"[{self.low:.2f}..{self.high:.2f}]"
        return f"{self.name:<44} {self.median:5.2f} x {spread:<14} {self.seconds * 1e3:9.1f} ms"


def settle_memory() -> None:
    """Free one large block, after which asyncio's buffers are no longer mapped anew each time."""
    block = bytearray(1 << 20)
    del block


async def compare(
    base: tuple[str, Slice],
    variants: dict[str, Slice],
    *,
    rounds: int,
    clock: Callable[[], float] = time.process_time,
) -> list[Ratio]:
    """Time of each variant as a ratio to its base, median and quartiles over the rounds."""
    name, base_slice = base
    variants = {f"{name} (base, against itself)": base_slice, **variants}
    for run in variants.values():
        await run()  # warm up
    ratios: dict[str, list[float]] = {key: [] for key in variants}
    seconds: dict[str, list[float]] = {key: [] for key in variants}
    for _ in range(rounds):
        before = await _timed(base_slice, clock)
        for key, run in variants.items():
            own = await _timed(run, clock)
            after = await _timed(base_slice, clock)
            ratios[key].append(own / ((before + after) / 2))
            seconds[key].append(own)
            before = after
    found: list[Ratio] = []
    for key, values in ratios.items():
        low, median, high = statistics.quantiles(values, n=4)
        found.append(Ratio(key, median, low, high, statistics.median(seconds[key])))
    return found


async def _timed(run: Slice, clock: Callable[[], float]) -> float:
    begun = clock()
    await run()
    return clock() - begun
