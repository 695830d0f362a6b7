"""How alike two addresses are, and why."""

from __future__ import annotations

import math
from collections.abc import Iterator
from difflib import SequenceMatcher
from typing import Final

import attrs

from cubicasa_async.bulk.reconcile.addresses import Property
from cubicasa_async.bulk.reconcile.words import DIRECTIONS

_ALIKE: Final = 0.8
_NEAR: Final = 75.0
_FAR: Final = 1000.0


@attrs.frozen
class Likeness:
    """How alike two addresses are.

    Attributes:
        score: 0.0 to 1.0. It ranks; it is no probability.
        reasons: What speaks for it and against it, in words.
    """

    score: float
    reasons: tuple[str, ...]


@attrs.frozen
class _Part:
    """What one part of the addresses says.

    Attributes:
        weight: How much it counts, if both say it.
        value: 0.0 to 1.0; None if it cannot be compared.
        reason: In words.
        factor: What the whole score is multiplied by.
    """

    weight: float
    value: float | None
    reason: str
    factor: float = 1.0


def likeness(ours: Property, theirs: Property) -> Likeness | None:
    """How alike two addresses are; None if their streets have nothing in common."""
    street = _street(ours, theirs)
    if street is None:
        return None
    parts = [street, *_others(ours, theirs)]
    compared = [part for part in parts if part.value is not None]
    total = sum(part.weight * (part.value or 0.0) for part in compared)
    score = total / sum(part.weight for part in compared)
    # What only one of them says leaves room for doubt.
    said = sum(part.weight for part in compared) / sum(part.weight for part in parts)
    score *= 0.75 + 0.25 * said
    for part in parts:
        score *= part.factor
    return Likeness(round(score, 3), tuple(part.reason for part in parts if part.reason))


def _street(ours: Property, theirs: Property) -> _Part | None:
    if not ours.street or not theirs.street:
        return None
    if ours.street == theirs.street:
        if ours.kind == theirs.kind:
            return _Part(4, 1.0, "same street")
        if ours.kind and theirs.kind:
            reason = f"same street name, but {ours.kind} and {theirs.kind}"
            return _Part(4, 0.7, reason, factor=0.8)
        return _Part(4, 0.95, "same street name; one does not say the kind of street")
    ratio = _ratio(ours.street.replace(" ", ""), theirs.street.replace(" ", ""))
    without = _without_directions(ours.street), _without_directions(theirs.street)
    if without[0] == without[1]:
        if without[0] in {ours.street, theirs.street}:
            return _Part(4, 0.9, "same street name; one does not say the direction")
        reason = f"same street name, but {ours.street!r} and {theirs.street!r}"
        return _Part(4, 0.6, reason, factor=0.6)
    if ratio < _ALIKE:
        return None
    reason = f"similar street names ({ours.street!r} and {theirs.street!r})"
    return _Part(4, ratio - 0.1, reason)


def _without_directions(street: str) -> str:
    named = set(DIRECTIONS.values())
    return " ".join(word for word in street.split() if word not in named) or street


def _others(ours: Property, theirs: Property) -> Iterator[_Part]:
    yield _number(ours.number, theirs.number)
    yield _suite(ours.suite, theirs.suite)
    yield _city(ours, theirs)
    yield _same(0.5, "state", ours.state, theirs.state, factor=0.5)
    yield _same(1.5, "postal code", ours.postal_code, theirs.postal_code, factor=0.85)
    yield _same(0.3, "country", ours.country, theirs.country, factor=0.3)
    if ours.place is not None and theirs.place is not None:
        yield _distance(metres(ours.place, theirs.place))


def _number(ours: str, theirs: str) -> _Part:
    if not ours and not theirs:
        return _Part(3, None, "neither has a house number")
    if not ours or not theirs:
        return _Part(3, None, f"one has no house number, the other {ours or theirs}", factor=0.85)
    if ours == theirs:
        return _Part(3, 1.0, "same house number")
    if _within(ours, theirs) or _within(theirs, ours):
        return _Part(3, 0.8, f"house numbers {ours} and {theirs} overlap")
    return _Part(3, 0.0, f"other house number ({ours} and {theirs})", factor=0.6)


def _within(one: str, span: str) -> bool:
    first, mark, last = span.partition("-")
    if not mark or not (one.isdigit() and first.isdigit() and last.isdigit()):
        return False
    return int(first) <= int(one) <= int(last)


def _suite(ours: str, theirs: str) -> _Part:
    if not ours and not theirs:
        return _Part(0, None, "")
    if not ours or not theirs:
        return _Part(0.5, None, f"one names no unit, the other {ours or theirs}", factor=0.95)
    if ours == theirs:
        return _Part(0.5, 1.0, "same unit")
    return _Part(0.5, 0.0, f"other unit ({ours} and {theirs})", factor=0.7)


def _city(ours: Property, theirs: Property) -> _Part:
    if not ours.city or not theirs.city:
        return _Part(1.5, None, "")
    if ours.city == theirs.city:
        return _Part(1.5, 1.0, "same city")
    ratio = _ratio(ours.city, theirs.city)
    if ratio >= _ALIKE:
        return _Part(1.5, ratio, f"similar city ({ours.city!r} and {theirs.city!r})")
    if ours.postal_code and ours.postal_code == theirs.postal_code:
        return _Part(1.5, 0.5, f"other city ({ours.city!r} and {theirs.city!r}) of one postal code")
    return _Part(1.5, 0.0, f"other city ({ours.city!r} and {theirs.city!r})", factor=0.5)


def _same(weight: float, what: str, ours: str, theirs: str, *, factor: float) -> _Part:
    if not ours or not theirs:
        return _Part(weight, None, "")
    if ours == theirs:
        return _Part(weight, 1.0, f"same {what}")
    return _Part(weight, 0.0, f"other {what} ({ours} and {theirs})", factor=factor)


def _distance(apart: float) -> _Part:
    if apart <= _NEAR:
        return _Part(2, 1.0, f"{apart:.0f} m apart")
    if apart <= _FAR:
        return _Part(2, 1.0 - apart / _FAR, f"{apart:.0f} m apart")
    return _Part(2, 0.0, f"{apart / 1000:.1f} km apart", factor=0.6)


def metres(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Distance of two places, each degrees north and east."""
    (north, east), (to_north, to_east) = (tuple(map(math.radians, at)) for at in (one, other))
    half = (
        math.sin((to_north - north) / 2) ** 2
        + math.cos(north) * math.cos(to_north) * math.sin((to_east - east) / 2) ** 2
    )
    return 2 * 6_371_000 * math.asin(min(1.0, math.sqrt(half)))


def _ratio(one: str, other: str) -> float:
    matcher = SequenceMatcher(None, one, other, autojunk=False)
    return matcher.ratio() if matcher.quick_ratio() >= _ALIKE else 0.0
