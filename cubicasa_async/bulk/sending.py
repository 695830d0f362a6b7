"""The requests of rows: drafts are made, or changed, and the journal knows before and after."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, Final

import attrs

from cubicasa_async.bulk.intake import Checked
from cubicasa_async.bulk.job import SENDING, Job, is_of_the_row
from cubicasa_async.bulk.journal.protocol import Journal, Record, Settlement, State
from cubicasa_async.bulk.outcomes import (
    AlreadyThere,
    Created,
    Rejected,
    RowOutcome,
    Unknown,
    Updated,
)
from cubicasa_async.errors import (
    CallTimeoutError,
    CubiCasaError,
    NotFoundError,
    Outcome,
    RateLimitError,
)
from cubicasa_async.resources.drafts import DraftRequest
from cubicasa_async.resources.order import Order, OrderStatus

VANISHED: Final = (
    "an earlier run found order {order_id}, which the server lists no more; it was not made "
    "again. Take another journal to make it again"
)
CONTESTED: Final = (
    "another worker of this job took the row over while its request was under way, and may have "
    "sent it too. Run the job again, and delete all orders of this external_id but one"
)

_LONGEST_CALL: Final = SENDING.deadline or 0.0


@attrs.frozen
class _End:
    """What became of a request: what the journal is told, and then the caller."""

    row: Checked
    settlement: Settlement
    outcome: RowOutcome | None = None


async def send_all(
    job: Job[Record],
    batches: AsyncIterator[list[Checked]],
    *,
    change: Callable[[Checked], Awaitable[None]] | None = None,
) -> None:
    """Make the drafts of rows, many at once.

    The intents of some rows are made durable together, ahead of their requests, and so are their
    ends behind them: a request waits for its own intent only.

    After a failure that concerns all rows, or when the job is stopped, what is under way is
    finished and no more begun.

    Args:
        job: The run.
        batches: The rows.
        change: Sees to rows that have an order already.
    """
    await _Sending(job, change).run(batches)


class _Sending:
    def __init__(
        self, job: Job[Record], change: Callable[[Checked], Awaitable[None]] | None
    ) -> None:
        self._job = job
        self._change = change
        # A crash leaves rows in doubt: those under way, and up to ten times as many that wait.
        self._at_once = 4 * job.concurrency
        self._ready: asyncio.Queue[Checked | None] = asyncio.Queue()
        self._room = asyncio.Event()
        self._ended: asyncio.Queue[_End | None] = asyncio.Queue(3 * job.concurrency)
        self._intended: dict[str, Checked] = {}

    async def run(self, batches: AsyncIterator[list[Checked]]) -> None:
        job = self._job
        try:
            async with asyncio.TaskGroup() as settling:
                settling.create_task(self._settle())
                async with asyncio.TaskGroup() as sending:
                    sending.create_task(self._feed(batches))
                    for _ in range(job.concurrency):
                        sending.create_task(self._send())
                await self._ended.put(None)
        finally:
            for row in self._intended.values():
                job.journal.unsent(row.key, in_doubt=row.in_doubt)

    async def _feed(self, batches: AsyncIterator[list[Checked]]) -> None:
        await self._job.part(self._feed_all(batches))
        for _ in range(self._job.concurrency):
            self._ready.put_nowait(None)

    async def _feed_all(self, batches: AsyncIterator[list[Checked]]) -> None:
        while not self._job.ends and (batch := await anext(batches, None)) is not None:
            for start in range(0, len(batch), self._at_once):
                await self._make_ready(batch[start : start + self._at_once])

    async def _make_ready(self, rows: list[Checked]) -> None:
        if self._job.ends:
            return
        new = {row.key: row for row in rows if row.order_id is None}
        if new:
            await self._job.journal.intend(*new)
            self._intended |= new
        while self._ready.qsize() > 2 * self._job.concurrency:
            self._room.clear()
            await self._room.wait()
        for row in rows:
            self._ready.put_nowait(row)

    async def _send(self) -> None:
        while (row := await self._ready.get()) is not None:
            self._room.set()
            if not self._job.ends:
                await self._job.part(self._send_one(row))

    async def _send_one(self, row: Checked) -> None:
        if row.order_id is not None and self._change is not None:
            await self._change(row)
            return
        limit = await self._job.journal.time_to_send()
        del self._intended[row.key]
        await self._ended.put(await _create(self._job, row, limit))

    async def _settle(self) -> None:
        last = False
        while not last:
            ends = [await self._ended.get()]
            while not self._ended.empty():
                ends.append(self._ended.get_nowait())
            last = ends[-1] is None
            if known := [end for end in ends if end is not None]:
                await self._job.part(_settle(self._job, known))


async def _settle(job: Job[Record], ends: list[_End]) -> None:
    contested = await job.journal.settle_all([end.settlement for end in ends])
    told = [_contested(end) if end.settlement.key in contested else end.outcome for end in ends]
    await job.tell(*(outcome for outcome in told if outcome is not None))


async def _create(job: Job[Record], row: Checked, limit: float) -> _End:
    try:
        if limit >= _LONGEST_CALL:
            order = await job.sender.drafts.send(row.body)
        else:
            order = await _answer_within(job, row, limit)
    except CubiCasaError as exc:
        return _failed(job, row, exc)
    job.answered()
    if order.external_id not in {None, row.key}:
        raise CubiCasaError(
            f"The server answered order {order.id} with external_id {order.external_id!r} "
            f"instead of {row.key!r}, so drafts cannot be found again by it.",
            outcome=Outcome.UNKNOWN,
        )
    if row.in_doubt:  # the lost request may still have had its effect: the next look tells
        return _End(row, Settlement(row.key, State.UNKNOWN, order.id))
    created = Created(order_id=order.id, **_at(row))
    return _End(row, Settlement(row.key, State.CREATED, order.id), created)


async def _answer_within(job: Job[Record], row: Checked, limit: float) -> Order:
    """Send a row within the time for which it surely belongs to this run.

    As that is shorter than a call may take, waiting for the server is spread over several calls.
    """
    clock = job.client.runtime
    ends = clock.monotonic() + _LONGEST_CALL
    while True:
        options = attrs.evolve(SENDING, deadline=min(limit, ends - clock.monotonic()))
        try:
            return await job.client.drafts.send(row.body, options=options)
        except (RateLimitError, CallTimeoutError) as exc:
            wait = 0.0
            if exc.retry_at is not None:
                wait = max(0.0, (exc.retry_at - clock.utcnow()).total_seconds())
            if exc.outcome is Outcome.UNKNOWN or clock.monotonic() + wait >= ends or job.ends:
                raise
        await clock.sleep(wait)
        limit = await job.journal.time_to_send()


def _failed(job: Job[Record], row: Checked, error: CubiCasaError) -> _End:
    if error.outcome is Outcome.UNKNOWN:
        job.lost(error)
        return _End(row, Settlement(row.key, State.UNKNOWN, reason=error.message))
    if is_of_the_row(error):
        job.answered()
        faults = error.field_errors
        note = "" if faults else error.message
        rejected = Rejected(note=note, field_errors=faults, sent=True, **_at(row))
        return _End(row, Settlement(row.key, State.REJECTED, reason=str(error)), rejected)
    job.fail(error)
    # This request surely failed; one that was lost before it is as open as it was.
    return _End(row, Settlement(row.key, State.UNKNOWN if row.in_doubt else State.NEW))


def _contested(end: _End) -> Unknown:
    return Unknown(order_id=end.settlement.order_id, note=CONTESTED, **_at(end.row))


async def change(job: Job[Journal], row: Checked) -> None:
    """Change the draft that a row has."""
    order_id = str(row.order_id)
    at: dict[str, Any] = {"order_id": order_id, **_at(row)}
    if (left := left_as_it_is(await order_now(job, order_id), at)) is not None:
        await job.tell(left)
        return
    await job.journal.intend_update(row.key)
    fields: Any = attrs.asdict(row.draft, recurse=False)
    try:
        changed = await job.client.drafts.update(order_id, options=SENDING, **fields)
    except CubiCasaError as exc:
        if exc.outcome is Outcome.UNKNOWN:
            note = (
                f"a change of its draft was sent, and its effect is not known: {exc.message} Run "
                "the job again to repeat it"
            )
            await job.tell(Unknown(note=note, **at))
            job.lost(exc)
            return
        if not is_of_the_row(exc) and not isinstance(exc, NotFoundError):
            raise
        job.answered()
        note = f"its draft {order_id} was not changed: {exc.message}"
        await job.tell(Rejected(note=note, field_errors=exc.field_errors, sent=True, **at))
        return
    job.answered()
    await job.journal.settle_update(row.key)
    await job.tell(Updated(note=_kept(row.draft, changed), **at))


def left_as_it_is(order: Order | None, at: Mapping[str, Any]) -> RowOutcome | None:
    """The outcome of a row that has changed and whose order is not changed; None if it is.

    Args:
        order: The order as the server has it at this moment; None if it has it no more.
        at: The fields of the outcome that say which row and which order it is.
    """
    if order is None:
        return Unknown(note=VANISHED.format(order_id=at["order_id"]), **at)
    if reason := not_ours_to_change(order, at["key"]):
        note = f"the row has changed since its draft was made, but {reason}; it was not changed"
        return AlreadyThere(note=note, **at)
    return None


async def order_now(job: Job[Record], order_id: str) -> Order | None:
    """An order as the server has it at this moment; None if it has it no more."""
    try:
        return await job.client.orders.get(order_id, options=SENDING)
    except NotFoundError:
        return None


def not_ours_to_change(order: Order, key: str) -> str:
    """Why an order must be left alone; empty if it is still the draft that was made."""
    if order.external_id != key:
        return f"order {order.id} has the external_id {order.external_id!r} now"
    if order.status != OrderStatus.DRAFT:
        return f"order {order.id} is no draft any more (its status is {order.status or 'not told'})"
    return ""


def _kept(draft: DraftRequest, order: Order) -> str:
    """What the row says no more and the server kept: what a PATCH leaves out may be kept."""
    kept = [
        f"{name} {found!r}"
        for name in ("suite", "state", "postal_code")
        if (found := getattr(order.address, name, None)) and not getattr(draft, name)
    ]
    return f"its draft still has {', '.join(kept)}, which the row has not" if kept else ""


def _at(row: Checked) -> dict[str, Any]:
    return {"line": row.line, "key": row.key, "cells": row.cells}
