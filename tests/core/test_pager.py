"""A list as the caller sees it: awaited for a page, or iterated over whole."""

from __future__ import annotations

import asyncio
import base64
import json
import math
from collections.abc import Callable, Coroutine
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cubicasa_async import AsyncCubiCasa, Effect, Evidence, Order, Pager
from cubicasa_async.core import codec
from cubicasa_async.core.endpoint import Endpoint
from cubicasa_async.core.paging import Cursor, read_page
from cubicasa_async.core.walk import Page, Record, page_of
from cubicasa_async.core.wire import Answer
from cubicasa_async.errors import (
    DecodeError,
    GapError,
    InvalidInputError,
    NotFoundError,
    PagingError,
    ServerError,
    UndecodableItemsError,
)
from cubicasa_async.resources.base import Message
from cubicasa_async.sandbox import Fault, Reading, Sandbox
from tests.support.listing import Change, Listing
from tests.support.payloads import order, page

Fetch = Callable[[int, int], Coroutine[Any, Any, Page[str]]]

LIST = Endpoint(
    operation="orders.list",
    method="GET",
    path="/orders",
    response=Order,
    effect=Effect.READ,
    evidence=Evidence.DOCUMENTED,
)


def pager(fetch: Fetch, *, limit: int = 10, **more: Any) -> Pager[str]:
    return Pager("things.list", [], fetch, limit=limit, **more)


async def rest(one: Pager[Any]) -> list[Any]:
    return [item async for item in one]


async def take(one: Pager[Any], into: list[Any]) -> None:
    """Iterate over a pager; what it gives before an error is kept."""
    async for item in one:
        into.append(item)  # noqa: PERF401 # a comprehension would lose all of them


def read(body: Any) -> Page[Order]:
    return read_page(LIST, Answer(200, {}, json.dumps(body).encode()), 20)


def test_a_page_is_read_with_its_items_and_offsets() -> None:
    found = read(page([order(id="a"), order(id="b")], has_more=True, next_offset=22))
    assert [one.id for one in found.items] == ["a", "b"]
    assert (found.offset, found.has_more, found.next_offset) == (20, True, 22)


@pytest.mark.parametrize(("has_more", "next_offset"), [(True, 23), (False, None)])
def test_unreadable_items_change_nothing_of_where_a_page_stands(
    has_more: bool, next_offset: int | None
) -> None:
    found = read(page([order(id="a"), 7], has_more=has_more, next_offset=next_offset))
    assert [record.key for record in found.records] == ["a", "7"]
    assert found.offset == 20
    assert found.has_more is has_more
    assert found.next_offset == next_offset


FLAWED: list[tuple[Any, str]] = [
    (math.nan, "is no finite number"),
    (-math.inf, "is no finite number"),
    ("Main Street \ud83c", "holds half of a character"),
]


@pytest.mark.parametrize(("value", "fault"), FLAWED)
@pytest.mark.parametrize("field", ["number", "status", "unheard_of"])
def test_what_is_no_json_spoils_the_item_that_it_stands_in_only(
    field: str, value: Any, fault: str
) -> None:
    bad = {**order(id="bad"), "info": {field: [value]}}
    found = read(page([order(id="a"), bad, order(id="b")], has_more=True, next_offset=23))
    assert [one.id for one in found.items] == ["a", "b"]
    assert [record.key for record in found.records] == ["a", "bad", "b"]
    (one,) = found.undecodable
    assert [str(problem) for problem in one.problems] == [f"$.items[1].info.{field}[0]: {fault}"]
    assert one.raw["id"] == "bad"
    assert codec.encode(one.raw), "it can be written down"


def test_all_that_is_no_json_of_an_item_is_told() -> None:
    bad = {"id": "\udc00", "\ud800": math.nan}
    (one,) = read(page([bad])).undecodable
    assert [str(problem) for problem in one.problems] == [
        "$.items[0].id: holds half of a character",
        "$.items[0].\ufffd: holds half of a character",
        "$.items[0].\ufffd: is no finite number",
    ]
    assert one.raw == {"id": "\ufffd", "\ufffd": None}


