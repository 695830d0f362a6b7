"""How the server counts offsets: which reading of `next_offset` is true.

The vendor's documentation asks limit=20 offset=0, is told next_offset 21 and asks offset=21. If
offset 0 is the first record, this skips one per page. Pages at neighbouring offsets overlap, so
their records tell where each page begins.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import Any, Final

import attrs

from cubicasa_async.core.walk import Page

SIZE: Final = 20
"""Records per page, as in the vendor's example (documented)."""

OFFSETS: Final = (0, 20, 21, 19, 1, 0)
"""Offsets to ask, in order; the first page once more at the end, to see whether it moved."""

ENOUGH: Final = 22
"""Fewest orders that tell the readings apart."""


class Reading(enum.Enum):
    """What the pages say."""

    ZERO_BASED = "zero-based"
    """Offset 0 is the first record, and next_offset is the first that is not on the page."""

    ONE_BASED = "one-based"
    """Offset 1 is the first record, and next_offset is the first that is not on the page."""

    SKIPPING = "skipping"
    """Offset 0 is the first record, and next_offset passes over one record per page."""

    REPEATING = "repeating"
    """Offset 1 is the first record, and next_offset is the last record of the page."""

    NO_NEXT_OFFSET = "without next_offset"
    """The base is known; the answer does not say where to go on."""

    UNLIKE = "unlike any known reading"
    TOO_FEW = "too few orders"
    CHANGED = "changed meanwhile"

    @property
    def is_answer(self) -> bool:
        """Whether it settles the question."""
        return self not in {Reading.UNLIKE, Reading.TOO_FEW, Reading.CHANGED}


@attrs.frozen
class Judgement:
    """What the pages say, and by what.

    Attributes:
        reading: What they say.
        seen: By what, in words.
    """

    reading: Reading
    seen: str

    @property
    def again(self) -> bool:
        """Whether asking once more may say something else."""
        return self.reading in {Reading.CHANGED, Reading.UNLIKE}


_READINGS: Final = {
    (0, 0): Reading.ZERO_BASED,
    (1, 1): Reading.ONE_BASED,
    (0, 1): Reading.SKIPPING,
    (1, 0): Reading.REPEATING,
}


def judge(pages: Sequence[Page[Any]]) -> Judgement:
    """Tell the reading from the pages at OFFSETS, in that order.

    Where the first page says that nothing follows, it alone is enough.
    """
    first, last = pages[0], pages[-1]
    if _keys(first) != _keys(last):
        return Judgement(Reading.CHANGED, "the first page changed while the others were read")
    found = len({key for page in pages for key in _keys(page)})
    if found < ENOUGH or not first.has_more:
        seen = f"{found} orders were seen; it takes {ENOUGH}, and a page that others follow"
        return Judgement(Reading.TOO_FEW, seen)
    bases = [base for base in (0, 1) if _fits(pages, base)]
    if len(bases) != 1:
        where = ", ".join(str(page.offset) for page in pages)
        seen = f"the pages at offsets {where} fit neither counting from 0 nor from 1"
        return Judgement(Reading.UNLIKE, seen)
    (base,) = bases
    seen = f"offset 20 begins with record {21 - base}"
    if first.next_offset is None:
        return Judgement(Reading.NO_NEXT_OFFSET, f"{seen}; next_offset is missing")
    ahead = first.next_offset - len(first.keys)
    seen = f"{seen}; after {len(first.keys)} records next_offset is {first.next_offset}"
    return Judgement(_READINGS.get((base, ahead), Reading.UNLIKE), seen)


def _keys(page: Page[Any]) -> list[str]:
    return list(page.keys)


def _fits(pages: Sequence[Page[Any]], base: int) -> bool:
    """Whether each record has one place, and each place one record, if offsets count from base."""
    record_at: dict[int, str] = {}
    place_of: dict[str, int] = {}
    for page in pages:
        for place, key in enumerate(_keys(page), max(page.offset - base, 0)):
            if record_at.setdefault(place, key) != key or place_of.setdefault(key, place) != place:
                return False
    return True
