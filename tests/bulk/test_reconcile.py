"""Finding orders, on the server and in a mirror of it, without ever choosing silently."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp.test_utils import TestServer

from cubicasa_async import Address, AsyncCubiCasa, CubiCasa
from cubicasa_async.bulk import (
    Mirror,
    find_by_address,
    find_by_external_id,
    find_twins,
    mirror_orders,
)
from cubicasa_async.bulk.reconcile.source import Source
from cubicasa_async.errors import (
    ConfigError,
    InvalidInputError,
    StoreError,
    UndecodableItemsError,
)
from cubicasa_async.sandbox import Reading, Sandbox
from tests.support.mirrors import kinds
from tests.support.odd_orders import OddOrders

BOURBON = {"city": "New Orleans", "country": "United States"}


@pytest.fixture
def town(sandbox: Sandbox) -> Sandbox:
    world = sandbox.world
    world.add_examples(30)
    world.add_order(street="615 Bourbon St", state="LA", external_id="L-1", **BOURBON)
    world.add_order(street="617 Bourbon St", state="LA", external_id="L-2", **BOURBON)
    world.add_order(
        street="Bourbon Street", house_number="615", state="Louisiana", status="Ready", **BOURBON
    )
    world.add_order(street="BOURBON ST.", state="LA", status="Pending", **BOURBON)
    world.add_order(street="900 Oak Rd", external_id="L-1", status="Ready", **BOURBON)
    return sandbox


@pytest.fixture(params=["client", "mirror"])
async def source(
    request: pytest.FixtureRequest, client: AsyncCubiCasa, town: Sandbox, tmp_path: Path
) -> AsyncIterator[Source]:
    if request.param == "client":
        yield client
        return
    await kinds(mirror_orders(client, tmp_path / "mirror.db"))
    town.ledger.clear()
    async with Mirror(tmp_path / "mirror.db") as mirror:
        yield mirror
    assert len(town.ledger) == 0, "a mirror asks nobody"


async def test_all_orders_of_an_external_id_are_given(source: Source) -> None:
    found = await find_by_external_id(source, "L-1")
    assert [(order.status, order.external_id) for order in found] == [
        ("Ready", "L-1"),
        ("Draft", "L-1"),
    ]
    assert await find_by_external_id(source, "L-9") == ()
    with pytest.raises(InvalidInputError, match="not empty"):
        await find_by_external_id(source, "")


@pytest.mark.parametrize(
    "wanted",
    [
        "615 Bourbon Street, New Orleans, Louisiana",
        Address(street="615 bourbon st", city="New Orleans", state="LA"),
    ],
)
async def test_candidates_are_ranked_with_reasons(source: Source, wanted: Address | str) -> None:
    found = await find_by_address(source, wanted)
    assert [candidate.order.status for candidate in found] == ["Ready", "Draft", "Pending"]
    assert found[0].score == found[1].score > found[2].score
    assert "same house number" in found[0].reasons
    assert "one has no house number, the other 615" in found[2].reasons
    wider = await find_by_address(source, wanted, least=0.3)
    assert "other house number (615 and 617)" in wider[3].reasons
    assert await find_by_address(source, wanted, most=1) == found[:1]


async def test_what_cannot_be_looked_for_is_said(source: Source) -> None:
    with pytest.raises(InvalidInputError, match="street: is needed"):
        await find_by_address(source, Address(city="New Orleans"))
    with pytest.raises(ConfigError):
        await find_by_address(source, "1 Main St", least=1.5)
    with pytest.raises(ConfigError):
        await find_by_address(source, "1 Main St", most=0)
    with pytest.raises(ConfigError):
        await find_twins(source, least=-1)


async def test_twins_are_pairs_with_reasons(source: Source) -> None:
    found = await find_twins(source)
    assert [(twin.draft.external_id, twin.order.status) for twin in found[:1]] == [("L-1", "Ready")]
    assert found[0].reasons[:2] == ("same street", "same house number")
    assert found[0].reasons[-1] == "the order was made 0 days after the draft"
    # Which of two drafts the order without a house number belongs to is not for us to say.
    doubtful = {twin.draft.external_id for twin in found if twin.order.status == "Pending"}
    assert doubtful == {"L-1", "L-2"}
    assert all(twin.order.external_id is None for twin in found)


async def test_a_draft_that_was_scanned_is_no_twin(client: AsyncCubiCasa, town: Sandbox) -> None:
    for order in town.world.orders:
        if order.external_id == "L-1" and order.status == "Draft":
            order.model_id = "m-1"
    found = await find_twins(client)
    assert "L-1" not in {twin.draft.external_id for twin in found}


async def test_vanished_orders_are_not_found(
    client: AsyncCubiCasa, town: Sandbox, tmp_path: Path
) -> None:
    target = tmp_path / "mirror.db"
    await kinds(mirror_orders(client, target))
    for order in list(town.world.orders):
        if order.external_id == "L-1":
            town.world.delete(order.id)
    await kinds(mirror_orders(client, target))
    async with Mirror(target) as mirror:
        assert await find_by_external_id(mirror, "L-1") == ()
        found = await find_by_address(mirror, "615 Bourbon St, New Orleans", least=0.8)
        assert [candidate.order.status for candidate in found] == ["Ready"]


async def test_a_mirror_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="There is no order mirror at"):
        async with Mirror(tmp_path / "nothing.db"):
            pass


@pytest.mark.parametrize("reading", Reading)
async def test_the_client_finds_every_order_of_an_external_id(
    client: AsyncCubiCasa, sandbox: Sandbox, reading: Reading
) -> None:
    sandbox.reading = reading
    wanted: list[str] = []
    for number in range(120):
        key = "often" if number in {0, 51, 119} else f"E-{number}"
        order = sandbox.world.add_order(external_id=key, status="Ready")
        if key == "often":
            wanted.insert(0, order.id)
    found = await client.orders.find_by_external_id("often")
    assert [order.id for order in found] == wanted


def test_the_synchronous_client_finds_them_too() -> None:
    assert callable(CubiCasa("key").orders.find_by_external_id)


class TestAnOddServer:
    @pytest.fixture
    def server(self) -> OddOrders:
        return OddOrders()

    @pytest.fixture
    async def client(self, server: OddOrders) -> AsyncIterator[AsyncCubiCasa]:
        async with (
            TestServer(server.app()) as host,
            AsyncCubiCasa("key", base_url=str(host.make_url("/"))) as client,
        ):
            yield client

    async def test_a_draft_that_only_the_filter_shows_is_found(
        self, client: AsyncCubiCasa, server: OddOrders
    ) -> None:
        server.hides_drafts = True
        server.add(1)
        assert [order.id for order in await find_by_external_id(client, "E-1")] == ["o1"]

    async def test_an_entry_that_may_be_it_is_not_passed_over(
        self, client: AsyncCubiCasa, server: OddOrders
    ) -> None:
        server.add(1, address="unreadable")
        server.add(2)
        with pytest.raises(UndecodableItemsError, match="may be one of those looked for"):
            await find_by_external_id(client, "E-1")
        assert len(await find_by_external_id(client, "E-2")) == 1, "that one is surely another"
        with pytest.raises(UndecodableItemsError):
            await find_by_address(client, "1 Main St")


async def test_where_many_drafts_may_be_of_one_order_the_pairs_say_so(
    sandbox: Sandbox, client: AsyncCubiCasa
) -> None:
    for number in range(12):
        sandbox.world.add_order(street="1 Oak Rd", external_id=f"E-{number}", **BOURBON)
    scan = sandbox.world.add_order(street="1 Oak Rd", status="Ready", **BOURBON)
    found = await find_twins(client, most=5)
    assert [twin.order.id for twin in found] == [scan.id] * 5
    assert all("more drafts than these 5" in twin.reasons[-1] for twin in found)
    assert len({twin.draft.id for twin in await find_twins(client, most=12)}) == 12
    assert not any("more drafts" in t.reasons[-1] for t in await find_twins(client, most=12))
    with pytest.raises(ConfigError, match="most"):
        await find_twins(client, most=0)
