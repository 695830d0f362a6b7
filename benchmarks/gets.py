"""Getting orders by their id, one after another or fifty at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import aiohttp
import orjson

from benchmarks.goals import OURS
from benchmarks.measure import Figure, compare
from benchmarks.server import order_id
from benchmarks.walks import HEADERS
from cubicasa_async import AsyncCubiCasa
from cubicasa_async.config import Settings

AIOHTTP = "aiohttp get + orjson"


async def run(base_url: str, *, quick: bool, at_once: int) -> list[Figure]:
    ids = [order_id(number) for number in range(200 if at_once == 1 else 500)]

    async def get_all(get: Callable[[str], Awaitable[object]]) -> None:
        left = iter(ids)

        async def work() -> None:
            for which in left:
                await get(which)

        await asyncio.gather(*(work() for _ in range(at_once)))

    # The default concurrency is 20; what does not have to wait is left at its default.
    settings: Settings = {"concurrency": at_once} if at_once > 1 else {}
    async with (
        aiohttp.ClientSession(headers=HEADERS) as session,
        AsyncCubiCasa("bench", base_url=base_url, **settings) as client,
    ):

        async def bare(which: str) -> None:
            async with session.get(f"{base_url}/orders/{which}") as response:
                orjson.loads(await response.read())

        async def ours() -> None:
            await get_all(client.orders.get)

        return [
            *await compare(
                (AIOHTTP, lambda: get_all(bare)), {OURS: ours}, rounds=6 if quick else 20
            )
        ]
