"""A collection that is listed newest first and stays cheap at any size."""

from __future__ import annotations

import bisect
from collections.abc import Callable, Iterator, Sequence
from typing import Generic, Protocol, TypeVar, overload

__all__ = ["NewestFirst", "Numbered"]


class Numbered(Protocol):
    """What the collection needs of an item."""

    @property
    def id(self) -> str:
        """The item's key."""
        ...

    @property
    def number(self) -> int:
        """A number that grows with each item that is made."""
        ...


T = TypeVar("T", bound=Numbered)


class NewestFirst(Sequence[T], Generic[T]):
    """Items by id and, as a sequence, newest first.

    A slice costs what it holds; finding by id is constant; deleting is a binary search.
    """

    def __init__(self) -> None:
        self._oldest_first: list[T] = []
        self._by_id: dict[str, T] = {}

    def add(self, item: T) -> T:
        """Put in the newest item."""
        self._oldest_first.append(item)
        self._by_id[item.id] = item
        return item

    def get(self, item_id: str) -> T | None:
        """The item with this id, or None."""
        return self._by_id.get(item_id)

    def remove(self, item: T) -> None:
        """Take an item out."""
        del self._by_id[item.id]
        del self._oldest_first[
            bisect.bisect_left(self._oldest_first, item.number, key=lambda other: other.number)
        ]

    def page(
        self, start: int, limit: int, keep: Callable[[T], bool] | None = None
    ) -> tuple[list[T], int]:
        """At most `limit` items from place `start` on, and how many there are in all.

        With `keep` only the items count for which it is true; that walks over all of them.
        """
        if keep is None:
            return self[start : start + limit], len(self)
        kept = [item for item in self if keep(item)]
        return kept[start : start + limit], len(kept)

    def __len__(self) -> int:
        return len(self._oldest_first)

    def __iter__(self) -> Iterator[T]:
        return reversed(self._oldest_first)

    def __contains__(self, item: object) -> bool:
        return self._by_id.get(getattr(item, "id", "")) is item

    @overload
    def __getitem__(self, place: int) -> T: ...
    @overload
    def __getitem__(self, place: slice) -> list[T]: ...
    def __getitem__(self, place: int | slice) -> T | list[T]:
        if isinstance(place, int):
            return self._oldest_first[-1 - place]
        size = len(self._oldest_first)
        return [self._oldest_first[size - 1 - index] for index in range(*place.indices(size))]
