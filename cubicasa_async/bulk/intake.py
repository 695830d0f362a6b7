"""Rows on their way into a job: numbered, checked as far as that can be done here."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterable, Mapping
from typing import TypeVar

import attrs

from cubicasa_async.bulk.journal.protocol import Entry
from cubicasa_async.bulk.keys import derived_key
from cubicasa_async.bulk.outcomes import Rejected
from cubicasa_async.bulk.rows import Row
from cubicasa_async.core import checks, codec
from cubicasa_async.errors import FieldError, InvalidInputError
from cubicasa_async.resources.drafts import DraftRequest

T = TypeVar("T")


@attrs.frozen
class Checked:
    """A row that passed the local checks.

    Attributes:
        line: Where it stands.
        key: Its external_id.
        body: Its request as JSON text.
        cells: The row as it stood.
        in_doubt: Whether a request for it left before and its answer is not known.
        order_id: The draft to be changed; None if one is to be made.
    """

    line: int
    key: str
    body: bytes
    cells: Mapping[str, str] = {}
    in_doubt: bool = False
    order_id: str | None = None

    @property
    def draft(self) -> DraftRequest:
        """Its request."""
        return checks.from_wire(DraftRequest, codec.parse(self.body), what="The row")

    @property
    def entry(self) -> Entry:
        """The row as the journal is told of it."""
        return Entry(self.key, self.line, self.body.decode())


def check_row(row: Row, *, derive_keys: bool = False) -> Checked | Rejected:
    """Check a row as far as that can be done without the server.

    Args:
        row: The row.
        derive_keys: Give a row without external_id one that is made from its address.
    """
    external_id = row.values.get("external_id")
    shown = external_id if isinstance(external_id, str) else None
    faults = list(row.problems)
    unread = {fault.field for fault in faults}
    if "" in unread:  # the record as a whole does not fit, so nothing can be said of its fields
        return Rejected(line=row.line, key=shown, field_errors=row.problems, cells=row.cells)
    draft: DraftRequest | None = None
    try:
        draft = checks.build(DraftRequest, row.values, what="The row")
    except InvalidInputError as exc:
        faults += [fault for fault in exc.field_errors if fault.field not in unread]
    if not external_id and not derive_keys and "external_id" not in unread:
        reason = (
            "is missing, so its draft could not be found again; give one, or have it derived from "
            "the address (--derive-key)"
        )
        faults.append(FieldError("external_id", reason))
    if faults or draft is None:
        return Rejected(line=row.line, key=shown, field_errors=tuple(faults), cells=row.cells)
    if not draft.external_id:
        draft = attrs.evolve(draft, external_id=derived_key(draft))
    return Checked(row.line, str(draft.external_id), codec.encode(draft), row.cells)


async def check_rows(
    rows: Iterable[Row | Mapping[str, object]] | AsyncIterable[Row | Mapping[str, object]],
    *,
    derive_keys: bool = False,
) -> AsyncGenerator[Checked | Rejected]:
    """Check rows of any source; mappings are numbered from 1. See `check_row`."""
    numbers = itertools.count(1)

    def checked(row: Row | Mapping[str, object]) -> Checked | Rejected:
        number = next(numbers)
        return check_row(row if isinstance(row, Row) else Row(number, row), derive_keys=derive_keys)

    if isinstance(rows, AsyncIterable):
        async for row in rows:
            yield checked(row)
    else:
        for row in rows:
            yield checked(row)


async def batches(rows: AsyncIterator[T], size: int) -> AsyncIterator[list[T]]:
    """The same rows in lists of `size`, the last one shorter."""
    batch: list[T] = []
    async for row in rows:
        batch.append(row)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


async def one_ahead(items: AsyncGenerator[T]) -> AsyncGenerator[T]:
    """The same items; the next one is got ready while one is in use."""

    async def following() -> T | None:
        return await anext(items, None)

    upcoming = asyncio.create_task(following())
    try:
        while (item := await upcoming) is not None:
            upcoming = asyncio.create_task(following())
            yield item
    finally:
        upcoming.cancel()
        await asyncio.wait([upcoming])
        await items.aclose()
