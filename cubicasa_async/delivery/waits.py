"""What wakes those who wait for an order, from what a receiver learns."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress

from cubicasa_async.resources.waiting import Waker

__all__ = ["OrderSignals", "Waker"]


class OrderSignals:
    """Passes on that an order may have changed, to whoever waits for it in this process.

    ::

        signals = OrderSignals()
        # in the handler of an inbox:    signals.tell(event.order_id)
        # elsewhere:                     await client.orders.wait_until(order_id, waker=signals)

    It may be told from any thread, and waited for on any event loop.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[str, set[asyncio.Future[None]]] = {}

    def __len__(self) -> int:
        """How many wait."""
        with self._lock:
            return sum(map(len, self._waiting.values()))

    def tell(self, order_id: str) -> None:
        """Wake all who wait for this order now."""
        with self._lock:
            woken = self._waiting.pop(order_id, set())
        for future in woken:
            with suppress(RuntimeError):  # its loop has ended
                future.get_loop().call_soon_threadsafe(_wake, future)

    async def changed(self, order_id: str) -> None:
        """Return when the order is told of after this was called."""
        future = asyncio.get_running_loop().create_future()
        with self._lock:
            self._waiting.setdefault(order_id, set()).add(future)
        try:
            await future
        finally:
            with self._lock:
                left = self._waiting.get(order_id, set())
                left.discard(future)
                if not left:
                    self._waiting.pop(order_id, None)


def _wake(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
