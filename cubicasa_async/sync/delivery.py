"""The files of orders for callers without an event loop."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cubicasa_async.resources.order import Order
from cubicasa_async.sync.client import CubiCasa

if TYPE_CHECKING:  # the extra `delivery` is needed for downloads only
    from cubicasa_async.delivery import AssetOutcome, Progress

_MAX_BYTES: Final = 8 * 1024**3


def download_assets(
    client: CubiCasa,
    order: Order | str,
    directory: str | Path,
    *,
    products: Iterable[str] = (),
    formats: Iterable[str] = (),
    concurrency: int = 8,
    max_bytes: int = _MAX_BYTES,
    stall_timeout: float = 60.0,
    retries: int = 4,
    allow_private: bool = False,
    allow_http: bool = False,
    durable: bool = False,
    reason: str = "",
    progress: Callable[[Progress], object] | None = None,
) -> Generator[AssetOutcome]:
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
        progress: Is called with a Progress as bytes arrive, in the client's own thread.

    Yields:
        One outcome for each asset, as they become known: Downloaded, Replaced, Unchanged, Skipped
        or Failed; and Unlisted for what the order lists no more.

    Raises:
        ConfigError: An argument or the directory cannot be used, or another run is using it.
        CubiCasaError: The order could not be read; see `outcome`.
    """
    from cubicasa_async import delivery

    return client.portal.iterate(
        delivery.download_assets(
            client.asynchronous,
            order,
            directory,
            products=products,
            formats=formats,
            concurrency=concurrency,
            max_bytes=max_bytes,
            stall_timeout=stall_timeout,
            retries=retries,
            allow_private=allow_private,
            allow_http=allow_http,
            durable=durable,
            reason=reason,
            progress=progress,
        )
    )
