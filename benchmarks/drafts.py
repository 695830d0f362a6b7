"""Creating drafts one after another."""

from __future__ import annotations

import aiohttp
import orjson

from benchmarks.goals import OURS
from benchmarks.measure import Figure, compare
from benchmarks.walks import HEADERS
from cubicasa_async import AsyncCubiCasa

AIOHTTP = "aiohttp post + orjson"
CALLS = 200
FIELDS = {
    "street": "121 North Washington Avenue",
    "city": "Minneapolis",
    "country": "United States",
    "owner_email": "agent@example.com",
}


async def run(base_url: str, *, quick: bool) -> list[Figure]:
    url = f"{base_url}/orders/draft"
    as_json = {"Content-Type": "application/json"}
    async with (
        aiohttp.ClientSession(headers=HEADERS) as session,
        AsyncCubiCasa("bench", base_url=base_url) as client,
    ):

        async def bare() -> None:
            for number in range(CALLS):
                fields = {**FIELDS, "external_id": str(number)}
                async with session.post(url, json=fields) as response:
                    orjson.loads(await response.read())

        async def bare_both_ways() -> None:
            for number in range(CALLS):
                body = orjson.dumps({**FIELDS, "external_id": str(number)})
                async with session.post(url, data=body, headers=as_json) as response:
                    orjson.loads(await response.read())

        async def ours() -> None:
            for number in range(CALLS):
                await client.drafts.create(
                    street="121 North Washington Avenue",
                    city="Minneapolis",
                    country="United States",
                    owner_email="agent@example.com",
                    external_id=str(number),
                )

        return [
            *await compare(
                (AIOHTTP, bare),
                {"aiohttp post, orjson both ways": bare_both_ways, OURS: ours},
                rounds=6 if quick else 20,
            )
        ]
