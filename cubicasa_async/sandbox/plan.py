"""A plan: which of its faults are in force, and which of them is due."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from typing import Generic, Protocol, TypeVar

import attrs

__all__ = ["Plan", "chosen"]

E = TypeVar("E", bound=StrEnum)


def chosen(kinds: type[E], what: str, value: object) -> E:
    """One of an enumeration by its value.

    Raises:
        ValueError: It is none of them; the message names all there are.
    """
    try:
        return kinds(str(value))
    except ValueError:
        raise ValueError(f"{value!r} is no {what}; choose one of {', '.join(kinds)}.") from None


class Ruled(Protocol):
    """What a plan needs of a fault: how many matching events it lets pass and how many it hits."""

    @property
    def skip(self) -> int: ...
    @property
    def times(self) -> int | None: ...
    @property
    def every(self) -> int: ...
    @property
    def share(self) -> float: ...


F = TypeVar("F", bound=Ruled)


@attrs.define(eq=False)
class _Rule(Generic[F]):
    number: int
    fault: F
    seen: int = 0
    hit: int = 0


class Plan(Generic[F]):
    """The faults in force, in the order in which they were added.

    Args:
        seed: Of the random numbers by which a `share` is drawn.
    """

    def __init__(self, seed: int = 0) -> None:
        self._seed = seed
        self._random = random.Random()  # noqa: S311 # a test plan, not a secret
        self._rules: list[_Rule[F]] = []
        self.clear()

    def add(self, *faults: F) -> None:
        """Put faults in force."""
        self._rules.extend(_Rule(next(self._numbers), fault) for fault in faults)

    def remove(self, number: int) -> None:
        """Take one fault out; the others keep their numbers and what they have counted.

        Args:
            number: Its number in `in_force`.

        Raises:
            LookupError: No fault in force has this number.
        """
        for at, rule in enumerate(self._rules):
            if rule.number == number:
                del self._rules[at]
                return
        raise LookupError(f"No fault in force has the number {number}.")

    def clear(self) -> None:
        """Take all faults out; random numbers and the faults' own begin anew."""
        self._rules.clear()
        self._numbers = itertools.count(1)
        self._random.seed(self._seed)

    @property
    def in_force(self) -> Mapping[int, F]:
        """The faults by their numbers: 1 for the first that was added since the last `clear`."""
        return {rule.number: rule.fault for rule in self._rules}

    @property
    def hit(self) -> Mapping[int, int]:
        """How often each fault in force has hit, by its number."""
        return {rule.number: rule.hit for rule in self._rules}

    def _due(self, matches: Callable[[F], bool]) -> F | None:
        """The first fault that is due; all that match count the event."""
        chosen: _Rule[F] | None = None
        for rule in self._rules:
            fault = rule.fault
            if not matches(fault):
                continue
            rule.seen += 1
            spent = fault.times is not None and rule.hit >= fault.times
            place = rule.seen - fault.skip
            if spent or place < 1 or place % fault.every:
                continue
            if fault.share < 1 and self._random.random() >= fault.share:
                continue
            chosen = chosen or rule
        if chosen is None:
            return None
        chosen.hit += 1
        return chosen.fault

    def __iter__(self) -> Iterator[F]:
        return (rule.fault for rule in self._rules)

    def __len__(self) -> int:
        return len(self._rules)
