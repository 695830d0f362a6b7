"""Creating drafts one after another, CPU time, against a bare loop."""

from __future__ import annotations

import aiohttp
import orjson

from benchmarks.measure import Ratio, compare
from cubicasa_async import AsyncCubiCasa

TITLE = "200 x drafts.create, one after another (CPU)"
FIELDS = {
    "street": "121 North Washington Avenue",
    "city": "Minneapolis",
    "country": "United States",
    "owner_email": "agent@example.com",
}


async def run(base_url: str, *, quick: bool) -> list[Ratio]:
    async with (
        aiohttp.ClientSession(headers={"api-key": "bench"}) as session,
        AsyncCubiCasa("bench", base_url=base_url) as client,
    ):

        async def bare() -> None:
            for _ in range(200):
                async with session.post(f"{base_url}/orders/draft", json=FIELDS) as response:
                    orjson.loads(await response.read())

        async def ours() -> None:
            for number in range(200):
                await client.drafts.create(
                    street="121 North Washington Avenue",
                    city="Minneapolis",
                    country="United States",
                    owner_email="agent@example.com",
                    external_id=str(number),
                )

        return await compare(
            ("aiohttp + orjson", bare), {"cubicasa_async": ours}, rounds=6 if quick else 20
        )
