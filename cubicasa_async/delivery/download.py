"""The files of an order, from their URLs into a directory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Final

from cubicasa_async.client import AsyncCubiCasa
from cubicasa_async.core.extras import from_extra
from cubicasa_async.delivery.asset_outcomes import AssetOutcome
from cubicasa_async.delivery.manifest import Manifest
from cubicasa_async.delivery.order_files import OrderFiles, Progress, Settings
from cubicasa_async.delivery.reach import FileSessions
from cubicasa_async.delivery.storage import Storage, Threads
from cubicasa_async.errors import ConfigError
from cubicasa_async.resources.order import Order

MAX_BYTES: Final = 8 * 1024**3
"""The most bytes that a file may have, if nothing else is said."""

_WRITERS: Final = 2
"""Threads that write, if none waits for the disk itself; more get in each other's way."""


async def download_assets(
    client: AsyncCubiCasa,
    order: Order | str,
    directory: str | Path,
    *,
    products: Iterable[str] = (),
    formats: Iterable[str] = (),
    concurrency: int = 8,
    max_bytes: int = MAX_BYTES,
    stall_timeout: float = 60.0,
    retries: int = 4,
    allow_private: bool = False,
    allow_http: bool = False,
    durable: bool = False,
    reason: str = "",
    progress: Callable[[Progress], object] | None = None,
) -> AsyncGenerator[AssetOutcome]:
    """Put the files of an order into a directory, and tell what became of each.

    A file appears under its name only when it is whole and has been checked; what was received of
    it until then lies in `.parts`. A manifest beside the files, `cubicasa-manifest.json`, records
    what was delivered. Files that it lists and that the server still has are not fetched again; a
    version that is replaced, as by a fix or an edit, is kept in the folder `former`. Stopping at
    any moment, by whatever means, loses nothing: the same call takes it up again.

    The api key is never sent to where the files are. URLs that were refused, as they may have
    expired, are renewed by reading the order again.

    Args:
        client: Reads the order. Its settings for TLS, proxy, connecting and repeats are used.
        order: The order, or its identifier. A row of a list has no files and is read again.
        directory: Where the files of this one order lie; it is made if need be.
        products: Only assets of these products, such as `listing_floorplans`; all by default.
        formats: Only assets of these formats, such as "pdf"; all by default.
        concurrency: How many files are fetched at once.
        max_bytes: The most bytes that a file may have, after decompression.
        stall_timeout: Seconds without a byte after which an attempt is given up. There is no
            bound on the whole.
        retries: How often in a row a file may fail without getting on before it is given up.
        allow_private: Also fetch from this machine and from private networks, as with a sandbox,
            and by plain http there.
        allow_http: Also fetch by plain http from elsewhere.
        durable: Tell of a file only when it and the manifest are on the disk itself, for callers
            that acknowledge the delivery then. Without it a loss of power may take files that were
            told; the next run sees that and fetches them again.
        reason: Why there may be something new, for the manifest, such as an event's reason.
        progress: Is called with a Progress as bytes arrive.

    Yields:
        One outcome for each asset, as they become known: Downloaded, Replaced, Unchanged, Skipped
        or Failed; and Unlisted for what the order lists no more.

    Raises:
        ConfigError: An argument or the directory cannot be used, or another run is using it.
        CubiCasaError: The order could not be read; see `outcome`.
    """
    settings = Settings(
        products=frozenset(products),
        formats=frozenset(kind.lower() for kind in formats),
        concurrency=concurrency,
        max_bytes=max_bytes,
        stall_timeout=stall_timeout,
        retries=retries,
        allow_private=allow_private,
        allow_http=allow_http,
        durable=durable,
        reason=str(reason),
        progress=progress,
    )
    if isinstance(order, str) or not order.assets():
        order = await client.orders.get(order if isinstance(order, str) else order.id)
    async with AsyncExitStack() as stack:
        count = concurrency if durable else _WRITERS
        threads = Threads(stack.enter_context(ThreadPoolExecutor(count, "cubicasa-files")))
        storage = await _storage(Path(directory), threads, durable=durable)
        stack.enter_context(_locked(storage))
        manifest = Manifest(storage.directory, order.id, threads=threads, durable=durable)
        sessions = await stack.enter_async_context(
            FileSessions(
                client.config,
                stall_timeout=stall_timeout,
                allow_private=allow_private,
                allow_http=allow_http,
            )
        )
        files = OrderFiles(client, order, storage, manifest, sessions, threads, settings)
        work = asyncio.create_task(files.work())
        try:
            while (outcome := await files.outcomes.get()) is not None:
                yield outcome
            await work
        finally:
            work.cancel()
            await asyncio.wait([work])


async def _storage(directory: Path, threads: Threads, *, durable: bool) -> Storage:
    try:
        return await threads.run(Storage, directory, durable=durable)
    except OSError as exc:
        raise ConfigError(
            f"The directory {directory} cannot be used: {exc.strerror or exc}."
        ) from None


@contextmanager
def _locked(storage: Storage) -> Generator[None]:
    with from_extra("delivery", "Downloading"):
        from filelock import FileLock, Timeout
    lock = FileLock(storage.lock, timeout=0, thread_local=False)
    try:
        lock.acquire()
    except Timeout:
        raise ConfigError(
            f"The directory {storage.directory} is in use by another run. Wait for its end."
        ) from None
    except OSError as exc:
        raise ConfigError(
            f"The directory {storage.directory} cannot be used: {exc.strerror or exc}."
        ) from None
    try:
        yield
    finally:
        lock.release()
