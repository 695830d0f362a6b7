"""Walking with several pages on their way at once, against one page after another."""

from __future__ import annotations

import functools
import inspect

from benchmarks.measure import WALL, Figure, Missing, compare
from benchmarks.server import ORDERS, at
from benchmarks.walks import Walks
from cubicasa_async import AsyncCubiCasa

SEQUENTIAL = "cubicasa_async, sequential"
WINDOW = "cubicasa_async, window of 8"


async def run(base_url: str, *, quick: bool) -> list[Figure]:
    orders = 2_500 if quick else ORDERS
    base_url = at(base_url, orders=orders, latency=0.05)
    walks = Walks(base_url, orders=orders, limit=100)
    async with AsyncCubiCasa("bench", base_url=base_url) as client:
        if "window" not in inspect.signature(client.orders.list).parameters:
            return [Missing(WINDOW, "orders.list has no window in this version")]
        return [
            *await compare(
                (SEQUENTIAL, functools.partial(walks.ours, client)),
                {WINDOW: functools.partial(walks.ours, client, window=8)},
                rounds=2 if quick else 10,
                clock=WALL,
            )
        ]
