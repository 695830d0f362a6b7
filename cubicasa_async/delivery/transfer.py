"""One file from its URL into a part on disk: streamed, bounded, resumed, and checked."""

from __future__ import annotations

import asyncio
import math
import re
import zlib
from collections.abc import Awaitable, Callable, Iterator
from typing import Final, ParamSpec, TypeVar

import aiohttp
import attrs

from cubicasa_async.config import Config
from cubicasa_async.core import failures, policy
from cubicasa_async.core.runtime import Runtime
from cubicasa_async.delivery import file_kinds
from cubicasa_async.delivery.manifest import Entry, shown_url
from cubicasa_async.delivery.reach import FileSessions, lost
from cubicasa_async.delivery.storage import Digest, Part, PartState, Settled, Threads
from cubicasa_async.errors import DownloadError, Outcome
from cubicasa_async.resources.assets import Asset

RESUMABLE: Final = 1 << 20
"""Files of more bytes than this are taken up where they broke off; smaller ones begin anew."""

_BATCH: Final = 1 << 20
_SMALL_REST: Final = _BATCH // 2
_LONGEST_RETRY_AFTER: Final = 300.0
_FOR_NOW: Final = frozenset({408, 425, 429})
_RANGE: Final = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18})", re.IGNORECASE)
_STRONG: Final = re.compile(r'"[\x21\x23-\x7e]*"')

P = ParamSpec("P")
T = TypeVar("T")


@attrs.frozen
class Received:
    """A file that is whole and has its name.

    Attributes:
        settled: What it holds, and what it replaced.
        url: Where it came from, as it may be shown.
        etag: Its strong validator, if there is one.
        note: What a person should know about it.
    """

    settled: Settled
    url: str
    etag: str | None
    note: str = ""


