"""Walking 10,000 orders in pages of 100, CPU time, against a bare loop."""

from __future__ import annotations

import json

import aiohttp
import orjson

from benchmarks.measure import Ratio, compare
from cubicasa_async import AsyncCubiCasa

TITLE = "walk 10,000 orders in pages of 100 (CPU)"


async def run(base_url: str, *, quick: bool) -> list[Ratio]:
    async with (
        aiohttp.ClientSession(headers={"api-key": "bench"}) as session,
        AsyncCubiCasa("bench", base_url=base_url) as client,
    ):

        async def bare(read: str) -> None:
            offset, more = 0, True
            while more:
                query = {"limit": "100", "offset": str(offset)}
                async with session.get(f"{base_url}/orders", params=query) as response:
                    if read == "orjson":
                        page = orjson.loads(await response.read())
                    else:
                        page = await response.json(loads=json.loads)
                offset, more = page["pagination"]["next_offset"], page["pagination"]["has_more"]

        async def ours() -> None:
            async for _ in client.orders.list(limit=100):
                pass

        return await compare(
            ("aiohttp + orjson, dicts", lambda: bare("orjson")),
            {"aiohttp + r.json(), dicts": lambda: bare("json"), "cubicasa_async": ours},
            rounds=4 if quick else 12,
        )
