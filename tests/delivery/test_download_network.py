"""What hosts and lines do to a download, and where it may lead."""

from __future__ import annotations

import asyncio
import gzip
import re
import socket
import zlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from cubicasa_async import AsyncCubiCasa, Order
from cubicasa_async.config import Config
from cubicasa_async.core.file_names import PARTS
from cubicasa_async.delivery import Downloaded, Failed, Progress
from cubicasa_async.delivery.file_kinds import ends_well, problem_of
from cubicasa_async.delivery.reach import FileSessions, RefusedAddressError, is_public
from cubicasa_async.errors import Outcome
from cubicasa_async.sandbox import Fault, FileHost, Sandbox
from tests.delivery.files import Naive, download, on_disk, order_with
from tests.delivery.hooks import kept_port
from tests.support.leaps import Leaps
from tests.support.moments import VirtualTime
from tests.support.raw_server import RawServer, Reply, Then, answer
from tests.support.waiting import until

MB = 1 << 20
BIG = 5 * MB
PATH = "/plans.pdf"
NAME = "home_report-1.pdf"


@pytest.fixture
def host(sandbox: Sandbox) -> Iterator[FileHost]:
    yield sandbox.file_host
    assert not sandbox.file_host.saw_key


@pytest.fixture
def order(host: FileHost) -> Order:
    """An order with one large PDF."""
    host.size = BIG
    return order_with(home_report={"pdf_urls": [host.origin + PATH]})


def pdf_at(origin: str) -> Order:
    return order_with(home_report={"pdf_urls": [f"{origin}/x.pdf"]})


async def fails(client: AsyncCubiCasa, order: Order, directory: Path, **settings: Any) -> Failed:
    (outcome,) = await download(client, order, directory, **settings)
    assert isinstance(outcome, Failed)
    assert on_disk(directory) == {}
    return outcome


async def succeeds(client: AsyncCubiCasa, order: Order, directory: Path, **settings: Any) -> bytes:
    (outcome,) = await download(client, order, directory, **settings)
    assert isinstance(outcome, Downloaded), outcome
    (content,) = on_disk(directory).values()
    assert [path.name for path in (directory / PARTS).iterdir()] == ["lock"]
    return content


