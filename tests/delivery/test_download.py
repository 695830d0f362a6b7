"""The right files on disk: whole, current, and nothing lost."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path

import aiohttp
import pytest

from cubicasa_async import AsyncCubiCasa
from cubicasa_async import Order as AnsweredOrder
from cubicasa_async.core import codec
from cubicasa_async.core.file_names import MANIFEST
from cubicasa_async.delivery import (
    Downloaded,
    Failed,
    Progress,
    Replaced,
    Skipped,
    Unchanged,
    Unlisted,
    download_assets,
)
from cubicasa_async.errors import ConfigError, NotFoundError
from cubicasa_async.sandbox import Fault, Order, Sandbox
from tests.delivery.files import FILES, Naive, download, former, of_kind, on_disk, order_with, there
from tests.support.moments import VirtualTime
from tests.support.waiting import until


@pytest.fixture
def order(sandbox: Sandbox) -> Order:
    """A delivered order of the sandbox."""
    return sandbox.world.add_order(status="Ready")


@pytest.fixture(autouse=True)
def key_stays_here(sandbox: Sandbox) -> Iterator[None]:
    """No test of this module may show the key to the file host, but for the control."""
    yield
    assert not sandbox.file_host.saw_key


async def url_of(client: AsyncCubiCasa, order: Order) -> str:
    return (await client.orders.get(order.id)).assets()[0].url


def path_of(sandbox: Sandbox, url: str) -> str:
    return url.removeprefix(sandbox.file_host.origin)


async def test_the_files_on_disk_are_the_files_of_the_order(
    client: AsyncCubiCasa, sandbox: Sandbox, order: Order, tmp_path: Path
) -> None:
    outcomes = await download(client, order.id, tmp_path)
    files = await there(client, sandbox, order.id)
    assert on_disk(tmp_path) == files
    assert of_kind(outcomes, Downloaded) == sorted(files)
    assert of_kind(outcomes, Skipped) == ["tour-link", "tour-mls_compliance_link"]
    assert len(outcomes) == FILES + 2
    for outcome in outcomes:
        if isinstance(outcome, Downloaded):
            assert outcome.path.read_bytes() == files[outcome.asset.name]
            assert outcome.size == len(files[outcome.asset.name])
            assert outcome.note == ""


@pytest.mark.parametrize("durable", [True, False], ids=["durable", "control: not durable"])
async def test_what_is_told_as_durable_is_on_the_disk_itself(
    client: AsyncCubiCasa,
    order: Order,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    durable: bool,
) -> None:
    on_the_disk: set[int] = set()
    fsync = os.fsync

    def noted(descriptor: int) -> None:
        fsync(descriptor)
        on_the_disk.add(os.fstat(descriptor).st_ino)

    monkeypatch.setattr(os, "fsync", noted)
    told: list[bool] = []
    async with aclosing(
        download_assets(client, order.id, tmp_path, allow_private=True, durable=durable)
    ) as outcomes:
        async for outcome in outcomes:
            if isinstance(outcome, Downloaded):
                places = (outcome.path, tmp_path / MANIFEST, tmp_path)
                told.append({place.stat().st_ino for place in places} <= on_the_disk)
    assert told == [durable] * FILES


async def test_what_is_there_is_not_fetched_again(
    client: AsyncCubiCasa, sandbox: Sandbox, order: Order, tmp_path: Path
) -> None:
    await download(client, order.id, tmp_path)
    before = {path.name: path.stat().st_ino for path in tmp_path.glob("*-*.*")}
    sandbox.file_host.fetches.clear()
    outcomes = await download(client, order.id, tmp_path)
    assert len(of_kind(outcomes, Unchanged)) == FILES
    assert {fetch.status for fetch in sandbox.file_host.fetches} == {304}
    after = {path.name: path.stat().st_ino for path in tmp_path.glob("*-*.*")}
    assert {**after, MANIFEST: 0} == {**before, MANIFEST: 0}
    assert former(tmp_path) == {}


@pytest.mark.parametrize("etags", ["weak", "none"])
async def test_without_a_strong_validator_contents_are_compared(
    etags: str, client: AsyncCubiCasa, sandbox: Sandbox, order: Order, tmp_path: Path
) -> None:
    sandbox.file_host.habits.etags = etags
    await download(client, order.id, tmp_path)
    outcomes = await download(client, order.id, tmp_path)
    assert len(of_kind(outcomes, Unchanged)) == FILES
    sandbox.file_host.contents.change(path_of(sandbox, await url_of(client, order)))
    outcomes = await download(client, order.id, tmp_path)
    assert len(of_kind(outcomes, Replaced)) == 1
    assert on_disk(tmp_path) == await there(client, sandbox, order.id)


async def test_a_fix_replaces_what_changed_and_keeps_the_former_version(
    client: AsyncCubiCasa, sandbox: Sandbox, order: Order, tmp_path: Path
) -> None:
    await download(client, order.id, tmp_path, reason="first delivery")
    first = on_disk(tmp_path)
    for turn, reason in ((1, "fix"), (2, "edit")):
        before = on_disk(tmp_path)
        sandbox.world.set_status(order.id, "Fixing")
        sandbox.world.set_status(order.id, "Ready")
        outcomes = await download(client, order.id, tmp_path, reason=reason)
        assert len(of_kind(outcomes, Replaced)) == FILES
        assert on_disk(tmp_path) == await there(client, sandbox, order.id)
        for outcome in outcomes:
            if isinstance(outcome, Replaced):
                assert outcome.former is not None
                assert outcome.former.read_bytes() == before[outcome.asset.name]
        assert len(former(tmp_path)) == turn * FILES
    assert former(tmp_path)["home_report-1.v1.pdf"] == first["home_report-1.pdf"]
    entry = json.loads((tmp_path / MANIFEST).read_text())["files"]["home_report-1.pdf"]
    assert entry["reason"] == "edit"
    assert [one["name"] for one in entry["former"]] == [
        "home_report-1.v1.pdf",
        "home_report-1.v2.pdf",
    ]
    assert [one["reason"] for one in entry["former"]] == ["first delivery", "fix"]


async def test_only_what_changed_is_replaced(
    client: AsyncCubiCasa, sandbox: Sandbox, order: Order, tmp_path: Path
) -> None:
    await download(client, order.id, tmp_path)
    sandbox.file_host.contents.change(path_of(sandbox, await url_of(client, order)))
    outcomes = await download(client, order.id, tmp_path)
    assert of_kind(outcomes, Replaced) == ["listing_floorplans-1.jpg"]
    assert len(of_kind(outcomes, Unchanged)) == FILES - 1
    assert on_disk(tmp_path) == await there(client, sandbox, order.id)
    assert list(former(tmp_path)) == ["listing_floorplans-1.v1.jpg"]


async def test_the_same_file_under_another_url_is_unchanged(
    client: AsyncCubiCasa, sandbox: Sandbox, tmp_path: Path
) -> None:
    host = sandbox.file_host
    for name in ("one", "two"):
        host.contents.put(f"/{name}.pdf", b"%PDF-1.4 the same")
    given = [
        order_with(home_report={"pdf_urls": [f"{host.origin}/{n}.pdf"]}) for n in ("one", "two")
    ]
    kinds = [type((await download(client, one, tmp_path))[0]) for one in given]
    assert kinds == [Downloaded, Unchanged]
    assert [fetch.status for fetch in host.fetches] == [200, 200]
    await download(client, given[1], tmp_path)
    assert host.fetches[-1].status == 304  # a validator is of use for its own URL only


async def test_a_file_that_was_damaged_or_removed_is_fetched_again(
    client: AsyncCubiCasa, sandbox: Sandbox, order: Order, tmp_path: Path
) -> None:
    await download(client, order.id, tmp_path)
    (tmp_path / "home_report-1.pdf").unlink()
    damaged = tmp_path / "listing_floorplans-1.pdf"
    damaged.write_bytes(b"mine" + damaged.read_bytes()[4:])
    mine = damaged.read_bytes()
    outcomes = await download(client, order.id, tmp_path)
    again = [outcome for outcome in outcomes if isinstance(outcome, Downloaded)]
    assert of_kind(again, Downloaded) == ["home_report-1.pdf", "listing_floorplans-1.pdf"]
    assert all("fetched again" in outcome.note for outcome in again)
    assert on_disk(tmp_path) == await there(client, sandbox, order.id)
    assert former(tmp_path) == {"listing_floorplans-1.v1.pdf": mine}


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege there")
@pytest.mark.parametrize("cut", [False, True], ids=["whole", "broken off"])
async def test_no_link_in_the_directory_is_written_through(
    client: AsyncCubiCasa, sandbox: Sandbox, tmp_path: Path, cut: bool
) -> None:
    host, directory, foreign = sandbox.file_host, tmp_path / "files", tmp_path / "foreign"
    name, other = "home_report-1.pdf", "listing_floorplans-1.pdf"
    order = order_with(
        home_report={"pdf_urls": [f"{host.origin}/x.pdf"]},
        listing_floorplans={"pdf_urls": [f"{host.origin}/y.pdf"]},
    )
    host.size = 3_000_000
    host.faults.add(*[Fault("cut")] * cut)
    await download(client, order, directory, retries=0)  # of a part it leaves all that it may
    host.faults.clear()
    for path in (f".parts/{name}.part", f".parts/.{name}.part.json.new", other, f".{MANIFEST}.new"):
        (directory / path).unlink(missing_ok=True)
        (directory / path).symlink_to(foreign)
    (directory / name).unlink(missing_ok=True)
    foreign.write_bytes(b"%PDF-1.4 mine")
    await download(client, order, directory)
    assert foreign.read_bytes() == b"%PDF-1.4 mine"
    assert on_disk(directory) == {name: host.content("/x.pdf"), other: host.content("/y.pdf")}
    assert former(directory) == {"listing_floorplans-1.v1.pdf": b"%PDF-1.4 mine"}
    assert [path for path in directory.rglob("*") if path.is_symlink()] == []


async def test_a_file_of_another_origin_is_kept(
    client: AsyncCubiCasa, sandbox: Sandbox, order: Order, tmp_path: Path
) -> None:
    (tmp_path / "home_report-1.pdf").write_bytes(b"mine")
    outcomes = await download(client, order.id, tmp_path)
    assert former(tmp_path) == {"home_report-1.v1.pdf": b"mine"}
    (told,) = [o for o in outcomes if o.asset.name == "home_report-1.pdf"]
    assert "former/home_report-1.v1.pdf" in told.note
    assert on_disk(tmp_path) == await there(client, sandbox, order.id)


async def test_without_its_manifest_the_files_are_fetched_and_nothing_is_kept_twice(
    client: AsyncCubiCasa, order: Order, tmp_path: Path
) -> None:
    await download(client, order.id, tmp_path)
    (tmp_path / MANIFEST).unlink()
    outcomes = await download(client, order.id, tmp_path)
    assert len(of_kind(outcomes, Downloaded)) == FILES
    assert former(tmp_path) == {}


async def test_what_the_order_lists_no_more_stays_and_is_said_once(
    client: AsyncCubiCasa, sandbox: Sandbox, tmp_path: Path
) -> None:
    order = sandbox.world.add_order(status="Ready", add_ons=["gla"])
    await download(client, order.id, tmp_path)
    order.add_ons = []
    outcomes = await download(client, order.id, tmp_path)
    assert of_kind(outcomes, Unlisted) == ["gla_package-1.json", "gla_package-1.pdf"]
    assert "gla_package-1.pdf" in on_disk(tmp_path)
    assert of_kind(await download(client, order.id, tmp_path), Unlisted) == []
    order.add_ons = ["gla"]
    assert len(of_kind(await download(client, order.id, tmp_path), Unchanged)) == FILES + 2
    order.asset_base = None  # in work, say: nothing is concluded of an order without any file
    assert await download(client, order.id, tmp_path) == []


async def test_one_of_another_extension_leaves_the_former_file_and_says_so(
    client: AsyncCubiCasa, sandbox: Sandbox, tmp_path: Path
) -> None:
    host = sandbox.file_host
    contents = {"x.dwg": b"AC1032 a drawing", "x.zip": b"PK\x05\x06".ljust(22, b"\0")}
    for name, content in contents.items():
        host.contents.put(f"/{name}", content)
    given = [order_with(cad_files=[f"{host.origin}/{name}"]) for name in contents]
    _, outcomes = [await download(client, one, tmp_path) for one in given]
    assert of_kind(outcomes, Downloaded) == ["cad_files-1.zip"]
    assert of_kind(outcomes, Unlisted) == ["cad_files-1.dwg"]
    assert on_disk(tmp_path) == {f"cad_files-1{name[1:]}": c for name, c in contents.items()}


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("//f.test/t?signature=a", "//f.test/t"),
        ("matterport://x:y@tour/t#s", "matterport://tour/t"),
        ("HTTPS://x:y@f.test:8443/a b?signature=a#s", "https://f.test:8443/a b"),
        ("https://[f.test/t", ""),
    ],
)
async def test_a_page_is_told_with_its_url_but_no_secret(
    client: AsyncCubiCasa, tmp_path: Path, url: str, shown: str
) -> None:
    (outcome,) = await download(client, order_with(tour={"link": url}), tmp_path)
    assert isinstance(outcome, Skipped)
    assert outcome.note == f"a page to look at: {shown}"


async def test_only_what_is_asked_for_is_fetched(
    client: AsyncCubiCasa, order: Order, tmp_path: Path
) -> None:
    outcomes = await download(client, order.id, tmp_path, formats=["PDF"], products=["home_report"])
    assert [outcome.asset.name for outcome in outcomes] == ["home_report-1.pdf"]
    outcomes = await download(client, order.id, tmp_path, products=["tour"])
    assert {type(outcome) for outcome in outcomes} == {Skipped}


async def test_one_failing_file_does_not_stop_the_others(
    client: AsyncCubiCasa, sandbox: Sandbox, order: Order, tmp_path: Path
) -> None:
    sandbox.file_host.faults.add(Fault("status", status=500, path="*/floor-0.jpg"))
    (tmp_path / "home_report-1.pdf").mkdir()
    outcomes = await download(client, order.id, tmp_path)
    failed = [outcome for outcome in outcomes if isinstance(outcome, Failed)]
    assert of_kind(failed, Failed) == ["home_report-1.pdf", "listing_floorplans-1.jpg"]
    assert {outcome.error.status for outcome in failed} == {500, None}
    assert len(of_kind(outcomes, Downloaded)) == FILES - 2
    files = await there(client, sandbox, order.id)
    assert on_disk(tmp_path).items() <= files.items()


@pytest.mark.skipif(sys.platform == "win32", reason="there is no such limit")
async def test_a_disk_that_takes_no_more_fails_the_file_and_leaves_nothing_half(
    client: AsyncCubiCasa, sandbox: Sandbox, order: Order, tmp_path: Path
) -> None:
    import resource

    path = path_of(sandbox, await url_of(client, order))
    sandbox.file_host.contents.sizes[path] = 3_000_000
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, limits[1]))
    try:
        outcomes = await download(client, order.id, tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    (failed,) = [outcome for outcome in outcomes if isinstance(outcome, Failed)]
    assert failed.note == "The file could not be written: File too large."
    assert len(of_kind(outcomes, Downloaded)) == FILES - 1
    outcomes = await download(client, order.id, tmp_path)
    assert on_disk(tmp_path) == await there(client, sandbox, order.id)
    assert sandbox.file_host.fetches[-1].status in {206, 304}


async def test_a_row_of_a_list_is_read_again(
    client: AsyncCubiCasa, order: Order, tmp_path: Path
) -> None:
    (row,) = [one async for one in client.orders.list()]
    assert row.assets() == ()
    outcomes = await download(client, row, tmp_path)
    assert len(of_kind(outcomes, Downloaded)) == FILES


async def test_files_without_a_product_are_fetched_without_reading_the_order_again(
    client: AsyncCubiCasa, sandbox: Sandbox, tmp_path: Path
) -> None:
    sandbox.file_host.contents.put("/one.pdf", b"%PDF-1.4 one")
    sent = {"id": "an-order", "delivery_assets": [f"{sandbox.file_host.origin}/one.pdf"]}
    await download(client, codec.structure(sent, AnsweredOrder), tmp_path)
    assert on_disk(tmp_path) == {"delivery_assets-1.pdf": b"%PDF-1.4 one"}
    assert sandbox.ledger.of("orders.get") == []


async def test_progress_is_told_up_to_the_end(
    client: AsyncCubiCasa, sandbox: Sandbox, order: Order, tmp_path: Path
) -> None:
    sandbox.file_host.size = 3_000_000
    seen: list[Progress] = []
    outcomes = await download(client, order.id, tmp_path, formats=["png"], progress=seen.append)
    for name in of_kind(outcomes, Downloaded):
        steps = [one.received for one in seen if one.asset.name == name]
        assert steps == sorted(steps)
        assert (steps[0], steps[-1]) == (0, 3_000_000)
        assert len(steps) > 3
    assert {one.total for one in seen} == {3_000_000}


async def test_the_manifest_holds_no_signature_and_no_key(
    client: AsyncCubiCasa, sandbox: Sandbox, order: Order, tmp_path: Path
) -> None:
    sandbox.file_host.habits.signed_for = 600
    await download(client, order.id, tmp_path)
    text = (tmp_path / MANIFEST).read_text()
    assert "signature" not in text
    assert sandbox.api_key not in text
    entry = json.loads(text)["files"]["home_report-1.pdf"]
    assert entry["url"].startswith(sandbox.file_host.origin)
    assert entry["size"] == 20_000


async def test_control_a_download_through_the_api_session_shows_the_key(
    client: AsyncCubiCasa, sandbox: Sandbox, order: Order, tmp_path: Path
) -> None:
    url = await url_of(client, order)
    async with aiohttp.ClientSession(headers={"api-key": sandbox.api_key}) as session:
        await Naive(session).straight(url, tmp_path / "plan.jpg")
    assert sandbox.file_host.saw_key
    sandbox.file_host.reset()


class TestOneRunAtATime:
    async def test_a_second_run_in_the_same_directory_is_refused(
        self, client: AsyncCubiCasa, sandbox: Sandbox, order: Order, tmp_path: Path
    ) -> None:
        sandbox.file_host.faults.add(Fault("stall"))
        first = asyncio.create_task(download(client, order.id, tmp_path))
        await until(lambda: sandbox.file_host.fetches)
        with pytest.raises(ConfigError, match="in use by another run"):
            await download(client, order.id, tmp_path)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        sandbox.file_host.faults.clear()
        assert len(of_kind(await download(client, order.id, tmp_path), Downloaded)) == FILES

    async def test_a_directory_of_another_order_is_refused(
        self, client: AsyncCubiCasa, sandbox: Sandbox, order: Order, tmp_path: Path
    ) -> None:
        await download(client, order.id, tmp_path)
        other = sandbox.world.add_order(status="Ready")
        with pytest.raises(ConfigError, match=order.id):
            await download(client, other.id, tmp_path)

    @pytest.mark.parametrize(
        "text", ["", "{", '{"order_id": 1}', '{"format": 9, "order_id": "x", "files": {}}']
    )
    async def test_a_manifest_that_cannot_be_read_is_not_overwritten(
        self, text: str, client: AsyncCubiCasa, order: Order, tmp_path: Path
    ) -> None:
        (tmp_path / MANIFEST).write_text(text)
        with pytest.raises(ConfigError, match="manifest"):
            await download(client, order.id, tmp_path)
        assert (tmp_path / MANIFEST).read_text() == text

    async def test_a_manifest_that_names_other_places_is_refused(
        self, client: AsyncCubiCasa, order: Order, tmp_path: Path
    ) -> None:
        await download(client, order.id, tmp_path)
        manifest = tmp_path / MANIFEST
        manifest.write_text(manifest.read_text().replace("home_report-1.pdf", "../../x.pdf"))
        with pytest.raises(ConfigError, match="not written by us"):
            await download(client, order.id, tmp_path)

    async def test_a_place_that_is_no_directory_is_refused(
        self, client: AsyncCubiCasa, order: Order, tmp_path: Path
    ) -> None:
        (tmp_path / "file").write_bytes(b"")
        with pytest.raises(ConfigError, match="cannot be used"):
            await download(client, order.id, tmp_path / "file" / "below")

    async def test_an_order_that_is_not_there_is_raised(
        self, client: AsyncCubiCasa, tmp_path: Path
    ) -> None:
        with pytest.raises(NotFoundError):
            await download(client, "nowhere", tmp_path)

    @pytest.mark.parametrize(
        "wrong", [{"concurrency": 0}, {"max_bytes": 0}, {"retries": -1}, {"stall_timeout": 0.0}]
    )
    async def test_arguments_out_of_range_are_refused(
        self, wrong: dict[str, float], client: AsyncCubiCasa, tmp_path: Path
    ) -> None:
        with pytest.raises(ConfigError):
            await download(client, "nowhere", tmp_path, **wrong)

    async def test_leaving_early_ends_all_and_frees_the_directory(
        self, client: AsyncCubiCasa, order: Order, tmp_path: Path
    ) -> None:
        outcomes = download_assets(client, order.id, tmp_path, allow_private=True, concurrency=1)
        async with aclosing(outcomes):
            async for _ in outcomes:
                break
        assert [task for task in asyncio.all_tasks() if "OrderFiles" in repr(task)] == []
        outcomes_again = await download(client, order.id, tmp_path)
        assert (
            len(of_kind(outcomes_again, Unchanged) + of_kind(outcomes_again, Downloaded)) == FILES
        )

    async def test_an_error_of_the_progress_callback_ends_the_run(
        self, client: AsyncCubiCasa, order: Order, tmp_path: Path
    ) -> None:
        def fail(_: Progress) -> None:
            raise LookupError("mine")

        with pytest.raises(LookupError, match="mine"):
            await download(client, order.id, tmp_path, progress=fail)


class TestExpiredUrls:
    async def test_they_are_renewed_by_reading_the_order_once(
        self, client: AsyncCubiCasa, sandbox: Sandbox, order: Order, tmp_path: Path
    ) -> None:
        sandbox.file_host.habits.signed_for = -1
        expired = await client.orders.get(order.id)
        sandbox.file_host.habits.signed_for = 600
        reads = len(sandbox.ledger.of("orders.get"))
        outcomes = await download(client, expired, tmp_path)
        assert len(of_kind(outcomes, Downloaded)) == FILES
        assert len(sandbox.ledger.of("orders.get")) == reads + 1

    async def test_a_long_file_may_see_several_expire_as_long_as_it_gets_on(
        self, client: AsyncCubiCasa, sandbox: Sandbox, order: Order, tmp_path: Path
    ) -> None:
        host = sandbox.file_host
        host.habits.signed_for = 600
        found = await client.orders.get(order.id)
        (url,) = [asset.url for asset in found.assets() if asset.name == "home_report-1.pdf"]
        path = path_of(sandbox, url).partition("?")[0]
        host.contents.sizes[path] = 40_000_000
        for _ in range(3):
            host.faults.add(Fault("cut", times=1), Fault("status", status=403, times=1))
        outcomes = await download(client, found, tmp_path, products=["home_report"])
        assert of_kind(outcomes, Downloaded) == ["home_report-1.pdf"]
        assert [fetch.status for fetch in host.fetches] == [200, 403, 206, 403, 206, 403, 206]
        assert on_disk(tmp_path) == {"home_report-1.pdf": host.content(path)}

    @pytest.mark.parametrize(
        ("present", "reason"), [("x.zip", "one of another format"), (None, "lists it no more")]
    )
    async def test_what_stands_in_the_place_of_a_refused_one_is_told(
        self,
        client: AsyncCubiCasa,
        sandbox: Sandbox,
        tmp_path: Path,
        present: str | None,
        reason: str,
    ) -> None:
        origin = sandbox.file_host.origin
        files = [] if present is None else [f"{origin}/{present}"]
        body = {"id": "an-order", "delivery_assets": {"cad_files": files}}
        sandbox.faults.add(Fault("body", operation="orders.get", body=body))
        sandbox.file_host.faults.add(Fault("status", status=403))
        given = order_with(cad_files=[f"{origin}/x.dwg"])
        (failed,) = [
            outcome
            for outcome in await download(client, given, tmp_path)
            if isinstance(outcome, Failed)
        ]
        assert failed.note.startswith("The file was refused, and the order ")
        assert reason in failed.note

    async def test_ones_that_stay_refused_fail_with_their_status(
        self,
        client: AsyncCubiCasa,
        sandbox: Sandbox,
        order: Order,
        tmp_path: Path,
        moments: VirtualTime,
    ) -> None:
        sandbox.file_host.habits.signed_for = -1
        outcomes = await download(client, order.id, tmp_path)
        failed = [outcome for outcome in outcomes if isinstance(outcome, Failed)]
        assert len(failed) == FILES
        assert {outcome.error.status for outcome in failed} == {403}
        assert on_disk(tmp_path) == {}
        assert moments.slept == []

    async def test_one_whose_order_cannot_be_read_fails_alone(
        self, client: AsyncCubiCasa, sandbox: Sandbox, order: Order, tmp_path: Path
    ) -> None:
        found = await client.orders.get(order.id)
        sandbox.file_host.faults.add(Fault("status", status=410, path="*/home-report.pdf"))
        sandbox.faults.add(Fault("status", status=401))
        outcomes = await download(client, found, tmp_path)
        assert of_kind(outcomes, Failed) == ["home_report-1.pdf"]
        assert len(of_kind(outcomes, Downloaded)) == FILES - 1
