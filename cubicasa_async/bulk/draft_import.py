"""Rows become draft orders, each exactly once."""

from __future__ import annotations

import asyncio
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
    Mapping,
)
from contextlib import aclosing
from functools import partial
from typing import Any, Final

import attrs

from cubicasa_async.bulk import doubts
from cubicasa_async.bulk.intake import Checked, batches, check_rows, one_ahead
from cubicasa_async.bulk.job import Job, StopSign, stopped_by
from cubicasa_async.bulk.journal.places import AnyJournal, JournalPlace, journal_at
from cubicasa_async.bulk.journal.protocol import Journal, Record, run_of
from cubicasa_async.bulk.judging import judge
from cubicasa_async.bulk.outcomes import Rejected, RowOutcome
from cubicasa_async.bulk.progress import Meter, Progress
from cubicasa_async.bulk.pruning import InputSeen, prune
from cubicasa_async.bulk.rows import Row
from cubicasa_async.bulk.sending import change, send_all
from cubicasa_async.bulk.shared_import import SharedImport
from cubicasa_async.client import AsyncCubiCasa
from cubicasa_async.core.watch import watching
from cubicasa_async.errors import ConfigError, CubiCasaError, JournalError

SETTLE: Final = 5.0
"""Seconds after which a request that got no answer is taken to have no effect any more.

Inferred: nothing says how late the server may still act on a request whose connection is gone.
"""

_LONGEST_SETTLE: Final = 3600.0
_ROWS_AT_ONCE: Final = 50


@attrs.frozen
class _Wishes:
    """What the caller asked for, beside the rows."""

    look_first: bool
    update: bool
    prune: bool
    prune_at_most: int | None


async def import_drafts(
    client: AsyncCubiCasa,
    rows: Iterable[Row | Mapping[str, object]] | AsyncIterable[Row | Mapping[str, object]],
    *,
    journal: JournalPlace,
    concurrency: int = 8,
    derive_keys: bool = False,
    look_first: bool = True,
    settle: float = SETTLE,
    update: bool = False,
    prune: bool = False,
    prune_at_most: int | None = None,
    stop: StopSign | None = None,
    progress: Callable[[Progress], object] | None = None,
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
    if concurrency < 1 or not 0 <= settle <= _LONGEST_SETTLE:
        raise ConfigError(
            f"concurrency must be 1 or more, and settle 0 to {_LONGEST_SETTLE:g} seconds."
        )
    if prune_at_most is not None and (prune_at_most < 0 or not prune):
        raise ConfigError("prune_at_most must be 0 or more, and needs prune=True.")
    place = journal_at(journal)
    refuse_shared(place, update=update, prune=prune)
    clock = client.runtime.utcnow
    async with run_of(
        place, target=str(client.config.base_url), now=lambda: clock().timestamp()
    ) as opened:
        meter = Meter(client.runtime, progress)
        options: dict[str, Any] = {
            "meter": meter,
            "concurrency": concurrency,
            "settle": settle,
            "stop": stop,
        }
        given = check_rows(rows, derive_keys=derive_keys)
        job: Job[Record]
        if isinstance(opened, Journal):
            job = own = Job(client, opened, **options)
            wishes = _Wishes(look_first, update, prune, prune_at_most)
            work = _Import(own, wishes).run(given)
        else:
            job = ours = Job(client, opened, **options)
            work = SharedImport(ours, look_first=look_first).run(given)
        conductor = asyncio.create_task(_conduct(job, work))
        teller = asyncio.create_task(_tell(job))
        try:
            while (outcomes := await job.outcomes.get()) is not None:
                for outcome in outcomes:
                    yield outcome
            await conductor
        finally:
            conductor.cancel()
            teller.cancel()
            await asyncio.wait([conductor, teller])
            meter.phase = "ended"
            meter.tell()


def refuse_shared(journal: AnyJournal, *, update: bool, prune: bool) -> None:
    """Refuse what needs a journal with one run at a time.

    Raises:
        ConfigError: Several workers share the journal.
    """
    if (update or prune) and not isinstance(journal, Journal):
        raise ConfigError(
            "A job that several workers share can neither update nor prune: none of them knows all "
            "of its rows. Do it with a journal in a file."
        )


async def _conduct(job: Job[Record], work: Awaitable[None]) -> None:
    """Run the job; its outcomes go to the queue, None behind the last."""
    watching.set(job.meter.watch)
    try:
        await work
    except Exception as exc:  # noqa: BLE001 # it is raised below, behind the last outcome
        job.fail(exc)
    await job.outcomes.put(None)
    if isinstance(job.failure, CubiCasaError):
        raise stopped_by(job.failure)
    if job.failure is not None:
        raise job.failure


async def _tell(job: Job[Record]) -> None:
    try:
        await job.meter.tell_now_and_then()
    except Exception as exc:  # noqa: BLE001 # the caller's function failed; the job's end raises it
        job.meter.silence()
        job.fail(exc)


class _Import:
    """One run of an import."""

    def __init__(self, job: Job[Journal], wishes: _Wishes) -> None:
        self._job = job
        self._journal = job.journal
        self._wishes = wishes
        self._seen = InputSeen()

    async def run(self, rows: AsyncGenerator[Checked | Rejected]) -> None:
        """Send what is to be sent, settle what is in doubt, delete what is to be deleted."""
        job = self._job
        # What is claimed next shares its commit with the intents of what was claimed before.
        async with aclosing(rows), aclosing(one_ahead(self._rows_to_send(rows))) as to_send:
            await send_all(job, to_send, change=partial(change, job))
        await doubts.clear(job)
        if not isinstance(job.failure, JournalError):
            await doubts.report(job)
        if self._wishes.prune and self._seen.whole and not job.ends:
            await prune(job, self._seen, at_most=self._wishes.prune_at_most)

    async def _rows_to_send(
        self, rows: AsyncIterator[Checked | Rejected]
    ) -> AsyncGenerator[list[Checked]]:
        job, begun = self._job, False
        async for batch in batches(rows, max(_ROWS_AT_ONCE, 4 * job.concurrency)):
            job.meter.read += len(batch)
            checked = await self._valid(batch)
            if checked and not begun:
                if not await self._look_before_sending():
                    return
                begun = True
                job.meter.phase = "sending"
            claims = await self._journal.claim([row.entry for row in checked])
            verdicts = [
                judge(row, claim, looked=job.server.looked, update=self._wishes.update)
                for row, claim in zip(checked, claims, strict=True)
            ]
            if settlements := [v.settlement for v in verdicts if v.settlement is not None]:
                await self._journal.settle_all(settlements)
            await job.tell(*(v.outcome for v in verdicts if v.outcome is not None))
            yield [verdict.send for verdict in verdicts if verdict.send is not None]
        self._seen.whole = True

    async def _valid(self, batch: list[Checked | Rejected]) -> list[Checked]:
        """The rows of a batch that passed the local checks; the others are told."""
        checked: list[Checked] = []
        named: list[str] = []
        for row in batch:
            if isinstance(row, Checked):
                checked.append(row)
                continue
            if row.key:
                named.append(row.key)
            else:
                self._seen.lacks_name(row.line)
            await self._job.tell(row)
        self._seen.valid += len(checked)
        if named:
            await self._journal.seen(named)
        return checked

    async def _look_before_sending(self) -> bool:
        if self._wishes.look_first or await self._journal.doubt_age() is not None:
            return await self._job.look()
        return True