# Around the sizes at which a file is written in one go, in two, and can be taken up again.
@pytest.mark.parametrize("breaks", [False, True], ids=["whole", "broken off"])
@pytest.mark.parametrize("size", [16, MB, MB + 1, 3 * MB // 2 - 1, 3 * MB // 2, 2 * MB, 3 * MB - 1])
async def test_a_file_of_any_size_comes_whole(
    client: AsyncCubiCasa, host: FileHost, order: Order, tmp_path: Path, size: int, breaks: bool
) -> None:
    host.contents.sizes[PATH] = size
    host.faults.add(*[Fault("cut", times=1)] * breaks)
    content = await succeeds(client, order, tmp_path)
    assert content == host.content(PATH)
    assert len(content) == size
    assert len(host.fetches) == 1 + breaks


class TestResuming:
    async def test_a_file_that_broke_off_is_taken_up_where_it_broke_off(
        self, client: AsyncCubiCasa, host: FileHost, order: Order, tmp_path: Path
    ) -> None:
        host.faults.add(Fault("cut", times=1))
        assert await succeeds(client, order, tmp_path) == host.content(PATH)
        first, second = host.fetches
        assert (first.range, second.status) == (None, 206)
        assert second.range is not None
        assert int(second.range[6:-1]) > MB
        assert second.if_range == f'"{first_etag(host)}"'

    async def test_another_run_takes_it_up_as_well(
        self, client: AsyncCubiCasa, host: FileHost, order: Order, tmp_path: Path
    ) -> None:
        host.faults.add(Fault("cut"))
        await fails(client, order, tmp_path, retries=0)
        host.faults.clear()
        assert await succeeds(client, order, tmp_path) == host.content(PATH)
        assert [fetch.status for fetch in host.fetches] == [200, 206]

    async def test_getting_on_is_no_failing(
        self, client: AsyncCubiCasa, host: FileHost, order: Order, tmp_path: Path
    ) -> None:
        host.contents.sizes[PATH] = 40 * MB
        host.faults.add(Fault("cut", times=3))
        assert await succeeds(client, order, tmp_path, retries=1) == host.content(PATH)

    async def test_what_changed_between_the_parts_is_begun_anew(
        self, client: AsyncCubiCasa, host: FileHost, order: Order, tmp_path: Path
    ) -> None:
        host.faults.add(Fault("cut"))
        await fails(client, order, tmp_path, retries=0)
        host.faults.clear()
        host.contents.change(PATH)
        assert await succeeds(client, order, tmp_path) == host.content(PATH)
        assert host.fetches[-1].status == 200

    async def test_a_host_that_ignores_if_range_does_not_mix_two_versions(
        self, client: AsyncCubiCasa, host: FileHost, order: Order, tmp_path: Path
    ) -> None:
        host.habits.if_range = False
        host.faults.add(Fault("cut"))
        await fails(client, order, tmp_path, retries=0)
        host.faults.clear()
        host.contents.change(PATH)
        assert await succeeds(client, order, tmp_path) == host.content(PATH)
        assert [fetch.status for fetch in host.fetches] == [200, 206, 200]

    async def test_control_who_trusts_a_206_mixes_two_versions(
        self, host: FileHost, order: Order, tmp_path: Path
    ) -> None:
        path, old = tmp_path / NAME, host.content(PATH)
        path.write_bytes(old[: 2 * MB])
        host.contents.change(PATH)
        async with aiohttp.ClientSession() as session:
            await Naive(session).resumed(order.assets()[0].url, path)
        assert path.stat().st_size == BIG
        assert path.read_bytes() not in {old, host.content(PATH)}

    @pytest.mark.parametrize("habit", [{"etags": "weak"}, {"etags": "none"}, {"ranges": False}])
    async def test_without_validator_or_ranges_it_is_begun_anew(
        self,
        habit: dict[str, Any],
        client: AsyncCubiCasa,
        host: FileHost,
        order: Order,
        tmp_path: Path,
    ) -> None:
        for name, value in habit.items():
            setattr(host.habits, name, value)
        host.faults.add(Fault("cut", times=1))
        assert await succeeds(client, order, tmp_path) == host.content(PATH)
        assert [fetch.status for fetch in host.fetches] == [200, 200]

    async def test_one_that_was_whole_when_the_run_was_killed_is_not_fetched_again(
        self, client: AsyncCubiCasa, host: FileHost, order: Order, tmp_path: Path
    ) -> None:
        host.faults.add(Fault("cut"))
        await fails(client, order, tmp_path, retries=0)
        host.faults.clear()
        (tmp_path / PARTS / f"{NAME}.part").write_bytes(host.content(PATH))
        assert await succeeds(client, order, tmp_path) == host.content(PATH)
        assert host.fetches[-1].status == 304

    async def test_a_part_longer_than_the_whole_is_begun_anew(
        self, client: AsyncCubiCasa, host: FileHost, order: Order, tmp_path: Path
    ) -> None:
        host.faults.add(Fault("cut"))
        await fails(client, order, tmp_path, retries=0)
        host.faults.clear()
        (tmp_path / PARTS / f"{NAME}.part").write_bytes(host.content(PATH) + b"more")
        assert await succeeds(client, order, tmp_path) == host.content(PATH)

    @pytest.mark.parametrize(
        "lie",
        [
            {"Content-Range": f"bytes 5-{BIG - 1}/{BIG}"},
            {"Content-Range": f"bytes 0-{BIG - 1}/{BIG}"},
            {"Content-Range": "bytes {start}-{last}/*"},
            {"Content-Range": f"bytes {{start}}-{{last}}/{BIG + 1}"},
            {"Content-Range": ""},
            {"ETag": 'W/"v1"'},
            {"ETag": '"v2"'},
            {"ETag": ""},
        ],
        ids=str,
    )
    async def test_a_part_that_is_not_the_one_asked_for_is_not_used(
        self, lie: dict[str, str], client: AsyncCubiCasa, host: FileHost, tmp_path: Path
    ) -> None:
        whole = host.contents.of(PATH).whole[:0] + b"%PDF-".ljust(BIG, b".")
        asked: list[str | None] = []

        async def handle(request: web.BaseRequest) -> web.StreamResponse:
            wanted = request.headers.get("Range")
            asked.append(wanted)
            if wanted is None and len(asked) == 1:
                head = f'HTTP/1.1 200 OK\r\nContent-Length: {BIG}\r\nETag: "v1"\r\n\r\n'.encode()
                assert request.transport is not None
                request.transport.write(head + whole[: 3 * MB])
                request.transport.close()
                return web.Response()
            if wanted is None:
                return web.Response(body=whole, headers={"ETag": '"v1"'})
            start = int(wanted[6:-1])
            headers = {"ETag": '"v1"', "Content-Range": f"bytes {start}-{BIG - 1}/{BIG}"}
            told = {k: v.format(start=start, last=BIG - 1) for k, v in lie.items()}
            headers = {k: v for k, v in {**headers, **told}.items() if v}
            return web.Response(status=206, body=b"x" * (BIG - start), headers=headers)

        async with served(handle) as origin:
            assert await succeeds(client, pdf_at(origin), tmp_path) == whole
        assert [wanted is None for wanted in asked] == [True, False, True]


def first_etag(host: FileHost) -> str:
    return host.contents.of(PATH).etag.strip('"')


class served:  # noqa: N801 # used as a function
    """A server of one handler; gives its origin."""

    def __init__(self, handle: Any) -> None:
        self._runner = web.ServerRunner(web.Server(handle), shutdown_timeout=0.1)

    async def __aenter__(self) -> str:
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        host, port = self._runner.addresses[0][:2]
        return f"http://{host}:{port}"

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()


class TestBadLines:
    async def test_a_stall_is_given_up_and_taken_up(
        self,
        client: AsyncCubiCasa,
        host: FileHost,
        order: Order,
        tmp_path: Path,
        moments: VirtualTime,
        leaps: Leaps,
    ) -> None:
        host.faults.add(Fault("stall", phase="mid_body", times=1))
        told: list[Progress] = []
        receiving = asyncio.create_task(
            succeeds(client, order, tmp_path, stall_timeout=60.0, progress=told.append)
        )
        await until(lambda: told and told[-1].received > MB)
        while not moments.slept:  # as it does before it asks again
            leaps.leap(60.0)  # once more if there were bytes on the way
            await asyncio.sleep(0.001)
        assert await receiving == host.content(PATH)
        await until(lambda: host.fetches[0].status is not None)  # the server sees the end later
        assert [fetch.status for fetch in host.fetches] == [200, 206]

    async def test_a_file_may_take_longer_than_the_stall_timeout(
        self, client: AsyncCubiCasa, tmp_path: Path, leaps: Leaps
    ) -> None:
        whole = b"%PDF-".ljust(BIG, b".")
        told: list[Progress] = []
        asked: list[web.BaseRequest] = []

        async def handle(request: web.BaseRequest) -> web.StreamResponse:
            asked.append(request)
            response = web.StreamResponse(headers={"Content-Length": str(BIG)})
            await response.prepare(request)
            for end in range(MB, BIG + 1, MB):
                await response.write(whole[end - MB : end])
                await until(lambda end=end: told and told[-1].received == end)  # type: ignore[misc] # a default
                leaps.leap(40.0)
            return response

        async with served(handle) as origin:
            content = await succeeds(
                client, pdf_at(origin), tmp_path, stall_timeout=100.0, progress=told.append
            )
        assert content == whole
        assert len(asked) == 1
        assert leaps.ahead >= 160.0

    @pytest.mark.parametrize(
        "fault",
        [
            {"kind": "drop"},
            {"kind": "reset"},
            {"kind": "garbage"},
            {"kind": "status", "status": 503},
            {"kind": "status", "status": 429, "retry_after": "7"},
            {"kind": "reset", "phase": "mid_body"},
            {"kind": "drop", "phase": "mid_headers"},
        ],
        ids=str,
    )
    async def test_what_passes_is_tried_again(
        self,
        fault: dict[str, Any],
        client: AsyncCubiCasa,
        host: FileHost,
        order: Order,
        tmp_path: Path,
        moments: VirtualTime,
    ) -> None:
        host.faults.add(Fault(**fault, times=2))
        assert await succeeds(client, order, tmp_path) == host.content(PATH)
        assert len(moments.slept) == 2
        assert min(moments.slept) >= (7 if "retry_after" in fault else 0.5)

    async def test_what_does_not_pass_is_given_up(
        self, client: AsyncCubiCasa, host: FileHost, order: Order, tmp_path: Path
    ) -> None:
        host.faults.add(Fault("drop"))
        failed = await fails(client, order, tmp_path, retries=3)
        assert len(host.fetches) == 4
        assert failed.error.transient

    async def test_no_server_at_all(self, client: AsyncCubiCasa, tmp_path: Path) -> None:
        with kept_port() as port:
            failed = await fails(client, pdf_at(f"http://127.0.0.1:{port}"), tmp_path, retries=1)
        assert "No connection" in failed.note

    @pytest.mark.parametrize("framing", ["chunked", "close"])
    async def test_a_file_without_a_length_arrives(
        self, framing: str, client: AsyncCubiCasa, host: FileHost, order: Order, tmp_path: Path
    ) -> None:
        host.size = 200_000
        host.habits.framing = framing
        assert await succeeds(client, order, tmp_path) == host.content(PATH)

    async def test_a_cut_file_without_a_length_is_seen_by_its_end(
        self, client: AsyncCubiCasa, tmp_path: Path
    ) -> None:
        head = b"HTTP/1.1 200 OK\r\n\r\n"
        cut, whole = b"%PDF-1.4 half", b"%PDF-1.4 whole %%EOF\n"
        async with RawServer(Reply(head + cut), Reply(head + whole)) as server:
            origin = f"http://127.0.0.1:{server.port}"
            assert await succeeds(client, pdf_at(origin), tmp_path) == whole

    async def test_where_it_cannot_be_known_whether_it_is_whole_that_is_said(
        self, client: AsyncCubiCasa, tmp_path: Path
    ) -> None:
        async with RawServer(Reply(b"HTTP/1.1 200 OK\r\n\r\nAC1032 a drawing")) as server:
            url = f"http://127.0.0.1:{server.port}/x.dwg"
            (outcome,) = await download(client, order_with(cad_files=[url]), tmp_path)
        assert isinstance(outcome, Downloaded)
        assert "whether it is whole is not known" in outcome.note


class TestRightFile:
    @pytest.mark.parametrize("html", [None, "<html><body>gone</body></html>", "\n <!DOCTYPE html>"])
    async def test_a_web_page_instead_of_a_pdf_is_refused(
        self,
        html: str | None,
        client: AsyncCubiCasa,
        host: FileHost,
        order: Order,
        tmp_path: Path,
    ) -> None:
        host.faults.add(Fault("html", html=html))
        failed = await fails(client, order, tmp_path)
        assert "web page" in failed.note
        assert len(host.fetches) == 1

    async def test_what_was_there_stays_when_something_wrong_comes(
        self, client: AsyncCubiCasa, host: FileHost, order: Order, tmp_path: Path
    ) -> None:
        before = await succeeds(client, order, tmp_path)
        host.contents.put(PATH, b"")
        (outcome,) = await download(client, order, tmp_path)
        assert isinstance(outcome, Failed)
        assert "is empty" in outcome.note
        assert on_disk(tmp_path) == {NAME: before}

    @pytest.mark.parametrize("framing", ["length", "chunked"])
    async def test_a_file_that_is_too_large_is_refused(
        self, framing: str, client: AsyncCubiCasa, host: FileHost, order: Order, tmp_path: Path
    ) -> None:
        host.habits.framing = framing
        failed = await fails(client, order, tmp_path, max_bytes=BIG - 1)
        assert f"larger than {BIG - 1} bytes" in failed.note
        assert len(await succeeds(client, order, tmp_path, max_bytes=BIG)) == BIG

    async def test_a_file_that_was_packed_unasked_is_unpacked(
        self, client: AsyncCubiCasa, host: FileHost, order: Order, tmp_path: Path
    ) -> None:
        host.habits.compressed = True
        assert await succeeds(client, order, tmp_path) == host.content(PATH)
        (outcome,) = await download(client, order, tmp_path)
        assert outcome.kind == "unchanged"

    @pytest.mark.parametrize("step", [None, 7], ids=["at once", "in shreds"])
    async def test_all_members_of_a_packed_file_are_unpacked(
        self, client: AsyncCubiCasa, tmp_path: Path, step: int | None
    ) -> None:
        whole = b"%PDF-1.4 " * 1000
        body = b"".join(gzip.compress(part) for part in (whole[:4000], b"", whole[4000:]))
        steps = [body] if step is None else [body[n : n + step] for n in range(0, len(body), step)]

        async def handle(request: web.BaseRequest) -> web.StreamResponse:
            response = web.StreamResponse(headers={"Content-Encoding": "gzip"})
            await response.prepare(request)
            for one in steps:
                await response.write(one)
            return response

        async with served(handle) as origin:
            assert await succeeds(client, pdf_at(origin), tmp_path) == whole
            failed = await fails(client, pdf_at(origin), tmp_path / "too large", max_bytes=8999)
        assert "larger than 8999 bytes" in failed.note

    async def test_a_bomb_is_not_unpacked(
        self, client: AsyncCubiCasa, host: FileHost, order: Order, tmp_path: Path
    ) -> None:
        host.faults.add(Fault("bomb", size=50 * MB))
        (outcome,) = await download(
            client, order_with(new=[f"{host.origin}/x"]), tmp_path, max_bytes=10 * MB
        )
        assert isinstance(outcome, Failed)
        assert "larger than" in outcome.note

    async def test_a_cut_or_unknown_packing_is_refused(
        self, client: AsyncCubiCasa, tmp_path: Path
    ) -> None:
        packed, deflated = gzip.compress(b"%PDF-1.4 " * 1000), zlib.compress(b"%PDF-1.4")
        for body, encoding in (
            (packed[:-9], "gzip"),
            (b"not gzip", "gzip"),
            (packed + packed[:-9], "gzip"),
            (packed + b"no member", "gzip"),
            (packed + b"n", "gzip"),
            (deflated + b"more", "deflate"),
            (deflated + deflated, "deflate"),
            (b"%PDF-", "br"),
        ):
            reply = answer(body=body, headers={"Content-Encoding": encoding})
            async with RawServer(reply) as server:
                origin = f"http://127.0.0.1:{server.port}"
                await fails(client, pdf_at(origin), tmp_path, retries=1)

    @pytest.mark.parametrize("status", [204, 206, 301, 304, 416])
    async def test_other_answers_are_no_files(
        self, status: int, client: AsyncCubiCasa, tmp_path: Path
    ) -> None:
        head = f"HTTP/1.1 {status} Any\r\nContent-Length: 0\r\n\r\n".encode()
        async with RawServer(Reply(head, Then.KEEP)) as server:
            await fails(client, pdf_at(f"http://127.0.0.1:{server.port}"), tmp_path, retries=1)

    @pytest.mark.parametrize(
        ("kind", "head", "problem"),
        [
            ("pdf", b"%PDF-1.7", None),
            ("pdf", b"\n\n%PDF-1.7", None),
            ("pdf", b"PK\x03\x04", "pdf"),
            ("jpg", b"\xff\xd8\xff\xe0", None),
            ("jpg", b"\x89PNG\r\n\x1a\n", "jpg"),
            ("svg", b"<?xml version='1.0'?><svg/>", None),
            ("svg", b"<html>", "web page"),
            ("json", b' {"a": 1}', None),
            ("json", b"<Error/>", "json"),
            ("tif", b"II+\x00\x08\x00", None),
            ("tiff", b"MM\x00+\x00\x08", None),
            ("dxf", b"  0\nSECTION", None),
            ("dxf", b"999\r\nmade by", None),
            ("dxf", b"AutoCAD Binary DXF\r\n", None),
            ("dxf", b"Access denied", "dxf"),
            ("ifc", b"ISO-10303-21;", None),
            ("dxf", b"<!doctype HTML>", "web page"),
            (None, b"anything", None),
            (None, b"<html lang=de>", "web page"),
            ("html", b"<html>", None),
            ("pdf", b"", "empty"),
            (None, b"", "empty"),
        ],
    )
    def test_a_file_is_known_by_how_it_begins(
        self, kind: str | None, head: bytes, problem: str | None
    ) -> None:
        found = problem_of(kind, head, "application/octet-stream")
        assert found is None if problem is None else found and problem in found

    def test_what_is_called_a_page_is_one_unless_it_may_be_of_its_format(self) -> None:
        assert problem_of(None, b"x", "text/html; charset=utf-8") is not None
        assert problem_of("pdf", b"%PDF-", "text/html") is None
        assert problem_of("dxf", b"  0\nSECTION", "text/html") is None
        assert problem_of("obj", b"v 1 2 3", "text/html") is None
        assert problem_of("obj", b"\n<h1>gone</h1>", "text/html") == "it is a web page"
        assert problem_of("pdf", b"<h1>gone</h1>", "text/html") == "it is a web page"

    @pytest.mark.parametrize(
        ("kind", "tail", "whole"),
        [
            ("pdf", b"%%EOF\r\n", True),
            ("pdf", b"endobj", False),
            ("jpg", b"x\xff\xd9", True),
            ("jpg", b"x\xff\xd9" + bytes(200), True),
            ("jpg", b"x\xff\x00\xd9", False),
            ("png", b"\x00\x00\x00\x00IEND\xaeB`\x82", True),
            ("png", b"IDAT", False),
            ("json", b'{"a": 1}\n', True),
            ("json", b'{"a": 1,', False),
            ("svg", b"</svg>\n", True),
            ("mp4", b"x", None),
        ],
    )
    def test_a_whole_file_is_known_by_how_it_ends(
        self, kind: str, tail: bytes, whole: bool | None
    ) -> None:
        assert ends_well(kind, tail) is whole


class TestWhereItMayLead:
    async def test_private_addresses_are_refused_unless_allowed(
        self, client: AsyncCubiCasa, host: FileHost, order: Order, tmp_path: Path
    ) -> None:
        for origin in (host.origin, host.origin.replace("127.0.0.1", "localhost")):
            failed = await fails(client, pdf_at(origin), tmp_path, allow_private=False)
            assert "private network" in failed.note
            assert not failed.error.transient
        assert host.fetches == []

    async def test_a_redirect_is_followed_and_looked_at(
        self, client: AsyncCubiCasa, host: FileHost, order: Order, tmp_path: Path
    ) -> None:
        host.faults.add(Fault("redirect", location=PATH, path="/x.pdf"))
        assert await succeeds(client, pdf_at(host.origin), tmp_path) == host.content(PATH)

    @pytest.mark.parametrize(
        ("location", "reason"),
        [
            ("/x.pdf", "again and again"),
            ("file:///etc/passwd", "cannot be used"),
            ("ftp://127.0.0.1/x", "cannot be used"),
            ("http://", "again and again"),
            ("http://[::1/x", "cannot be used"),
        ],
    )
    async def test_a_redirect_in_circles_or_elsewhere_is_refused(
        self, location: str, reason: str, client: AsyncCubiCasa, host: FileHost, tmp_path: Path
    ) -> None:
        host.faults.add(Fault("redirect", location=location))
        failed = await fails(client, pdf_at(host.origin), tmp_path)
        assert reason in failed.note
        assert len(host.fetches) <= 6

    async def test_a_redirect_from_a_public_host_to_this_machine_is_refused(
        self,
        client: AsyncCubiCasa,
        host: FileHost,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        # 127.0.0.2 plays a public host; 127.0.0.1 is what it is.
        def looks_public(address: str) -> bool:
            return address == "127.0.0.2" or is_public(address)

        monkeypatch.setattr("cubicasa_async.delivery.reach.is_public", looks_public)
        home = FileHost("127.0.0.2")
        await home.start()
        try:
            home.faults.add(Fault("redirect", location=f"{host.origin}{PATH}"))
            order = pdf_at(home.origin)
            failed = await fails(client, order, tmp_path, allow_private=False, allow_http=True)
            assert "private network" in failed.note
            assert len(home.fetches) == 1
            assert host.fetches == []
            failed = await fails(client, order, tmp_path, allow_private=False)
            assert "plain http" in failed.note
            assert len(home.fetches) == 1
        finally:
            await home.close()

    @pytest.mark.parametrize(
        "address",
        [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",  # noqa: S104 # looked at only
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "fe80::1%eth0",
            "fc00::1",
            "fec0::1",
            "ff02::1",
            "::ffff:10.0.0.1",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::808:808",
            "::ffff:0:127.0.0.1",
            "2002:7f00:1::",
            "2001:0:7f00:1::",
            "2001::808:808",
        ],
    )
    def test_an_address_that_is_not_for_everybody(self, address: str) -> None:
        assert not is_public(address)

    @pytest.mark.parametrize(
        "address",
        [
            "8.8.8.8",
            "2606:4700::1111",
            "::ffff:8.8.8.8",
            "::ffff:0:8.8.8.8",
            "64:ff9b::808:808",
            "2002:808:808::",
        ],
    )
    def test_an_address_for_everybody(self, address: str) -> None:
        assert is_public(address)

    @pytest.mark.parametrize(
        ("scheme", "address", "allowed", "fine"),
        [
            ("https", "8.8.8.8", {}, True),
            ("http", "8.8.8.8", {}, False),
            ("http", "8.8.8.8", {"allow_private": True}, False),
            ("http", "8.8.8.8", {"allow_http": True}, True),
            ("https", "10.0.0.1", {"allow_http": True}, False),
            ("https", "10.0.0.1", {"allow_private": True}, True),
            ("http", "10.0.0.1", {"allow_private": True}, True),
        ],
    )
    def test_each_connection_is_looked_at_when_it_is_made(
        self, scheme: str, address: str, allowed: dict[str, bool], fine: bool
    ) -> None:
        settings = {"allow_private": False, "allow_http": False, **allowed}
        sessions = FileSessions(Config.make(api_key="key"), stall_timeout=1.0, **settings)
        place = (socket.AF_INET, socket.SOCK_STREAM, 0, "", (address, 443))
        if fine:
            sessions.socket_to(scheme, place).close()
        else:
            with pytest.raises(RefusedAddressError):
                sessions.socket_to(scheme, place)

    async def test_through_a_proxy_private_names_are_refused_here(
        self, sandbox: Sandbox, host: FileHost, tmp_path: Path
    ) -> None:
        body = b"%PDF-1.4 by proxy %%EOF"
        async with RawServer(answer(body=body)) as proxy:
            async with AsyncCubiCasa(
                sandbox.api_key,
                base_url=sandbox.base_url,
                proxy=f"http://127.0.0.1:{proxy.port}",
            ) as client:
                for name in ("127.0.0.1", "localhost", "a.localhost", "[::1]"):
                    url = f"http://{name}/x.pdf"
                    given = order_with(home_report={"pdf_urls": [url]})
                    await fails(client, given, tmp_path, allow_private=False, allow_http=True)
                assert proxy.requests == []
                public = order_with(home_report={"pdf_urls": ["http://f.test/x.pdf"]})
                content = await succeeds(
                    client, public, tmp_path, allow_private=False, allow_http=True
                )
            assert content == body
            assert "api-key" not in proxy.requests[0].headers

    async def test_a_url_is_asked_for_as_it_was_given(
        self, client: AsyncCubiCasa, tmp_path: Path
    ) -> None:
        async with RawServer(answer(body=b"%PDF-")) as server:
            query = "signature=a%2Bb%7E%2fc&x=%41+d"
            url = f"http://127.0.0.1:{server.port}/a%20b%2F.pdf?{query}"
            await succeeds(client, order_with(home_report={"pdf_urls": [url]}), tmp_path)
            (asked,) = server.requests
        assert asked.path == f"/a%20b%2F.pdf?{query}"
        assert asked.headers["accept-encoding"] == ["identity"]
        assert not {"api-key", "cookie", "authorization", "referer"} & asked.headers.keys()
        assert re.match(r"cubicasa-async/\d", asked.headers["user-agent"][0])

    @pytest.mark.parametrize(
        ("given", "asked_for"),
        [
            ("/615 Bourbon St.pdf", "/615%20Bourbon%20St.pdf"),
            ("/a%2Fb c.pdf?signature=%2b%7E d", "/a%2Fb%20c.pdf?signature=%2b%7E%20d"),
            ("/Größe%2f.pdf?x=%7E", "/Gr%C3%B6%C3%9Fe%2f.pdf?x=%7E"),
            ('/"<{`}>".pdf?a|b', "/%22%3C%7B%60%7D%3E%22.pdf?a|b"),
        ],
    )
    async def test_what_a_url_may_not_hold_is_encoded_and_nothing_else(
        self, client: AsyncCubiCasa, tmp_path: Path, given: str, asked_for: str
    ) -> None:
        async with RawServer(answer(body=b"%PDF-")) as server:
            url = f"http://127.0.0.1:{server.port}{given}"
            await succeeds(client, order_with(home_report={"pdf_urls": [url]}), tmp_path)
            assert [request.path for request in server.requests] == [asked_for]

    @pytest.mark.parametrize(
        ("url", "reason"),
        [
            ("//127.0.0.1/x.pdf", "it is no http or https URL"),
            ("s3://bucket/x.pdf", "it is no http or https URL"),
            ("file:///etc/passwd", "it is no http or https URL"),
            ("https://[127.0.0.1/x.pdf", "cannot be used"),
            ("http://127.0.0.1/a\nb.pdf", "cannot be used"),
            ("http://127.0.0.1/a\x01b.pdf", "cannot be used"),
        ],
    )
    async def test_a_url_that_cannot_be_used_fails_with_the_reason(
        self, client: AsyncCubiCasa, tmp_path: Path, url: str, reason: str
    ) -> None:
        failed = await fails(client, order_with(home_report={"pdf_urls": [url]}), tmp_path)
        assert reason in failed.note
        assert failed.note.startswith("The file was not fetched")
        assert failed.error.outcome is Outcome.NOT_SENT
        assert not failed.error.transient


@pytest.fixture(autouse=True)
async def no_socket_is_left(recwarn: pytest.WarningsRecorder) -> AsyncIterator[None]:
    yield
    assert [warning for warning in recwarn if warning.category is ResourceWarning] == []
