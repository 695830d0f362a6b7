from __future__ import annotations

import pytest

from .support import Caller, Reply


async def fetch(call: Caller, url: str, **headers: str) -> Reply:
    async with call.session.get(url, headers=headers) as response:
        return Reply(response.status, response.headers.copy(), await response.read())


async def url(call: Caller) -> str:
    order = call.sandbox.world.add_order(status="Ready")
    assets = (await call("GET", f"/orders/{order.id}")).json["delivery_assets"]
    found: str = assets["listing_floorplans"]["jpg_urls"][0]
    return found


async def test_files_lie_on_another_origin_and_are_the_same_each_time(call: Caller) -> None:
    where = await url(call)
    assert where.startswith(call.sandbox.file_host.origin)
    assert call.sandbox.file_host.origin != call.sandbox.origin
    first, second = await fetch(call, where), await fetch(call, where)
    assert (
        first.content
        == second.content
        == call.sandbox.file_host.content(where.removeprefix(call.sandbox.file_host.origin))
    )
    assert (first.status, first.headers["Content-Type"]) == (200, "image/jpeg")
    assert len(first.content) == call.sandbox.file_host.size
    assert call.sandbox.file_host.saw_key is False


async def test_a_key_is_noticed_for_ever(call: Caller) -> None:
    where = await url(call)
    assert (await fetch(call, where, **{"api-key": "any"})).status == 200
    await fetch(call, where)
    assert call.sandbox.file_host.saw_key is True
    call.sandbox.reset()
    assert call.sandbox.file_host.saw_key is False


@pytest.mark.parametrize(
    ("wanted", "start", "end"),
    [("bytes=0-99", 0, 100), ("bytes=100-", 100, 20_000), ("bytes=-5", 19_995, 20_000)],
)
async def test_a_range_is_a_part_of_the_whole(
    wanted: str, start: int, end: int, call: Caller
) -> None:
    where = await url(call)
    whole = (await fetch(call, where)).content
    part = await fetch(call, where, Range=wanted)
    assert part.status == 206
    assert part.content == whole[start:end]
    assert part.headers["Content-Range"] == f"bytes {start}-{end - 1}/20000"


async def test_a_range_of_another_version_or_beyond_the_end(call: Caller) -> None:
    where = await url(call)
    whole = await fetch(call, where)
    same = await fetch(call, where, **{"Range": "bytes=5-", "If-Range": whole.headers["ETag"]})
    other = await fetch(call, where, **{"Range": "bytes=5-", "If-Range": '"other"'})
    beyond = await fetch(call, where, Range="bytes=20000-")
    nonsense = await fetch(call, where, Range="lines=1-2")
    assert [one.status for one in (same, other, beyond, nonsense)] == [206, 200, 416, 200]
    assert beyond.headers["Content-Range"] == "bytes */20000"
    assert [fetch.status for fetch in call.sandbox.file_host.fetches] == [200, 206, 200, 416, 200]
