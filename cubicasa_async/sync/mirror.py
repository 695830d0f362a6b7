"""A local copy of all orders for callers without an event loop."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from cubicasa_async.errors import CubiCasaError
from cubicasa_async.resources.order import Order
from cubicasa_async.sync.client import CubiCasa
from cubicasa_async.sync.portal import Portal

if TYPE_CHECKING:  # the extra `store` is needed for a mirror only
    from cubicasa_async import bulk
    from cubicasa_async.bulk import MirrorOutcome, Progress


def mirror_orders(
    client: CubiCasa,
    store: str | Path,
    *,
    concurrency: int = 8,
    recheck: timedelta | None = None,
    progress: Callable[[Progress], object] | None = None,
) -> Generator[MirrorOutcome]:
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
    from cubicasa_async import bulk

    return client.portal.iterate(
        bulk.mirror_orders(
            client.asynchronous,
            store,
            concurrency=concurrency,
            recheck=recheck,
            progress=progress,
        )
    )


class Mirror:
    """The local copy of all orders that `mirror_orders` keeps, open for reading.

    ::

        with Mirror("orders.db") as mirror:
            for order in mirror.orders(status="Ready"): ...
            stats = mirror.portal.run(read_stats(mirror.asynchronous))

    It may be read while a run is at work on it: each reading sees one state of it. What takes the
    mirror of asyncio is run as in the last line.

    Args:
        store: The file, or its URL.

    Attributes:
        portal: Runs coroutines on the mirror's loop.

    Raises:
        ConfigError: The target is of a kind that is not supported, or an extra is not installed.
        StoreError: On entering: there is no mirror, or it is of another version.
    """

    def __init__(self, store: str | Path) -> None:
        from cubicasa_async import bulk

        self._mirror: bulk.Mirror = bulk.Mirror(store)
        self._process = os.getpid()
        self.portal: Portal = Portal(self._mirror.store)

    @property
    def asynchronous(self) -> bulk.Mirror:
        """The mirror behind this one.

        Raises:
            CubiCasaError: It was opened by the process that this one was forked from.
        """
        if os.getpid() != self._process:
            raise CubiCasaError(
                "This mirror was opened before the process forked. Open it again in this one."
            )
        return self._mirror

    def __enter__(self) -> Self:
        try:
            self.portal.run(self.asynchronous.__aenter__())
        except BaseException:
            self.portal.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.portal.close()

    def orders(
        self,
        *,
        external_id: str | None = None,
        status: str | None = None,
        vanished: bool = False,
    ) -> Generator[Order]:
        """The orders, newest first, as a list has them: without their files.

        Args:
            external_id: Only those with this one.
            status: Only those in this status.
            vanished: Also those that the server has no more.

        Raises:
            StoreError: The mirror cannot be read.
        """
        return self.portal.iterate(
            self.asynchronous.orders(external_id=external_id, status=status, vanished=vanished)
        )
