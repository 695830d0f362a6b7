"""Lists as the caller sees them: awaited for one page, or iterated over whole."""

from __future__ import annotations

import base64
import binascii
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Callable,
    Coroutine,
    Generator,
    Sequence,
)
from contextlib import aclosing
from typing import Any, Final, Generic, TypeVar

import attrs
import msgspec

from cubicasa_async.core import codec, flawed, wire
from cubicasa_async.core.ahead import Ahead
from cubicasa_async.core.endpoint import Endpoint
from cubicasa_async.core.walk import SMALLEST_PAGE, Page, Record, Walk, page_of
from cubicasa_async.errors import (
    CubiCasaError,
    DecodeError,
    FieldError,
    InvalidInputError,
    PagingError,
    Undecodable,
    UndecodableItemsError,
)

T = TypeVar("T")

_IN_CURSOR: Final = 50
_MOST_ITEMS: Final = 10_000
_WIDEST_WINDOW: Final = 64
_ACCEPTED_LIMIT: Final = 50
"""The largest page size that is known to be accepted (observed). Below it, a page has room for the
record by which it is joined to the one before, so that a walk needs no more pages than others."""
_KEPT_UNDECODABLE: Final = 100


def read_page(endpoint: Endpoint[T], answer: wire.Answer, offset: int) -> Page[T]:
    """Read a page of a list (documented): `{"pagination": {...}, "items": [...]}`.

    An item that cannot be read becomes an Undecodable; the others are not touched by it.

    Raises:
        AnswerError, DecodeError: The answer is no page at all.
    """
    if endpoint.response is not None and wire.is_success(answer.status):
        listed = codec.read_listed(answer.body, endpoint.response)
        if listed is not None and len(listed.items) <= _MOST_ITEMS:
            keys: list[Any] = [getattr(item, "id", None) for item in listed.items]
            if all(keys):
                head = listed.pagination
                entries = tuple(listed.items)
                return Page(tuple(keys), entries, offset, head.has_more, head.next_offset)
    return _read_unusual_page(endpoint, answer, offset)


def _read_unusual_page(endpoint: Endpoint[T], answer: wire.Answer, offset: int) -> Page[T]:
    value, flaws = _read_value(endpoint, answer)
    fields = codec.as_mapping(value)
    pagination = codec.as_mapping(fields.get("pagination"))
    items, has_more = codec.as_list(fields.get("items")), pagination.get("has_more")
    next_offset = pagination.get("next_offset")  # missing in a captured answer (observed)
    flaws_of, problems = flawed.by_item(flaws)
    if len(items) > _MOST_ITEMS:
        problems.append(FieldError("$.items", f"{len(items)} items on one page are too many"))
    if not isinstance(fields.get("items"), list):
        problems.append(FieldError("$.items", "expected a list"))
    if not isinstance(has_more, bool):
        problems.append(FieldError("$.pagination.has_more", "expected true or false"))
    if next_offset is not None and type(next_offset) is not int:
        problems.append(FieldError("$.pagination.next_offset", "expected a whole number"))
    if problems:
        raise wire.unexpected(endpoint, answer, tuple(problems))
    records = [_record(item, endpoint.response, i, flaws_of[i]) for i, item in enumerate(items)]
    return page_of(records, offset, has_more is True, next_offset)


def _read_value(endpoint: Endpoint[Any], answer: wire.Answer) -> tuple[Any, Sequence[FieldError]]:
    """The plain objects of a page, and what in them is no JSON."""
    try:
        return wire.read_value(endpoint, answer), ()
    except DecodeError:
        found = flawed.parse(answer.body)
        if found is None:
            raise
        return found


def _record(raw: Any, cls: type[T] | None, index: int, flaws: Sequence[FieldError]) -> Record[T]:
    identity = codec.as_mapping(raw).get("id")
    key = identity if isinstance(identity, str) else msgspec.json.encode(raw).decode()
    if flaws:
        return Record(key, Undecodable(raw, tuple(flaws)))
    if cls is None:
        return Record(key, raw)
    try:
        return Record(key, codec.structure(raw, cls, path=f"$.items[{index}]"))
    except codec.CodecError as exc:
        return Record(key, Undecodable(raw, exc.problems))


@attrs.frozen
class Cursor:
    """Where a walk stands, as a text that can be stored.

    Attributes:
        operation: The list's operation, so that a cursor is not used on another list.
        query: Its filters.
        offset: The offset to ask for next.
        seen: Keys of the records given last.
    """

    operation: str
    query: tuple[tuple[str, str], ...]
    offset: int
    seen: tuple[str, ...]

    def dump(self) -> str:
        """The cursor as text."""
        fields = (1, self.operation, self.query, self.offset, self.seen)
        return base64.urlsafe_b64encode(msgspec.json.encode(fields)).decode()

    @classmethod
    def load(cls, text: str) -> Cursor:
        """A cursor from its text.

        Raises:
            InvalidInputError: The text is no cursor.
        """
        shape = tuple[int, str, tuple[tuple[str, str], ...], int, tuple[str, ...]]
        try:
            raw = base64.urlsafe_b64decode(text.encode())
            version, operation, query, offset, seen = msgspec.json.decode(raw, type=shape)
        except (binascii.Error, ValueError, msgspec.MsgspecError):
            raise InvalidInputError("The cursor is not one of this library.") from None
        if version != 1 or offset < 0:
            raise InvalidInputError("The cursor is of another version of this library.")
        return cls(operation, query, offset, seen)


