"""Lists, page by page, with proof that no record was skipped.

The vendor's documentation asks limit=20 offset=0, gets next_offset 21 and asks offset=21. On a
server that counts from zero this skips one record per page; on one that counts from one it is
right, and nobody has settled which it is. Besides, lists are newest first, so records move while
a client is paging: a new order pushes them back, a deletion pulls them forward.

So each page is asked for a little before the offset that the server names, and must share a
record with what was seen before. As a page is one unbroken stretch of the list, a shared record
proves that nothing between was passed over. Where none is shared, the walk steps back until one
is. What cannot be proven is reported as a GapError, never passed over.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterable, Sequence, Set
from typing import Final, Generic, NamedTuple, TypeVar

import attrs

from cubicasa_async.errors import GapError, PagingError, Undecodable

T = TypeVar("T")

SMALLEST_PAGE: Final = 4
"""A walk needs room for the shared record, for the vendor's off-by-one, and for new ones."""

_REMEMBERED: Final = 10_000
_FRUITLESS: Final = 100
_STALLED: Final = 2


class Record(NamedTuple, Generic[T]):
    """One list entry.

    Attributes:
        key: What tells it apart from all others: its id, or its whole text if it has none.
        item: The object, or an Undecodable.
    """

    key: str
    item: T | Undecodable


@attrs.frozen
class Page(Generic[T]):
    """One page of a list.

    Attributes:
        keys: What tells each entry from all others: its id, or its whole text if it has none.
        entries: Its entries in order, readable or not.
        offset: The offset that was asked for.
        has_more: Whether the server says that more follow.
        next_offset: Where they follow, as the server gave it; None if it did not.
    """

    keys: tuple[str, ...]
    entries: tuple[T | Undecodable, ...]
    offset: int
    has_more: bool
    next_offset: int | None

    @property
    def records(self) -> tuple[Record[T], ...]:
        """Its entries, each with its key."""
        return tuple(map(Record, self.keys, self.entries))

    @property
    def items(self) -> tuple[T, ...]:
        """The readable entries."""
        return tuple([entry for entry in self.entries if not isinstance(entry, Undecodable)])

    @property
    def undecodable(self) -> tuple[Undecodable, ...]:
        """The entries that could not be read, each with its faults."""
        return tuple([entry for entry in self.entries if isinstance(entry, Undecodable)])

    def without(self, seen: Set[str]) -> Page[T]:
        """What is left without the records of some keys, and with none twice."""
        keys, known = self.keys, 0
        while known < len(keys) and keys[known] in seen:
            known += 1
        rest = keys[known:]
        if seen.isdisjoint(rest) and len(set(rest)) == len(rest):
            entries = self.entries[known:]
            return Page(rest, entries, self.offset, self.has_more, self.next_offset)
        fresh = {r.key: r for r in self.records if r.key not in seen}
        return page_of(fresh.values(), self.offset, self.has_more, self.next_offset)


def page_of(
    records: Iterable[Record[T]], offset: int, has_more: bool, next_offset: int | None
) -> Page[T]:
    """A page of some records."""
    records = tuple(records)
    keys = tuple([record.key for record in records])
    return Page(keys, tuple([record.item for record in records]), offset, has_more, next_offset)


class Walk(Generic[T]):
    """The course of one walk through a list, without any I/O.

    Ask `offset`, give the page to `accept`, until `done`.
    """

    def __init__(self, offset: int = 0, seen: Sequence[str] = ()) -> None:
        self.offset: int = offset
        self.done: bool = False
        self._recent: deque[str] = deque()
        self._seen: set[str] = set()
        self._forgot = bool(seen)
        self._overtaken = False
        self._first = not seen
        self._lead = 1
        self._frontier = offset + self._lead if seen else -1
        self._stepped_back = 0
        self._fruitless = 0
        self._stalled = 0
        self._remember(seen)

    def accept(self, page: Page[T]) -> Page[T]:
        """Take the page at `offset`; gives what is left of it without what was given before.

        Raises:
            PagingError: The server's offsets do not advance, or it goes on without end.
            GapError: The list moved further than can be followed.
        """
        if self._first:
            self._first = False
        elif not self._is_joined(page):
            self._step_back()
            return Page((), (), page.offset, page.has_more, page.next_offset)
        fresh = page.without(self._seen)
        if self._stepped_back == 1:
            self._lead = 2  # the server's next_offset is one too high for where it counts from
        stepped_back, self._stepped_back = self._stepped_back > 0, 0
        self._remember(fresh.keys)
        self._fruitless = 0 if fresh.keys else self._fruitless + 1
        if not page.has_more:
            self.done = True
        else:
            self._advance(page, stepped_back=stepped_back)
        return fresh

    def recent(self, count: int) -> list[str]:
        """Keys of the records given last, oldest first."""
        return list(itertools.islice(self._recent, max(len(self._recent) - count, 0), None))

    def _is_joined(self, page: Page[T]) -> bool:
        if page.keys and page.keys[0] in self._seen:
            return True
        if self._seen.isdisjoint(page.keys):
            if page.offset > 0:
                return False
            # All that was seen is gone from the head of the list on.
            if self._forgot:
                raise GapError(
                    "The list changed so much between two pages that nothing seen before is left "
                    "in sight. Walk it anew from its start."
                )
        elif self._forgot:
            raise GapError(
                "The list moved further between two pages than the walk remembers. Walk it anew "
                "from its start."
            )
        self._overtaken = True  # new records came in before those that were given
        return True

    def _remember(self, keys: Sequence[str]) -> None:
        self._recent.extend(keys)
        self._seen.update(keys)
        while len(self._recent) > _REMEMBERED:
            if self._overtaken:
                raise GapError(
                    "The list moved while it was walked, and the walk does not remember enough of "
                    "it to give no record twice. Walk it anew from its start."
                )
            self._seen.discard(self._recent.popleft())
            self._forgot = True

    def _step_back(self) -> None:
        self._fruitless += 1
        self._check_fruitless()
        self._stepped_back = max(1, 2 * self._stepped_back)
        self.offset = max(self._frontier - self._lead - self._stepped_back, 0)

    def _advance(self, page: Page[T], *, stepped_back: bool) -> None:
        self._check_fruitless()
        following = page.next_offset
        if following is None:  # seen in a captured answer; what follows then is inferred
            following = page.offset + len(page.keys)
        advances = following > (page.offset if stepped_back else self._frontier)
        self._stalled = 0 if advances else self._stalled + 1
        if self._stalled > _STALLED:
            raise PagingError(
                "The server says that more records follow, but its next offset "
                f"({following}) does not advance. The walk was stopped."
            )
        self._frontier = following
        self.offset = max(following - self._lead, 0)

    def _check_fruitless(self) -> None:
        if self._fruitless > _FRUITLESS:
            raise PagingError(
                f"The server says that more records follow, but {_FRUITLESS} pages in a row held "
                "none that is new. The walk was stopped."
            )
