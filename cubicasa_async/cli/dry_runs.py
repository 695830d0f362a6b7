"""What an import would do, told without doing it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, AsyncExitStack
from pathlib import Path
from typing import TypeVar

from cubicasa_async.bulk.dry_run import DryRun, Valid, WouldChange, WouldDelete
from cubicasa_async.bulk.files.sources import Source
from cubicasa_async.bulk.journal.protocol import Gone
from cubicasa_async.bulk.journal.status import JournalReader
from cubicasa_async.bulk.outcomes import (
    AlreadyThere,
    Kept,
    Rejected,
    RowOutcome,
    Skipped,
    Unknown,
)
from cubicasa_async.bulk.pruning import refuse_doubtful
from cubicasa_async.bulk.sending import left_as_it_is, not_ours_to_change
from cubicasa_async.client import AsyncCubiCasa
from cubicasa_async.errors import NotFoundError
from cubicasa_async.resources.order import Order

T = TypeVar("T")

_ROWS_BETWEEN_PAUSES = 500
_AT_ONCE = 50  # the client bounds how many of them it asks for at the same time


def kinds(*, update: bool, prune: bool) -> tuple[type[RowOutcome], ...]:
    """The outcomes of a dry run."""
    found = (Valid, WouldChange, AlreadyThere) if update else (Valid,)
    left = (Unknown,) if update else ()
    return (*found, Skipped, Rejected, *left, *((WouldDelete, Kept) if prune else ()))


async def count(source: Source) -> int:
    """How many rows there are; reads the whole file, so that a broken one shows early."""
    rows = 0
    async for _ in _with_pauses(source.rows()):
        rows += 1
    return rows


async def count_gone(source: Source, journal: Path, *, derive_keys: bool) -> tuple[int, int]:
    """How many rows there are, and how many drafts of the job have no row any more.

    Raises:
        InvalidInputError: It is doubtful whether they are gone.
    """
    with DryRun.begun() as dry:
        outcomes = dry.check(source.rows(), derive_keys=derive_keys)
        rows = 0
        async for _ in _with_pauses(outcomes):
            rows += 1
        gone = sum(1 for _ in _gone(dry, journal))
        if gone:
            refuse_doubtful(gone, dry.seen, None)
    return rows, gone


async def outcomes(
    source: Source,
    journal: Path | None,
    *,
    derive_keys: bool,
    update: bool,
    prune: bool,
    client: Callable[[], AsyncCubiCasa],
) -> AsyncGenerator[RowOutcome]:
    """What would become of each row, and of drafts that have none.

    Args:
        source: The rows.
        journal: What the job has done so far, if that matters.
        derive_keys: As for `import_drafts`.
        update: Tell which drafts would be updated.
        prune: Tell which drafts would be deleted.
        client: Makes a client to see which drafts are still drafts. Only called if there are any.
    """
    async with AsyncExitStack() as opened:
        dry = opened.enter_context(DryRun.begun())
        changed = None
        if update and (reader := _reader(journal)) is not None:
            changed = opened.enter_context(reader).changed
        checked = dry.check(source.rows(), derive_keys=derive_keys, changed=changed)
        server = _Server(client, opened)
        async for outcome in server.asked(_with_pauses(checked)):
            yield outcome
        gone = list(_gone(dry, journal)) if prune and journal is not None else []
        if gone:
            refuse_doubtful(len(gone), dry.seen, None)
        async for outcome in server.asked(_with_pauses(map(_would_delete, gone))):
            yield outcome


def _gone(dry: DryRun, journal: Path) -> Iterator[Gone]:
    if (reader := _reader(journal)) is not None:
        with reader as opened:
            yield from dry.gone(opened.made())


def _reader(journal: Path | None) -> AbstractContextManager[JournalReader] | None:
    """What reads a journal; None if no run has begun yet."""
    return JournalReader.opened(journal) if journal is not None and journal.exists() else None


def _would_delete(row: Gone) -> RowOutcome:
    return WouldDelete(line=row.line, key=row.key, order_id=row.order_id, note="its row is gone")


class _Server:
    """Tells of drafts whether they still are any. Nothing is asked before one is to be told.

    Args:
        client: Makes the client.
        opened: Closes it.
    """

    def __init__(self, client: Callable[[], AsyncCubiCasa], opened: AsyncExitStack) -> None:
        self._make = client
        self._opened = opened
        self._client: AsyncCubiCasa | None = None

    async def asked(self, outcomes: AsyncIterator[RowOutcome]) -> AsyncGenerator[RowOutcome]:
        """The same outcomes, but of a draft that would be touched what the server allows."""
        some: list[RowOutcome] = []
        async for outcome in outcomes:
            some.append(outcome)
            if len(some) == _AT_ONCE:
                for found in await self._several(some):
                    yield found
                some.clear()
        for found in await self._several(some):
            yield found

    async def _several(self, outcomes: Sequence[RowOutcome]) -> Sequence[RowOutcome]:
        if not any(_of_a_draft(outcome) for outcome in outcomes):
            return outcomes
        return await asyncio.gather(*map(self._one, outcomes))

    async def _one(self, outcome: RowOutcome) -> RowOutcome:
        if not _of_a_draft(outcome):
            return outcome
        order = await self._order(str(outcome.order_id))
        at = {name: getattr(outcome, name) for name in ("line", "key", "order_id", "cells")}
        if isinstance(outcome, WouldChange):
            return left_as_it_is(order, at) or outcome
        if order is None:
            return WouldDelete(note="the server has it no more", **at)
        reason = not_ours_to_change(order, str(outcome.key))
        return Kept(note=reason, **at) if reason else outcome

    async def _order(self, order_id: str) -> Order | None:
        if self._client is None:
            self._client = self._make()
            await self._opened.enter_async_context(self._client)
        try:
            return await self._client.orders.get(order_id)
        except NotFoundError:
            return None


def _of_a_draft(outcome: RowOutcome) -> bool:
    return isinstance(outcome, (WouldChange, WouldDelete)) and outcome.order_id is not None


async def _with_pauses(items: Iterable[T]) -> AsyncGenerator[T]:
    """The same, but others get their turn now and then, such as Ctrl-C."""
    for number, item in enumerate(items):
        if number % _ROWS_BETWEEN_PAUSES == 0:
            await asyncio.sleep(0)
        yield item
