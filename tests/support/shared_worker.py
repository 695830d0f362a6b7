"""One of several workers on a shared journal, in a child process.

Arguments: the journal's URL, its lease in seconds, and the first and last number of its rows. It
says its number in the journal on standard error, before it takes anything.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable

from cubicasa_async import AsyncCubiCasa
from cubicasa_async.bulk import import_drafts
from cubicasa_async.bulk.journal.postgres import PostgresJournal
from cubicasa_async.cli import output
from tests.support.listings import listing

SETTLE = 0.1  # as in test_kill: the sandbox carries a request out at once or not at all


class Named(PostgresJournal):
    """A journal whose worker can be told from the others."""

    async def open(self, *, target: str, now: Callable[[], float]) -> None:
        await super().open(target=target, now=now)
        sys.stderr.write(f"worker {self._ids['me']}\n")
        sys.stderr.flush()


async def main(url: str, lease: str, first: str, last: str) -> None:
    rows = (listing(number) for number in range(int(first), int(last) + 1))
    journal = Named(url, lease=float(lease))
    async with AsyncCubiCasa.from_env(concurrency=8) as client:
        async for outcome in import_drafts(client, rows, journal=journal, settle=SETTLE):
            output.json_line(output.outcome_fields(outcome))
    output.json_line({"type": "summary"})


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
