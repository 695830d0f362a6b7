from __future__ import annotations

from typing import Any

import aiohttp
import pytest

from cubicasa_async.sandbox import Fault, Habits

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


class TestContents:
    async def test_a_change_gives_other_bytes_and_another_validator(self, call: Caller) -> None:
        where, host = await url(call), call.sandbox.file_host
        path = where.removeprefix(host.origin)
        before = await fetch(call, where)
        host.contents.change(path)
        after = await fetch(call, where)
        assert before.content != after.content == host.content(path)
        assert before.headers["ETag"] != after.headers["ETag"]
        assert len(before.content) == len(after.content)
        part = await fetch(call, where, **{"Range": "bytes=5-", "If-Range": before.headers["ETag"]})
        assert part.status == 200

    async def test_a_new_delivery_has_other_files_under_other_urls(self, call: Caller) -> None:
        order = call.sandbox.world.add_order(status="Ready")
        found: list[bytes] = []
        for _ in range(2):
            assets = (await call("GET", f"/orders/{order.id}")).json["delivery_assets"]
            found.append((await fetch(call, assets["home_report"]["pdf_urls"][0])).content)
            call.sandbox.world.set_status(order.id, "Fixing")
            call.sandbox.world.set_status(order.id, "Ready")
        assert found[0] != found[1]

    async def test_exact_bytes_are_served_as_they_are(self, call: Caller) -> None:
        host = call.sandbox.file_host
        host.contents.put("/x.pdf", b"not a PDF")
        reply = await fetch(call, f"{host.origin}/x.pdf")
        assert (reply.content, reply.headers["Content-Type"]) == (b"not a PDF", "application/pdf")

    async def test_a_large_file_is_made_while_it_is_sent(self, call: Caller) -> None:
        host = call.sandbox.file_host
        host.contents.sizes["/v.mp4"] = size = 2 * 1024**3
        start = size - 200_000
        part = await fetch(call, f"{host.origin}/v.mp4", Range=f"bytes={start}-")
        assert (part.status, len(part.content)) == (206, 200_000)
        assert part.content == b"".join(host.contents.of("/v.mp4").part(start))
        blocks = host.contents.of("/v.mp4").part(0, 300_000)
        first, *others = blocks
        assert first[4:8] == b"ftyp"
        assert len({block[:8] for block in others}) == len(others)

    @pytest.mark.parametrize(("begin", "end"), [(0, 5), (3, 70_000), (65_530, 65_540), (9, 9)])
    async def test_any_part_of_a_large_file_is_the_same_as_of_the_whole(
        self, begin: int, end: int, call: Caller
    ) -> None:
        contents = call.sandbox.file_host.contents
        contents.sizes["/v.mp4"] = 2_000_000
        content = contents.of("/v.mp4")
        whole = b"".join(content.part())
        assert len(whole) == 2_000_000
        assert b"".join(content.part(begin, end)) == whole[begin:end]

    @pytest.mark.parametrize("ending", ["jpg", "png", "pdf", "svg", "zip", "json", "html"])
    async def test_files_begin_and_end_as_their_format_does(
        self, ending: str, call: Caller
    ) -> None:
        from cubicasa_async.delivery.file_kinds import ends_well, problem_of

        content = call.sandbox.file_host.content(f"/x.{ending}")
        assert problem_of(ending, content[:1024], "") is None
        assert ends_well(ending, content[-1024:]) in {True, None}


