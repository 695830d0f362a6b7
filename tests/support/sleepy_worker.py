"""A worker that its system stops at the worst moment: around its last look at the clock.

Arguments: `before` or `after`, and those of shared_worker. It goes on when it is told to.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys

from cubicasa_async.bulk.journal_postgres import PostgresJournal
from tests.support import shared_worker


def sleep_once(moment: str) -> None:
    """Stop this process the first time that a request is about to leave."""
    time_to_send = PostgresJournal.time_to_send
    slept: list[bool] = []

    def sleep() -> None:
        if not slept:
            slept.append(True)
            os.kill(os.getpid(), signal.SIGSTOP)

    async def sleepy(self: PostgresJournal) -> float:
        if moment == "before":
            sleep()
        limit = await time_to_send(self)
        if moment == "after":
            sleep()
        return limit

    PostgresJournal.time_to_send = sleepy  # type: ignore[method-assign] # what this is about


if __name__ == "__main__":
    sleep_once(sys.argv[1])
    asyncio.run(shared_worker.main(*sys.argv[2:]))
