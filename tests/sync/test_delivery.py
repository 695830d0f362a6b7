from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from cubicasa_async import CubiCasa, delivery, sync
from cubicasa_async.delivery import Downloaded, Progress, Skipped, Unchanged
from cubicasa_async.errors import ConfigError, NotFoundError, WaitTimeoutError
from cubicasa_async.sandbox import Sandbox
from cubicasa_async.sync import download_assets
from tests.support.moments import VirtualTime
from tests.sync.support import KEY


def test_the_files_of_an_order_are_fetched(
    sandbox: Sandbox, twin: CubiCasa, tmp_path: Path
) -> None:
    order = twin.orders.get(sandbox.world.add_order(status="Ready").id)
    seen: list[Progress] = []
    outcomes = list(
        download_assets(twin, order, tmp_path, allow_private=True, progress=seen.append)
    )
    assert {type(outcome) for outcome in outcomes} == {Downloaded, Skipped}
    for outcome in outcomes:
        if isinstance(outcome, Downloaded):
            path = outcome.asset.url.removeprefix(sandbox.file_host.origin)
            assert outcome.path.read_bytes() == sandbox.file_host.content(path)
    assert {one.asset.name for one in seen} == {
        outcome.asset.name for outcome in outcomes if isinstance(outcome, Downloaded)
    }
    again = list(download_assets(twin, order.id, tmp_path, allow_private=True))
    assert {type(outcome) for outcome in again} == {Unchanged, Skipped}
    assert not sandbox.file_host.saw_key


def test_leaving_early_frees_the_directory(
    sandbox: Sandbox, twin: CubiCasa, tmp_path: Path
) -> None:
    order = sandbox.world.add_order(status="Ready")
    for _ in download_assets(twin, order.id, tmp_path, allow_private=True, concurrency=1):
        break
    assert len(list(download_assets(twin, order.id, tmp_path, allow_private=True))) == 13


def test_what_is_wrong_is_raised(twin: CubiCasa, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        list(download_assets(twin, "nowhere", tmp_path))
    with pytest.raises(ConfigError):
        list(download_assets(twin, "nowhere", tmp_path, concurrency=0))


def test_a_wait_ends_in_time(sandbox: Sandbox) -> None:
    order = sandbox.world.add_order(status="Ready")
    moments = VirtualTime()
    with CubiCasa(KEY, base_url=sandbox.base_url, runtime=moments.runtime) as twin:
        assert twin.orders.wait_until(order.id).id == order.id
        with pytest.raises(WaitTimeoutError):
            twin.orders.wait_until(order.id, "Fixing", deadline=3600.0)
    assert moments.now <= 3600.0


def test_a_download_is_the_same() -> None:
    signature = inspect.signature(delivery.download_assets)
    other = inspect.signature(sync.download_assets)
    of_async, of_sync = list(signature.parameters.values()), list(other.parameters.values())
    assert of_sync[0].annotation == "CubiCasa"
    assert of_sync[1:] == of_async[1:]
    assert other.return_annotation == "Generator[AssetOutcome]"
    doc = inspect.getdoc(sync.download_assets) or ""
    assert doc.replace(", in the client's own thread", "") == inspect.getdoc(
        delivery.download_assets
    )
