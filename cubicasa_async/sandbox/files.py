"""The other origin: a host of files that wants no key and tells if it ever sees one."""

from __future__ import annotations

import gzip
import hashlib
import hmac
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, cast
from urllib.parse import parse_qs, urlencode, urlsplit

import attrs
from aiohttp import web

from cubicasa_async.sandbox.faults import Fault, FaultPlan, Phase
from cubicasa_async.sandbox.file_content import Content, Contents
from cubicasa_async.sandbox.ledger import Entry
from cubicasa_async.sandbox.listener import Listener
from cubicasa_async.sandbox.spoil import spoil, strike
from cubicasa_async.sandbox.wire import Connection, Payload, Silence

__all__ = ["Fetch", "FileHost", "Habits"]

_FRAMINGS: Final = ("length", "chunked", "close")
_ETAGS: Final = ("strong", "weak", "none")
_EXPIRED: Final = b"<?xml version='1.0'?>\n<Error><Code>AccessDenied</Code></Error>\n"
_AT_ONCE: Final = 1 << 20


@attrs.define(eq=False)
class Fetch:
    """One request as the file host saw it; the status is None as long as none has left."""

    method: str
    path: str
    range: str | None
    status: int | None = None
    if_range: str | None = None
    if_none_match: str | None = None


def _one_of(known: tuple[str, ...]) -> Any:
    def check(_: object, attribute: attrs.Attribute[Any], value: object) -> None:
        if value not in known:
            raise ValueError(f"{attribute.name} is one of {', '.join(known)}, not {value!r}.")

    return check