@attrs.frozen(kw_only=True)
class Transfer:
    """The reception of one file.

    Attributes:
        asset: What is fetched.
        part: Where it goes until it is whole.
        settle: Takes the last bytes, and gives the part its name; called in a thread.
        sessions: Fetches.
        config: The client's, for how waits between attempts grow.
        runtime: Sources of time and chance.
        slots: Bound how many files are received at once; what is received whole holds none.
        threads: Run what blocks.
        renew: Gives the asset's present URL, for one that is refused.
        progress: Is told the bytes received and the bytes of the whole, if those are known.
        max_bytes: The most bytes that a file may have.
        retries: How often in a row a file may fail without getting on before it is given up.
    """

    asset: Asset
    part: Part
    settle: Callable[[list[bytes]], Settled]
    sessions: FileSessions
    config: Config
    runtime: Runtime
    slots: asyncio.Semaphore
    threads: Threads
    renew: Callable[[Asset, str], Awaitable[str]]
    progress: Callable[[int, int | None], None]
    max_bytes: int
    retries: int

    async def receive(self, known: Entry | None) -> Received:
        """Fetch the file; if it still is what is known of it, nothing is fetched.

        Raises:
            DownloadError: It could not be fetched whole, or is not what it should be.
        """
        url, renewed, failed, furthest = self.asset.url, False, 0, 0
        waits = policy.waits(self.config.retry)
        while True:
            try:
                return await self._attempt(url, known)
            except _AttemptError as exc:
                error, wait = exc.error, exc.retry_after
            finally:
                self.part.close()
            if _may_have_expired(error) and not renewed:
                refused, url, renewed = url, await self.renew(self.asset, url), True
                if url != refused:
                    continue
            if self.part.size > furthest + RESUMABLE:
                failed, renewed, waits = 0, False, policy.waits(self.config.retry)
            failed, furthest = failed + 1, max(furthest, self.part.size)
            if failed > self.retries or not error.transient:
                raise error
            await self.runtime.sleep(max(self.runtime.jitter(next(waits)), wait))

    async def _attempt(self, url: str, known: Entry | None) -> Received:
        left = await self._on_disk(self.part.state) if self.part.left else None
        about, asked = None, dict[str, str]()
        if left is not None and left[0].url == shown_url(url) and 0 < left[1] <= left[0].total:
            about, there = left
            if there < about.total:
                asked = {"Range": f"bytes={there}-", "If-Range": about.etag}
            else:
                asked = {"If-None-Match": about.etag}
        elif known is not None and known.etag and known.url == shown_url(url):
            asked = {"If-None-Match": known.etag}
        async with self.slots:
            try:
                response = await self.sessions.get(url, asked)
            except DownloadError as exc:
                raise _AttemptError(exc) from None
            async with response:
                if response.status == 304 and about is None and known is not None and asked:
                    same = Settled(Digest(known.size, known.xxh128))
                    return Received(same, shown_url(url), known.etag)
                about, last = await self._take(response, url, about, asked)
                note = await self._end_note(response, last)
        settled = await self._on_disk(self.settle, last)
        etag = _strong_etag(response) or (None if about is None else about.etag)
        return Received(settled, shown_url(url), etag, note)

    async def _take(
        self,
        response: aiohttp.ClientResponse,
        url: str,
        about: PartState | None,
        asked: dict[str, str],
    ) -> tuple[PartState | None, list[bytes]]:
        """Receive what the part lacks; gives what it belongs to, and its last bytes."""
        last: list[bytes] = []
        if response.status == 200:
            about = _about(response, url)
            self.part.begin(about)
            last = await self._stream(response, response.content_length)
        elif response.status == 206 and about is not None and "Range" in asked:
            await self._on_disk(self.part.take_up)
            if not _continues(response, about, self.part.size):
                await self._on_disk(self.part.discard)
                raise _failed("Another part was sent than the one that was asked for.")
            last = await self._stream(response, about.total)
        elif response.status == 304 and about is not None and "If-None-Match" in asked:
            await self._on_disk(self.part.take_up)
        elif response.status in {206, 416}:
            await self._on_disk(self.part.discard)
            raise _failed("Another part was sent than the one that was asked for.")
        else:
            raise self._refusal(response)
        return about, last

    async def _stream(self, response: aiohttp.ClientResponse, total: int | None) -> list[bytes]:
        """Put the body behind what the part holds, but for the last blocks, which are returned.

        A batch is written while the next is received. Each visit to a thread costs as much as
        receiving a quarter of a megabyte, so a small rest waits for no visit of its own, and most
        files make do with one.
        """
        inflate = _inflation(response.headers.get("Content-Encoding", ""))
        total = None if inflate.packed else total
        size, batch, batch_size = self.part.size, list[bytes](), 0
        checked = size > 0
        writing: asyncio.Future[None] | None = None
        self._check_size(total or 0)
        self.progress(size, total)
        try:
            while received := await _next_block(response):
                for block in inflate(received):
                    batch.append(block)
                    batch_size += len(block)
                    self._check_size(size + batch_size)
                    rest = math.inf if total is None else total - size - batch_size
                    if batch_size < _BATCH or 0 <= rest < _SMALL_REST:
                        continue
                    if not checked:
                        self._check_kind(response, batch)
                        checked = True
                    if writing is not None:
                        await writing
                    writing = asyncio.ensure_future(self._on_disk(self.part.write, batch))
                    size, batch, batch_size = size + batch_size, [], 0
                    self.progress(size, total)
            inflate.check_end()
            if not checked:
                self._check_kind(response, batch)
        finally:
            if writing is not None:
                await writing
        size += batch_size
        if total is not None and size != total:
            raise _failed(f"The file ended after {size} of {total} bytes.")
        self.progress(size, total)
        return batch

    def _check_size(self, size: int) -> None:
        if size > self.max_bytes:
            raise _failed(
                f"The file is larger than {self.max_bytes} bytes, the bound that was set.",
                transient=False,
            )

    def _check_kind(self, response: aiohttp.ClientResponse, batch: list[bytes]) -> None:
        head = b""
        for block in batch:
            head += block[: file_kinds.HEAD - len(head)]
        content_type = response.headers.get("Content-Type", "")
        problem = file_kinds.problem_of(self.asset.format, head, content_type)
        if problem is not None:
            wanted = f"a {self.asset.format} file" if self.asset.format else "a file"
            raise _failed(f"What came is not {wanted}: {problem}.", transient=False)

    async def _end_note(self, response: aiohttp.ClientResponse, last: list[bytes]) -> str:
        """What to say of a file whose length the server did not tell."""
        encoding = response.headers.get("Transfer-Encoding", "").lower()
        if response.status == 304 or response.content_length is not None or "chunked" in encoding:
            return ""
        await self._on_disk(self.part.write, last[:])
        last.clear()
        tail = await self._on_disk(self.part.tail, file_kinds.TAIL)
        whole = file_kinds.ends_well(self.asset.format, tail)
        if whole is False:
            raise _failed("The file ends too early.")
        return "" if whole else "whether it is whole is not known: the server told no length"

    def _refusal(self, response: aiohttp.ClientResponse) -> _AttemptError:
        status = response.status
        transient = status >= 500 or status in _FOR_NOW
        error = DownloadError(
            f"The file was refused with status {status}.",
            status=status,
            outcome=Outcome.REFUSED,
            transient=transient,
        )
        wait = policy.parse_retry_after(
            response.headers.get("Retry-After"),
            now=self.runtime.utcnow(),
            longest=_LONGEST_RETRY_AFTER,
        )
        return _AttemptError(error, (wait or 0.0) if transient else 0.0)

    async def _on_disk(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return await self.threads.run(function, *args, **kwargs)
        except OSError as exc:
            reason = exc.strerror or type(exc).__name__
            raise DownloadError(
                f"The file could not be written: {reason}.", outcome=Outcome.NOT_SENT
            ) from exc


class _AttemptError(Exception):
    """An attempt failed; whether there is another is decided by the one who catches this."""

    def __init__(self, error: DownloadError, retry_after: float = 0.0) -> None:
        self.error = error
        self.retry_after = retry_after


def _failed(message: str, *, transient: bool = True) -> _AttemptError:
    return _AttemptError(DownloadError(message, transient=transient))


def _may_have_expired(error: DownloadError) -> bool:
    # Hosts differ in how they refuse a URL that has expired: 400, 401, 403, 404 and 410 occur.
    return error.status is not None and 400 <= error.status < 500 and error.status not in _FOR_NOW


async def _next_block(response: aiohttp.ClientResponse) -> bytes:
    content = response.content
    try:
        if response.content_length is None:  # it may come in shreds, which are put together
            return await content.readany()
        return (await content.readchunk())[0]
    except failures.FOREIGN as exc:
        raise _AttemptError(lost(exc)) from None


class _Inflation:
    """Undoes a compression that nobody asked for, in bounded steps."""

    def __init__(self, *, packed: bool, has_members: bool) -> None:
        self.packed = packed
        self._has_members = has_members
        self._unpacker = zlib.decompressobj(47)  # gzip or zlib, by what it begins with

    def __call__(self, data: bytes) -> Iterator[bytes]:
        if not self.packed:
            yield data
            return
        while data:
            if self._unpacker.eof:
                self._begin_member()
            try:
                block = self._unpacker.decompress(data, _BATCH)
            except zlib.error as exc:
                raise _AttemptError(lost(exc)) from None
            data = self._unpacker.unconsumed_tail or self._unpacker.unused_data
            if block:
                yield block

    def _begin_member(self) -> None:
        if not self._has_members:
            raise _failed("More came behind the end of the file.")
        self._unpacker = zlib.decompressobj(31)

    def check_end(self) -> None:
        if self.packed and not self._unpacker.eof:
            raise _failed("The file was cut off on its way.")


def _inflation(encoding: str) -> _Inflation:
    name = encoding.strip().lower()
    if name not in {"", "identity", "gzip", "x-gzip", "deflate"}:
        raise _failed(f"The file was sent in the encoding {name!r}, which nobody asked for.")
    # A gzip body may be several behind each other (RFC 1952), which together are the file.
    return _Inflation(packed=name not in {"", "identity"}, has_members=name.endswith("gzip"))


def _strong_etag(response: aiohttp.ClientResponse) -> str | None:
    etag = response.headers.get("ETag", "")
    return etag if _STRONG.fullmatch(etag) else None


def _about(response: aiohttp.ClientResponse, url: str) -> PartState | None:
    """What is needed to take a file up again; None if it is not worth it or cannot be safe."""
    etag, total = _strong_etag(response), response.content_length
    packed = response.headers.get("Content-Encoding", "identity").lower() != "identity"
    if etag is None or total is None or total <= RESUMABLE or packed:
        return None
    return PartState(shown_url(url), etag, total)


def _continues(response: aiohttp.ClientResponse, about: PartState, size: int) -> bool:
    """Whether a part is the rest of the very version that the beginning is from."""
    matched = _RANGE.fullmatch(response.headers.get("Content-Range", "").strip())
    return (
        matched is not None
        and tuple(map(int, matched.groups())) == (size, about.total - 1, about.total)
        and _strong_etag(response) == about.etag
        and response.content_length in {None, about.total - size}
        and response.headers.get("Content-Encoding", "identity").lower() == "identity"
    )