class Pager(Generic[T]):
    """A list: await it for one page, or iterate over all its items.

    ::

        page = await client.orders.list(limit=20)
        async for order in client.orders.list(status="Ready"): ...

    Iterating yields each record once and proves that none was skipped. Entries that cannot be
    read never vanish: the others are given, then UndecodableItemsError names them. A pager is used
    once; `cursor` starts another one where this one stands, and every error carries it.

    Args:
        operation: The list's operation.
        query: Its filters.
        fetch: Gets the page at an offset, with a page size.
        limit: Page size. Below 50, a walk asks for one record more, by which pages are joined.
        cursor: Where to start; at the newest record if None.
        strict: Fail at the first entry that cannot be read.
        window: How many pages may be under way at once.
    """

    def __init__(
        self,
        operation: str,
        query: Sequence[tuple[str, str]],
        fetch: Callable[[int, int], Coroutine[Any, Any, Page[T]]],
        *,
        limit: int,
        cursor: str | None = None,
        strict: bool = False,
        window: int = 1,
    ) -> None:
        if limit < 1:
            raise InvalidInputError(f"The page size (limit) must be 1 or more, not {limit}.")
        if not 1 <= window <= _WIDEST_WINDOW:
            raise InvalidInputError(
                f"The window must be 1 to {_WIDEST_WINDOW} pages, not {window}."
            )
        self._operation = operation
        self._query = tuple(query)
        self._fetch = fetch
        self._limit = limit
        self._strict = strict
        self._window = window
        self._walk: Walk[T] = self._start(cursor)
        self._page_offset = self._walk.offset
        self._given: list[str] = self._walk.recent(_IN_CURSOR)
        self._used = False
        self._bad: list[Undecodable] = []
        self._bad_count = 0

    def _start(self, cursor: str | None) -> Walk[T]:
        if cursor is None:
            return Walk()
        start = Cursor.load(cursor)
        if start.operation != self._operation or start.query != self._query:
            raise InvalidInputError("The cursor belongs to another list or other filters.")
        return Walk(start.offset, start.seen)

    @property
    def cursor(self) -> str:
        """Where the walk stands: after the item given last. Storable text."""
        return Cursor(self._operation, self._query, self._page_offset, tuple(self._given)).dump()

    def __await__(self) -> Generator[Any, Any, Page[T]]:
        return self._fetch(self._walk.offset, self._limit).__await__()

    def __aiter__(self) -> AsyncIterator[T]:
        return self.items()

    async def items(self) -> AsyncGenerator[T]:
        """All items, as by iterating over the pager itself."""
        async with aclosing(self._stretches()) as stretches:
            async for page in stretches:
                given = self._given.append
                for key, item in zip(page.keys, page.entries, strict=True):
                    given(key)
                    if isinstance(item, Undecodable):
                        self._note(item)
                    else:
                        yield item
        if self._bad_count:
            raise self._with_cursor(self._undecodable())

    async def pages(self) -> AsyncGenerator[Page[T]]:
        """All pages, without the records that earlier pages held; unreadable entries included."""
        async with aclosing(self._stretches()) as stretches:
            async for page in stretches:
                self._given.extend(page.keys)
                more = not self._walk.done
                yield attrs.evolve(page, has_more=more, next_offset=None)

    async def _stretches(self) -> AsyncGenerator[Page[T]]:
        if self._used:
            raise PagingError("This pager was already iterated over. Make a new one.")
        self._used = True
        walk, limit = self._walk, max(self._limit, SMALLEST_PAGE)
        shared = 1 if limit < _ACCEPTED_LIMIT else 0

        # Known by where its new records start, all pages lie equally far apart, as Ahead expects.
        def fetch(start: int) -> Coroutine[Any, Any, Page[T]]:
            if start == 0:
                return self._fetch(0, limit)
            return self._fetch(start - shared, limit + shared)

        ahead = Ahead(fetch, window=self._window)
        try:
            while not walk.done:
                self._page_offset = walk.offset
                del self._given[:-_IN_CURSOR]
                try:
                    start = walk.offset and walk.offset + shared
                    fresh = walk.accept(await ahead.get(start))
                except CubiCasaError as exc:
                    raise self._with_cursor(exc)  # noqa: B904 # the same error, completed
                if fresh.keys:
                    yield fresh
        finally:
            await ahead.close()

    def _note(self, item: Undecodable) -> None:
        self._bad_count += 1
        if len(self._bad) < _KEPT_UNDECODABLE:
            self._bad.append(item)
        if self._strict:
            raise self._with_cursor(self._undecodable())

    def _undecodable(self) -> UndecodableItemsError:
        return UndecodableItemsError(
            f"{self._operation}: {self._bad_count} entries of the list could not be read; all "
            "others were given.",
            self._bad,
            self._bad_count,
        )

    def _with_cursor(self, error: CubiCasaError) -> CubiCasaError:
        error.cursor = self.cursor
        return error
