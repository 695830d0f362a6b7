"""What people write first: every failure is tried again, and nothing is written down.

A control: run in a child process it makes orders twice, and the tests must see it.
"""

from __future__ import annotations

import asyncio
import csv
import os
import sys
from pathlib import Path

import aiohttp
import backoff


@backoff.on_exception(backoff.constant, (aiohttp.ClientError, OSError), interval=0.01, jitter=None)
async def create(session: aiohttp.ClientSession, row: dict[str, str]) -> None:
    url = f"{os.environ['CUBICASA_BASE_URL']}/orders/draft"
    async with session.post(url, json=row, raise_for_status=True) as response:
        await response.json()


async def main(path: Path) -> None:
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    headers = {"api-key": os.environ["CUBICASA_API_KEY"]}
    connector = aiohttp.TCPConnector(limit=8)
    async with aiohttp.ClientSession(connector=connector, headers=headers) as session:
        await asyncio.gather(*(create(session, row) for row in rows))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
