"""Jobs over many orders for callers without an event loop."""

from __future__ import annotations

import asyncio
import enum
from collections.abc import AsyncGenerator, Callable, Generator, Iterable, Iterator, Mapping
from contextlib import aclosing, closing
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from cubicasa_async.sync.client import CubiCasa
from cubicasa_async.sync.portal import Portal

if TYPE_CHECKING:  # the extra `bulk` is needed for jobs only
    from cubicasa_async.bulk import Progress, Row, RowOutcome
    from cubicasa_async.bulk.job import StopSign
    from cubicasa_async.bulk.journal.places import JournalPlace

R = TypeVar("R")
T = TypeVar("T")

_SETTLE: Final = 5.0
_ROWS_AT_ONCE: Final = 50
_EVENTS_AT_ONCE: Final = 32


class _Sign(enum.Enum):
    ROWS_WANTED = enum.auto()
    ENDED = enum.auto()


def import_drafts(
    client: CubiCasa,
    rows: Iterable[Row | Mapping[str, object]],
    *,
    journal: JournalPlace,
    concurrency: int = 8,
    derive_keys: bool = False,
    look_first: bool = True,
    settle: float = _SETTLE,
    update: bool = False,
    prune: bool = False,
    prune_at_most: int | None = None,
    stop: StopSign | None = None,
    progress: Callable[[Progress], object] | None = None,
) -> Generator[RowOutcome]:
    """Make a draft order of every row, exactly once, and tell what became of each.

    Rows are correlated by `external_id`. Before anything is sent, the server's orders are looked
    at, and a row whose external_id is there already is not sent. That a row is about to be sent is
    on disk before its request leaves. Where an answer is lost, the row is settled by looking at the
    server again, not by guessing; one that cannot be settled is reported as Unknown. Stopping at
    any moment, by whatever means, loses nothing: the same call takes the job up again.

    The rows are read in the thread that asks for outcomes, while it does, so reading them may use
    the same client. Requests go on meanwhile. Closing the iterator stops the job. `progress` is
    called in the thread of the client's event loop.

    Args:
        client: Makes the calls.
        rows: What to import: rows of a file, or mappings of the arguments of `drafts.create`.
        journal: The job's journal, made if missing: a file, or a database by its URL
            `postgresql://user:password@host/database#job`, or a journal such as a PostgresJournal.
            One job has one journal. A file serves one run at a time. With a database, any number of
            workers on any machines drain the job together, each given the same rows, other ones or
            none; rows of one that dies are taken over and reconciled.
        concurrency: How many drafts are sent at once.
        derive_keys: Give a row without external_id one that is made from its address. Otherwise
            it is rejected, as its draft could not be found again.
        look_first: Look at the server's orders before the first row is sent. Without it, only the
            journal tells what is there, and rows in doubt are still looked up.
        settle: Seconds to wait after a lost answer before looking for its effect.
        update: Change the draft of a row that has changed since its draft was made or found. Each
            order is read before, and only one that is still a draft is changed. Whether an
            optional field that is left out is kept or cleared by that is not known.
        prune: After all rows, delete the drafts that this job made of rows which are in `rows` no
            more. Each order is read before, and only one that is still a draft is deleted. Nothing
            is deleted if the rows could not be read to their end, if there is a row whose
            external_id is not known, or if no row is valid.
        prune_at_most: Delete nothing if more drafts than this would be. Say it if the rows come
            from where half of them could be missing.
        stop: Ends the job gently once it is set: what is under way is finished and recorded, and
            nothing more is begun. An `asyncio.Event` or a `threading.Event`.
        progress: Called with a snapshot a few times per second, and at the end.

    Yields:
        One outcome for each row, as they become known: Created, AlreadyThere, Updated, Rejected,
        Skipped or Unknown. Behind them, for drafts without a row if `prune` is asked for, Deleted,
        Kept or Unknown. Rows that were not reached have none.

    Raises:
        JournalError: The journal cannot be used. Nothing was sent after that.
        JobStoppedError: A fault that concerns all rows, such as a refused key or an unreachable
            server, stopped the job. What was under way was finished and recorded.
        InvalidInputError: All rows were done, but it is doubtful whether those that `prune` is for
            are really gone. Nothing was deleted. Or the rows could not be read.
        ConfigError: An argument is out of range.
    """
    from cubicasa_async import bulk

    job = partial(
        bulk.import_drafts,
        client.asynchronous,
        journal=journal,
        concurrency=concurrency,
        derive_keys=derive_keys,
        look_first=look_first,
        settle=settle,
        update=update,
        prune=prune,
        prune_at_most=prune_at_most,
        stop=stop,
        progress=progress,
    )
    return _Exchange(job, rows).outcomes(client.portal)


class _Exchange(Generic[R, T]):
    """A job on the loop, and the thread that gives it rows and takes its outcomes.

    Args:
        job: Makes outcomes of rows.
        rows: The rows, read in that thread only.
    """

    def __init__(
        self, job: Callable[[AsyncGenerator[R]], AsyncGenerator[T]], rows: Iterable[R]
    ) -> None:
        self._job = job
        self._rows = rows
        self._given: list[R] | Exception | None = None
        self._events: asyncio.Queue[T | _Sign] = asyncio.Queue(_EVENTS_AT_ONCE)
        self._supplies: asyncio.Queue[list[R] | Exception] = asyncio.Queue()
        self._failure: Exception | None = None

    def outcomes(self, portal: Portal) -> Generator[T]:
        """The outcomes, for the thread."""
        rows: Iterator[R] | None = None
        with closing(portal.iterate(self._events_on_loop())) as visits:
            for events in visits:
                for event in events:
                    if not isinstance(event, _Sign):
                        yield event
                        continue
                    try:
                        rows = iter(self._rows) if rows is None else rows
                        self._given = list(islice(rows, _ROWS_AT_ONCE))
                    except Exception as exc:  # noqa: BLE001 # the job deals with it
                        self._given = exc

    async def _events_on_loop(self) -> AsyncGenerator[list[T | _Sign]]:
        """What happens, as much as there is at each visit; the job runs meanwhile."""
        work = asyncio.create_task(self._work())
        try:
            while True:
                events = [await self._events.get()]
                while not self._events.empty():
                    events.append(self._events.get_nowait())
                if events[-1] is _Sign.ENDED:
                    yield events[:-1]
                    break
                yield events
                if self._given is not None:
                    self._supplies.put_nowait(self._given)
                    self._given = None
        finally:
            if not work.cancelling():  # a second time would disturb its cleaning up
                work.cancel()
            await asyncio.gather(work, return_exceptions=True)
        if self._failure is not None:
            raise self._failure

    async def _work(self) -> None:
        try:
            async with aclosing(self._job(self._supply())) as outcomes:
                async for outcome in outcomes:
                    await self._events.put(outcome)
        except Exception as exc:  # noqa: BLE001 # it is raised behind the last outcome
            self._failure = exc
        await self._events.put(_Sign.ENDED)

    async def _supply(self) -> AsyncGenerator[R]:
        while True:
            await self._events.put(_Sign.ROWS_WANTED)
            given = await self._supplies.get()
            if isinstance(given, Exception):
                raise given
            if not given:
                return
            for row in given:
                yield row
