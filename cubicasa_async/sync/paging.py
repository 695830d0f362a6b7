"""Lists for callers without an event loop."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Coroutine, Generator
from contextlib import closing
from typing import Any, Final, Generic, TypeVar

from cubicasa_async.core.paging import Pager
from cubicasa_async.core.walk import Page
from cubicasa_async.sync.portal import Portal

T = TypeVar("T")

_END: Final = object()


class _Here(Pager[T]):
    """The same pager with its own code run by the calling thread, one visit to the loop a page.

    Only what fetches is left on the loop, so what remains never suspends and needs no loop.
    """

    def __init__(self, pager: Pager[T], portal: Portal) -> None:
        self.__dict__ = pager.__dict__
        self._portal = portal

    async def _stretches(self) -> AsyncGenerator[Page[T]]:
        with closing(self._portal.iterate(super()._stretches())) as stretches:
            for fresh in stretches:
                yield fresh


class SyncPager(Generic[T]):
    """A list: ask it for one page, or iterate over all its items.

    ::

        page = client.orders.list(limit=20).page()
        for order in client.orders.list(status="Ready"): ...

    Iterating yields each record once and proves that none was skipped. Entries that cannot be
    read never vanish: the others are given, then UndecodableItemsError names them. A pager is used
    once; `cursor` starts another one where this one stands, and every error carries it.

    Leaving a loop early ends the walk at once. Where that has to be certain, as in a generator of
    your own, use `with contextlib.closing(pager.items()) as items`.

    Args:
        portal: The way to the loop on which pages are fetched.
        pager: The list.
    """

    def __init__(self, portal: Portal, pager: Pager[T]) -> None:
        self._portal = portal
        self._pager = _Here(pager, portal)

    @property
    def cursor(self) -> str:
        """Where the walk stands: after the item given last. Storable text."""
        return self._pager.cursor

    def page(self) -> Page[T]:
        """One page: the one at the cursor, as the server gives it.

        Raises:
            CubiCasaError: The call failed; see `outcome`.
        """
        return self._portal.run(_awaited(self._pager))

    def __iter__(self) -> Generator[T]:
        return self.items()

    def items(self) -> Generator[T]:
        """All items, as by iterating over the pager itself."""
        return _given(self._pager.items())

    def pages(self) -> Generator[Page[T]]:
        """All pages, without the records that earlier pages held; unreadable entries included."""
        return _given(self._pager.pages())


async def _awaited(pager: Pager[T]) -> Page[T]:
    return await pager


def _given(source: AsyncGenerator[T]) -> Generator[T]:
    try:
        while (item := _driven(_next(source))) is not _END:
            yield item
    finally:
        _driven(source.aclose())


async def _next(source: AsyncGenerator[T]) -> Any:
    return await anext(source, _END)


def _driven(coroutine: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that never suspends."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        result: T = stop.value
        return result
    raise AssertionError("a pager waited for something outside the loop")
