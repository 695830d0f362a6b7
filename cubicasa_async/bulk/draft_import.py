"""Rows become draft orders, each exactly once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterable, Mapping
from contextlib import aclosing
from pathlib import Path
from typing import Any, Final, TypeGuard, TypeVar

import attrs

from cubicasa_async.bulk.intake import Checked, batches, check_row, checked_again, numbered
from cubicasa_async.bulk.journal import IN_DOUBT, MADE, Claim, Doubt, Journal, State
from cubicasa_async.bulk.outcomes import (
    AlreadyThere,
    Created,
    Rejected,
    RowOutcome,
    Skipped,
    Unknown,
)
from cubicasa_async.bulk.rows import Row
from cubicasa_async.bulk.server_orders import ServerOrders
from cubicasa_async.client import AsyncCubiCasa
from cubicasa_async.config import RequestOptions
from cubicasa_async.core.limits import Priority
from cubicasa_async.errors import (
    AnswerError,
    ConfigError,
    CubiCasaError,
    FieldError,
    InvalidInputError,
    JobStoppedError,
    JournalError,
    Outcome,
)

T = TypeVar("T")

SETTLE: Final = 5.0
"""Seconds after which a request that got no answer is taken to have no effect any more.

Inferred: nothing says how late the server may still act on a request whose connection is gone.
"""

_LOOKING: Final = RequestOptions(priority=Priority.BULK, deadline=300.0)
_SENDING: Final = RequestOptions(priority=Priority.BULK, deadline=600.0, retries=10)
_LONGEST_SETTLE: Final = 3600.0
_ROWS_AT_ONCE: Final = 50
_ROUNDS: Final = 3
_LOST_IN_A_ROW: Final = 100
_OF_THE_ROW: Final = frozenset({400, 409, 413, 422})


async def import_drafts(
    client: AsyncCubiCasa,
    rows: Iterable[Row | Mapping[str, object]] | AsyncIterable[Row | Mapping[str, object]],
    *,
    journal: str | Path,
    concurrency: int = 8,
    derive_keys: bool = False,
    look_first: bool = True,
    settle: float = SETTLE,
) -> AsyncGenerator[RowOutcome]:
    """Make a draft order of every row, exactly once, and tell what became of each.

    Rows are correlated by `external_id`. Before anything is sent, the server's orders are looked
    at, and a row whose external_id is there already is not sent. That a row is about to be sent is
    on disk before its request leaves. Where an answer is lost, the row is settled by looking at the
    server again, not by guessing; one that cannot be settled is reported as Unknown. Stopping at
    any moment, by whatever means, loses nothing: the same call takes the job up again.

    Args:
        client: Makes the calls.
        rows: What to import: rows of a file, or mappings of the arguments of `drafts.create`.
        journal: The job's journal, a file. One job has one journal; it is made if missing.
        concurrency: How many drafts are sent at once.
        derive_keys: Give a row without external_id one that is made from its address. Otherwise
            it is rejected, as its draft could not be found again.
        look_first: Look at the server's orders before the first row is sent. Without it, only the
            journal tells what is there, and rows in doubt are still looked up.
        settle: Seconds to wait after a lost answer before looking for its effect.

    Yields:
        One outcome for each row, as they become known: Created, AlreadyThere, Rejected, Skipped
        or Unknown.

    Raises:
        JournalError: The journal cannot be used. Nothing was sent after that.
        JobStoppedError: A fault that concerns all rows, such as a refused key or an unreachable
            server, stopped the job. What was under way was finished and recorded.
        ConfigError: An argument is out of range.
    """
    if concurrency < 1 or not 0 <= settle <= _LONGEST_SETTLE:
        raise ConfigError(
            f"concurrency must be 1 or more, and settle 0 to {_LONGEST_SETTLE:g} seconds."
        )
    clock = client.runtime.utcnow
    async with Journal(
        journal, target=str(client.config.base_url), now=lambda: clock().timestamp()
    ) as opened:
        job = _Import(
            client.with_options(_LOOKING),
            opened,
            concurrency=concurrency,
            derive_keys=derive_keys,
            look_first=look_first,
            settle=settle,
        )
        conductor = asyncio.create_task(job.conduct(numbered(rows)))
        try:
            while (outcome := await job.outcomes.get()) is not None:
                yield outcome
            await conductor
        finally:
            conductor.cancel()
            await asyncio.wait([conductor])


class _Import:
    """One run of an import."""

    def __init__(
        self,
        client: AsyncCubiCasa,
        journal: Journal,
        *,
        concurrency: int,
        derive_keys: bool,
        look_first: bool,
        settle: float,
    ) -> None:
        self._client = client
        self._journal = journal
        self._server = ServerOrders(client, journal)
        self._concurrency = concurrency
        self._derive_keys = derive_keys
        self._look_first = look_first
        self._settle = settle
        self._failure: Exception | None = None
        self._lost_in_a_row = 0
        self.outcomes: asyncio.Queue[RowOutcome | None] = asyncio.Queue(2 * concurrency)

    async def conduct(self, rows: AsyncGenerator[Row]) -> None:
        """Run the job; its outcomes go to the queue, None behind the last."""
        try:
            async with aclosing(rows), aclosing(self._rows_to_send(rows)) as to_send:
                await self._send_all(to_send)
            await self._clear_doubts()
            if not isinstance(self._failure, JournalError):
                await self._report_doubts()
        except Exception as exc:  # noqa: BLE001 # it is raised below, behind the last outcome
            self._fail(exc)
        await self.outcomes.put(None)
        if isinstance(self._failure, CubiCasaError):
            raise _stopped(self._failure)
        if self._failure is not None:
            raise self._failure

    def _fail(self, error: Exception) -> None:
        self._failure = self._failure or error

    async def _rows_to_send(self, rows: AsyncIterator[Row]) -> AsyncGenerator[Checked]:
        begun = False
        async for batch in batches(rows, _ROWS_AT_ONCE):
            checked: list[Checked] = []
            for given in batch:
                result = check_row(given, derive_keys=self._derive_keys)
                if isinstance(result, Rejected):
                    await self.outcomes.put(result)
                else:
                    checked.append(result)
            if checked and not begun:
                await self._look_before_sending()
                begun = True
            claims = await self._journal.claim([row.entry for row in checked])
            for row, claim in zip(checked, claims, strict=True):
                outcome = await self._settle_by_claim(row, claim)
                if outcome is None:
                    yield attrs.evolve(row, in_doubt=claim.state in IN_DOUBT)
                else:
                    await self.outcomes.put(outcome)

    async def _look_before_sending(self) -> None:
        if self._look_first or await self._journal.last_doubt() is not None:
            await self._wait_for_late_effects()
            await self._server.look()

    async def _settle_by_claim(self, row: Checked, claim: Claim) -> RowOutcome | None:
        """The outcome of a row that needs no request; None if it is to be sent."""
        at: dict[str, Any] = {"line": row.line, "key": row.key, "cells": row.cells}
        if claim.repeats is not None:
            if not claim.changed:
                return Skipped(note=f"the same as line {claim.repeats}", **at)
            reason = f"line {claim.repeats} has the same one but says something else"
            return Rejected(field_errors=(FieldError("external_id", reason),), **at)
        made = claim.state in MADE
        if claim.orders:
            found = claim.order_id if claim.order_id in claim.orders else claim.orders[0]
            if not made:
                await self._journal.settle(row.key, State.THERE, order_id=found)
            if len(claim.orders) > 1 and claim.sends > 1:
                return Unknown(order_id=found, note=_several(claim.orders), **at)
            return AlreadyThere(order_id=found, note=_there_note(claim), **at)
        if made and self._server.looked:
            note = (
                f"an earlier run found order {claim.order_id}, which the server lists no more; it "
                "was not made again. Take another journal to make it again"
            )
            return Unknown(order_id=claim.order_id, note=note, **at)
        if made:
            return AlreadyThere(order_id=claim.order_id, note=_there_note(claim), **at)
        return None

    async def _send_all(self, rows: AsyncIterator[Checked]) -> None:
        """Send rows with a bounded number of workers over one iterator.

        After a failure that concerns all rows, what is under way is finished and no more begun.
        """
        turn = asyncio.Lock()

        async def work() -> None:
            try:
                while True:
                    async with turn:
                        row = None if self._failure else await anext(rows, None)
                    if row is None:
                        return
                    await self._send(row)
            except Exception as exc:  # noqa: BLE001 # the others must finish; conduct raises it
                self._fail(exc)
            except asyncio.CancelledError:
                task = asyncio.current_task()
                if task is None or task.cancelling():
                    raise
                # It came out of the rows: taken for ours, it would end them as if they were done.
                self._fail(CubiCasaError("What the rows come from was cancelled."))

        async with asyncio.TaskGroup() as workers:
            for _ in range(self._concurrency):
                workers.create_task(work())

    async def _send(self, row: Checked) -> None:
        await self._journal.intend(row.key)
        try:
            order = await self._client.drafts.send(row.draft, options=_SENDING)
        except CubiCasaError as exc:
            await self._note_failure(row, exc)
            return
        self._lost_in_a_row = 0
        if order.external_id not in {None, row.key}:
            raise CubiCasaError(
                f"The server answered order {order.id} with external_id {order.external_id!r} "
                f"instead of {row.key!r}, so drafts cannot be found again by it.",
                outcome=Outcome.UNKNOWN,
            )
        if row.in_doubt:  # the lost request may still have had its effect: the next look tells
            await self._journal.settle(row.key, State.UNKNOWN, order_id=order.id)
        else:
            await self._journal.settle(row.key, State.CREATED, order_id=order.id)
            await self.outcomes.put(
                Created(line=row.line, key=row.key, order_id=order.id, cells=row.cells)
            )

    async def _note_failure(self, row: Checked, error: CubiCasaError) -> None:
        settle = self._journal.settle
        if error.outcome is Outcome.UNKNOWN:
            await settle(row.key, State.UNKNOWN, reason=error.message)
            self._lost_in_a_row += 1
            if self._lost_in_a_row >= _LOST_IN_A_ROW:
                raise error
        elif _is_of_the_row(error):
            self._lost_in_a_row = 0
            await settle(row.key, State.REJECTED, reason=str(error))
            faults = error.field_errors
            await self.outcomes.put(
                Rejected(
                    line=row.line,
                    key=row.key,
                    note="" if faults else error.message,
                    field_errors=faults,
                    sent=True,
                    cells=row.cells,
                )
            )
        else:  # this request surely failed; one that was lost before it is as open as it was
            await settle(row.key, State.UNKNOWN if row.in_doubt else State.NEW)
            raise error

    async def _clear_doubts(self) -> None:
        """Settle rows whose answer was lost: look, send again what is not there, look again.

        A row once in doubt is settled only by what the server lists.
        """
        for rounds_left in reversed(range(_ROUNDS)):
            if self._failure or not await self._journal.doubts("", 1):
                return
            await self._wait_for_late_effects()
            await self._server.look()
            async with aclosing(self._still_missing(send_again=rounds_left > 0)) as missing:
                await self._send_all(missing)

    async def _still_missing(self, *, send_again: bool) -> AsyncGenerator[Checked]:
        async for doubt in self._doubts():
            if doubt.orders:
                await self._journal.settle(doubt.key, State.CREATED, order_id=doubt.orders[0])
                await self.outcomes.put(_found(doubt))
            elif send_again and doubt.order_id is None:
                yield checked_again(doubt)

    async def _report_doubts(self) -> None:
        async for doubt in self._doubts():
            if doubt.order_id is not None and self._failure is None:
                note = "the server answered with this order but does not list it yet"
                await self._journal.settle(doubt.key, State.CREATED)
                await self.outcomes.put(
                    Created(line=doubt.line, key=doubt.key, order_id=doubt.order_id, note=note)
                )
            else:
                reason = doubt.reason or "the request left and its answer is not known"
                note = f"{reason} Run the job again to settle it"
                await self.outcomes.put(Unknown(line=doubt.line, key=doubt.key, note=note))

    async def _doubts(self) -> AsyncIterator[Doubt]:
        after = ""
        while batch := await self._journal.doubts(after, _ROWS_AT_ONCE):
            for doubt in batch:
                yield doubt
            after = batch[-1].key

    async def _wait_for_late_effects(self) -> None:
        last = await self._journal.last_doubt()
        if last is not None:
            left = last + self._settle - self._client.runtime.utcnow().timestamp()
            # A clock that was set back since must not make this wait for long.
            await self._client.runtime.sleep(max(0.0, min(left, self._settle)))


def _stopped(error: CubiCasaError) -> CubiCasaError:
    if isinstance(error, (InvalidInputError, JournalError)):
        return error
    message = f"The job stopped before its end. {error.message}"
    stopped = JobStoppedError(message, outcome=error.outcome)
    stopped.retry_at, stopped.__cause__ = error.retry_at, error
    return stopped


def _is_of_the_row(error: CubiCasaError) -> TypeGuard[AnswerError]:
    return isinstance(error, AnswerError) and error.status in _OF_THE_ROW


def _there_note(claim: Claim) -> str:
    notes: list[str] = []
    if claim.state in IN_DOUBT:
        notes.append("made by an earlier run whose answer was lost")
    if claim.changed and claim.state in MADE | IN_DOUBT:
        notes.append("the row has changed since its draft was made; the draft was not changed")
    if len(claim.orders) > 1:
        notes.append(f"the server lists {len(claim.orders)} of them: {', '.join(claim.orders)}")
    return "; ".join(notes)


def _found(doubt: Doubt) -> RowOutcome:
    if len(doubt.orders) == 1:
        sent_again = doubt.order_id is not None
        note = "" if sent_again else "its answer was lost; found on the server by its external_id"
        return Created(line=doubt.line, key=doubt.key, order_id=doubt.orders[0], note=note)
    note = _several(doubt.orders)
    return Unknown(line=doubt.line, key=doubt.key, order_id=doubt.orders[0], note=note)


def _several(orders: tuple[str, ...]) -> str:
    return (
        f"the server lists {len(orders)} orders with this external_id: {', '.join(orders)}. A "
        "request whose answer was lost may have taken effect late; delete all but one"
    )
