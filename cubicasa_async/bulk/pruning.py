"""Drafts of this job whose row is in the input no more, deleted if that was asked for."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from functools import partial
from typing import Any, Final

import attrs

from cubicasa_async.bulk.job import SENDING, Job
from cubicasa_async.bulk.journal.protocol import Gone, Journal, State
from cubicasa_async.bulk.outcomes import Deleted, Kept, Unknown
from cubicasa_async.bulk.sending import not_ours_to_change, order_now
from cubicasa_async.errors import (
    AnswerError,
    CubiCasaError,
    InvalidInputError,
    NotFoundError,
    Outcome,
)

_AT_ONCE: Final = 50
_REFUSED: Final = frozenset({400, 409, 422})


@attrs.define
class InputSeen:
    """What the input was like, which decides whether a row that is missing is really gone.

    Attributes:
        whole: Whether the input was read to its end.
        valid: How many rows passed the checks.
        nameless: The lines of rows that cannot be told from others, as they have no external_id;
            the first few.
        nameless_count: How many those are.
    """

    whole: bool = False
    valid: int = 0
    nameless: list[int] = attrs.field(factory=list[int])
    nameless_count: int = 0

    def lacks_name(self, line: int) -> None:
        """A row has no external_id."""
        self.nameless_count += 1
        if self.nameless_count <= 3:
            self.nameless.append(line)


async def prune(job: Job[Journal], seen: InputSeen, *, at_most: int | None) -> None:
    """Delete the drafts that this job made of rows which are in the input no more.

    Args:
        job: The run; it has read all of its input.
        seen: What the input was like.
        at_most: Delete nothing if there are more.

    Raises:
        InvalidInputError: It is doubtful whether the rows are really gone. Nothing was deleted.
    """
    count = await job.journal.count_gone()
    if not count:
        return
    refuse_doubtful(count, seen, at_most)
    job.meter.phase = "deleting"
    async with aclosing(_gone(job)) as gone:
        await job.in_parallel(gone, partial(_delete, job))


def refuse_doubtful(count: int, seen: InputSeen, at_most: int | None) -> None:
    """Refuse to delete what may not be gone.

    Raises:
        InvalidInputError: Says why.
    """
    if seen.nameless_count:
        lines = ", ".join(map(str, seen.nameless))
        more = " and others" if seen.nameless_count > len(seen.nameless) else ""
        raise InvalidInputError(
            f"{count} drafts of this job seem to have no row any more, but nothing was deleted: "
            f"line {lines}{more} cannot be read as far as the external_id, so one of them may be "
            "theirs. Correct them and run the job again."
        )
    if at_most is None and not seen.valid:
        raise InvalidInputError(
            f"The input has no valid row, so all {count} drafts of this job would be deleted. "
            "Nothing was. If that is meant, say how many may be deleted."
        )
    if at_most is not None and count > at_most:
        raise InvalidInputError(
            f"{count} drafts of this job have no row any more, which is more than the {at_most} "
            "that may be deleted. Nothing was deleted. Is the input complete?"
        )


async def _gone(job: Job[Journal]) -> AsyncGenerator[Gone]:
    after = ""
    while batch := await job.journal.gone(after, _AT_ONCE):
        for row in batch:
            yield row
        after = batch[-1].key


async def _delete(job: Job[Journal], row: Gone) -> None:
    at: dict[str, Any] = {"line": row.line, "key": row.key, "order_id": row.order_id}
    order = await order_now(job, row.order_id)
    if order is None:
        await job.journal.settle(row.key, State.DELETED)
        await job.tell(Deleted(note="the server had it no more", **at))
        return
    if reason := not_ours_to_change(order, row.key):
        await job.tell(Kept(note=f"its row is gone, but {reason}; it was not deleted", **at))
        return
    await job.journal.intend_delete(row.key)
    try:
        await job.client.drafts.delete(row.order_id, options=SENDING)
    except NotFoundError:  # a repeat after a lost answer, or somebody else was faster
        pass
    except CubiCasaError as exc:
        if exc.outcome is Outcome.UNKNOWN:
            note = (
                f"its row is gone and its deletion was sent, but the effect is not known: "
                f"{exc.message} Run the job again to settle it"
            )
            await job.tell(Unknown(note=note, **at))
            job.lost(exc)
            return
        if not isinstance(exc, AnswerError) or exc.status not in _REFUSED:
            raise
        job.answered()
        await job.tell(Kept(note=f"its row is gone, but it was not deleted: {exc}", **at))
        return
    job.answered()
    await job.journal.settle(row.key, State.DELETED)
    await job.tell(Deleted(**at))
