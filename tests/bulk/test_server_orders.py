from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from cubicasa_async import AsyncCubiCasa
from cubicasa_async.bulk.journal.protocol import Entry, Journal, run_of
from cubicasa_async.bulk.journal.sqlite import SqliteJournal
from cubicasa_async.bulk.server_orders import ServerOrders
from cubicasa_async.errors import GapError
from cubicasa_async.sandbox import Reading, Sandbox
from tests.support.moments import VirtualTime


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[Journal]:
    file = SqliteJournal(tmp_path / "journal")
    async with run_of(file, target="here", now=lambda: 0.0) as journal:
        yield journal


async def listed(journal: Journal, *keys: str) -> list[tuple[str, ...]]:
    """The orders that the journal has of each external_id."""
    return [claim.orders for claim in await journal.claim([Entry(key, 1, "{}") for key in keys])]


LONG, DEEP = 14_000, 10_500  # a walk remembers the last 10,000 orders


class Oddity:
    """A list of orders as the sandbox would not serve it.

    Attributes:
        orders: The entries in the order in which they are listed.
        hides_drafts: Whether drafts are listed only where they are asked for.
        losses: How many pages are yet to be followed by the loss of all orders on them.
        upheavals: In how many walks the whole list is yet to be replaced by another.
    """

    def __init__(self) -> None:
        self.orders: list[dict[str, Any]] = []
        self.hides_drafts = False
        self.losses = 0
        self.upheavals = 0
        self._calm = True

    def add(self, number: int, **changes: Any) -> None:
        info = {"status": "Draft", "external_id": f"E-{number}", "created_at": float(number)}
        self.orders.append({"id": f"o{number}", "info": info, "address": {}, **changes})

    async def answer(self, request: web.Request) -> web.Response:
        offset, limit = int(request.query["offset"]), int(request.query["limit"])
        orders = self.orders
        if self.hides_drafts and "status" not in request.query:
            orders = [order for order in orders if order["info"]["status"] != "Draft"]
        items = orders[offset : offset + limit]
        after = offset + len(items)
        pagination = {
            "has_more": after < len(orders),
            "limit": limit,
            "next_offset": after,
            "previous_offset": max(0, offset - limit),
        }
        if self.losses:
            self.losses -= 1
            del self.orders[offset : offset + limit]
        self._calm = self._calm or offset == 0
        if self.upheavals and self._calm and offset > DEEP:
            self.upheavals -= 1
            self._calm = False
            self.orders.clear()
            for number in range(LONG * (self.upheavals + 2), LONG * (self.upheavals + 1), -1):
                self.add(number)
        return web.json_response({"pagination": pagination, "items": items})


@pytest.fixture
async def oddity() -> Oddity:
    return Oddity()


@pytest.fixture
async def odd_client(oddity: Oddity, moments: VirtualTime) -> AsyncIterator[AsyncCubiCasa]:
    app = web.Application()
    app.router.add_get("/orders", oddity.answer)
    async with (
        TestServer(app) as server,
        AsyncCubiCasa(
            "key", base_url=str(server.make_url("/")), runtime=moments.runtime, page_size=20
        ) as client,
    ):
        yield client


@pytest.mark.parametrize("reading", Reading)
async def test_a_look_notes_every_order_that_has_a_key(
    client: AsyncCubiCasa, sandbox: Sandbox, journal: Journal, reading: Reading
) -> None:
    sandbox.reading = reading
    sandbox.world.add_examples(333)
    sandbox.world.add_order(external_id=None)
    ids = {order.external_id: order.id for order in sandbox.world.orders}
    look = ServerOrders(client, journal)
    await look.look()
    assert look.looked
    keys = [f"EXAMPLE-{number}" for number in range(1, 334)]
    assert await listed(journal, *keys) == [(ids[key],) for key in keys]


