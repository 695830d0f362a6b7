"""Workers that share a table as people write it first: no locks, no leases, no look.

A control: of several at once, some make the same draft, and the tests must see it.
"""

from __future__ import annotations

import asyncio
import os
import sys

import aiohttp
import psycopg

from tests.support.listings import listing

_NEXT = "SELECT key FROM naive WHERE NOT done ORDER BY key LIMIT 8"


async def create(session: aiohttp.ClientSession, key: str) -> None:
    url = f"{os.environ['CUBICASA_BASE_URL']}/orders/draft"
    while True:
        try:
            async with session.post(url, json=listing(int(key.removeprefix("E-")))) as response:
                if response.status == 200:
                    return
        except aiohttp.ClientError:
            pass
        await asyncio.sleep(0.01)


async def main(url: str, _lease: str, first: str, last: str) -> None:
    headers = {"api-key": os.environ["CUBICASA_API_KEY"]}
    with psycopg.connect(url, autocommit=True) as db:
        async with aiohttp.ClientSession(headers=headers) as session:
            for number in range(int(first), int(last) + 1):
                db.execute(
                    "INSERT INTO naive VALUES (%s, false) ON CONFLICT DO NOTHING", (f"E-{number}",)
                )
            while keys := [key for (key,) in db.execute(_NEXT)]:
                await asyncio.gather(*(create(session, key) for key in keys))
                db.execute("UPDATE naive SET done = true WHERE key = ANY(%s)", (keys,))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