class TestHabits:
    async def test_a_signed_url_expires_and_the_next_answer_has_a_new_one(
        self, call: Caller
    ) -> None:
        host = call.sandbox.file_host
        host.habits.signed_for = 600
        where = await url(call)
        path = where.partition("?")[0]
        assert (await fetch(call, where)).status == 200
        assert (await fetch(call, path)).status == 403
        assert (await fetch(call, f"{path}?expires=9e9&signature=x")).status == 403
        host.habits.signed_for = -1
        expired = await url(call)
        refused = await fetch(call, expired)
        assert (refused.status, refused.headers["Content-Type"]) == (403, "application/xml")

    @pytest.mark.parametrize("framing", ["chunked", "close"])
    async def test_a_body_without_a_length(self, framing: str, call: Caller) -> None:
        host = call.sandbox.file_host
        host.habits.framing = framing
        reply = await fetch(call, f"{host.origin}/x.pdf")
        assert reply.content == host.content("/x.pdf")
        assert "Content-Length" not in reply.headers
        assert ("Transfer-Encoding" in reply.headers) is (framing == "chunked")

    async def test_validators_and_conditions(self, call: Caller) -> None:
        host = call.sandbox.file_host
        where = f"{host.origin}/x.pdf"
        strong = (await fetch(call, where)).headers["ETag"]
        assert (await fetch(call, where, **{"If-None-Match": strong})).status == 304
        assert host.fetches[-1].if_none_match == strong
        host.habits.etags = "weak"
        assert (await fetch(call, where)).headers["ETag"] == f"W/{strong}"
        host.habits.etags = "none"
        assert "ETag" not in (await fetch(call, where, **{"If-None-Match": strong})).headers

    async def test_a_host_that_ignores_ranges_or_their_condition(self, call: Caller) -> None:
        host = call.sandbox.file_host
        wanted = {"Range": "bytes=5-", "If-Range": '"other"'}
        host.habits.if_range = False
        assert (await fetch(call, f"{host.origin}/x.pdf", **wanted)).status == 206
        host.habits.ranges = False
        assert (await fetch(call, f"{host.origin}/x.pdf", **wanted)).status == 200

    async def test_what_was_packed_unasked_says_so(self, call: Caller) -> None:
        host = call.sandbox.file_host
        host.habits.compressed = True
        reply = await fetch(call, f"{host.origin}/x.pdf", **{"Accept-Encoding": "identity"})
        assert reply.headers["Content-Encoding"] == "gzip"
        assert reply.content == host.content("/x.pdf")  # unpacked by the one who fetched

    @pytest.mark.parametrize("wrong", [{"framing": "x"}, {"etags": "x"}, {"colour": "red"}])
    def test_habits_that_there_are_not_are_refused(self, wrong: dict[str, str]) -> None:
        with pytest.raises(ValueError, match=r"is one of|There is no"):
            Habits.from_json(wrong)


async def test_a_fault_of_the_plan_strikes_a_file_by_its_path(call: Caller) -> None:
    host = call.sandbox.file_host
    host.faults.add(Fault("status", status=500, path="*.pdf", times=1), Fault("cut", path="*.jpg"))
    assert [(await fetch(call, f"{host.origin}/x.pdf")).status for _ in range(2)] == [500, 200]
    with pytest.raises(aiohttp.ClientPayloadError):
        await fetch(call, f"{host.origin}/x.jpg")
    call.sandbox.reset()
    assert (await fetch(call, f"{host.origin}/x.jpg")).status == 200


async def test_all_of_it_is_said_over_the_control_interface(call: Caller) -> None:
    async def control(method: str, path: str, body: Any = None) -> Reply:
        return await call(
            method, f"/_sandbox/files{path}", body, key="", headers={"x-sandbox": "1"}
        )

    host = call.sandbox.file_host
    assert (await control("PUT", "/habits", {"framing": "chunked"})).status == 200
    assert host.habits.framing == "chunked"
    await control("PUT", "/size", {"size": 5_000})
    await control("PUT", "/size", {"size": 7_000, "path": "/x.pdf"})
    assert [len(host.content(path)) for path in ("/x.pdf", "/y.pdf")] == [7_000, 5_000]
    before = host.content("/x.pdf")
    await control("POST", "/change", {"path": "/x.pdf"})
    assert host.content("/x.pdf") != before
    await control("POST", "/faults", {"kind": "status", "status": 410})
    assert (await fetch(call, f"{host.origin}/x.pdf")).status == 410
    seen = (await control("GET", "")).json
    assert [one["status"] for one in seen["fetches"]] == [410]
    assert (seen["saw_key"], len(seen["faults"])) == (False, 1)
    added = (await control("POST", "/faults", {"kind": "cut"})).json
    assert added["number"] == 2
    assert (await control("DELETE", "/faults/1")).json["numbers"] == [2]
    assert [fault.kind for fault in host.faults] == ["cut"]
    assert (await control("DELETE", "/faults")).json["faults"] == []
    for method, path, body in (
        ("PUT", "/habits", {"framing": "x"}),
        ("PUT", "/habits", {"ranges": "no"}),
        ("PUT", "/habits", {"signed_for": "an hour"}),
        ("PUT", "/size", {"size": -1}),
        ("POST", "/change", {}),
        ("POST", "/faults", {"kind": "explode"}),
    ):
        assert (await control(method, path, body)).status == 400