async def test_all_orders_of_one_key_are_noted(
    client: AsyncCubiCasa, sandbox: Sandbox, journal: Journal
) -> None:
    ids = [sandbox.world.add_order(external_id="E-1", status=s).id for s in ("Draft", "Ready")]
    await ServerOrders(client, journal).look()
    assert await listed(journal, "E-1", "E-2") == [tuple(sorted(ids)), ()]


async def test_the_first_look_of_a_run_forgets_what_an_earlier_run_saw(
    client: AsyncCubiCasa, sandbox: Sandbox, journal: Journal
) -> None:
    order = sandbox.world.add_order(external_id="E-1")
    await ServerOrders(client, journal).look()
    sandbox.world.delete(order.id)
    await ServerOrders(client, journal).look()
    assert await listed(journal, "E-1") == [()]


async def test_a_later_look_reads_only_what_is_new(
    client: AsyncCubiCasa, sandbox: Sandbox, journal: Journal
) -> None:
    sandbox.world.add_examples(1000)
    look = ServerOrders(client, journal)
    await look.look()
    whole = len(sandbox.ledger)
    assert whole >= 1000 / 50
    new = sandbox.world.add_order(external_id="NEW")
    await look.look()
    assert await listed(journal, "NEW") == [(new.id,)]
    assert len(sandbox.ledger) - whole <= 2 * 4


async def test_where_the_newest_are_not_first_every_look_is_whole(
    odd_client: AsyncCubiCasa, oddity: Oddity, journal: Journal
) -> None:
    for number in range(400):
        oddity.add(number)
    look = ServerOrders(odd_client, journal)
    await look.look()
    oddity.add(400)
    await look.look()
    assert await listed(journal, "E-400") == [("o400",)]


async def test_drafts_that_a_list_without_a_filter_leaves_out_are_noted(
    odd_client: AsyncCubiCasa, oddity: Oddity, journal: Journal
) -> None:
    oddity.hides_drafts = True
    oddity.add(1)
    await ServerOrders(odd_client, journal).look()
    assert await listed(journal, "E-1") == [("o1",)]


async def test_an_order_that_cannot_be_read_is_noted_all_the_same(
    odd_client: AsyncCubiCasa, oddity: Oddity, journal: Journal
) -> None:
    oddity.add(2, address="none, sorry")
    oddity.add(1, address=[1, 2, 3])
    await ServerOrders(odd_client, journal).look()
    assert await listed(journal, "E-1", "E-2") == [("o1",), ("o2",)]


async def test_orders_behind_others_that_vanish_meanwhile_are_noted(
    odd_client: AsyncCubiCasa, oddity: Oddity, journal: Journal
) -> None:
    for number in range(100, 0, -1):
        oddity.add(number)
    oddity.losses = 1
    await ServerOrders(odd_client, journal).look()
    keys = [f"E-{number}" for number in range(1, 81)]
    assert await listed(journal, *keys) == [(f"o{number}",) for number in range(1, 81)]


class TestAListThatCannotBeFollowed:
    @pytest.fixture
    async def look(
        self, odd_client: AsyncCubiCasa, oddity: Oddity, journal: Journal
    ) -> AsyncIterator[ServerOrders]:
        for number in range(LONG, 0, -1):
            oddity.add(number)
        address = str(odd_client.config.base_url)
        async with AsyncCubiCasa("key", base_url=address, page_size=2000) as client:
            yield ServerOrders(client, journal)

    async def test_it_is_walked_anew(
        self, look: ServerOrders, oddity: Oddity, journal: Journal
    ) -> None:
        oddity.upheavals = 1
        await look.look()
        keys = [f"E-{number}" for number in range(LONG + 1, 2 * LONG + 1)]
        assert await listed(journal, *keys) == [(f"o{key[2:]}",) for key in keys]

    async def test_after_three_walks_it_is_an_error_and_no_look(
        self, look: ServerOrders, oddity: Oddity
    ) -> None:
        oddity.upheavals = 4
        with pytest.raises(GapError):
            await look.look()
        assert oddity.upheavals == 1
        assert not look.looked
