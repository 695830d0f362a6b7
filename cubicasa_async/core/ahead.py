"""Pages fetched before they are asked for, so that a walk does not wait for each in turn."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Generic, TypeVar

from cubicasa_async.core.walk import Page

T = TypeVar("T")


class Ahead(Generic[T]):
    """Fetches pages, and meanwhile those that will be asked for if the walk goes on as it did.

    At most one window of pages is fetched in vain when the walk ends, is left or turns; after a
    wrong guess, guessing begins small again.

    Args:
        fetch: Gets the page at an offset.
        window: How many pages may be under way at once.
    """

    def __init__(
        self, fetch: Callable[[int], Coroutine[Any, Any, Page[T]]], *, window: int
    ) -> None:
        self._fetch = fetch
        self._window = window
        self._depth = window
        self._last: int | None = None
        self._guessed: dict[int, asyncio.Task[Page[T]]] = {}
        self._dropped: set[asyncio.Task[Page[T]]] = set()

    def get(self, offset: int) -> Awaitable[Page[T]]:
        """The page at an offset."""
        if self._window == 1:
            return self._fetch(offset)
        stride = 0 if self._last is None else offset - self._last
        self._last = offset
        page = self._guessed.pop(offset, None)
        if page is not None:
            self._depth = min(2 * self._depth, self._window)
        elif self._guessed:
            self._depth = 2
            self._drop()
        page = page or asyncio.create_task(self._fetch(offset))
        if stride > 0:
            self._guess([offset + step * stride for step in range(1, self._depth)])
        return page

    async def close(self) -> None:
        """Give up what is under way."""
        self._drop()
        await asyncio.gather(*self._dropped, return_exceptions=True)

    def _guess(self, offsets: list[int]) -> None:
        for offset in offsets:
            if offset not in self._guessed and not any(map(_ends, self._guessed.values())):
                self._guessed[offset] = asyncio.create_task(self._fetch(offset))

    def _drop(self) -> None:
        for page in self._guessed.values():
            page.cancel()
            self._dropped.add(page)
            page.add_done_callback(self._forget)
        self._guessed.clear()

    def _forget(self, page: asyncio.Task[Page[T]]) -> None:
        self._dropped.discard(page)
        _ends(page)  # looks at a failure, which otherwise would be reported as never seen


def _ends(page: asyncio.Task[Page[T]]) -> bool:
    """Whether nothing is to be expected behind a page."""
    if not page.done() or page.cancelled():
        return False
    return page.exception() is not None or not page.result().has_more
