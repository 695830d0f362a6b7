"""One of several workers that drain a job together."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any, Final

import attrs

from cubicasa_async.bulk import doubts
from cubicasa_async.bulk.intake import Checked, batches
from cubicasa_async.bulk.job import Job
from cubicasa_async.bulk.journal.protocol import Claim, Entry, Other, SharedJournal, State, Taken
from cubicasa_async.bulk.judging import judge, repeated, there_note
from cubicasa_async.bulk.outcomes import AlreadyThere, Rejected, RowOutcome, Unknown
from cubicasa_async.bulk.sending import VANISHED, send_all
from cubicasa_async.errors import JournalError

_READ_AT_ONCE: Final = 100
_TOLD_AT_ONCE: Final = 200
_DOUBTS_AT_ONCE: Final = 1000
_SHORT_PAUSE: Final = 0.02
_PAUSE: Final = 0.25
_LONGEST_PAUSE: Final = 2.0


class SharedImport:
    """A worker's run: it puts the rows that it was given into the job, and sends what is open.

    It ends when nothing of the job is open any more, whoever read it and whoever sent it.

    Args:
        job: The run.
        look_first: Look at the server's orders before the first row is sent.
    """

    def __init__(self, job: Job[SharedJournal], *, look_first: bool) -> None:
        self._job = job
        self._journal = job.journal
        self._look_first = look_first

    async def run(self, rows: AsyncGenerator[Checked | Rejected]) -> None:
        """Work on the job until nothing is open."""
        job = self._job
        if self._look_first and not await job.look():
            return
        job.meter.phase = "sending"
        async with asyncio.TaskGroup() as group:
            reading = group.create_task(job.part(self._read(rows)))
            await self._send_open_rows(reading)
            reading.cancel()  # it is done, unless the job ends early
        await self._finish(reading)
        if job.ends and not isinstance(job.failure, JournalError):
            await doubts.report(job)

    async def _finish(self, reading: asyncio.Task[None]) -> None:
        """Do what is left, also by others that die, until nothing is open."""
        pause = _PAUSE
        while not self._job.ends:
            await self._clear_doubts()
            nothing_open = not await self._journal.anything_open()
            await self._tell_others()
            if nothing_open:
                return
            held = await self._journal.held_by_others()
            if held is None:
                self._job.meter.phase = "sending"
            else:
                self._job.meter.wait(held)
            await asyncio.sleep(pause)
            pause = min(_LONGEST_PAUSE, 1.5 * pause)
            await self._send_open_rows(reading)

    async def _send_open_rows(self, reading: asyncio.Task[None]) -> None:
        async with aclosing(self._open_rows(reading)) as to_send:
            await send_all(self._job, to_send)

    async def _read(self, rows: AsyncGenerator[Checked | Rejected]) -> None:
        job = self._job
        async with aclosing(rows):
            async for batch in batches(rows, _READ_AT_ONCE):
                job.meter.read += len(batch)
                checked = [row for row in batch if isinstance(row, Checked)]
                repeats = await self._journal.add([_entry(row) for row in checked])
                await job.tell(*(row for row in batch if isinstance(row, Rejected)))
                for row, repeat in zip(checked, repeats, strict=True):
                    if repeat is not None:
                        line, differs = repeat
                        await job.tell(repeated(row, line, differs=differs))
                if job.ends:
                    return

    async def _open_rows(self, reading: asyncio.Task[None]) -> AsyncGenerator[list[Checked]]:
        """Rows to be sent, until none is left that belongs to nobody."""
        job = self._job
        while not job.ends:
            read_all = reading.done()
            taken = await self._journal.take(job.concurrency)
            if taken:
                job.meter.phase = "sending"
                yield await self._judged(taken)
            elif read_all:
                return
            else:
                await asyncio.wait([reading], timeout=_SHORT_PAUSE)

    async def _judged(self, taken: list[Taken]) -> list[Checked]:
        """Those of the rows that need a request; the others are settled and told."""
        looked = self._job.server.looked
        verdicts = [
            judge(_checked(row.entry), _claim(row), looked=looked, update=False) for row in taken
        ]
        settlements = [v.settlement for v in verdicts if v.settlement is not None]
        if settlements:
            await self._journal.settle_all(settlements)
        await self._job.tell(*(v.outcome for v in verdicts if v.outcome is not None))
        return [verdict.send for verdict in verdicts if verdict.send is not None]

    async def _clear_doubts(self) -> None:
        """Reconcile rows in doubt: this worker's own, and those that died with another."""
        await self._journal.hold_doubts(_DOUBTS_AT_ONCE)
        await doubts.clear(self._job)
        if not self._job.ends:
            await doubts.report(self._job)
            await self._journal.give_up()

    async def _tell_others(self) -> None:
        """Tell the rows that this worker was given and others settled."""
        after: str | None = ""
        while after is not None and not self._job.ends:
            found, after = await self._journal.others(after, _TOLD_AT_ONCE)
            await self._job.tell(*map(self._of_another, found))

    def _of_another(self, other: Other) -> RowOutcome:
        claim, entry = other.claim, other.entry
        at: dict[str, Any] = {"line": entry.line, "key": entry.key, "cells": _cells(entry)}
        if claim.state is State.REJECTED:
            return Rejected(note=other.reason, sent=True, **at)
        if claim.state is State.UNKNOWN:
            note = f"{other.reason or 'its answer was lost'}. Run the job again to settle it"
            return Unknown(order_id=claim.order_id, note=note, **at)
        if len(claim.orders) > 1 and claim.sends > 1:
            return Unknown(order_id=claim.order_id, note=doubts.several(claim.orders), **at)
        if self._job.server.looked and not claim.orders and not other.recent:
            note = VANISHED.format(order_id=claim.order_id)
            return Unknown(order_id=claim.order_id, note=note, **at)
        notes = ["made by another worker of this job"] if other.recent else []
        if claim.changed or len(claim.orders) > 1:
            notes.append(there_note(claim))
        return AlreadyThere(order_id=claim.order_id, note="; ".join(notes), **at)


def _entry(row: Checked) -> Entry:
    cells = json.dumps(dict(row.cells)) if row.cells else ""
    return attrs.evolve(row.entry, cells=cells)


def _cells(entry: Entry) -> Mapping[str, str]:
    return json.loads(entry.cells) if entry.cells else {}


def _checked(entry: Entry) -> Checked:
    return Checked(entry.line, entry.key, entry.body.encode(), _cells(entry))


def _claim(taken: Taken) -> Claim:
    return Claim(
        State.NEW,
        taken.order_id,
        changed=False,
        repeats=None,
        orders=taken.orders,
        sends=taken.sends,
    )
