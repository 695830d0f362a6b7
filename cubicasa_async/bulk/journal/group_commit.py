"""A database behind one thread, where all that waits shares the next commit."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any, Generic, Protocol, TypeVar

import attrs

from cubicasa_async.errors import JournalError


class Connection(Protocol):
    """What SQLite's and PostgreSQL's connections have in common."""

    def commit(self) -> None:
        """Make durable what was done."""
        ...

    def rollback(self) -> None:
        """Undo what was done."""
        ...

    def close(self) -> None:
        """Close it."""
        ...


T = TypeVar("T")
C = TypeVar("C", bound=Connection)


@attrs.frozen(eq=False)
class _Job(Generic[C]):
    operation: Callable[[C], Any]
    loop: asyncio.AbstractEventLoop | None = None
    done: asyncio.Future[Any] | None = None


class GroupCommit(Generic[C]):
    """Runs operations on one connection, durable when they return.

    While the database is busy with one commit, what arrives is gathered for the next, so that many
    callers at once cost few writes. After a failure nothing more is done.

    Args:
        connect: Opens the connection, in the thread that will use it.
        explain: Makes a JournalError of what the database raised.
        begin: Begins a transaction.
        again: Whether a transaction that failed like this is to be tried once more.
        beat: What is done every so many seconds, if anything: the seconds and an operation.
    """

    def __init__(
        self,
        connect: Callable[[], C],
        explain: Callable[[Exception], JournalError],
        *,
        begin: Callable[[C], object],
        again: Callable[[Exception], bool] = lambda _: False,
        beat: tuple[float, Callable[[C], object]] | None = None,
    ) -> None:
        self._connect = connect
        self._explain = explain
        self._begin = begin
        self._again = again
        self._beat = beat
        self._queue: SimpleQueue[_Job[C] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._beaten = 0.0

    async def open(self) -> None:
        """Open the connection. Raises JournalError."""
        opened: Future[None] = Future()
        self._thread = threading.Thread(target=self._serve, args=(opened,), daemon=True)
        self._thread.start()
        await asyncio.wrap_future(opened)

    async def close(self) -> None:
        """Finish what was asked for and close the connection."""
        if self._thread is not None:
            self._queue.put(None)
            await asyncio.to_thread(self._thread.join)
            self._thread = None

    async def do(self, operation: Callable[[C], T]) -> T:
        """Run an operation; its result, once it is durable. Raises JournalError."""
        if self._thread is None:
            raise JournalError("The journal is not open.")
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()
        self._queue.put(_Job(operation, loop, done))
        return await done

    def note(self, operation: Callable[[C], object]) -> None:
        """Run an operation, durable at the latest when the connection is closed.

        If it fails, the next one raises.
        """
        self._queue.put(_Job(operation))

    def _serve(self, opened: Future[None]) -> None:
        try:
            db = self._connect()
        except Exception as exc:  # noqa: BLE001 # whoever waits must hear of it
            with suppress(InvalidStateError):
                opened.set_exception(self._explain(exc))
            return
        with suppress(InvalidStateError):  # whoever opened it waits no more, and will close it
            opened.set_result(None)
        self._beaten = time.monotonic()
        broken: JournalError | None = None
        last = False
        while not last:
            batch, last = self._gather()
            if broken is None:
                results, broken = self._commit(db, batch)
            else:
                results = []
            _deliver(batch, results, broken)
        db.close()

    def _gather(self) -> tuple[list[_Job[C]], bool]:
        """All that waits, at least one or the beat, and whether the end was among it."""
        batch: list[_Job[C]] = []
        last = False
        try:
            more = self._queue.get(timeout=self._until_beat())
            while more is not None:
                batch.append(more)
                more = self._queue.get_nowait()
            last = True
        except Empty:
            pass
        if self._beat is not None and self._until_beat() == 0:
            self._beaten = time.monotonic()
            batch.insert(0, _Job(self._beat[1]))
        return batch, last

    def _until_beat(self) -> float | None:
        if self._beat is None:
            return None
        return max(0.0, self._beaten + self._beat[0] - time.monotonic())

    def _commit(self, db: C, batch: list[_Job[C]]) -> tuple[list[Any], JournalError | None]:
        while True:
            try:
                self._begin(db)
                results = [job.operation(db) for job in batch]
                db.commit()
            except Exception as exc:  # noqa: BLE001 # or those who wait would wait for ever
                with suppress(Exception):  # a connection that is gone cannot be rolled back
                    db.rollback()
                if not self._again(exc):
                    return [], self._explain(exc)
            else:
                return results, None


def _deliver(batch: list[_Job[Any]], results: list[Any], broken: JournalError | None) -> None:
    """Wake those who wait, each loop once."""
    loops: defaultdict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[Any], Any]]]
    loops = defaultdict(list)
    for number, job in enumerate(batch):
        if job.loop is not None and job.done is not None:
            loops[job.loop].append((job.done, None if broken else results[number]))
    for loop, waiting in loops.items():
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(_wake, waiting, broken)


def _wake(waiting: list[tuple[asyncio.Future[Any], Any]], broken: JournalError | None) -> None:
    for done, result in waiting:
        if done.done():  # whoever asked waits no more
            continue
        if broken is None:
            done.set_result(result)
        else:
            done.set_exception(broken)