@pytest.mark.parametrize("value", [math.nan, "\ud800"])
def test_what_is_no_json_outside_the_items_is_refused(value: Any) -> None:
    body = page([order(id="a")])
    body["more"] = value
    with pytest.raises(DecodeError) as caught:
        read(body)
    assert [problem.field for problem in caught.value.problems] == ["$.more"]


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe{\x00}\x00", b"[" * 100_000, b"[NaN"])
def test_what_is_not_even_that_is_refused(body: bytes) -> None:
    with pytest.raises(DecodeError):
        read_page(LIST, Answer(200, {}, body), 0)


@pytest.mark.parametrize("more", [{}, {"limit": 0, "previous_offset": 0}, {"limit": None}])
def test_of_the_pagination_only_what_is_needed_is_looked_at(more: dict[str, Any]) -> None:
    assert read(page([], **more)) == page_of((), 20, False, None)


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ([], ["$.items", "$.pagination.has_more"]),
        ({}, ["$.items", "$.pagination.has_more"]),
        ({"items": None, "pagination": {"has_more": False}}, ["$.items"]),
        ({"items": [], "pagination": {"has_more": 1}}, ["$.pagination.has_more"]),
        ({"items": [], "pagination": []}, ["$.pagination.has_more"]),
        (page([], next_offset="20"), ["$.pagination.next_offset"]),  # type: ignore[arg-type] # wrong on purpose
        (page([], next_offset=True), ["$.pagination.next_offset"]),
        (page([], next_offset=20.0), ["$.pagination.next_offset"]),  # type: ignore[arg-type] # wrong on purpose
    ],
)
def test_what_is_no_page_is_refused(body: Any, fields: list[str]) -> None:
    with pytest.raises(DecodeError) as caught:
        read(body)
    assert [problem.field for problem in caught.value.problems] == fields


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ({"items": {}, "pagination": {"has_more": False}}, "$.items: expected a list"),
        ({"items": [], "pagination": {}}, "$.pagination.has_more: expected true or false"),
        (page([], next_offset=True), "$.pagination.next_offset: expected a whole number"),
        (page([7] * 10_001), "$.items: 10001 items on one page are too many"),
    ],
    ids=["items", "has_more", "next_offset", "too many"],
)
def test_a_refused_page_says_what_is_wrong_with_it(body: Any, fault: str) -> None:
    with pytest.raises(DecodeError) as caught:
        read(body)
    assert [str(problem) for problem in caught.value.problems] == [fault]


def test_a_page_may_hold_ten_thousand_items() -> None:
    assert len(read(page([7] * 10_000)).undecodable) == 10_000


def test_items_of_no_class_are_given_as_they_came() -> None:
    raw: Endpoint[Any] = attrs.evolve(LIST, response=None)
    body = json.dumps(page([{"id": "a", "more": 1}, 7])).encode()
    found = read_page(raw, Answer(200, {}, body), 0)
    assert found.records == (Record("a", {"id": "a", "more": 1}), Record("7", 7))


def test_items_of_a_class_without_an_id_are_told_apart_by_their_whole_text() -> None:
    messages = Endpoint[Message](
        operation="messages.list",
        method="GET",
        path="/messages",
        response=Message,
        effect=Effect.READ,
        evidence=Evidence.DOCUMENTED,
    )
    body = json.dumps(page([{"message": "one"}, {"message": "two"}])).encode()
    found = read_page(messages, Answer(200, {}, body), 0)
    assert found.keys == ('{"message":"one"}', '{"message":"two"}')
    assert [one.message for one in found.items] == ["one", "two"]


async def test_awaiting_gives_one_page_of_the_size_that_was_asked_for(
    client: AsyncCubiCasa, sandbox: Sandbox
) -> None:
    sandbox.world.add_examples(10)
    found = await client.orders.list(limit=3, status=["Ready", "Draft"])
    assert len(found.items) == 3
    assert found.has_more
    assert [entry.path for entry in sandbox.ledger] == [
        "/orders?limit=3&offset=0&status=Ready&status=Draft"
    ]


async def test_the_page_size_is_the_clients_unless_given(
    client: AsyncCubiCasa, sandbox: Sandbox
) -> None:
    await client.orders.list()
    assert sandbox.ledger[0].path == f"/orders?limit={client.config.page_size}&offset=0"


@pytest.mark.parametrize("reading", Reading)
@pytest.mark.parametrize("limit", [1, 2, 3, 4, 5, 100])
async def test_any_page_size_gives_the_whole_list_in_order(
    limit: int, reading: Reading, client: AsyncCubiCasa, sandbox: Sandbox
) -> None:
    sandbox.reading = reading
    sandbox.world.add_examples(17)
    found = [one.id async for one in client.orders.list(limit=limit)]
    assert found == [one.id for one in sandbox.world.orders]


@pytest.mark.parametrize("limit", [0, -1])
async def test_a_page_size_below_one_is_refused(limit: int, client: AsyncCubiCasa) -> None:
    with pytest.raises(InvalidInputError, match="must be 1 or more"):
        client.orders.list(limit=limit)


async def test_a_pager_is_iterated_over_once() -> None:
    one = pager(Listing(5).fetch)
    assert len(await rest(one)) == 5
    with pytest.raises(PagingError) as caught:
        await rest(one)
    assert str(caught.value) == "This pager was already iterated over. Make a new one."


