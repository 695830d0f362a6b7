"""The control of downloads: the loop that one writes first. `ORDER_ID DIRECTORY`."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import aiohttp

from cubicasa_async import AsyncCubiCasa


async def main(order_id: str, directory: Path) -> None:
    async with AsyncCubiCasa.from_env() as client, aiohttp.ClientSession() as session:
        order = await client.orders.get(order_id)

        async def fetch(url: str, path: Path) -> None:
            if path.exists():
                return
            async with session.get(url) as answer:
                with path.open("wb") as file:
                    async for chunk in answer.content.iter_any():
                        file.write(chunk)

        directory.mkdir(parents=True, exist_ok=True)
        files = [asset for asset in order.assets() if not asset.is_page]
        await asyncio.gather(*(fetch(asset.url, directory / asset.name) for asset in files))


asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
