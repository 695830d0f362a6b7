"""Keys that are sent to the host of the files."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from pathlib import Path

import pytest

from cubicasa_async import AsyncCubiCasa
from cubicasa_async.delivery import Downloaded, download_assets
from cubicasa_async.sandbox import Sandbox


def fetch(sandbox: Sandbox, name: str, **headers: str) -> None:
    host = http.client.HTTPConnection(sandbox.file_host.origin.removeprefix("http://"))
    host.request("GET", f"/{name}", headers=headers)
    assert host.getresponse().read()
    host.close()


def test_leaks(cubicasa_sandbox: Sandbox) -> None:
    fetch(cubicasa_sandbox, "leaked.pdf", **{"api-key": cubicasa_sandbox.api_key})
    fetch(cubicasa_sandbox, "not-leaked.pdf")


def test_leaks_and_hides_it(cubicasa_sandbox: Sandbox) -> None:
    fetch(cubicasa_sandbox, "hidden.pdf", Authorization="Bearer x")
    cubicasa_sandbox.reset()


@pytest.fixture
def leaking(cubicasa_sandbox: Sandbox) -> Iterator[None]:
    yield
    fetch(cubicasa_sandbox, "late.pdf", **{"api-key": "x"})


@pytest.mark.usefixtures("leaking")
def test_leaks_at_its_end() -> None:
    pass


@pytest.mark.asyncio
async def test_leaks_nothing(
    cubicasa_sandbox: Sandbox, cubicasa_client: AsyncCubiCasa, tmp_path: Path
) -> None:
    order = cubicasa_sandbox.world.add_order(status="Ready")
    files = download_assets(cubicasa_client, order.id, tmp_path, allow_private=True)
    assert [isinstance(one, Downloaded) async for one in files]
    fetch(cubicasa_sandbox, "without.pdf")