@pytest.mark.parametrize("window", [1, 4])
async def test_pages_have_the_size_that_was_asked_for_though_they_share_a_record(
    window: int,
) -> None:
    listing = Listing(200)
    pages = [one async for one in pager(listing.fetch, limit=20, window=window).pages()]
    assert [len(one.items) for one in pages] == [20] * 10
    assert {limit for _, limit in listing.asked} == {20, 21}


@pytest.mark.parametrize("limit", [50, 100])
async def test_no_more_is_asked_for_than_the_server_is_known_to_allow(limit: int) -> None:
    listing = Listing(400)
    assert await rest(pager(listing.fetch, limit=limit)) == listing.keys
    assert {asked for _, asked in listing.asked} == {limit}


async def test_pages_hold_each_record_once() -> None:
    listing = Listing(35, Reading.SKIPPING)
    pages = [one async for one in pager(listing.fetch).pages()]
    assert [item for one in pages for item in one.items] == listing.keys
    assert [one.has_more for one in pages] == [True] * (len(pages) - 1) + [False]
    assert {one.offset for one in pages} <= {offset for offset, _ in listing.asked}
    assert len({one.offset for one in pages}) == len(pages)
    assert {one.next_offset for one in pages} == {None}, "the walk alone knows what follows"


@given(
    size=st.integers(0, 40),
    taken=st.integers(0, 40),
    limit=st.integers(1, 12),
    reading=st.sampled_from(Reading),
)
def test_a_cursor_at_any_place_goes_on_as_if_nothing_had_been(
    size: int, taken: int, limit: int, reading: Reading
) -> None:
    async def main() -> None:
        listing = Listing(size, reading)
        first = pager(listing.fetch, limit=limit)
        items = first.items()
        given = [await anext(items) for _ in range(min(taken, size))]
        await items.aclose()
        given += await rest(pager(listing.fetch, limit=limit, cursor=first.cursor))
        assert given == listing.keys

    asyncio.run(main())


@given(
    size=st.integers(0, 60),
    taken=st.integers(0, 60),
    reading=st.sampled_from(Reading),
    inserted=st.integers(0, 80),
    deleted=st.lists(st.floats(0, 1), max_size=10).map(tuple),
)
def test_a_cursor_of_a_list_that_has_changed_gives_nothing_twice_and_loses_nothing_in_silence(
    size: int, taken: int, reading: Reading, inserted: int, deleted: tuple[float, ...]
) -> None:
    async def main() -> None:
        listing = Listing(size, reading)
        first = pager(listing.fetch)
        items = first.items()
        given = [await anext(items) for _ in range(min(taken, size))]
        await items.aclose()
        listing.change(Change(inserted, deleted))
        try:
            await take(pager(listing.fetch, cursor=first.cursor), given)
        except GapError:
            pass
        else:
            assert listing.throughout <= set(given)
        assert len(given) == len(set(given))

    asyncio.run(main())


async def test_an_error_carries_the_cursor_from_which_to_go_on(
    client: AsyncCubiCasa, sandbox: Sandbox
) -> None:
    sandbox.world.add_examples(50)
    sandbox.faults.add(Fault("status", status=404, skip=3, times=1))
    given: list[Order] = []
    with pytest.raises(NotFoundError) as caught:
        await take(client.orders.list(limit=10), given)
    assert 0 < len(given) < 50
    assert caught.value.cursor is not None
    await take(client.orders.list(limit=10, cursor=caught.value.cursor), given)
    assert [one.id for one in given] == [one.id for one in sandbox.world.orders]


async def test_errors_of_paging_carry_it_too(client: AsyncCubiCasa, sandbox: Sandbox) -> None:
    same = page([order()], has_more=True, next_offset=1)
    sandbox.faults.add(Fault("body", body=same))
    with pytest.raises(PagingError) as caught:
        await rest(client.orders.list())
    assert caught.value.cursor is not None
    Cursor.load(caught.value.cursor)


async def test_a_cursor_of_another_list_or_other_filters_is_refused(
    client: AsyncCubiCasa, sandbox: Sandbox
) -> None:
    cursor = client.orders.list(status="Ready").cursor
    client.orders.list(status="Ready", cursor=cursor)
    for refused in (
        lambda: client.orders.list(cursor=cursor),
        lambda: client.orders.list(status="Draft", cursor=cursor),
        lambda: pager(Listing(1).fetch, cursor=cursor),
    ):
        with pytest.raises(InvalidInputError) as caught:
            refused()
        assert str(caught.value) == "The cursor belongs to another list or other filters."
    assert len(sandbox.ledger) == 0


