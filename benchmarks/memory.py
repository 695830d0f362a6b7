"""Peak resident size of a job in a process of its own, and of one ten times as large."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from benchmarks.drafts import FIELDS
from benchmarks.measure import Figure, Growth, Missing, own_peak
from benchmarks.server import at
from cubicasa_async import AsyncCubiCasa

WALK = "walk 1,000,000 orders"
IMPORT = "import 1,000,000 rows"
SMALL, LARGE = 100_000, 1_000_000


async def run(base_url: str, *, quick: bool) -> list[Figure]:
    if quick or find_spec("resource") is None:
        reason = "takes minutes; in full runs only" if quick else "this system does not tell peaks"
        return [Missing(name, reason) for name in (WALK, IMPORT)]
    return [
        Growth(WALK, *(_peak("walk", size, at(base_url, orders=size)) for size in (SMALL, LARGE))),
        # The list that an import looks at first is empty.
        Growth(IMPORT, *(_peak("import", size, at(base_url, orders=0)) for size in (SMALL, LARGE))),
    ]


def _peak(job: str, size: int, base_url: str) -> float:
    command = [sys.executable, "-m", "benchmarks.memory", job, str(size), base_url]
    run = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return float(run.stdout)


async def walk(size: int, base_url: str) -> None:
    async with AsyncCubiCasa("bench", base_url=base_url) as client:
        count = 0
        async for _ in client.orders.list(limit=100):
            count += 1
    assert count == size, f"{count} orders instead of {size}"


async def import_rows(size: int, base_url: str) -> None:
    from cubicasa_async.bulk import Created, import_drafts  # no part of the walk

    rows = ({**FIELDS, "external_id": f"E-{number}"} for number in range(size))
    with tempfile.TemporaryDirectory() as directory:
        async with AsyncCubiCasa("bench", base_url=base_url, concurrency=50) as client:
            created = 0
            journal = Path(directory) / "journal"
            async for outcome in import_drafts(client, rows, journal=journal, concurrency=50):
                created += isinstance(outcome, Created)
    assert created == size, f"{created} created instead of {size}"


def main() -> None:
    job, size, base_url = sys.argv[1:]
    asyncio.run({"walk": walk, "import": import_rows}[job](int(size), base_url))
    print(own_peak())


if __name__ == "__main__":
    main()
