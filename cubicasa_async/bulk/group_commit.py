"""An SQLite file behind one thread, where all that waits shares the next commit."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from cubicasa_async.errors import JournalError

T = TypeVar("T")
_Job = tuple[Callable[[sqlite3.Connection], Any], Future[Any]]


class GroupCommit:
    """Runs operations on one SQLite connection, durable when they return.

    While the disk is busy with one commit, what arrives is gathered for the next, so that many
    callers at once cost few writes. After a failure nothing more is done.

    Args:
        connect: Opens the connection, in the thread that will use it.
        explain: Makes a JournalError of what SQLite raised.
    """

    def __init__(
        self,
        connect: Callable[[], sqlite3.Connection],
        explain: Callable[[Exception], JournalError],
    ) -> None:
        self._connect = connect
        self._explain = explain
        self._queue: SimpleQueue[_Job | None] = SimpleQueue()
        self._thread: threading.Thread | None = None

    async def open(self) -> None:
        """Open the file. Raises JournalError."""
        opened: Future[None] = Future()
        self._thread = threading.Thread(target=self._serve, args=(opened,), daemon=True)
        self._thread.start()
        await asyncio.wrap_future(opened)

    async def close(self) -> None:
        """Finish what was asked for and close the file."""
        if self._thread is not None:
            self._queue.put(None)
            await asyncio.to_thread(self._thread.join)
            self._thread = None

    async def do(self, operation: Callable[[sqlite3.Connection], T]) -> T:
        """Run an operation; its result, once it is on disk. Raises JournalError."""
        if self._thread is None:
            raise JournalError("The journal is not open.")
        done: Future[T] = Future()
        self._queue.put((operation, done))
        return await asyncio.wrap_future(done)

    def _serve(self, opened: Future[None]) -> None:
        try:
            db = self._connect()
        except Exception as exc:  # noqa: BLE001 # whoever waits must hear of it
            with suppress(InvalidStateError):
                opened.set_exception(self._explain(exc))
            return
        with suppress(InvalidStateError):  # whoever opened it waits no more, and will close it
            opened.set_result(None)
        broken: JournalError | None = None
        last = False
        while not last and (first := self._queue.get()) is not None:
            batch, last = self._gather(first)
            broken = broken or self._commit(db, batch)
            if broken is not None:
                for _, done in batch:
                    with suppress(InvalidStateError):
                        done.set_exception(broken)
        db.close()

    def _gather(self, first: _Job) -> tuple[list[_Job], bool]:
        """All that waits, and whether the end was among it."""
        batch = [first]
        with suppress(Empty):
            while (more := self._queue.get_nowait()) is not None:
                batch.append(more)
            return batch, True
        return batch, False

    def _commit(self, db: sqlite3.Connection, batch: list[_Job]) -> JournalError | None:
        try:
            db.execute("BEGIN IMMEDIATE")
            results = [operation(db) for operation, _ in batch]
            db.execute("COMMIT")
        except Exception as exc:  # noqa: BLE001 # or those who wait would wait for ever
            with suppress(sqlite3.Error):
                db.rollback()
            return self._explain(exc)
        for (_, done), result in zip(batch, results, strict=True):
            with suppress(InvalidStateError):  # whoever asked waits no more
                done.set_result(result)
        return None
