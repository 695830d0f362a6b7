"""A worker that its system stops at the worst moment: around its last look at the clock.

Arguments: `before`, `after` or `within`, and those of shared_worker. With `within` it has a
transaction open, otherwise none. It goes on when it is told to; with `before` it was away for
longer than its lease then, by its own clock. The server bears an idle transaction for as long as
the lease; here for a moment only.
"""

from __future__ import annotations

# It reaches inside to find the moment.
# pyright: reportPrivateUsage=false
import asyncio
import signal
import sys
import threading
from typing import Any

from cubicasa_async.bulk.journal import postgres as journal_postgres
from cubicasa_async.bulk.journal.group_commit import GroupCommit
from cubicasa_async.bulk.journal.postgres import PostgresJournal
from cubicasa_async.core.postgres import IDLENESS
from tests.support import shared_worker

_LIMIT = f"SELECT setting::float8 FROM pg_settings WHERE name = '{IDLENESS}'"  # noqa: S608 # ours


def sleep_once(moment: str, lease: float) -> None:
    """Stop this process the first time that a request is about to leave."""
    seconds = journal_postgres._seconds
    time_to_send = PostgresJournal.time_to_send
    commit: Any = GroupCommit[Any]._commit
    transaction = threading.Lock()
    slept: list[bool] = []
    awake = threading.Event()

    def sleep() -> None:
        sys.stderr.write("asleep\n")
        sys.stderr.flush()
        # Sent to the process, it would let this thread go on for a moment.
        signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)
        if moment == "before":
            setattr(journal_postgres, "_seconds", lambda: seconds() + lease)  # noqa: B010 # as below
        awake.set()

    def sleep_within(db: Any) -> None:
        db.execute("UPDATE cubicasa_workers SET began = began")
        [limit] = db.execute(_LIMIT).fetchone()
        if limit != lease * 1000:
            awake.set()
            raise AssertionError(limit)
        db.execute(f"SET {IDLENESS} = 500")
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
    sleep_once(sys.argv[1], float(sys.argv[3]))
    asyncio.run(shared_worker.main(*sys.argv[2:]))
