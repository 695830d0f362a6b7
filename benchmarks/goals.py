"""What is aimed at, and how far a run is from it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

import attrs

from benchmarks.measure import CLOCKS, Clock, Figure, Growth, Missing, Ratio

F = TypeVar("F", Ratio, Growth)

OURS = "cubicasa_async"


@attrs.frozen
class Verdict:
    """A goal beside what was measured.

    `excess` is by which part the goal was missed, at most 0 if it was met, and None if something
    that it needs was not measured; `missing` then says what.
    """

    goal: str
    found: str
    excess: float | None
    missing: str = ""

    @property
    def text(self) -> str:
        if self.excess is None:
            return f"not measured ({self.missing})"
        return "met" if self.excess <= 0 else f"missed by {self.excess:.0%}"


@attrs.frozen
class AtMost:
    """Our time may be so many times the peer's."""

    times: float
    peer: str
    ours: str = OURS
    clock: Clock | None = None

    def judge(self, figures: Iterable[Figure]) -> Verdict:
        figures = tuple(figures)
        goal = f"{_named(self.ours)}at most {self.times:g} x {self.peer}"
        try:
            ours, peer = find(figures, self.ours, Ratio), find(figures, self.peer, Ratio)
        except LookupError as exc:
            return Verdict(goal, "", None, str(exc))
        clock = self.clock or ours.clock
        found = ours.over(peer, clock)
        return Verdict(f"{goal} ({CLOCKS[clock]})", f"{found} x", found.median / self.times - 1)


@attrs.frozen
class Faster:
    """The peer's time must be so many times ours at least."""

    times: float
    peer: str
    ours: str = OURS
    clock: Clock | None = None

    def judge(self, figures: Iterable[Figure]) -> Verdict:
        figures = tuple(figures)
        by = f"{self.times:g} x " if self.times != 1 else ""
        goal = f"{_named(self.ours)}{by}faster than {self.peer}"
        try:
            ours, peer = find(figures, self.ours, Ratio), find(figures, self.peer, Ratio)
        except LookupError as exc:
            return Verdict(goal, "", None, str(exc))
        clock = self.clock or ours.clock
        found = ours.over(peer, clock).inverse()
        return Verdict(f"{goal} ({CLOCKS[clock]})", f"{found} x", self.times / found.median - 1)


@attrs.frozen
class GrowsLess:
    """Ten times the work may take so many MB more at its peak."""

    megabytes: float
    ours: str

    def judge(self, figures: Iterable[Figure]) -> Verdict:
        goal = f"{self.ours}: peak grows by less than {self.megabytes:g} MB"
        try:
            figure = find(figures, self.ours, Growth)
        except LookupError as exc:
            return Verdict(goal, "", None, str(exc))
        grown = figure.large - figure.small
        return Verdict(goal, f"{grown:+.1f} MB", grown / self.megabytes - 1)


Goal = AtMost | Faster | GrowsLess


def _named(ours: str) -> str:
    return "" if ours == OURS else f"{ours}: "


def find(figures: Iterable[Figure], name: str, kind: type[F]) -> F:
    """The figure whose name begins so. Raises LookupError with the reason if there is none."""
    for figure in figures:
        if figure.name.startswith(name):
            if isinstance(figure, Missing):
                raise LookupError(figure.reason)
            if isinstance(figure, kind):
                return figure
    raise LookupError(f"{name} is not part of this run")