@given(st.text() | st.binary().map(lambda raw: raw.decode("latin-1")))
def test_any_other_text_is_no_cursor(text: str) -> None:
    with pytest.raises(InvalidInputError, match="The cursor is"):
        Cursor.load(text)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ('[2, "things.list", [], 0, []]', "of another version"),
        ('[1, "things.list", [], -1, []]', "of another version"),
        ('[1, "things.list", [], "0", []]', "not one"),
    ],
)
def test_a_cursor_of_another_shape_or_version_is_told_apart(fields: str, says: str) -> None:
    text = base64.urlsafe_b64encode(fields.encode()).decode()
    with pytest.raises(InvalidInputError) as caught:
        Cursor.load(text)
    assert str(caught.value) == f"The cursor is {says} of this library."


@pytest.mark.parametrize(
    "cursor", [Cursor("things.list", (), 0, ()), Cursor("a.b", (("status", "ä"),), 10**6, ("x",))]
)
def test_a_cursor_survives_as_text(cursor: Cursor) -> None:
    text = cursor.dump()
    assert text.isascii()
    assert Cursor.load(text) == cursor


async def test_leaving_early_leaves_nothing_open(client: AsyncCubiCasa, sandbox: Sandbox) -> None:
    sandbox.world.add_examples(30)
    before = len(asyncio.all_tasks())
    items = client.orders.list(limit=5).items()
    await anext(items)
    await items.aclose()
    async for _ in client.orders.list(limit=5):
        break
    assert len(sandbox.ledger) == 2
    assert len(asyncio.all_tasks()) <= before + 2  # the sandbox serves one kept connection
    assert len((await client.orders.list(limit=5)).items) == 5


GOOD, BAD = order(id="good"), order(id=None)
MIXED = page([GOOD, BAD, order(id="fine"), 7])


async def test_unreadable_items_are_told_after_all_others_were_given(
    client: AsyncCubiCasa, sandbox: Sandbox
) -> None:
    sandbox.faults.add(Fault("body", body=MIXED))
    given: list[Order] = []
    with pytest.raises(UndecodableItemsError) as caught:
        await take(client.orders.list(), given)
    assert [one.id for one in given] == ["good", "fine"]
    error = caught.value
    assert error.count == 2
    assert [one.raw for one in error.items] == [BAD, 7]
    assert [one.problems[0].field for one in error.items] == ["$.items[1].id", "$.items[3]"]
    assert "$.items[1].id: expected text, found null" in str(error)
    assert error.message == (
        "orders.list: 2 entries of the list could not be read; all others were given."
    )
    assert error.cursor is not None


async def test_a_pager_is_not_strict_unless_told_to_be() -> None:
    async def fetch(offset: int, limit: int) -> Page[Any]:
        return read(MIXED)

    given: list[Any] = []
    with pytest.raises(UndecodableItemsError):
        await take(pager(fetch), given)
    assert [one.id for one in given] == ["good", "fine"]


async def test_a_strict_pager_fails_at_the_first_unreadable_item(
    client: AsyncCubiCasa, sandbox: Sandbox
) -> None:
    sandbox.faults.add(Fault("body", body=MIXED))
    given: list[Order] = []
    with pytest.raises(UndecodableItemsError) as caught:
        await take(client.orders.list(strict=True), given)
    assert [one.id for one in given] == ["good"]
    assert caught.value.count == 1


async def test_pages_keep_unreadable_items_beside_the_others(
    client: AsyncCubiCasa, sandbox: Sandbox
) -> None:
    sandbox.faults.add(Fault("body", body=MIXED))
    (found,) = [one async for one in client.orders.list().pages()]
    assert [one.id for one in found.items] == ["good", "fine"]
    assert [one.raw for one in found.undecodable] == [BAD, 7]
    assert found.records[0].key == "good"


async def test_only_the_first_hundred_unreadable_items_are_kept(
    client: AsyncCubiCasa, sandbox: Sandbox
) -> None:
    sandbox.faults.add(Fault("body", body=page([{"id": str(n), "info": 1} for n in range(150)])))
    with pytest.raises(UndecodableItemsError) as caught:
        await rest(client.orders.list())
    assert caught.value.count == 150
    assert len(caught.value.items) == 100


async def test_a_failing_page_is_tried_again_and_nothing_is_lost(
    client: AsyncCubiCasa, sandbox: Sandbox
) -> None:
    sandbox.world.add_examples(50)
    sandbox.faults.add(Fault("drop", every=2))
    found = [one.id async for one in client.orders.list(limit=10)]
    assert found == [one.id for one in sandbox.world.orders]


async def test_a_list_that_fails_for_good_says_why(client: AsyncCubiCasa, sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault("status", status=500))
    with pytest.raises(ServerError) as caught:
        await rest(client.orders.list())
    assert len(caught.value.attempts) == 4
    assert caught.value.cursor is not None
