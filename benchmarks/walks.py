"""Walking a list of orders from end to end, page by page, each peer as it is used."""

from __future__ import annotations

import functools
from contextlib import AsyncExitStack
from typing import Any

import aiohttp
import httpx
import orjson

from benchmarks import pydantic_models
from benchmarks.generated import GeneratedClient, NotGeneratedError, generated_client
from benchmarks.goals import OURS
from benchmarks.measure import Figure, Missing, Slice, compare
from benchmarks.peers import GENERATED, times
from benchmarks.server import ORDERS, at
from cubicasa_async import AsyncCubiCasa

AIOHTTP = "aiohttp + orjson to dicts"
AIOHTTP_JSON = "aiohttp + r.json()"
HTTPX = "httpx + pydantic"
HEADERS = {"api-key": "bench"}


class Walks:
    """One walk per peer. Each reads the times of what it is given, and fails if that is not all.

    The times, because our models build them when they are read, where others do it at once.
    """

    def __init__(self, base_url: str, *, orders: int, limit: int) -> None:
        self._url = f"{base_url}/orders"
        self._orders = orders
        self._limit = limit

    def _end(self, count: int) -> None:
        assert count == self._orders, f"{count} orders instead of {self._orders}"

    async def aiohttp_orjson(self, session: aiohttp.ClientSession) -> None:
        offset, more, count = 0, True, 0
        while more:
            url = f"{self._url}?limit={self._limit}&offset={offset}"
            async with session.get(url) as response:
                page = orjson.loads(await response.read())
            for item in page["items"]:
                info = item["info"]
                _ = info["created_at"], info["first_delivered_at"]
                count += 1
            offset, more = page["pagination"]["next_offset"], page["pagination"]["has_more"]
        self._end(count)

    async def aiohttp_json(self, session: aiohttp.ClientSession) -> None:
        offset, more, count = 0, True, 0
        while more:
            params = {"limit": self._limit, "offset": offset}
            async with session.get(self._url, params=params) as response:
                page = await response.json()
            for item in page["items"]:
                info = item["info"]
                _ = info["created_at"], info["first_delivered_at"]
                count += 1
            offset, more = page["pagination"]["next_offset"], page["pagination"]["has_more"]
        self._end(count)

    async def httpx_pydantic(self, client: httpx.AsyncClient) -> None:
        offset, more, count = 0, True, 0
        while more:
            params = {"limit": self._limit, "offset": offset}
            response = await client.get(self._url, params=params)
            page = pydantic_models.Page.model_validate_json(response.content)
            for item in page.items:
                times(item)
                count += 1
            offset, more = page.pagination.next_offset, page.pagination.has_more
        self._end(count)

    async def generated(self, generated: GeneratedClient, client: Any) -> None:
        offset, more, count = 0, True, 0
        while more:
            page = await generated.page(client, offset, self._limit)
            for item in page.items:
                times(item)
                count += 1
            offset, more = page.pagination.next_offset, page.pagination.has_more
        self._end(count)

    async def ours(self, client: AsyncCubiCasa, **options: Any) -> None:
        count = 0
        async for item in client.orders.list(limit=self._limit, **options):
            times(item)
            count += 1
        self._end(count)


async def run(base_url: str, *, quick: bool, limit: int) -> list[Figure]:
    orders = max(2_000, 40 * limit) if quick else ORDERS
    base_url = at(base_url, orders=orders)
    walks = Walks(base_url, orders=orders, limit=limit)
    missing: list[Missing] = []
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(aiohttp.ClientSession(headers=HEADERS))
        client = await stack.enter_async_context(httpx.AsyncClient(headers=HEADERS))
        own = await stack.enter_async_context(AsyncCubiCasa("bench", base_url=base_url))
        variants: dict[str, Slice] = {
            OURS: functools.partial(walks.ours, own),
            AIOHTTP_JSON: functools.partial(walks.aiohttp_json, session),
            HTTPX: functools.partial(walks.httpx_pydantic, client),
        }
        try:
            generated = stack.enter_context(generated_client())
        except NotGeneratedError as exc:
            missing.append(Missing(GENERATED, str(exc)))
        else:
            theirs = await stack.enter_async_context(generated.client(base_url))
            variants[GENERATED] = functools.partial(walks.generated, generated, theirs)
        measured = await compare(
            (AIOHTTP, functools.partial(walks.aiohttp_orjson, session)),
            variants,
            rounds=4 if quick else 12,
        )
    return [*measured, *missing]
