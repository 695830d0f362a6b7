"""What an import would do, told without doing it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack
from itertools import islice
from pathlib import Path
from typing import TypeVar

from cubicasa_async.bulk.dry_run import DryRun, Valid, WouldChange, WouldDelete
from cubicasa_async.bulk.files.sources import Source
from cubicasa_async.bulk.journal.protocol import Gone
from cubicasa_async.bulk.journal.status import JournalReader
from cubicasa_async.bulk.outcomes import Kept, Rejected, RowOutcome, Skipped
from cubicasa_async.bulk.pruning import refuse_doubtful
from cubicasa_async.bulk.sending import not_ours_to_change
from cubicasa_async.client import AsyncCubiCasa
from cubicasa_async.errors import NotFoundError

T = TypeVar("T")

_ROWS_BETWEEN_PAUSES = 500
_AT_ONCE = 8


def kinds(*, update: bool, prune: bool) -> tuple[type[RowOutcome], ...]:
    """The outcomes of a dry run."""
    more = (WouldChange,) if update else ()
    return (Valid, *more, Skipped, Rejected, *((WouldDelete, Kept) if prune else ()))


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
    client: Callable[[], AsyncCubiCasa] | None,
) -> AsyncGenerator[RowOutcome]:
    """What would become of each row, and of drafts that have none.

    Args:
        source: The rows.
        journal: What the job has done so far, if that matters.
        derive_keys: As for `import_drafts`.
        update: Tell which drafts would be updated.
        client: Makes a client to see which drafts are still drafts; None if none is to be deleted.
    """
    with ExitStack() as files:
        dry = files.enter_context(DryRun.begun())
        changed = None
        if update and (reader := _reader(journal)) is not None:
            changed = files.enter_context(reader).would_change
        checked = dry.check(source.rows(), derive_keys=derive_keys, changed=changed)
        async for outcome in _with_pauses(checked):
            yield outcome
        if client is None or journal is None:
            return
        gone = list(_gone(dry, journal))
    if gone:
        refuse_doubtful(len(gone), dry.seen, None)
        async with client() as opened:
            rows = iter(gone)
            while some := list(islice(rows, _AT_ONCE)):
                for outcome in await asyncio.gather(*(_of(opened, row) for row in some)):
                    yield outcome


def _gone(dry: DryRun, journal: Path) -> Iterator[Gone]:
    if (reader := _reader(journal)) is not None:
        with reader as opened:
            yield from dry.gone(opened.made())


def _reader(journal: Path | None) -> AbstractContextManager[JournalReader] | None:
    """What reads a journal; None if no run has begun yet."""
    return JournalReader.opened(journal) if journal is not None and journal.exists() else None


async def _of(client: AsyncCubiCasa, row: Gone) -> RowOutcome:
    """What would become of a draft whose row is gone."""
    reason = ""
    try:
        order = await client.orders.get(row.order_id)
    except NotFoundError:
        reason = "the server has it no more"
    else:
        if reason := not_ours_to_change(order, row.key):
            return Kept(line=row.line, key=row.key, order_id=row.order_id, note=reason)
    note = reason or "its row is gone"
    return WouldDelete(line=row.line, key=row.key, order_id=row.order_id, note=note)


async def _with_pauses(items: Iterable[T]) -> AsyncGenerator[T]:
    """The same, but others get their turn now and then, such as Ctrl-C."""
    for number, item in enumerate(items):
        if number % _ROWS_BETWEEN_PAUSES == 0:
            await asyncio.sleep(0)
        yield item
