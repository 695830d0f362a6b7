"""The mirror of a server that lists its orders in other ways than the sandbox does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp.test_utils import TestServer

from cubicasa_async import AsyncCubiCasa
from cubicasa_async.bulk import FailedOrder, mirror_orders
from cubicasa_async.core import walk
from cubicasa_async.errors import GapError, JobStoppedError
from tests.support.mirrors import held, kinds, query
from tests.support.moments import VirtualTime
from tests.support.odd_orders import OddOrders

VANISHED = "SELECT id FROM orders WHERE vanished_at IS NOT NULL ORDER BY id"


@pytest.fixture
def server() -> OddOrders:
    return OddOrders()


@pytest.fixture
async def client(server: OddOrders, moments: VirtualTime) -> AsyncIterator[AsyncCubiCasa]:
    async with (
        TestServer(server.app()) as host,
        AsyncCubiCasa(
            "key", base_url=str(host.make_url("/")), runtime=moments.runtime, page_size=10
        ) as client,
    ):
        yield client


@pytest.fixture
def mirror(tmp_path: Path) -> str:
    return str(tmp_path / "mirror.db")


async def test_drafts_that_a_list_without_a_filter_leaves_out_are_there(
    client: AsyncCubiCasa, server: OddOrders, mirror: str
) -> None:
    server.hides_drafts = True
    for number in range(30):
        server.add(number, "Ready" if number % 2 else "Draft")
    for expected in ({"new": 30}, {"unchanged": 30}):
        assert await kinds(mirror_orders(client, mirror)) == expected
    assert len(await held(mirror)) == 30
    assert await query(mirror, VANISHED) == []


async def test_an_entry_that_cannot_be_read_is_in_the_mirror_by_its_details(
    client: AsyncCubiCasa, server: OddOrders, mirror: str
) -> None:
    entry = server.add(1, address="none, sorry")
    server.add(2)
    outcomes = [outcome async for outcome in mirror_orders(client, mirror)]
    [failed] = [outcome for outcome in outcomes if isinstance(outcome, FailedOrder)]
    assert failed.order_id == "o1"
    assert "expected" in failed.note
    assert (await held(mirror)).keys() == {"o1", "o2"}
    entry["address"] = None
    assert await kinds(mirror_orders(client, mirror)) == {"unchanged": 1, "changed": 1}


@pytest.mark.parametrize("no_id", [7, ""])
async def test_an_entry_without_an_id_means_that_nothing_can_be_said_to_have_vanished(
    client: AsyncCubiCasa, server: OddOrders, mirror: str, no_id: object
) -> None:
    for number in range(3):
        server.add(number)
    await kinds(mirror_orders(client, mirror))
    del server.orders[0]
    server.orders[0]["id"] = no_id
    found = [outcome async for outcome in mirror_orders(client, mirror)]
    assert [outcome.order_id for outcome in found if isinstance(outcome, FailedOrder)] == [None]
    assert (await held(mirror)).keys() == {"o0", "o1", "o2"}
    assert await query(mirror, VANISHED) == []
    [last] = await query(mirror, "SELECT complete FROM runs ORDER BY run DESC LIMIT 1")
    assert not last["complete"]


async def test_an_order_that_is_answered_but_not_listed_vanishes_at_the_second_time(
    client: AsyncCubiCasa, server: OddOrders, mirror: str
) -> None:
    """It may just have changed its status between the two lists."""
    for number in range(3):
        server.add(number)
    await kinds(mirror_orders(client, mirror))
    server.unlisted.append(server.orders.pop())
    server.asked.clear()
    outcomes = [outcome async for outcome in mirror_orders(client, mirror)]
    [note] = [outcome.note for outcome in outcomes if outcome.note]
    assert note.startswith("the server does not list it, but still answers it; if the next run")
    assert await query(mirror, VANISHED) == []
    assert server.asked == ["o0"]
    assert await kinds(mirror_orders(client, mirror)) == {"unchanged": 2, "vanished": 1}
    assert server.asked == ["o0"], "nothing more is asked for it"
    assert await query(mirror, VANISHED) == [{"id": "o0"}]
    assert await kinds(mirror_orders(client, mirror)) == {"unchanged": 2}


class TestAListThatMovesTooFast:
    """All of it is replaced, again and again, further than a walk remembers."""

    @pytest.fixture
    def server(self, monkeypatch: pytest.MonkeyPatch) -> OddOrders:
        monkeypatch.setattr(walk, "_REMEMBERED", 25)  # ten thousand, which would take long
        server = OddOrders()
        for number in range(80):  # the upheaval strikes in the middle of them
            server.add(number)
        return server

    async def test_it_is_walked_anew(
        self, client: AsyncCubiCasa, server: OddOrders, mirror: str
    ) -> None:
        server.upheavals = 1
        await kinds(mirror_orders(client, mirror))
        assert server.upheavals == 0
        now = {order["id"] for order in server.orders}
        assert (await held(mirror)).keys() > now, "what the first walk saw waits for the next run"
        await kinds(mirror_orders(client, mirror))
        assert (await held(mirror)).keys() == now

    async def test_after_three_walks_it_is_said_and_nothing_is_marked(
        self, client: AsyncCubiCasa, server: OddOrders, mirror: str
    ) -> None:
        await kinds(mirror_orders(client, mirror))
        server.upheavals = 4
        with pytest.raises(JobStoppedError) as caught:
            await kinds(mirror_orders(client, mirror))
        assert isinstance(caught.value.__cause__, GapError)
        assert server.upheavals == 1
        assert await query(mirror, VANISHED) == []
        assert len(await held(mirror)) > 80
        server.upheavals = 0
        await kinds(mirror_orders(client, mirror))
        assert (await held(mirror)).keys() == {order["id"] for order in server.orders}


async def test_control_marking_after_a_walk_that_is_not_whole_loses_orders(
    client: AsyncCubiCasa, server: OddOrders, mirror: str
) -> None:
    """What a mirror would do that looks at one list only, and asks nobody."""
    server.hides_drafts = True
    for number in range(10):
        server.add(number, "Ready" if number % 2 else "Draft")
    await kinds(mirror_orders(client, mirror))
    listed = [order.id async for order in client.orders.list()]
    gone = (await held(mirror)).keys() - set(listed)
    assert gone == {"o0", "o2", "o4", "o6", "o8"}
    assert await query(mirror, VANISHED) == []
