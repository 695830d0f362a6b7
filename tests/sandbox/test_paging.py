from __future__ import annotations

import pytest

from cubicasa_async.sandbox import Reading, Sandbox

from .support import Caller


async def follow(call: Caller, path: str, limit: int) -> list[str]:
    """All ids that a client gets which follows `next_offset` blindly."""
    found: list[str] = []
    offset = 0
    while True:
        page = (await call("GET", f"{path}?limit={limit}&offset={offset}")).json
        found += [item["id"] for item in page["items"]]
        if not page["pagination"]["has_more"]:
            return found
        offset = page["pagination"]["next_offset"]


def fill(sandbox: Sandbox, count: int) -> list[str]:
    """Make orders; answer their ids newest first."""
    return [sandbox.world.add_order().id for _ in range(count)][::-1]


@pytest.mark.parametrize(
    ("reading", "next_offset", "first_of_second"),
    [(Reading.ZERO_BASED, 20, 20), (Reading.ONE_BASED, 21, 20), (Reading.SKIPPING, 21, 21)],
)
async def test_the_second_page_by_each_reading(
    reading: Reading, next_offset: int, first_of_second: int, call: Caller
) -> None:
    ids = fill(call.sandbox, 50)
    call.sandbox.reading = reading
    first = (await call("GET", "/orders?limit=20&offset=0")).json
    assert first["pagination"] == {
        "has_more": True,
        "limit": 20,
        "next_offset": next_offset,
        "previous_offset": 0,
    }
    assert [row["id"] for row in first["items"]] == ids[:20]
    second = (await call("GET", f"/orders?limit=20&offset={next_offset}")).json
    assert second["items"][0]["id"] == ids[first_of_second]


async def test_one_based_takes_0_and_1_for_the_first_record(call: Caller) -> None:
    ids = fill(call.sandbox, 3)
    call.sandbox.reading = "one_based"
    for offset in (0, 1):
        page = (await call("GET", f"/orders?limit=2&offset={offset}")).json
        assert [row["id"] for row in page["items"]] == ids[:2]
        assert page["pagination"]["next_offset"] == 3


@pytest.mark.parametrize("count", [0, 1, 9, 10, 11, 45])
@pytest.mark.parametrize("reading", [Reading.ZERO_BASED, Reading.ONE_BASED])
async def test_a_blind_follower_gets_all_by_a_reading_that_agrees_with_itself(
    reading: Reading, count: int, call: Caller
) -> None:
    ids = fill(call.sandbox, count)
    call.sandbox.reading = reading
    assert await follow(call, "/orders", 10) == ids


async def test_a_blind_follower_loses_a_record_per_page_under_skipping(call: Caller) -> None:
    ids = fill(call.sandbox, 45)
    call.sandbox.reading = Reading.SKIPPING
    found = await follow(call, "/orders", 10)
    assert [one for one in ids if one not in found] == [ids[10], ids[21], ids[32], ids[43]]


@pytest.mark.parametrize("path", ["/orders", "/users", "/offices", "change-requests"])
async def test_every_list_is_paged_newest_first(path: str, call: Caller) -> None:
    world = call.sandbox.world
    order = world.add_order(status="Ready")
    for number in range(5):
        world.add_order()
        world.add_office(f"Office {number}")
        world.add_user(f"{number}@example.test", role="User")
        world.add_change_request(order, products=[], text=str(number), img_urls=[])
    if path == "change-requests":
        path = f"/orders/{order.id}/change-requests"
    whole = (await call("GET", path)).json
    assert whole["pagination"]["limit"] == 20
    ids = [item["id"] for item in whole["items"]]
    assert await follow(call, path, 2) == ids
    newest = {
        "/orders": world.orders[0].id,
        "/users": world.user_by_email("4@example.test"),
        "/offices": world.offices[0].id,
    }.get(path, world.change_requests[0].id)
    assert ids[0] == getattr(newest, "id", newest)


async def test_a_greater_limit_is_cut_and_the_page_says_so(call: Caller) -> None:
    fill(call.sandbox, 7)
    call.sandbox.max_limit = 5
    page = (await call("GET", "/orders?limit=99999999999999999999")).json
    assert (page["pagination"]["limit"], len(page["items"])) == (5, 5)


async def test_beyond_the_end_is_an_empty_page(call: Caller) -> None:
    fill(call.sandbox, 3)
    page = (await call("GET", "/orders?offset=99999999999999999999")).json
    assert (page["items"], page["pagination"]["has_more"]) == ([], False)


async def test_a_new_order_pushes_and_a_deletion_pulls(call: Caller) -> None:
    ids = fill(call.sandbox, 4)
    new = call.sandbox.world.add_order().id
    page = (await call("GET", "/orders?limit=2&offset=2")).json
    assert [row["id"] for row in page["items"]] == ids[1:3]
    call.sandbox.world.delete(new)
    call.sandbox.world.delete(ids[0])
    page = (await call("GET", "/orders?limit=2&offset=2")).json
    assert [row["id"] for row in page["items"]] == ids[3:]


def test_an_unknown_reading_is_refused() -> None:
    with pytest.raises(ValueError, match="choose one of zero_based"):
        Sandbox(reading="two_based")
