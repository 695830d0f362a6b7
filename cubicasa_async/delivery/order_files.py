"""The files of one order: fetched by several workers, written down, and told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import Any, Final, ParamSpec, TypeVar, cast

import attrs

from cubicasa_async.client import AsyncCubiCasa
from cubicasa_async.core.file_names import FORMER
from cubicasa_async.delivery.asset_outcomes import (
    AssetOutcome,
    Downloaded,
    Failed,
    Replaced,
    Skipped,
    Unchanged,
    Unlisted,
)
from cubicasa_async.delivery.manifest import Entry, Former, Manifest, shown_url
from cubicasa_async.delivery.reach import FileSessions
from cubicasa_async.delivery.storage import Digest, Storage, Threads
from cubicasa_async.delivery.transfer import Received, Transfer
from cubicasa_async.errors import ConfigError, CubiCasaError, DownloadError, Outcome
from cubicasa_async.resources.assets import Asset
from cubicasa_async.resources.order import Order

P = ParamSpec("P")
T = TypeVar("T")

_GATHER: Final = 0.02
"""Seconds in which what is done is gathered, so that the manifest is not written for each file."""

_WORKERS_PER_SLOT: Final = 2
"""While the files of some are put on the disk itself, if that is asked for, others receive."""


@attrs.frozen
class Progress:
    """How far a file has come.

    Attributes:
        asset: The file.
        received: Bytes received, those of an earlier run included.
        total: Bytes of the whole; None if the server did not say.
    """

    asset: Asset
    received: int
    total: int | None


@attrs.frozen(kw_only=True)
class Settings:
    """The arguments of a download, as `download_assets` describes them."""

    products: frozenset[str]
    formats: frozenset[str]
    concurrency: int
    max_bytes: int
    stall_timeout: float
    retries: int
    allow_private: bool
    allow_http: bool
    durable: bool
    reason: str
    progress: Callable[[Progress], object] | None

    def __attrs_post_init__(self) -> None:
        if self.concurrency < 1 or self.max_bytes < 1 or self.retries < 0:
            raise ConfigError("concurrency and max_bytes must be 1 or more, retries 0 or more.")
        if not self.stall_timeout > 0:
            raise ConfigError("stall_timeout must be a number of seconds above 0.")

    def wants(self, product: str, kind: str | None) -> bool:
        """Whether assets of this product and format are asked for."""
        return (not self.products or product in self.products) and (
            not self.formats or (kind or "") in self.formats
        )


@attrs.frozen
class _Done:
    """An outcome, and what is to be written down before it is told."""

    outcome: AssetOutcome
    entry: Entry | None = None


class OrderFiles:
    """One run over the assets of an order."""

    def __init__(
        self,
        client: AsyncCubiCasa,
        order: Order,
        storage: Storage,
        manifest: Manifest,
        sessions: FileSessions,
        threads: Threads,
        settings: Settings,
    ) -> None:
        self._client = client
        self._order = order
        self._storage = storage
        self._manifest = manifest
        self._sessions = sessions
        self._threads = threads
        self._slots = asyncio.Semaphore(settings.concurrency)
        self._settings = settings
        self._renewing = asyncio.Lock()
        self._done: asyncio.Queue[_Done | None] = asyncio.Queue(8 * settings.concurrency)
        self.outcomes: asyncio.Queue[AssetOutcome | None] = asyncio.Queue(2 * settings.concurrency)

    async def work(self) -> None:
        """Fetch all that is wanted; outcomes go to the queue, None behind the last."""
        failure: Exception | None = None
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._record())
                await self._fetch_all()
                await self._done.put(None)
        except ExceptionGroup as group:  # it is raised behind the last outcome
            failure = _first(group)
        await self.outcomes.put(None)
        if failure is not None:
            raise failure

    async def _fetch_all(self) -> None:
        listed = self._order.assets()
        wanted = iter([a for a in listed if self._settings.wants(a.product, a.format)])

        async def fetch() -> None:
            for asset in wanted:
                await self._done.put(await self._fetched(asset))

        async with asyncio.TaskGroup() as workers:
            per_slot = _WORKERS_PER_SLOT if self._settings.durable else 1
            for _ in range(per_slot * self._settings.concurrency):
                workers.create_task(fetch())
        if listed:  # an order without any file may be in work; then nothing is concluded
            for done in self._unlisted({asset.name for asset in listed}):
                await self._done.put(done)

    async def _record(self) -> None:
        """Write down what was done, and tell it then; what was done meanwhile goes together."""
        ended = False
        while not ended:
            batch = [await self._done.get()]
            with suppress(TimeoutError):
                async with asyncio.timeout(_GATHER):
                    while batch[-1] is not None:
                        batch.append(await self._done.get())
            done = [one for one in batch if one is not None]
            ended = len(done) < len(batch)
            entries = {one.outcome.asset.name: one.entry for one in done if one.entry is not None}
            if entries:
                self._manifest.files.update(entries)
                await self._manifest.save()
            for one in done:
                await self.outcomes.put(one.outcome)

    def _unlisted(self, listed: set[str]) -> Iterator[_Done]:
        for name, entry in list(self._manifest.files.items()):
            wanted = self._settings.wants(entry.product, entry.format)
            if name not in listed and entry.listed and wanted:
                note = "the order lists it no more; the file stays"
                outcome = Unlisted(note=note, **self._of(entry.asset(name)))
                yield _Done(outcome, attrs.evolve(entry, listed=False))

    def _of(self, asset: Asset) -> dict[str, Any]:
        path = self._storage.directory / asset.name
        return {"order_id": self._order.id, "asset": asset, "path": path}

    def _told(self, asset: Asset, content: Digest) -> dict[str, Any]:
        return {**self._of(asset), "size": content.size, "xxh128": content.xxh128}

    async def _fetched(self, asset: Asset) -> _Done:
        if asset.is_page:
            note = f"a page to look at: {shown_url(asset.url)}"
            return _Done(Skipped(note=note, **self._of(asset)))
        try:
            return await self._deliver(asset)
        except DownloadError as exc:
            return _Done(Failed(error=exc, note=exc.message, **self._of(asset)))

    async def _deliver(self, asset: Asset) -> _Done:
        name, entry = asset.name, self._manifest.files.get(asset.name)
        known = None if entry is None else Digest(entry.size, entry.xxh128)
        there = None if entry is None else await self._on_disk(self._storage.digest, name)
        intact = there is not None and there == known
        received = await self._transfer(asset, there).receive(entry if intact else None)
        now = self._client.runtime.utcnow().isoformat()
        content = received.settled.content
        if entry is not None and intact and content == known:
            same = attrs.evolve(
                entry, url=received.url, etag=received.etag, checked_at=now, listed=True
            )
            return _Done(Unchanged(note=received.note, **self._told(asset, content)), same)
        return await self._replaced(asset, entry, received, now)

    async def _replaced(
        self, asset: Asset, entry: Entry | None, received: Received, now: str
    ) -> _Done:
        """What to say and to write down of a file that was put in its place."""
        digest, kept = received.settled.content, received.settled.kept
        former = entry.former if entry else ()
        old = None if entry is None else Digest(entry.size, entry.xxh128)
        replaced, before = False, None
        if old is not None and old != digest:
            replaced = True
            # A run that was killed may have kept the old version and replaced it already.
            before = await self._on_disk(self._storage.former, asset.name, old)
        for version in dict.fromkeys((before, kept)):
            if version is not None and version not in {one.name for one in former}:
                content = await self._on_disk(self._storage.former_digest, version)
                former += (_former(version, content, entry if content == old else None, now),)
        taken = ("product", "format", "floor", "dimensioned", "place")
        new = Entry(
            **{field: getattr(asset, field) for field in taken},
            url=received.url,
            etag=received.etag,
            size=digest.size,
            xxh128=digest.xxh128,
            fetched_at=now,
            checked_at=now,
            reason=self._settings.reason,
            former=former,
        )
        fields = self._told(asset, digest)
        notes = [received.note] if received.note else []
        if entry is not None and not replaced:
            notes.append("the file had changed or gone here, and was fetched again")
        if kept not in {None, before}:
            notes.append(f"a file of another origin that had its name is now {FORMER}/{kept}")
        note = "; ".join(notes)
        if replaced:
            place = self._storage.former_path(before) if before is not None else None
            return _Done(Replaced(former=place, note=note, **fields), new)
        return _Done(Downloaded(note=note, **fields), new)

    def _transfer(self, asset: Asset, there: Digest | None) -> Transfer:
        settings, part = self._settings, self._storage.part(asset.name)

        def tell(received: int, total: int | None) -> None:
            if settings.progress is not None:
                settings.progress(Progress(asset, received, total))

        return Transfer(
            asset=asset,
            part=part,
            settle=partial(self._storage.settle, asset.name, part, there),
            sessions=self._sessions,
            config=self._client.config,
            runtime=self._client.runtime,
            slots=self._slots,
            threads=self._threads,
            renew=self._renew,
            progress=tell,
            max_bytes=settings.max_bytes,
            retries=settings.retries,
        )

    async def _renew(self, asset: Asset, refused: str) -> str:
        """The present URL of an asset whose URL was refused; the order is read once for many."""
        async with self._renewing:
            present = self._present_url(asset)
            if present == refused:
                try:
                    self._order = await self._client.orders.get(self._order.id)
                except CubiCasaError as exc:
                    raise DownloadError(
                        "The file was refused, and its order could not be read for another URL. "
                        + exc.message,
                        outcome=exc.outcome,
                    ) from exc
                present = self._present_url(asset)
        if present is not None:
            return present
        if any(other.place == asset.place for other in self._order.assets()):
            raise DownloadError(
                "The file was refused, and the order now lists one of another format in its place. "
                "Run it again to fetch that."
            )
        raise DownloadError("The file was refused, and the order lists it no more.")

    async def _on_disk(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return await self._threads.run(function, *args, **kwargs)
        except OSError as exc:
            reason = exc.strerror or type(exc).__name__
            sentence = f"The directory of the files could not be read: {reason}."
            raise DownloadError(sentence, outcome=Outcome.NOT_SENT) from exc

    def _present_url(self, asset: Asset) -> str | None:
        return next((a.url for a in self._order.assets() if a.name == asset.name), None)


def _first(error: Exception) -> Exception:
    while isinstance(error, ExceptionGroup):
        error = cast("ExceptionGroup[Exception]", error).exceptions[0]
    return error


def _former(name: str, content: Digest, entry: Entry | None, now: str) -> Former:
    return Former(
        name=name,
        size=content.size,
        xxh128=content.xxh128,
        fetched_at=entry.fetched_at if entry else "",
        replaced_at=now,
        reason=entry.reason if entry else "",
    )
