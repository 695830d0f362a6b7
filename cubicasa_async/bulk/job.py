"""What all parts of a run share: its client and journal, its end, and where outcomes go."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Any, Final, Generic, Protocol, TypeGuard, TypeVar

from cubicasa_async.bulk.journal.protocol import Record
from cubicasa_async.bulk.outcomes import RowOutcome
from cubicasa_async.bulk.progress import Meter
from cubicasa_async.bulk.server_orders import ServerOrders
from cubicasa_async.client import AsyncCubiCasa
from cubicasa_async.config import RequestOptions
from cubicasa_async.core.limits import Priority
from cubicasa_async.errors import (
    AnswerError,
    CubiCasaError,
    InvalidInputError,
    JobStoppedError,
    JournalError,
)

T = TypeVar("T")
J_co = TypeVar("J_co", bound=Record, covariant=True)

LOOKING: Final = RequestOptions(priority=Priority.BULK, deadline=300.0)
SENDING: Final = RequestOptions(priority=Priority.BULK, deadline=600.0, retries=10)
_LOST_IN_A_ROW: Final = 100
_STOP_IS_SEEN_WITHIN: Final = 0.1
_A_SECOND: Final = timedelta(seconds=1)  # what is shown of a moment is not before it
_OF_THE_ROW: Final = frozenset({400, 409, 413, 422})


class StopSign(Protocol):
    """What ends a job gently: an `asyncio.Event`, a `threading.Event`, or alike."""

    def is_set(self) -> bool:
        """Whether the job is to begin nothing more."""
        ...


class Job(Generic[J_co]):
    """One run of a job.

    Args:
        client: Makes the calls.
        journal: The job's record, open.
        meter: Counts what is done.
        concurrency: How many requests are under way at once.
        settle: Seconds after which a request that got no answer has no effect any more.
        stop: Set to end the run gently.
    """

    def __init__(
        self,
        client: AsyncCubiCasa,
        journal: J_co,
        *,
        meter: Meter,
        concurrency: int,
        settle: float,
        stop: StopSign | None,
    ) -> None:
        self.client: AsyncCubiCasa = client.with_options(LOOKING)
        self.sender: AsyncCubiCasa = client.with_options(SENDING)
        self._journal = journal
        self.server: ServerOrders = ServerOrders(self.client, journal)
        self.meter: Meter = meter
        self.failure: Exception | None = None
        self.outcomes: asyncio.Queue[Sequence[RowOutcome] | None] = asyncio.Queue(4)
        self.concurrency: int = concurrency
        self._settle = settle
        self._stop = stop
        self._lost_in_a_row = 0

    @property
    def journal(self) -> J_co:
        """The job's record."""
        return self._journal

    @property
    def ends(self) -> bool:
        """Whether nothing more is to be begun."""
        return self.failure is not None or self.stopped

    @property
    def stopped(self) -> bool:
        """Whether somebody asked for a gentle end."""
        return self._stop is not None and self._stop.is_set()

    def fail(self, error: Exception) -> None:
        """End the run because of this, unless it ends because of something else already."""
        self.failure = self.failure or error

    async def tell(self, *outcomes: RowOutcome) -> None:
        """Give outcomes to whoever takes them."""
        if outcomes:
            self.meter.outcomes.update(outcome.kind for outcome in outcomes)
            await self.outcomes.put(outcomes)

    def answered(self) -> None:
        """A request had an answer."""
        self._lost_in_a_row = 0

    def lost(self, error: CubiCasaError) -> None:
        """An answer was lost. The job ends if that happens again and again."""
        self._lost_in_a_row += 1
        if self._lost_in_a_row >= _LOST_IN_A_ROW:
            self.fail(error)

    async def in_parallel(
        self, items: AsyncIterator[T], work: Callable[[T], Awaitable[None]]
    ) -> None:
        """Work on items with a bounded number of workers over one iterator.

        After a failure that concerns all rows, or when the job is stopped, what is under way is
        finished and no more begun.
        """
        turn = asyncio.Lock()

        async def worker() -> None:
            while True:
                async with turn:
                    item = None if self.ends else await anext(items, None)
                if item is None:
                    return
                await work(item)

        async with asyncio.TaskGroup() as workers:
            for _ in range(self.concurrency):
                workers.create_task(self.part(worker()))

    async def part(self, work: Awaitable[None]) -> None:
        """Do a part of the job; if it fails, the job ends, and its other parts finish."""
        try:
            await work
        except Exception as exc:  # noqa: BLE001 # the others must finish; it is raised at the end
            self.fail(exc)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            # It came out of the rows: taken for ours, it would end them as if they were done.
            self.fail(CubiCasaError("What the rows come from was cancelled."))

    async def look(self) -> bool:
        """Look at the server's orders; False if the job was stopped before the end of that."""
        return await self._unless_stopped(self._look())

    async def _look(self) -> None:
        age = await self.journal.doubt_age()
        if age is not None:
            left = self._settle - age
            # A clock that was set back since must not make this wait for long.
            await self.client.runtime.sleep(max(0.0, min(left, self._settle)))
        await self.server.look()

    async def _unless_stopped(self, work: Awaitable[Any]) -> bool:
        task = asyncio.ensure_future(work)
        try:
            while not task.done() and not self.stopped:
                wait = None if self._stop is None else _STOP_IS_SEEN_WITHIN
                await asyncio.wait([task], timeout=wait)
        finally:
            if not task.done():
                task.cancel()
                await asyncio.wait([task])
        if task.cancelled():
            return False
        task.result()
        return True


def stopped_by(error: CubiCasaError) -> CubiCasaError:
    """What a job raises that ended because of this."""
    if isinstance(error, (InvalidInputError, JournalError)):
        return error
    message = f"The job stopped before its end. {error.message}"
    if error.retry_at is not None:
        message += f" Run it again from {error.retry_at + _A_SECOND:%Y-%m-%d %H:%M:%S} UTC on."
    stopped = JobStoppedError(message, outcome=error.outcome)
    stopped.retry_at, stopped.__cause__ = error.retry_at, error
    return stopped


def is_of_the_row(error: CubiCasaError) -> TypeGuard[AnswerError]:
    """Whether an answer refuses one row, and says nothing of the others."""
    return isinstance(error, AnswerError) and error.status in _OF_THE_ROW
