"""One run of the mirror: through the list page by page, details of what changed, what vanished."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import AsyncGenerator, Awaitable, Iterable
from contextlib import aclosing
from datetime import timedelta
from typing import Final, TypeVar

import attrs

from cubicasa_async.bulk.job import LOOKING, stopped_by
from cubicasa_async.bulk.mirror.book import Book, Finding, Known
from cubicasa_async.bulk.mirror.outcomes import (
    ChangedOrder,
    FailedOrder,
    MirrorOutcome,
    NewOrder,
    ReturnedOrder,
    UnchangedOrder,
    VanishedOrder,
)
from cubicasa_async.bulk.mirror.rows import ListedRow, listed_rows
from cubicasa_async.bulk.progress import Meter
from cubicasa_async.client import AsyncCubiCasa
from cubicasa_async.core import codec
from cubicasa_async.core.walk import Page
from cubicasa_async.core.watch import watching
from cubicasa_async.core.wire import Response
from cubicasa_async.errors import (
    AnswerError,
    AuthenticationError,
    ClientClosedError,
    CubiCasaError,
    DecodeError,
    NotFoundError,
    StoreError,
    Undecodable,
    UndecodableItemsError,
)
from cubicasa_async.resources.order import Order
from cubicasa_async.resources.walks import walk_all

T = TypeVar("T")

_Reading = Response[Order] | CubiCasaError
_LOST_IN_A_ROW: Final = 20
_AT_ONCE: Final = 50
_STILL_ANSWERED: Final = (
    "the server does not list it, but still answers it; if the next run finds the same, it is "
    "marked as vanished"
)


class Run:
    """One run.

    Args:
        client: Makes the calls.
        book: The mirror's tables.
        meter: Counts what is done.
        concurrency: How many details are read at once.
        recheck: Read details again that were last read longer ago than this; never if None.
    """

    def __init__(
        self,
        client: AsyncCubiCasa,
        book: Book,
        meter: Meter,
        *,
        concurrency: int,
        recheck: timedelta | None,
    ) -> None:
        self._client = client.with_options(LOOKING)
        self._book = book
        self._meter = meter
        self._recheck = recheck
        self._turns = asyncio.Semaphore(concurrency)
        self._context = contextvars.copy_context()
        self._context.run(watching.set, meter.watch)
        self._failure: CubiCasaError | None = None
        self._lost_in_a_row = 0
        self._complete = True
        self._told: set[int] = set()

    async def conduct(self) -> AsyncGenerator[MirrorOutcome]:
        """Run it; gives what was found of each order, once that is in the mirror.

        Raises:
            JobStoppedError: It was stopped by what concerns all orders.
            StoreError: The mirror cannot be written.
        """
        try:
            async with aclosing(self._walk()) as found:
                async for outcome in found:
                    yield self._counted(outcome)
            if self._complete:
                self._meter.phase = "confirming"
                async with aclosing(self._find_vanished()) as found:
                    async for outcome in found:
                        yield self._counted(outcome)
        except StoreError:
            raise
        except CubiCasaError as exc:
            await self._end(complete=False)
            raise stopped_by(exc) from exc
        await self._end(complete=self._complete)

    def _counted(self, outcome: MirrorOutcome) -> MirrorOutcome:
        self._meter.outcomes[outcome.kind] += 1
        return outcome

    async def _end(self, *, complete: bool) -> None:
        failed = self._meter.outcomes[FailedOrder.kind]
        now = self._client.runtime.utcnow()
        await self._book.end(now, complete=complete, details=self._meter.details, failed=failed)

    async def _watched(self, call: Awaitable[T]) -> T:
        """Make calls whose repeats and waits are counted."""

        async def make() -> T:
            return await call

        return await asyncio.create_task(make(), context=self._context.copy())

    async def _walk(self) -> AsyncGenerator[MirrorOutcome]:
        client = self._client
        async with aclosing(walk_all(lambda status: client.orders.list(status=status))) as pages:
            while (page := await self._watched(anext(pages, None))) is not None:
                for outcome in await self._take(page):
                    yield outcome
                if self._failure is not None:
                    raise self._failure

    async def _take(self, page: Page[Order]) -> list[MirrorOutcome]:
        """Bring a page into the mirror, in one transaction."""
        rows, unread = listed_rows(page, self._client.config.api_key)
        unknown = [entry for entry in unread if self._is_first(entry)]
        known = await self._book.look_up(row.order_id for row in rows)
        fresh = [row for row in rows if not _is_dealt_with(row, known.get(row.order_id))]
        self._meter.read += len(fresh) + len(unknown)
        to_read = [row for row in fresh if self._is_to_be_read(row, known.get(row.order_id))]
        read = await self._read(row.order_id for row in to_read)
        findings: list[Finding] = []
        outcomes: list[MirrorOutcome] = [self._unreadable(entry) for entry in unknown]
        waiting = {row.order_id for row in to_read}
        for row in fresh:
            before = known.get(row.order_id)
            if row.order_id in read:
                finding, outcome = _judged(row, before, read[row.order_id])
                findings.append(finding)
                outcomes.append(outcome)
            elif row.order_id not in waiting:
                status = before.status if before else None
                outcomes.append(UnchangedOrder(order_id=row.order_id, status=status))
        dealt_with = [row for row in fresh if row.order_id in read or row.order_id not in waiting]
        if dealt_with:
            await self._book.write(dealt_with, findings, self._client.runtime.utcnow())
        return outcomes

    def _is_first(self, entry: Undecodable) -> bool:
        """Whether an entry without an id was not told before: a draft comes in both lists."""
        told = hash(repr(entry.raw))
        if told in self._told:
            return False
        self._told.add(told)
        return True

    def _unreadable(self, entry: Undecodable) -> MirrorOutcome:
        self._complete = False  # it may be any order, so none can be said to have vanished
        error = UndecodableItemsError(
            "An entry of the list has no id that can be read.", [entry], 1
        )
        note = f"{error}; orders that vanished are not looked for in this run"
        return FailedOrder(order_id=None, error=error, note=note)

    def _is_to_be_read(self, row: ListedRow, known: Known | None) -> bool:
        if known is None or known.vanished or known.fingerprint != row.fingerprint:
            return True
        if self._recheck is None or known.details_at is None:
            return False
        return known.details_at < self._client.runtime.utcnow() - self._recheck

    async def _read(self, order_ids: Iterable[str]) -> dict[str, _Reading]:
        """Details by order, or why they could not be read; what was not asked for is left out."""
        read: dict[str, _Reading] = {}

        async def get(order_id: str) -> None:
            async with self._turns:
                if self._failure is None:
                    self._meter.details += 1
                    read[order_id] = await self._get(order_id)

        async with asyncio.TaskGroup() as group:
            for order_id in order_ids:
                group.create_task(get(order_id), context=self._context.copy())
        return read

    async def _get(self, order_id: str) -> _Reading:
        try:
            response = await self._client.raw(self._client.orders.get, order_id)
        except CubiCasaError as exc:
            self._note(exc)
            return exc
        self._lost_in_a_row = 0
        if response.data.id != order_id:
            return DecodeError(f"The server answered order {response.data.id} instead.")
        body = self._client.config.api_key.redact_bytes(response.body)
        if body == response.body:
            return response
        return attrs.evolve(response, body=body, data=codec.structure(codec.parse(body), Order))

    def _note(self, error: CubiCasaError) -> None:
        """Whether a failure ends the run: if it concerns all orders, or happens on and on."""
        of_the_order = isinstance(error, DecodeError) or (
            isinstance(error, AnswerError) and not error.transient
        )
        self._lost_in_a_row = 0 if of_the_order else self._lost_in_a_row + 1
        if isinstance(error, (AuthenticationError, ClientClosedError)) or (
            self._lost_in_a_row >= _LOST_IN_A_ROW
        ):
            self._failure = self._failure or error

    async def _find_vanished(self) -> AsyncGenerator[MirrorOutcome]:
        after = ""
        while missing := await self._book.unlisted(after, _AT_ONCE):
            after = max(missing)
            for outcome in await self._confirm(missing):
                yield outcome
            if self._failure is not None:
                raise self._failure

    async def _confirm(self, missing: dict[str, Known]) -> list[MirrorOutcome]:
        """Ask for orders that no page held: one may have changed its status during the walks."""
        read = await self._read(
            order_id for order_id, known in missing.items() if not known.unlisted
        )
        gone: dict[str, Known] = {}
        findings: list[Finding] = []
        outcomes: list[MirrorOutcome] = []
        for order_id, known in missing.items():
            reading = read.get(order_id)
            if known.unlisted or isinstance(reading, NotFoundError):
                gone[order_id] = known
                outcomes.append(VanishedOrder(order_id=order_id, status=known.status))
            elif isinstance(reading, Response):
                order = reading.data
                raw = reading.body.decode()
                findings.append(
                    Finding(order=order, known=known, raw=raw, has_details=True, listed=False)
                )
                outcomes.append(_changed(order, known, note=_STILL_ANSWERED))
            elif reading is not None:
                outcomes.append(_failed(order_id, known.status, reading))
        now = self._client.runtime.utcnow()
        if findings:
            await self._book.write([], findings, now)
        if gone:
            await self._book.mark_vanished(gone, now)
        return outcomes


def _is_dealt_with(row: ListedRow, known: Known | None) -> bool:
    """Whether this run has had the same row before: a draft comes in both lists."""
    return known is not None and known.listed == row.fingerprint


def _judged(
    row: ListedRow, known: Known | None, reading: _Reading
) -> tuple[Finding, MirrorOutcome]:
    """What to write down of an order whose details were asked for, and what to tell."""
    if isinstance(reading, CubiCasaError):
        readable = row.order.info is not None
        finding = Finding(
            order=row.order, known=known, raw=row.raw, readable=readable, failure=str(reading)
        )
        return finding, _failed(row.order_id, _status(row.order), reading)
    order = reading.data
    finding = Finding(
        order=order,
        known=known,
        raw=reading.body.decode(),
        fingerprint=row.fingerprint,
        has_details=True,
        status_in_list=_status(row.order),
    )
    if known is None:
        return finding, NewOrder(order_id=order.id, status=_status(order))
    if known.vanished:
        return finding, ReturnedOrder(order_id=order.id, status=_status(order))
    return finding, _changed(order, known)


def _changed(order: Order, known: Known, note: str = "") -> ChangedOrder:
    return ChangedOrder(
        order_id=order.id, status=_status(order), previous_status=known.status, note=note
    )


def _failed(order_id: str, status: str | None, error: CubiCasaError) -> FailedOrder:
    note = f"its details could not be read, the next run tries again: {error}"
    return FailedOrder(order_id=order_id, status=status, error=error, note=note)


def _status(order: Order) -> str | None:
    return str(order.status) if order.status else None
