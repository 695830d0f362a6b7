"""A window of pages: faster, with the same proof, and little in vain."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from contextlib import aclosing
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cubicasa_async import Pager
from cubicasa_async.core.walk import Page
from cubicasa_async.errors import CubiCasaError, GapError, InvalidInputError
from cubicasa_async.sandbox import Reading
from tests.support.listing import Change, Listing


class Slow(Listing):
    """A listing whose answers come out of order, and which counts what is under way."""

    def __init__(self, *args: Any, seed: int = 0, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self._random = random.Random(seed)
        self.under_way = 0
        self.most_under_way = 0

    async def fetch(self, offset: int, limit: int) -> Page[str]:
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            for _ in range(self._random.randrange(1, 9)):
                await asyncio.sleep(0)
            return self.page(offset, limit)
        finally:
            self.under_way -= 1


def pager(listing: Listing, *, window: int, limit: int = 10) -> Pager[str]:
    return Pager("test", (), listing.fetch, limit=limit, window=window)


async def collected(walk: Pager[str]) -> tuple[list[str], CubiCasaError | None]:
    """What a walk gives, and what ends it too early."""
    found: list[str] = []
    try:
        async for key in walk:
            found.append(key)  # noqa: PERF401 # what came before an error counts too
    except CubiCasaError as exc:
        return found, exc
    return found, None


changes = st.builds(
    Change,
    inserted=st.integers(0, 3),
    deleted=st.lists(st.floats(0, 1), max_size=3).map(tuple),
)


@given(
    st.sampled_from(Reading),
    st.integers(0, 120),
    st.integers(2, 9),
    st.lists(changes, max_size=20),
    st.integers(0, 1000),
)
async def test_a_window_skips_nothing_and_gives_nothing_twice_however_the_list_moves(
    reading: Reading, size: int, window: int, moves: Sequence[Change], seed: int
) -> None:
    listing = Slow(size, reading, changes=moves, seed=seed)
    found, error = await collected(pager(listing, window=window))
    if error is None:
        assert listing.throughout <= set(found)
    else:
        assert isinstance(error, GapError)
    assert len(found) == len(set(found))
    assert listing.under_way == 0


async def test_control_pages_put_together_without_proof_lose_records() -> None:
    lost = 0
    for seed in range(20):
        listing = Slow(100, changes=[Change(inserted=1)] * 20, seed=seed)
        pages = await asyncio.gather(*(listing.fetch(offset, 10) for offset in range(0, 120, 10)))
        lost += bool(listing.throughout - {key for page in pages for key in page.items})
    assert lost


@pytest.mark.parametrize("reading", Reading)
async def test_a_window_keeps_that_many_pages_under_way(reading: Reading) -> None:
    listing = Slow(500, reading)
    assert [key async for key in pager(listing, window=8)] == listing.keys
    assert listing.most_under_way == 8


async def test_in_a_window_of_one_page_one_is_under_way() -> None:
    listing = Slow(100)
    assert [key async for key in pager(listing, window=1)] == listing.keys
    assert listing.most_under_way == 1


async def test_without_a_window_one_page_is_under_way() -> None:
    listing = Slow(100)
    assert [key async for key in Pager("test", (), listing.fetch, limit=10)] == listing.keys
    assert listing.most_under_way == 1


async def test_what_is_fetched_in_vain_at_the_end_is_less_than_a_window() -> None:
    alone, ahead = Slow(1000), Slow(1000)
    assert [key async for key in pager(alone, window=1)] == alone.keys
    assert [key async for key in pager(ahead, window=8)] == ahead.keys
    assert len(ahead.asked) - len(alone.asked) < 8


async def test_leaving_early_gives_up_what_is_under_way() -> None:
    listing = Slow(10_000)
    async with aclosing(pager(listing, window=8).items()) as items:
        async for _ in items:
            if len(listing.asked) > 20:
                break
    assert listing.under_way == 0
    assert len(listing.asked) < 40


async def test_cancelling_gives_up_what_is_under_way() -> None:
    listing = Slow(10_000)

    async def walk() -> None:
        async for _ in pager(listing, window=8):
            pass

    task = asyncio.create_task(walk())
    for _ in range(50):
        await asyncio.sleep(0)
    assert listing.under_way
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    assert listing.under_way == 0


async def test_a_list_that_keeps_moving_costs_few_pages_in_vain() -> None:
    alone = Slow(2000, changes=[Change(inserted=2)] * 1000)
    ahead = Slow(2000, changes=[Change(inserted=2)] * 1000)
    assert set(alone.keys) >= {key async for key in pager(alone, window=1)}
    async for _ in pager(ahead, window=8):
        pass
    assert len(ahead.asked) <= 3 * len(alone.asked)


async def test_a_page_beyond_the_end_may_fail_without_harm() -> None:
    listing = Slow(100)
    fetch = listing.fetch

    async def fail_beyond_the_end(offset: int, limit: int) -> Page[str]:
        page = await fetch(offset, limit)
        if offset > 100:
            raise CubiCasaError("There is no such page.")
        return page

    walk = Pager("test", (), fail_beyond_the_end, limit=10, window=8)
    assert [key async for key in walk] == listing.keys


async def test_a_page_that_is_needed_and_fails_ends_the_walk_with_where_it_stands() -> None:
    listing = Slow(100)
    fetch = listing.fetch

    async def fail(offset: int, limit: int) -> Page[str]:
        if offset > 50:
            raise CubiCasaError("It failed.")
        return await fetch(offset, limit)

    walk = Pager("test", (), fail, limit=10, window=8)
    found, error = await collected(walk)
    assert error is not None
    assert str(error) == "It failed."
    rest = Pager("test", (), fetch, limit=10, window=8, cursor=error.cursor)
    assert [*found, *[key async for key in rest]] == listing.keys


@pytest.mark.parametrize("window", [0, -1, 65])
def test_a_window_out_of_bounds_is_refused(window: int) -> None:
    with pytest.raises(InvalidInputError) as caught:
        pager(Listing(1), window=window)
    assert str(caught.value) == f"The window must be 1 to 64 pages, not {window}."


async def test_the_widest_window_is_64_pages() -> None:
    listing = Slow(1000)
    assert [key async for key in pager(listing, window=64)] == listing.keys
