"""Rows whose answer was lost, settled by what the server lists and by nothing else."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from typing import Final

from cubicasa_async.bulk.intake import Checked
from cubicasa_async.bulk.job import Job
from cubicasa_async.bulk.journal.protocol import Doubt, Record, Settlement, State
from cubicasa_async.bulk.outcomes import Created, RowOutcome, Unknown
from cubicasa_async.bulk.sending import CONTESTED, send_all

_AT_ONCE: Final = 50
_ROUNDS: Final = 3


async def clear(job: Job[Record]) -> None:
    """Settle rows whose answer was lost: look, send again what is not there, look again.

    A row once in doubt is settled only by what the server lists.
    """
    for rounds_left in reversed(range(_ROUNDS)):
        if job.ends or not await job.journal.doubts("", 1):
            return
        job.meter.phase = "settling"
        if not await job.look():
            return
        async with aclosing(_still_missing(job, send_again=rounds_left > 0)) as missing:
            await send_all(job, missing)


async def _still_missing(job: Job[Record], *, send_again: bool) -> AsyncGenerator[list[Checked]]:
    async for doubts in _doubts(job):
        found = [(doubt, _found(doubt), doubt.orders[0]) for doubt in doubts if doubt.orders]
        await _settle(job, found)
        if send_again:
            missing = [d for d in doubts if not d.orders and d.order_id is None]
            yield [
                Checked(doubt.line, doubt.key, doubt.body.encode(), in_doubt=True)
                for doubt in missing
            ]


async def report(job: Job[Record]) -> None:
    """Tell what is still in doubt."""
    async for doubts in _doubts(job):
        answered = [
            (doubt, _answered(doubt), doubt.order_id)
            for doubt in doubts
            if doubt.order_id is not None and not job.ends
        ]
        await _settle(job, answered)
        settled = {doubt.key for doubt, _, _ in answered}
        for doubt in doubts:
            if doubt.key not in settled:
                reason = doubt.reason or "the request left and its answer is not known"
                note = f"{reason} Run the job again to settle it"
                await job.tell(Unknown(line=doubt.line, key=doubt.key, note=note))


async def _settle(job: Job[Record], found: Sequence[tuple[Doubt, RowOutcome, str | None]]) -> None:
    """Note orders of rows that were in doubt, and tell them."""
    contested = await job.journal.settle_all(
        [Settlement(doubt.key, State.CREATED, order_id) for doubt, _, order_id in found]
    )
    for doubt, outcome, order_id in found:
        if doubt.key in contested:
            outcome = Unknown(line=doubt.line, key=doubt.key, order_id=order_id, note=CONTESTED)
        await job.tell(outcome)


async def _doubts(job: Job[Record]) -> AsyncIterator[list[Doubt]]:
    after = ""
    while batch := await job.journal.doubts(after, _AT_ONCE):
        yield batch
        after = batch[-1].key


def _found(doubt: Doubt) -> RowOutcome:
    if len(doubt.orders) == 1:
        sent_again = doubt.order_id is not None
        note = "" if sent_again else "its answer was lost; found on the server by its external_id"
        return Created(line=doubt.line, key=doubt.key, order_id=doubt.orders[0], note=note)
    note = several(doubt.orders)
    return Unknown(line=doubt.line, key=doubt.key, order_id=doubt.orders[0], note=note)


def _answered(doubt: Doubt) -> RowOutcome:
    note = "the server answered with this order but does not list it yet"
    return Created(line=doubt.line, key=doubt.key, order_id=doubt.order_id, note=note)


def several(orders: tuple[str, ...]) -> str:
    """What to say of several orders of one row."""
    return (
        f"the server lists {len(orders)} orders with this external_id: {', '.join(orders)}. A "
        "request whose answer was lost may have taken effect late; delete all but one"
    )
