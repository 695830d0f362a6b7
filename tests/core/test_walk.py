"""What a walk through a list promises, under every reading and every change of the list."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cubicasa_async.core import walk as module
from cubicasa_async.core.walk import SMALLEST_PAGE, Page, Record, Walk, page_of
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
        given += walk.accept(listing.page(walk.offset, limit)).keys
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
            given += walk.accept(page).keys
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
    page_of,
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
            page = page_of(answer.records, walk.offset, answer.has_more, answer.next_offset)
            given += walk.accept(page).keys
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
        page = page_of(answer.records, walk.offset, answer.has_more, answer.next_offset)
        try:
            given += walk.accept(page).keys
        except PagingError as exc:
            return given, exc
        if walk.done:
            break
    pytest.fail("the walk did not end")


def page(keys: str, next_offset: int | None, *, has_more: bool = True) -> Page[str]:
    return page_of(tuple(Record(key, key) for key in keys), 0, has_more, next_offset)


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


def feed(
    walk: Walk[str], keys: str, next_offset: int | None = None, *, has_more: bool = True
) -> str:
    """Answer what the walk asks for; gives what it gives."""
    if next_offset is None:
        next_offset = walk.offset + len(keys)
    records = tuple(Record(key, key) for key in keys)
    return "".join(walk.accept(page_of(records, walk.offset, has_more, next_offset)).keys)


def started(keys: str = "abcdefgh") -> Walk[str]:
    """A walk that was given one page."""
    walk: Walk[str] = Walk()
    assert walk.done is False
    assert feed(walk, keys) == keys
    return walk


def records(keys: str) -> tuple[Record[str], ...]:
    return tuple(Record(key, key) for key in keys)


@pytest.mark.parametrize(
    ("keys", "seen", "left"),
    [
        ("abc", "", "abc"),
        ("abc", "ab", "c"),
        ("abc", "abc", ""),
        ("abc", "b", "ac"),
        ("abcab", "", "abc"),
        ("", "a", ""),
    ],
)
def test_what_is_left_of_a_page_stands_where_it_stood(keys: str, seen: str, left: str) -> None:
    page = page_of(records(keys), 20, has_more=True, next_offset=23)
    assert page.without(set(seen)) == page_of(records(left), 20, has_more=True, next_offset=23)


@pytest.mark.parametrize("has_more", [True, False])
def test_of_a_page_that_proves_nothing_only_its_place_is_left(has_more: bool) -> None:
    walk = started()
    page = page_of(records("xyz"), walk.offset, has_more, 10)
    assert walk.accept(page) == page_of((), 7, has_more, 10)
    assert not walk.done


def test_each_page_is_asked_for_one_record_early() -> None:
    assert started().offset == 7
    assert started("a").offset == 0


def test_a_page_that_shares_nothing_is_asked_for_again_ever_further_back() -> None:
    walk: Walk[str] = Walk(100, "ab")
    asked = [walk.offset]
    for _ in range(4):
        assert feed(walk, "xyz", 103) == ""
        asked.append(walk.offset)
    assert asked == [100, 99, 98, 96, 92]


def test_even_the_second_record_of_a_list_proves_nothing_by_itself() -> None:
    walk = started("ab")
    assert walk.offset == 1
    assert feed(walk, "xy", 3) == ""
    assert walk.offset == 0


def test_after_an_off_by_one_each_page_is_asked_for_two_records_early() -> None:
    walk = started()
    assert feed(walk, "jkl", 10) == ""
    assert feed(walk, "hijk", 10) == "ijk"
    assert walk.offset == 8


def test_stepping_back_further_is_no_sign_of_an_off_by_one() -> None:
    walk = started()
    assert feed(walk, "lmn", 10) == ""
    assert feed(walk, "klm", 9) == ""
    assert feed(walk, "hijk", 9) == "ijk"
    assert walk.offset == 8


def test_short_pages_after_stepping_back_are_no_standstill() -> None:
    walk = started()
    assert feed(walk, "z", 8) == ""
    assert (walk.offset, feed(walk, "h", 7)) == (6, "")
    for offset in (5, 3, 1):
        assert (walk.offset, feed(walk, "z", 6)) == (offset, "")
        assert (walk.offset, feed(walk, "h", offset)) == (offset - 1, "")
    assert feed(walk, "hi", has_more=False) == "i"
    assert walk.done


@pytest.mark.parametrize(("next_offset", "accepted"), [(-1, 2), (0, 3), (1, 3), (3, 3)])
def test_an_offset_may_stand_still_twice_and_not_thrice(next_offset: int, accepted: int) -> None:
    walk: Walk[str] = Walk()
    for number in range(accepted):
        assert feed(walk, "abc", next_offset) == ("" if number else "abc")
    with pytest.raises(PagingError) as caught:
        feed(walk, "abc", next_offset)
    assert str(caught.value) == (
        "The server says that more records follow, but its next offset "
        f"({next_offset}) does not advance. The walk was stopped."
    )


@pytest.mark.parametrize("keys", ["", "abc"])
def test_a_hundred_pages_without_a_new_record_are_borne_and_no_more(keys: str) -> None:
    walk: Walk[str] = Walk()
    if keys:
        assert feed(walk, keys, 10) == keys
    for number in range(100):
        assert feed(walk, keys, 20 + 10 * number) == ""
    with pytest.raises(PagingError) as caught:
        feed(walk, keys, 2000)
    assert str(caught.value) == (
        "The server says that more records follow, but 100 pages in a row held none that is new. "
        "The walk was stopped."
    )


def test_a_walk_steps_back_a_hundred_times_in_a_row_and_no_more() -> None:
    walk: Walk[str] = Walk(2**200, "abc")
    for _ in range(100):
        assert feed(walk, "xyz") == ""
    with pytest.raises(PagingError, match="100 pages in a row held none that is new"):
        feed(walk, "xyz")


def test_many_pages_with_something_new_have_no_bound() -> None:
    listing = Listing(1000)
    assert walked(listing, 5) == listing.keys


def test_the_keys_given_last_are_told_oldest_first() -> None:
    assert started("abcdef").recent(2) == ["e", "f"]
    assert started("abc").recent(10) == ["a", "b", "c"]
    assert Walk(9, "abc").recent(2) == ["b", "c"]


FORGOTTEN = "The list moved further between two pages than the walk remembers."
ANEW = " Walk it anew from its start."


@pytest.mark.parametrize("new", ["x", "xy", "xyz"])
def test_records_before_what_a_cursor_knows_are_a_gap(new: str) -> None:
    walk: Walk[str] = Walk(40, "abc")
    with pytest.raises(GapError) as caught:
        feed(walk, new + "abc")
    assert str(caught.value) == FORGOTTEN + ANEW


def test_a_list_of_which_a_cursor_knows_nothing_any_more_is_a_gap() -> None:
    walk: Walk[str] = Walk(2, "abc")
    assert feed(walk, "uvw") == feed(walk, "tuv") == ""
    assert walk.offset == 0
    with pytest.raises(GapError) as caught:
        feed(walk, "stu")
    assert str(caught.value) == (
        "The list changed so much between two pages that nothing seen before is left in sight."
        + ANEW
    )


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> int:
    """A walk remembers no more than so many records."""
    monkeypatch.setattr(module, "_REMEMBERED", 8)
    return 8


@pytest.mark.usefixtures("memory")
def test_a_list_at_rest_needs_no_memory_of_all_of_it() -> None:
    listing = Listing(100)
    assert walked(listing, 6) == listing.keys


@pytest.mark.usefixtures("memory")
def test_what_was_forgotten_is_not_given_again() -> None:
    walk = started("abcdef")
    assert feed(walk, "fghijk") == "ghijk"
    with pytest.raises(GapError) as caught:
        feed(walk, "cdefgh")
    assert str(caught.value) == FORGOTTEN + ANEW


@pytest.mark.usefixtures("memory")
@pytest.mark.parametrize("new", ["x", "xy"])
def test_a_walk_that_was_overtaken_must_remember_all_of_it(new: str) -> None:
    walk = started("abcdef"[: 7 - len(new)])
    assert feed(walk, new + walk.recent(1)[0]) == new
    assert len(walk.recent(100)) == 7
    assert feed(walk, walk.recent(1)[0] + "1") == "1"
    with pytest.raises(GapError) as caught:
        feed(walk, walk.recent(1)[0] + "2")
    assert str(caught.value) == (
        "The list moved while it was walked, and the walk does not remember enough of it to give "
        "no record twice." + ANEW
    )
