"""What the tests of files have in common: what lies on disk beside what the file host has."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import aclosing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from cubicasa_async import AsyncCubiCasa, Order
from cubicasa_async.core import codec
from cubicasa_async.core.file_names import FORMER, MANIFEST
from cubicasa_async.delivery import AssetOutcome, download_assets
from cubicasa_async.sandbox import Sandbox

FILES = 11
"""How many files an order of the sandbox has, its pages aside."""


async def download(
    client: AsyncCubiCasa, order: Order | str, directory: Path, **settings: Any
) -> list[AssetOutcome]:
    settings = {"allow_private": True, **settings}
    async with aclosing(download_assets(client, order, directory, **settings)) as outcomes:
        return [outcome async for outcome in outcomes]


def of_kind(outcomes: Iterable[AssetOutcome], kind: type[AssetOutcome]) -> list[str]:
    """The names of the assets with this outcome, sorted."""
    return sorted(outcome.asset.name for outcome in outcomes if type(outcome) is kind)


def on_disk(directory: Path) -> dict[str, bytes]:
    """The files under their final names."""
    names = {MANIFEST, f".{MANIFEST}.new"}
    found = (path for path in directory.iterdir() if path.is_file() and path.name not in names)
    return {path.name: path.read_bytes() for path in found}


def former(directory: Path) -> dict[str, bytes]:
    """The files that were replaced."""
    folder = directory / FORMER
    return {path.name: path.read_bytes() for path in folder.iterdir()} if folder.exists() else {}


async def there(client: AsyncCubiCasa, sandbox: Sandbox, order_id: str) -> dict[str, bytes]:
    """What the file host has for an order, by the names that the files should have."""
    order = await client.orders.get(order_id)
    return {
        asset.name: sandbox.file_host.content(urlsplit(asset.url).path)
        for asset in order.assets()
        if not asset.is_page
    }


def order_with(**delivery: Any) -> Order:
    """An order that was not asked from anybody."""
    return codec.structure({"id": "an-order", "delivery_assets": delivery}, Order)


class Naive:
    """Downloads as they are often written: the controls."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def straight(self, url: str, path: Path) -> None:
        """Write to the final name as bytes come."""
        async with self._session.get(url) as answer:
            with path.open("wb") as file:
                async for chunk in answer.content.iter_chunked(4096):
                    file.write(chunk)

    async def resumed(self, url: str, path: Path) -> None:
        """Put whatever a 206 holds behind what is there."""
        there = path.stat().st_size if path.exists() else 0
        async with self._session.get(url, headers={"Range": f"bytes={there}-"}) as answer:
            with path.open("ab" if answer.status == 206 else "wb") as file:
                async for chunk in answer.content.iter_any():
                    file.write(chunk)