def _yes_or_no(_: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if value is not True and value is not False:
        raise ValueError(f"{attribute.name} is true or false, not {value!r}.")


def _seconds_or_none(_: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if value is not None and not (
        type(value) in (int, float) and abs(cast("float", value)) <= 1e10
    ):
        raise ValueError(f"{attribute.name} is a number of seconds or null, not {value!r}.")


@attrs.define(kw_only=True)
class Habits:
    """How files are served; any of it may be set at any time.

    Attributes:
        framing: How the end of a body is told: by its "length", "chunked", or by "close" of the
            connection, which is no proof that it is whole.
        etags: Whether there are "strong" or "weak" validators, or "none".
        ranges: Whether a range is answered with that part; otherwise with the whole.
        if_range: Whether If-Range is obeyed. A host that does not gives parts of different
            versions.
        compressed: Whether bodies are sent as gzip, though nobody asked for that.
        signed_for: Seconds for which the URLs that the API gives are valid; None: for ever, and
            without a signature.
    """

    framing: str = attrs.field(default="length", validator=_one_of(_FRAMINGS))
    etags: str = attrs.field(default="strong", validator=_one_of(_ETAGS))
    ranges: bool = attrs.field(default=True, validator=_yes_or_no)
    if_range: bool = attrs.field(default=True, validator=_yes_or_no)
    compressed: bool = attrs.field(default=False, validator=_yes_or_no)
    signed_for: float | None = attrs.field(default=None, validator=_seconds_or_none)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Habits:
        """Habits from JSON types. Raises ValueError for an unknown key or value."""
        names = [field.name for field in attrs.fields(cls)]
        for name in data:
            if name not in names:
                raise ValueError(f"There is no {name!r}; known are {', '.join(names)}.")
        return cls(**data)


class FileHost:
    """Serves the delivered files.

    Any path has a file: its bytes follow from the path, so they are the same each time, until they
    are changed.

    Args:
        host: Address to bind.
        clock: Answers the time as Unix seconds; signatures expire by it.

    Attributes:
        saw_key: Whether a request ever came with an `api-key` or `Authorization` header, which
            must never happen: files are fetched without the key.
        fetches: The requests, oldest first.
        contents: What lies where: sizes, changes and exact bytes.
        habits: How files are served.
        faults: What goes wrong, by path: the kinds and phases of the API's own plan.
        on_key: Is told the path of each request that came with a key.
    """

    def __init__(self, host: str = "127.0.0.1", clock: Callable[[], float] = time.time) -> None:
        self._listener = Listener(self._handle, host, 0)
        self._clock = clock
        self.contents: Contents = Contents()
        self.faults: FaultPlan = FaultPlan()
        self.on_key: Callable[[str], object] | None = None
        self.reset()

    @property
    def origin(self) -> str:
        """Scheme, address and port."""
        return self._listener.origin

    @property
    def size(self) -> int:
        """How many bytes a file has if nothing else was said."""
        return self.contents.size

    @size.setter
    def size(self, value: int) -> None:
        self.contents.size = value

    async def start(self) -> None:
        """Begin to listen on a free port."""
        await self._listener.start()

    async def close(self) -> None:
        """Close all connections at once."""
        await self._listener.close()

    def reset(self) -> None:
        """Forget what was seen, and serve as in the beginning; what is held is let go."""
        self._listener.recover()
        self._listener.let_go()
        self.saw_key: bool = False
        self.fetches: list[Fetch] = []
        self.habits: Habits = Habits()
        self.contents.reset()
        self.faults.clear()
        self.faults.hits.clear()

    def content(self, path: str) -> bytes:
        """The bytes of the file at a path such as `/an-order/1/plans.pdf`."""
        return b"".join(self.contents.of(path).part())

    def signed(self, value: Any) -> Any:
        """A JSON value, its URLs of this host signed if that is the habit."""
        if self.habits.signed_for is None:
            return value
        if isinstance(value, dict):
            return {key: self.signed(one) for key, one in cast("dict[str, Any]", value).items()}
        if isinstance(value, list):
            return [self.signed(one) for one in value]  # pyright: ignore[reportUnknownVariableType] # JSON
        if isinstance(value, str) and value.startswith(f"{self.origin}/"):
            expires = repr(self._clock() + self.habits.signed_for)
            signature = self._signature(urlsplit(value).path, expires)
            return f"{value}?{urlencode({'expires': expires, 'signature': signature})}"
        return value

    def _signature(self, path: str, expires: str) -> str:
        return hashlib.sha256(f"{path} {expires}".encode()).hexdigest()[:32]

    def _admits(self, path: str, query: str) -> bool:
        if self.habits.signed_for is None:
            return True
        given = parse_qs(query)
        expires, signature = given.get("expires", [""])[0], given.get("signature", [""])[0]
        wanted = self._signature(path, expires)
        right = hmac.compare_digest(signature.encode(), wanted.encode())
        return right and float(expires) > self._clock()

    async def _handle(self, request: web.BaseRequest, connection: Connection) -> web.StreamResponse:
        await connection.discard()
        path, headers = request.rel_url.raw_path, request.headers
        if "api-key" in headers or "Authorization" in headers:
            self.saw_key = True
            if self.on_key is not None:
                self.on_key(path)
        fetch = Fetch(
            request.method,
            path,
            headers.get("Range"),
            if_range=headers.get("If-Range"),
            if_none_match=headers.get("If-None-Match"),
        )
        self.fetches.append(fetch)
        number = len(self.fetches)
        fault = self.faults.choose(None, request.method, path, number)
        entry = Entry(number, self._clock(), request.method, path, None, authorised=False)
        try:
            return await self._exchange(request, connection, entry, fault)
        finally:
            fetch.status = entry.status

    async def _exchange(
        self,
        request: web.BaseRequest,
        connection: Connection,
        entry: Entry,
        fault: Fault | None,
    ) -> web.StreamResponse:
        unanswered = (Phase.BEFORE_READ, Phase.AFTER_READ, Phase.AFTER_COMMIT)
        if fault is not None and fault.phase in unanswered:
            struck = await strike(fault, connection, entry)
            if struck is not None:
                return struck
        found = self._find(request)
        if fault is not None and fault.phase not in unanswered:
            return await spoil(fault, connection, entry, found.payload())
        entry.status = found.status
        return await self._send(request, connection, found)

    def _find(self, request: web.BaseRequest) -> _Found:
        path, headers = request.rel_url.raw_path, request.headers
        if request.method not in ("GET", "HEAD"):
            return _Found(405)
        if not self._admits(path, request.rel_url.raw_query_string):
            return _Found(403, Content("application/xml", _EXPIRED))
        content, habits = self.contents.of(path), self.habits
        etag = {"strong": content.etag, "weak": f"W/{content.etag}"}.get(habits.etags)
        fields = {"ETag": etag} if etag else {}
        if etag and headers.get("If-None-Match") == etag:
            return _Found(304, None, fields)
        if habits.compressed:
            packed = gzip.compress(b"".join(content.part()), 1, mtime=0)
            return _Found(
                200, Content(content.kind, packed), {**fields, "Content-Encoding": "gzip"}
            )
        if not habits.ranges:
            return _Found(200, content, fields)
        fields["Accept-Ranges"] = "bytes"
        try:
            part = request.http_range
        except ValueError:
            part = slice(None)
        outdated = habits.if_range and headers.get("If-Range", etag) != etag
        if part.start is None or outdated:
            return _Found(200, content, fields)
        begin, end, _ = part.indices(content.size)
        if begin >= end:
            return _Found(416, None, {"Content-Range": f"bytes */{content.size}"})
        fields["Content-Range"] = f"bytes {begin}-{end - 1}/{content.size}"
        return _Found(206, content, fields, begin, end)

    async def _send(
        self, request: web.BaseRequest, connection: Connection, found: _Found
    ) -> web.StreamResponse:
        framing = self.habits.framing
        if framing == "close" and found.status in (200, 206):
            payload = found.payload()
            connection.write(payload.head("Vary: Accept-Encoding") + payload.body)
            await connection.drop()
            return Silence()
        if found.length <= _AT_ONCE and framing == "length":
            return found.payload().response()
        response = web.StreamResponse(status=found.status, headers=found.headers())
        if framing == "length":
            response.content_length = found.length
        try:
            await response.prepare(request)
            if request.method == "GET":
                for block in found.part():
                    await response.write(block)
            await response.write_eof()
        except ConnectionError:  # the client left
            return Silence()
        return response


@attrs.frozen
class _Found:
    """What answers a request: a status, and a part of a file if there is one."""

    status: int
    content: Content | None = None
    fields: Mapping[str, str] = attrs.field(factory=dict[str, str])
    begin: int = 0
    end: int | None = None

    @property
    def length(self) -> int:
        if self.content is None:
            return 0
        return (self.content.size if self.end is None else self.end) - self.begin

    def part(self) -> Iterator[bytes]:
        if self.content is not None:
            yield from self.content.part(self.begin, self.begin + self.length)

    def headers(self) -> dict[str, str]:
        kind = self.content.kind if self.content else "text/plain"
        return {"Content-Type": kind, **self.fields}

    def payload(self) -> Payload:
        kind = self.content.kind if self.content else "text/plain"
        return Payload(self.status, b"".join(self.part()), kind, self.fields)
