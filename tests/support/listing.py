"""A list on a server, newest first, that changes between pages."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import attrs

from cubicasa_async.core.walk import Page, Record, page_of
from cubicasa_async.sandbox import Reading


@attrs.frozen
class Change:
    """What happens to a list between two pages.

    Attributes:
        inserted: How many new records come in front.
        deleted: Which are taken out, as shares of the list's length.
    """

    inserted: int = 0
    deleted: tuple[float, ...] = ()


class Listing:
    """A list of numbered records and how its server counts.

    Args:
        size: How many there are at the start.
        reading: How the server counts offsets.
        most: The most that it gives on a page.
        says_next: Whether it gives a next offset (without one: a captured answer).

    Attributes:
        keys: What it holds, newest first.
        throughout: What it has held from the start until now.
        asked: Offset and page size of each request.
    """

    def __init__(
        self,
        size: int,
        reading: Reading = Reading.ZERO_BASED,
        *,
        most: int = 100,
        says_next: bool = True,
        changes: Sequence[Change] = (),
    ) -> None:
        self.keys = [f"old-{number}" for number in range(size)]
        self.throughout = set(self.keys)
        self.asked: list[tuple[int, int]] = []
        self._reading = reading
        self._most = most
        self._says_next = says_next
        self._changes = iter(changes)
        self._numbers = itertools.count()

    def change(self, change: Change) -> None:
        for share in change.deleted:
            if self.keys:
                self.throughout.discard(self.keys.pop(int(share * (len(self.keys) - 1))))
        self.keys[:0] = [f"new-{next(self._numbers)}" for _ in range(change.inserted)]

    def page(self, offset: int, limit: int) -> Page[str]:
        """The page at an offset; what is to change before the next one changes then."""
        self.asked.append((offset, limit))
        start = max(offset - 1, 0) if self._reading is Reading.ONE_BASED else offset
        found = self.keys[start : start + min(limit, self._most)]
        end = start + len(found)
        following = end if self._reading is Reading.ZERO_BASED else end + 1
        page = page_of(
            tuple(Record(key, key) for key in found),
            offset,
            end < len(self.keys),
            following if self._says_next else None,
        )
        self.change(next(self._changes, Change()))
        return page

    async def fetch(self, offset: int, limit: int) -> Page[str]:
        return self.page(offset, limit)


Follow = Callable[[Listing, int], list[str]]


def blindly(listing: Listing, limit: int) -> list[str]:
    """What is often written: go where `next_offset` points, while there is more."""
    given: list[str] = []
    offset, more = 0, True
    while more:
        page = listing.page(offset, limit)
        given += page.items
        offset, more = page.next_offset or 0, page.has_more and bool(page.keys)
    return given
