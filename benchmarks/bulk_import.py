"""Importing drafts with a durable journal, 50 at a time, wall time, against a bare loop."""

from __future__ import annotations

import asyncio
import itertools
import tempfile
from pathlib import Path

import aiohttp
import httpx
import orjson

from benchmarks.drafts import FIELDS
from benchmarks.measure import WALL, Figure, all_cores, compare
from cubicasa_async import AsyncCubiCasa
from cubicasa_async.bulk import Created, import_drafts

TITLE = "import with a durable journal, 50 at a time (wall)"


async def run(base_url: str, *, quick: bool) -> list[Figure]:
    rows = 500 if quick else 5_000
    with all_cores(), tempfile.TemporaryDirectory() as directory:
        numbers = itertools.count()
        async with (
            aiohttp.ClientSession(headers={"api-key": "bench"}) as session,
            AsyncCubiCasa("bench", base_url=base_url, concurrency=50) as client,
            httpx.AsyncClient(headers={"api-key": "bench"}, timeout=60) as other,
        ):

            async def bare() -> None:
                left = iter(range(rows))

                async def work() -> None:
                    for _ in left:
                        async with session.post(f"{base_url}/orders/draft", json=FIELDS) as answer:
                            orjson.loads(await answer.read())

                await asyncio.gather(*(work() for _ in range(50)))

            async def ours() -> None:
                created = 0
                async for outcome in import_drafts(
                    client,
                    ({**FIELDS, "external_id": f"E-{number}"} for number in range(rows)),
                    journal=Path(directory) / f"{next(numbers)}.journal",
                    concurrency=50,
                    look_first=False,  # the bare loop looks at nothing either
                ):
                    created += isinstance(outcome, Created)
                assert created == rows

            async def by_httpx() -> None:
                left = iter(range(rows))

                async def work() -> None:
                    for _ in left:
                        answer = await other.post(f"{base_url}/orders/draft", json=FIELDS)
                        orjson.loads(answer.content)

                await asyncio.gather(*(work() for _ in range(50)))

            return [
                *await compare(
                    (f"aiohttp, {rows} drafts, no journal", bare),
                    {"cubicasa_async, with journal": ours, "httpx, no journal": by_httpx},
                    rounds=3 if quick else 10,
                    clock=WALL,
                )
            ]
