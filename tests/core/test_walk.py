"""What a walk through a list promises, under every reading and every change of the list."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cubicasa_async.core import walk as module
from cubicasa_async.core.walk import SMALLEST_PAGE, Page, Record, Walk
from cubicasa_async.errors import GapError, Outcome, PagingError
from cubicasa_async.sandbox import Reading
from tests.support.listing import Change, Follow, Listing, blindly

changes = st.lists(
    st.builds(
        Change,
        inserted=st.integers(0, 12),
        deleted=st.lists(st.floats(0, 1), max_size=8).map(tuple),
    ),
    max_size=12,
)
readings = st.sampled_from(Reading)
limits = st.integers(SMALLEST_PAGE, 20)


def walked(listing: Listing, limit: int) -> list[str]:
    walk: Walk[str] = Walk()
    given: list[str] = []
    while not walk.done:
        given += [record.key for record in walk.accept(listing.page(walk.offset, limit))]
    return given


def lost(follow: Follow, listing: Listing, limit: int) -> set[str]:
    """What a follower silently loses."""
    return listing.throughout - set(follow(listing, limit))


@given(st.integers(0, 120), limits, readings, st.booleans())
def test_a_list_at_rest_is_given_whole_in_order_and_once(
    size: int, limit: int, reading: Reading, says_next: bool
) -> None:
    listing = Listing(size, reading, says_next=says_next)
    assert walked(listing, limit) == listing.keys


@given(
    size=st.integers(0, 80),
    limit=limits,
    reading=readings,
    most=st.integers(SMALLEST_PAGE, 20),
    changes=changes,
)
@example(30, 5, Reading.SKIPPING, 100, [Change(inserted=40)])
@example(30, 5, Reading.ONE_BASED, 100, [Change(deleted=(0.0,) * 8)] * 12)
@example(40, 5, Reading.ZERO_BASED, 100, [Change(inserted=12, deleted=(0.1, 0.2))] * 12)
def test_a_changing_list_gives_nothing_twice_and_loses_nothing_in_silence(
    size: int, limit: int, reading: Reading, most: int, changes: list[Change]
) -> None:
    listing = Listing(size, reading, most=most, changes=changes)
    walk: Walk[str] = Walk()
    given: list[str] = []
    try:
        while not walk.done:
            page = listing.page(walk.offset, limit)
            given += [record.key for record in walk.accept(page)]
            assert len(listing.asked) < 1000
    except GapError:
        pass
    else:
        assert listing.throughout <= set(given)
    assert len(given) == len(set(given))


@given(
    size=st.integers(0, 80),
    limit=limits,
    reading=readings,
    remembered=st.integers(20, 40),
    changes=changes,
)
def test_a_walk_that_forgets_says_so_rather_than_guess(
    size: int, limit: int, reading: Reading, remembered: int, changes: list[Change]
) -> None:
    listing = Listing(size, reading, changes=changes)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_REMEMBERED", remembered)
        try:
            given = walked(listing, limit)
        except GapError:
            return
    assert listing.throughout <= set(given)
    assert len(given) == len(set(given))


def test_small_changes_do_not_make_a_gap() -> None:
    for reading in Reading:
        listing = Listing(100, reading, changes=[Change(2, (0.0, 0.5, 0.9))] * 100)
        assert lost(walked, listing, 10) == set()


@pytest.mark.parametrize(
    ("reading", "changes"),
    [
        (Reading.SKIPPING, []),
        (Reading.ZERO_BASED, [Change(deleted=(0.0,))]),
        (Reading.ONE_BASED, [Change(deleted=(0.0,))]),
    ],
)
def test_control_a_blind_follower_loses_records_where_a_walk_does_not(
    reading: Reading, changes: list[Change]
) -> None:
    assert lost(blindly, Listing(50, reading, changes=changes), 10)
    assert not lost(walked, Listing(50, reading, changes=changes), 10)


def test_control_a_blind_follower_gives_records_twice() -> None:
    given = blindly(Listing(50, changes=[Change(inserted=3)]), 10)
    assert len(given) > len(set(given))


pages = st.builds(
    Page,
    records=st.lists(st.sampled_from("abcdefghij"), max_size=6).map(
        lambda keys: tuple(Record(key, key) for key in keys)
    ),
    offset=st.just(0),
    has_more=st.booleans(),
    next_offset=st.none() | st.integers(-5, 30),
)


@given(st.lists(pages, min_size=1, max_size=10))
def test_whatever_a_server_answers_a_walk_ends_and_gives_nothing_twice(
    answers: list[Page[str]],
) -> None:
    walk: Walk[str] = Walk()
    given: list[str] = []
    asked = 0
    try:
        while not walk.done:
            answer = answers[min(asked, len(answers) - 1)]
            page = Page(answer.records, walk.offset, answer.has_more, answer.next_offset)
            given += [record.key for record in walk.accept(page)]
            asked += 1
            assert walk.offset >= 0
            assert asked < 500
    except PagingError:
        pass
    assert len(given) == len(set(given))


def accept_forever(*answers: Page[str]) -> tuple[list[str], PagingError]:
    walk: Walk[str] = Walk()
    given: list[str] = []
    for number in range(1000):
        answer = answers[min(number, len(answers) - 1)]
        page = Page(answer.records, walk.offset, answer.has_more, answer.next_offset)
        try:
            given += [record.key for record in walk.accept(page)]
        except PagingError as exc:
            return given, exc
        if walk.done:
            break
    pytest.fail("the walk did not end")


def page(keys: str, next_offset: int | None, *, has_more: bool = True) -> Page[str]:
    return Page(tuple(Record(key, key) for key in keys), 0, has_more, next_offset)


@pytest.mark.parametrize("next_offset", [0, 3, -1])
def test_an_offset_that_does_not_advance_ends_the_walk_soon(next_offset: int) -> None:
    pages = [page("abc", next_offset)] * 6
    given, error = accept_forever(*pages, page("", None, has_more=False))
    assert given == ["a", "b", "c"]
    assert f"next offset ({next_offset}) does not advance" in str(error)


def test_empty_pages_without_end_end_the_walk() -> None:
    given, error = accept_forever(page("abc", 3), page("", 3))
    assert given == ["a", "b", "c"]
    assert "The walk was stopped" in str(error)


def test_the_same_page_for_ever_ends_the_walk() -> None:
    given, error = accept_forever(*(page("abc", 3 + 10 * number) for number in range(1000)))
    assert given == ["a", "b", "c"]
    assert "none that is new" in str(error)
    assert error.outcome is Outcome.UNKNOWN


def test_a_short_page_is_not_the_end() -> None:
    listing = Listing(50, most=4)
    assert walked(listing, 20) == listing.keys
    assert all(limit == 20 for _, limit in listing.asked)


@pytest.mark.parametrize("most", [1, 2, 3])
@pytest.mark.parametrize("reading", Reading)
def test_pages_too_short_to_prove_anything_lose_nothing_in_silence(
    reading: Reading, most: int
) -> None:
    listing = Listing(20, reading, most=most)
    try:
        given = walked(listing, 20)
    except PagingError:
        return
    assert given == listing.keys


def test_proof_costs_one_record_per_page_and_no_request_more() -> None:
    listing = Listing(1000)
    walked(listing, 50)
    assert len(listing.asked) == 1 + -(-950 // 49)


def test_an_off_by_one_is_found_out_once_and_then_known() -> None:
    listing = Listing(1000, Reading.SKIPPING)
    walked(listing, 50)
    assert len(listing.asked) <= 2 + 1 + -(-950 // 48)
