"""A worker that its system stops at the worst moment: around its last look at the clock.

Arguments: `before`, `after` or `within`, and those of shared_worker. With `within` it has a
transaction open, otherwise none. It goes on when it is told to.
"""

from __future__ import annotations

# It reaches inside to find the moment.
# pyright: reportPrivateUsage=false
import asyncio
import signal
import sys
import threading
from typing import Any

from cubicasa_async.bulk.group_commit import GroupCommit
from cubicasa_async.bulk.journal_postgres import PostgresJournal
from tests.support import shared_worker


def sleep_once(moment: str) -> None:
    """Stop this process the first time that a request is about to leave."""
    time_to_send = PostgresJournal.time_to_send
    commit: Any = GroupCommit[Any]._commit
    transaction = threading.Lock()
    slept: list[bool] = []
    awake = threading.Event()

    def sleep() -> None:
        # Sent to the process, it would let this thread go on for a moment.
        signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)
        awake.set()

    def sleep_within(db: Any) -> None:
        db.execute("UPDATE cubicasa_workers SET began = began")
        sleep()

    def committing(self: GroupCommit[Any], *batch: Any) -> Any:
        with transaction:
            return commit(self, *batch)

    async def sleepy(self: PostgresJournal) -> float:
        first = not slept
        slept.append(True)
        if first and moment == "before":
            with transaction:
                sleep()
        limit = await time_to_send(self)
        if first and moment == "after":
            with transaction:
                sleep()
        elif first and moment == "within":
            self._group.note(sleep_within)
            awake.wait()
        return limit

    for owner, name, ours in (
        (GroupCommit, "_commit", committing),
        (PostgresJournal, "time_to_send", sleepy),
    ):
        setattr(owner, name, ours)


if __name__ == "__main__":
    sleep_once(sys.argv[1])
    asyncio.run(shared_worker.main(*sys.argv[2:]))
