"""Getting an order without an event loop, and the same call awaited."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import orjson
import requests
import urllib3

from benchmarks.goals import OURS
from benchmarks.measure import WALL, Figure, Slice, compare
from benchmarks.server import order_id
from benchmarks.walks import HEADERS
from cubicasa_async import AsyncCubiCasa, CubiCasa

URLLIB3 = "urllib3"
AWAITED = "the same call awaited"
CALLS = 100


def _slice(get: Callable[[str], object]) -> Slice:
    async def get_all() -> None:
        for number in range(CALLS):
            get(order_id(number))

    return get_all


async def run(base_url: str, *, quick: bool) -> list[Figure]:
    url = f"{base_url}/orders"
    with (
        httpx.Client(headers=HEADERS) as by_httpx,
        requests.Session() as by_requests,
        urllib3.PoolManager(headers=HEADERS) as by_urllib3,
        CubiCasa("bench", base_url=base_url) as client,
    ):
        by_requests.headers.update(HEADERS)
        async with AsyncCubiCasa("bench", base_url=base_url) as awaited:

            async def await_all() -> None:
                for number in range(CALLS):
                    await awaited.orders.get(order_id(number))

            return [
                *await compare(
                    (
                        URLLIB3,
                        _slice(
                            lambda i: orjson.loads(by_urllib3.request("GET", f"{url}/{i}").data)
                        ),
                    ),
                    {
                        OURS: _slice(client.orders.get),
                        "httpx.Client": _slice(
                            lambda i: orjson.loads(by_httpx.get(f"{url}/{i}").content)
                        ),
                        "requests.Session": _slice(
                            lambda i: orjson.loads(by_requests.get(f"{url}/{i}").content)
                        ),
                        AWAITED: await_all,
                    },
                    rounds=5 if quick else 20,
                    clock=WALL,
                )
            ]
