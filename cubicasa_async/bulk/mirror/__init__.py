"""A local copy of all orders, kept current by runs that cost little.

A run lists all orders and asks for the details of those whose row in the list has changed since it
last read them. What the list does not show is not noticed: an order that is delivered again and is
`Ready` before and after may have the same row (inferred); `recheck` reads such details again after
a while.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from datetime import timedelta
from pathlib import Path

from cubicasa_async.bulk.mirror.outcomes import MirrorOutcome
from cubicasa_async.bulk.progress import Meter, Progress
from cubicasa_async.client import AsyncCubiCasa
from cubicasa_async.core.extras import from_extra
from cubicasa_async.errors import ConfigError


async def mirror_orders(
    client: AsyncCubiCasa,
    store: str | Path,
    *,
    concurrency: int = 8,
    recheck: timedelta | None = None,
    progress: Callable[[Progress], object] | None = None,
) -> AsyncGenerator[MirrorOutcome]:
    """Bring a local copy of all orders up to date, and tell what was found of each.

    Run it again and again, also while orders are being made. Lists all orders with proof that none
    was skipped, and reads the details of those whose row has changed. Each page is written in one
    transaction, so that a run that is stopped, by whatever means, leaves a copy that is right as
    far as it came. An order whose details cannot be read does not stop the others and is read by
    the next run. An order that the list, proven whole, holds no more is asked for, and marked as
    vanished if the server has it no more. Rows of orders that did not change are not written.

    Args:
        client: Makes the calls.
        store: A file for SQLite, made if it does not exist, or a URL `postgresql://...`. Its
            tables are described in `cubicasa_async.bulk.mirror.tables`.
        concurrency: How many details are read at once.
        recheck: Also read details again that were last read longer ago than this. Without it,
            what the list does not show is not noticed, such as files delivered again.
        progress: Called with a snapshot a few times per second, and at the end. Its phases are
            "listing", "confirming" that missing orders are gone, and "ended".

    Yields:
        One outcome for each order, once it is in the store: NewOrder, ChangedOrder,
        UnchangedOrder, ReturnedOrder, VanishedOrder or FailedOrder. An order that changes again
        during the run has another.

    Raises:
        StoreError: The store cannot be used, or another run is at work on it.
        JobStoppedError: A fault that concerns all orders, such as a refused key, a server that
            cannot be reached, or a list that moved too fast for a proof (GapError, three walks),
            stopped the run. What was found before is in the store; nothing was marked as vanished.
        ConfigError: An argument is out of range, or the extra `store` is not installed.
    """
    if concurrency < 1 or (recheck is not None and recheck < timedelta()):
        raise ConfigError("concurrency must be 1 or more, and recheck no time below zero.")
    with from_extra("store", "The order mirror"):
        from cubicasa_async.bulk.mirror.book import Book
        from cubicasa_async.bulk.mirror.run import Run
        from cubicasa_async.bulk.mirror.tables import SCHEMA
        from cubicasa_async.store import Store
    meter = Meter(client.runtime, progress)
    meter.phase = "listing"
    async with Store(store, SCHEMA) as opened, opened.alone("mirror run"):
        book = await Book.begin(opened, str(client.config.base_url), client.runtime.utcnow())
        run = Run(client, book, meter, concurrency=concurrency, recheck=recheck)
        teller = asyncio.create_task(meter.tell_now_and_then())
        try:
            async with aclosing(run.conduct()) as outcomes:
                async for outcome in outcomes:
                    if teller.done():
                        teller.result()  # the caller's function failed
                    yield outcome
        finally:
            teller.cancel()
            await asyncio.wait([teller])
            if not teller.cancelled():
                teller.result()
            meter.phase = "ended"
            meter.tell()
