"""A thousand orders over real connections, while orders come and go between pages."""

from __future__ import annotations

import random

import aiohttp
import pytest

from cubicasa_async import AsyncCubiCasa
from cubicasa_async.sandbox import Reading, Sandbox

SIZE = 1000


class Bustle:
    """Orders come in front and are deleted anywhere; it knows which were there throughout."""

    def __init__(self, sandbox: Sandbox, seed: int = 0) -> None:
        self._world = sandbox.world
        self._random = random.Random(seed)
        for number in range(SIZE):
            self._world.add_order(external_id=f"EXT-{number}")
        self.throughout = {one.id for one in self._world.orders}

    def stir(self) -> None:
        for _ in range(self._random.randrange(4)):
            gone = self._random.choice(self._world.orders)
            self.throughout.discard(gone.id)
            self._world.delete(gone.id)
        for _ in range(self._random.randrange(4)):
            self._world.add_order()


@pytest.mark.parametrize("window", [1, 8])
@pytest.mark.parametrize("reading", Reading)
async def test_all_orders_are_given_once_under_every_reading(
    reading: Reading, window: int, client: AsyncCubiCasa, sandbox: Sandbox
) -> None:
    sandbox.reading = reading
    bustle = Bustle(sandbox)
    given: list[str] = []
    async for page in client.orders.list(limit=50, window=window).pages():
        given += [one.id for one in page.items]
        bustle.stir()
    assert len(given) == len(set(given))
    assert bustle.throughout <= set(given)
    assert len(sandbox.ledger) < SIZE / 50 * (2 if window == 1 else 4)


@pytest.mark.parametrize("reading", Reading)
async def test_control_a_blind_follower_loses_orders_or_gives_them_twice(
    reading: Reading, sandbox: Sandbox
) -> None:
    sandbox.reading = reading
    bustle = Bustle(sandbox)
    given: list[str] = []
    offset, more = 0, True
    async with aiohttp.ClientSession(headers={"api-key": sandbox.api_key}) as session:
        while more:
            query = {"limit": "50", "offset": str(offset)}
            async with session.get(f"{sandbox.base_url}/orders", params=query) as response:
                body = await response.json()
            given += [one["id"] for one in body["items"]]
            more, offset = body["pagination"]["has_more"], body["pagination"]["next_offset"]
            bustle.stir()
    assert bustle.throughout - set(given) or len(given) > len(set(given))


async def test_filters_hold_on_every_page(client: AsyncCubiCasa, sandbox: Sandbox) -> None:
    sandbox.world.add_examples(60)
    found = [one async for one in client.orders.list(status=["Ready", "Fixing"], limit=7)]
    assert len(found) == 30
    assert {str(one.status) for one in found} == {"Ready", "Fixing"}
    assert all("status=Ready&status=Fixing" in entry.path for entry in sandbox.ledger)
