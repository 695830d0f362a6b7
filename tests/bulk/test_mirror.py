"""The mirror is what the server has, whatever happens to either of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cubicasa_async import AsyncCubiCasa, CubiCasaError
from cubicasa_async.bulk import (
    ChangedOrder,
    FailedOrder,
    Mirror,
    NewOrder,
    Progress,
    UnchangedOrder,
    mirror_orders,
)
from cubicasa_async.bulk.mirror import tables
from cubicasa_async.errors import (
    AuthenticationError,
    ConfigError,
    JobStoppedError,
    NotFoundError,
    StoreError,
)
from cubicasa_async.sandbox import Fault, Reading, Sandbox
from tests.support.gate import Gate
from tests.support.mirrors import (
    Meddler,
    NaiveMirror,
    assert_consistent,
    held,
    kinds,
    query,
    there,
)
from tests.support.moments import EPOCH, VirtualTime
from tests.support.stores import server_schema, target
from tests.support.waiting import until

__all__ = ["server_schema", "target"]

GET, LIST = "orders.get", "orders.list"


@pytest.fixture
async def client(sandbox: Sandbox, moments: VirtualTime) -> AsyncIterator[AsyncCubiCasa]:
    """A client with small pages, so that there are many."""
    async with AsyncCubiCasa(
        sandbox.api_key, base_url=sandbox.base_url, runtime=moments.runtime, page_size=10
    ) as client:
        yield client


@pytest.fixture
def file(tmp_path: Path) -> str:
    """Where a mirror is to be, in what does not depend on the kind of database."""
    return str(tmp_path / "mirror.db")


def details(sandbox: Sandbox) -> int:
    return len(sandbox.ledger.of(GET))


async def test_it_has_all_orders_with_their_files(
    client: AsyncCubiCasa, sandbox: Sandbox, target: str
) -> None:
    sandbox.world.add_examples(57)
    ready = sandbox.world.add_order(
        status="Ready",
        street="Bourbon St",
        house_number="615",
        suite="A1",
        city="New Orleans",
        state="Louisiana",
        postal_code="70130",
        latitude=29.95,
        longitude=-90.06,
        external_id="L-1001",
        package_type="plus",
        add_ons=["gla", "express_sla"],
        info="Gate code \0 4411",
    )
    assert await kinds(mirror_orders(client, target)) == {"new": 58}
    assert await held(target) == there(sandbox)
    [row] = await query(target, "SELECT * FROM orders WHERE external_id = 'L-1001'")
    shown = ("status", "house_number", "street", "suite", "city", "state", "postal_code")
    assert [row[name] for name in shown] == [
        *("Ready", "615", "Bourbon St", "A1", "New Orleans", "Louisiana", "70130")
    ]
    assert (row["package_type"], row["add_ons"]) == ("plus", "gla,express_sla")
    assert (row["latitude"], row["longitude"]) == (29.95, -90.06)
    assert row["add_info"] == "Gate code \ufffd 4411"
    files = await query(target, "SELECT * FROM assets WHERE order_id = :id", id=ready.id)
    assert {(f["product"], f["format"], f["floor"], bool(f["dimensioned"])) for f in files} >= {
        ("listing_floorplans", "jpg", 2, True),
        ("listing_floorplans", "pdf", 1, False),
        ("gla_package", "json", 1, False),
    }
    assert all(f["url"].startswith(sandbox.file_host.origin) for f in files)
    await assert_consistent(target)


@pytest.mark.parametrize("reading", Reading)
async def test_details_are_asked_for_exactly_as_often_as_orders_changed(
    client: AsyncCubiCasa, sandbox: Sandbox, target: str, reading: Reading
) -> None:
    sandbox.reading = reading
    sandbox.world.add_examples(45)
    await kinds(mirror_orders(client, target))
    asked = details(sandbox)
    assert asked == 45
    for order in list(sandbox.world.orders)[10:17]:
        sandbox.world.set_status(order.id, "New")
    for order in list(sandbox.world.orders)[20:23]:
        sandbox.world.delete(order.id)
    for _ in range(5):
        sandbox.world.add_order(status="Ready")
    found = await kinds(mirror_orders(client, target))
    assert found == {"changed": 7, "vanished": 3, "new": 5, "unchanged": 35}
    assert details(sandbox) - asked == 7 + 3 + 5
    assert await held(target) == there(sandbox)
    asked = details(sandbox)
    assert await kinds(mirror_orders(client, target)) == {"unchanged": 47}
    assert details(sandbox) == asked
    await assert_consistent(target)


async def test_a_row_that_did_not_change_is_not_written(
    client: AsyncCubiCasa, sandbox: Sandbox, moments: VirtualTime, file: str
) -> None:
    sandbox.world.add_examples(12)
    await kinds(mirror_orders(client, file))
    before = await query(file, "SELECT * FROM orders ORDER BY id")
    files = await query(file, "SELECT * FROM assets ORDER BY order_id, number")
    moments.now += 3600
    [changed, *_] = sandbox.world.orders
    sandbox.world.set_status(changed.id, "Fixing")
    await kinds(mirror_orders(client, file))
    after = await query(file, "SELECT * FROM orders ORDER BY id")
    assert [row["id"] for row, old in zip(after, before, strict=True) if row != old] == [changed.id]
    assert await query(file, "SELECT * FROM assets ORDER BY order_id, number") == files


class TestWhileOrdersAreMadeMovedAndDeleted:
    async def disturbed(
        self, client: AsyncCubiCasa, target: str, meddler: Meddler, changes: int
    ) -> None:
        """One run during which the orders change, each time that some requests were answered."""
        over = False

        async def meddle() -> None:
            for _ in range(changes):
                answered = len(meddler.sandbox.ledger)
                await until(lambda: over or len(meddler.sandbox.ledger) > answered)  # noqa: B023 # it is awaited here
                meddler.meddle()

        disturbance = asyncio.create_task(meddle())
        try:
            await kinds(mirror_orders(client, target))
        finally:
            over = True
            await disturbance

    @pytest.mark.parametrize("seed", range(2))
    async def test_one_more_run_makes_it_equal(
        self, client: AsyncCubiCasa, sandbox: Sandbox, target: str, seed: int
    ) -> None:
        await self.check(client, sandbox, target, seed, orders=40, runs=2)

    @pytest.mark.soak
    @pytest.mark.parametrize("seed", range(100, 120))
    async def test_one_more_run_makes_it_equal_at_length(
        self, client: AsyncCubiCasa, sandbox: Sandbox, target: str, seed: int
    ) -> None:
        await self.check(client, sandbox, target, seed, orders=600, runs=5)

    async def check(
        self,
        client: AsyncCubiCasa,
        sandbox: Sandbox,
        target: str,
        seed: int,
        *,
        orders: int,
        runs: int,
    ) -> None:
        sandbox.reading = list(Reading)[seed % 2]
        sandbox.world.add_examples(orders)
        meddler = Meddler(sandbox, seed)
        for _ in range(runs):
            meddler.touched.clear()
            await self.disturbed(client, target, meddler, orders // 2)
            await assert_consistent(target)
        # The world stops. What was touched during the last run may have to be read again, and
        # nothing else is; what nobody touched since it was read is not asked for.
        asked = details(sandbox)
        outcomes = [outcome async for outcome in mirror_orders(client, target)]
        read = [outcome for outcome in outcomes if not isinstance(outcome, UnchangedOrder)]
        assert details(sandbox) - asked == len(read)
        assert {outcome.order_id for outcome in read} <= meddler.touched
        assert await held(target) == there(sandbox)
        await assert_consistent(target)
        asked = details(sandbox)
        assert await kinds(mirror_orders(client, target)) == {"unchanged": len(there(sandbox))}
        assert details(sandbox) == asked
        # And with the world standing still, exactly what changes is read.
        meddler.touched.clear()
        before = there(sandbox)
        meddler.meddle(20)
        after = there(sandbox)
        changed = {key for key in before.keys() | after if before.get(key) != after.get(key)}
        await kinds(mirror_orders(client, target))
        assert details(sandbox) - asked == len(changed)
        assert await held(target) == after


class TestAnOrderThatIsDeletedBetweenTwoPages:
    """The list moves forward, and who follows `next_offset` passes over some of it."""

    @pytest.fixture
    async def deletion(self, sandbox: Sandbox) -> AsyncIterator[None]:
        sandbox.world.add_examples(40)
        gate = Gate(sandbox)
        sandbox.faults.add(gate.fault(operation=LIST, skip=1, times=1))
        doomed = [order.id for order in sandbox.world.orders if order.status == "Draft"][:2]
        doomed += [order.id for order in list(sandbox.world.orders)[:3]]

        async def delete() -> None:
            await until(lambda: len(sandbox.ledger.of(LIST)) == 2)
            for order_id in set(doomed):
                sandbox.world.delete(order_id)
            gate.open()

        task = asyncio.create_task(delete())
        yield
        await task

    async def test_the_mirror_has_all_others(
        self, client: AsyncCubiCasa, sandbox: Sandbox, file: str, deletion: None
    ) -> None:
        await kinds(mirror_orders(client, file))
        missing = there(sandbox).keys() - (await held(file)).keys()
        assert missing == set()

    async def test_control_a_naive_mirror_has_lost_some(
        self, client: AsyncCubiCasa, sandbox: Sandbox, deletion: None
    ) -> None:
        naive = NaiveMirror()
        await naive.run(client, limit=10)
        assert there(sandbox).keys() - naive.orders.keys() != set()


async def test_control_a_naive_mirror_skips_one_order_of_each_page(
    client: AsyncCubiCasa, sandbox: Sandbox
) -> None:
    """By the numbers of the documentation, on a server that counts from zero."""
    sandbox.world.add_examples(40)
    naive = NaiveMirror()
    sandbox.max_limit = 7  # a page that is shorter than asked for is not the last one
    await naive.run(client, limit=10)
    assert len(naive.orders) == 7
    sandbox.max_limit = 100
    await naive.run(client, limit=10)
    assert naive.orders == there(sandbox)


class TestAnOrderWhoseDetailsFail:
    async def test_it_does_not_stop_the_others_and_is_read_by_the_next_run(
        self, client: AsyncCubiCasa, sandbox: Sandbox, target: str
    ) -> None:
        sandbox.world.add_examples(25)
        bad = sandbox.world.orders[7]
        sandbox.faults.add(Fault("body", operation=GET, path=f"*{bad.id}", body={"id": 7}))
        outcomes = [outcome async for outcome in mirror_orders(client, target)]
        [failed] = [outcome for outcome in outcomes if isinstance(outcome, FailedOrder)]
        assert failed.order_id == bad.id
        assert "the next run tries again" in failed.note
        assert isinstance(failed.error, CubiCasaError)
        assert sum(isinstance(outcome, NewOrder) for outcome in outcomes) == 24
        [row] = await query(target, "SELECT * FROM orders WHERE id = :id", id=bad.id)
        assert row["status"] == bad.status, "what the list says is in the mirror"
        assert row["failure"]
        assert row["details_at"] is None
        sandbox.faults.clear()
        asked = details(sandbox)
        assert await kinds(mirror_orders(client, target)) == {"unchanged": 24, "changed": 1}
        assert details(sandbox) - asked == 1
        assert await held(target) == there(sandbox)
        assert await query(target, "SELECT id FROM orders WHERE failure IS NOT NULL") == []

    async def test_what_was_read_before_is_kept_until_then(
        self, client: AsyncCubiCasa, sandbox: Sandbox, file: str
    ) -> None:
        order = sandbox.world.add_order(status="Ready")
        await kinds(mirror_orders(client, file))
        files = await query(file, "SELECT * FROM assets")
        assert files
        sandbox.world.set_status(order.id, "Fixing")
        sandbox.faults.add(Fault("status", operation=GET, status=404))
        [failed] = [outcome async for outcome in mirror_orders(client, file)]
        assert isinstance(failed, FailedOrder)
        assert isinstance(failed.error, NotFoundError)
        assert await query(file, "SELECT * FROM assets") == files
        [row] = await query(file, "SELECT status, vanished_at FROM orders")
        assert row == {"status": "Fixing", "vanished_at": None}

    async def test_an_answer_about_another_order_is_not_taken(
        self, client: AsyncCubiCasa, sandbox: Sandbox, file: str
    ) -> None:
        order = sandbox.world.add_order()
        sandbox.faults.add(Fault("body", operation=GET, body={"id": "another"}))
        [failed] = [outcome async for outcome in mirror_orders(client, file)]
        assert isinstance(failed, FailedOrder)
        assert "The server answered order another instead" in failed.note
        assert (await held(file)).keys() == {order.id}


class TestARunThatIsStopped:
    async def test_a_refused_key_stops_it_at_once(
        self, sandbox: Sandbox, moments: VirtualTime, file: str
    ) -> None:
        async with AsyncCubiCasa("wrong", base_url=sandbox.base_url) as stranger:
            with pytest.raises(JobStoppedError, match="stopped before its end") as caught:
                await kinds(mirror_orders(stranger, file))
        assert isinstance(caught.value.__cause__, AuthenticationError)
        [run] = await query(file, "SELECT * FROM runs")
        assert not run["complete"]
        assert run["ended_at"] is not None

    async def test_failures_on_and_on_stop_it_and_lose_nothing(
        self, client: AsyncCubiCasa, sandbox: Sandbox, file: str
    ) -> None:
        sandbox.world.add_examples(60)
        sandbox.faults.add(Fault("status", operation=GET, status=500, skip=15))
        with pytest.raises(JobStoppedError):
            await kinds(mirror_orders(client, file))
        assert details(sandbox) < 4 * 60
        await assert_consistent(file)
        sandbox.faults.clear()
        await kinds(mirror_orders(client, file))
        assert await held(file) == there(sandbox)

    async def test_nothing_is_marked_as_vanished(
        self, client: AsyncCubiCasa, sandbox: Sandbox, file: str
    ) -> None:
        sandbox.world.add_examples(40)
        await kinds(mirror_orders(client, file))
        for order in list(sandbox.world.orders)[:5]:
            sandbox.world.delete(order.id)
        sandbox.faults.add(Fault("status", operation=LIST, status=400, skip=3))
        with pytest.raises(JobStoppedError):
            await kinds(mirror_orders(client, file))
        assert await query(file, "SELECT id FROM orders WHERE vanished_at IS NOT NULL") == []
        sandbox.faults.clear()
        assert (await kinds(mirror_orders(client, file)))["vanished"] == 5

    async def test_who_stops_listening_keeps_what_was_told(
        self, client: AsyncCubiCasa, sandbox: Sandbox, file: str
    ) -> None:
        sandbox.world.add_examples(40)
        told: list[str | None] = []
        async with aclosing(mirror_orders(client, file)) as outcomes:
            async for outcome in outcomes:
                told.append(outcome.order_id)
                if len(told) == 15:
                    break
        assert set(told) <= (await held(file)).keys()
        await assert_consistent(file)
        [run] = await query(file, "SELECT * FROM runs")
        assert run["ended_at"] is None
        await kinds(mirror_orders(client, file))
        assert await held(file) == there(sandbox)

    async def test_a_cancelled_run_leaves_a_mirror_that_is_right(
        self, client: AsyncCubiCasa, sandbox: Sandbox, target: str
    ) -> None:
        sandbox.world.add_examples(40)
        sandbox.faults.add(Fault("stall", operation=GET, skip=17))
        task = asyncio.create_task(kinds(mirror_orders(client, target)))
        await until(lambda: details(sandbox) > 20)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await assert_consistent(target)
        sandbox.faults.clear()
        await kinds(mirror_orders(client, target))
        assert await held(target) == there(sandbox)


class TestTwoRunsAtOnce:
    async def test_the_second_is_refused(
        self, client: AsyncCubiCasa, sandbox: Sandbox, target: str
    ) -> None:
        sandbox.world.add_examples(5)
        async with aclosing(mirror_orders(client, target)) as first:
            await anext(first)
            with pytest.raises(StoreError, match="Another mirror run is at work on"):
                await kinds(mirror_orders(client, target))
        assert len(await query(target, "SELECT * FROM runs")) == 1

    async def test_a_run_that_was_overtaken_writes_nothing_more(
        self, client: AsyncCubiCasa, sandbox: Sandbox, server_schema: str
    ) -> None:
        """A server gives the lock away when the connection that holds it breaks."""
        import psycopg

        sandbox.world.add_examples(30)
        async with aclosing(mirror_orders(client, server_schema)) as first:
            await anext(first)
            async with await psycopg.AsyncConnection.connect(
                server_schema, autocommit=True
            ) as admin:
                await admin.execute(
                    "SELECT pg_terminate_backend(pid, 600000) FROM pg_locks "
                    "WHERE locktype = 'advisory' "
                    "AND database = (SELECT oid FROM pg_database WHERE datname = 'postgres')"
                )
            await kinds(mirror_orders(client, server_schema))
            before = await query(server_schema, "SELECT * FROM orders ORDER BY id")
            with pytest.raises(StoreError):
                await kinds(first)
        assert await query(server_schema, "SELECT * FROM orders ORDER BY id") == before


class TestHistory:
    async def test_every_change_of_status_that_was_seen_has_its_time(
        self, client: AsyncCubiCasa, sandbox: Sandbox, moments: VirtualTime, target: str
    ) -> None:
        order = sandbox.world.add_order()
        expected: list[tuple[str, str, str | None, bool]] = [("first seen", "Draft", None, True)]
        await kinds(mirror_orders(client, target))
        before = "Draft"
        for status in ("Pending", "Ready", "Fixing", "Ready"):
            moments.now += 60
            sandbox.world.set_status(order.id, status)
            await kinds(mirror_orders(client, target))
            first = status == "Ready" and order.deliveries == 1
            expected.append(("moved", status, before, first))
            before = status
        rows = await query(target, "SELECT * FROM history ORDER BY entry")
        assert [
            (row["event"], row["status"], row["previous_status"], row["happened_at"] is not None)
            for row in rows
        ] == expected
        async with Mirror(target) as mirror:
            [mirrored] = [one async for one in mirror.orders()]
        assert mirrored.info is not None
        assert mirrored.info.created_at == datetime.fromtimestamp(order.created_at, UTC)
        assert str(rows[0]["happened_at"])[:19] == str(mirrored.info.created_at)[:19]
        assert str(rows[2]["happened_at"])[:19] == str(mirrored.info.first_delivered_at)[:19]
        seen = [str(row["seen_at"])[:19] for row in rows]
        assert seen == [str(EPOCH + timedelta(minutes=n))[:19] for n in range(5)]

    async def test_a_delivery_that_no_run_saw_is_known_by_the_servers_time(
        self, client: AsyncCubiCasa, sandbox: Sandbox, file: str
    ) -> None:
        order = sandbox.world.add_order(status="Pending")
        await kinds(mirror_orders(client, file))
        sandbox.world.set_status(order.id, "Ready")
        sandbox.world.set_status(order.id, "Fixing")
        await kinds(mirror_orders(client, file))
        rows = await query(file, "SELECT * FROM history ORDER BY entry")
        assert [(row["status"], row["happened_at"] is not None) for row in rows] == [
            ("Pending", False),
            ("Ready", True),
            ("Fixing", False),
        ]

    async def test_an_order_may_vanish_and_come_back(
        self, client: AsyncCubiCasa, sandbox: Sandbox, target: str
    ) -> None:
        sandbox.world.add_examples(3)
        order = sandbox.world.orders[1]
        await kinds(mirror_orders(client, target))
        sandbox.world.orders.remove(order)
        assert await kinds(mirror_orders(client, target)) == {"unchanged": 2, "vanished": 1}
        assert await kinds(mirror_orders(client, target)) == {"unchanged": 2}
        async with Mirror(target) as mirror:
            assert len([one async for one in mirror.orders()]) == 2
            assert len([one async for one in mirror.orders(vanished=True)]) == 3
        sandbox.world.orders.add(order)
        assert await kinds(mirror_orders(client, target)) == {"unchanged": 2, "came back": 1}
        assert await held(target) == there(sandbox)
        events = await query(
            target, "SELECT event FROM history WHERE order_id = :id ORDER BY entry", id=order.id
        )
        assert [row["event"] for row in events] == ["first seen", "vanished", "came back"]


async def test_what_the_list_does_not_show_is_read_again_after_a_while(
    client: AsyncCubiCasa, sandbox: Sandbox, moments: VirtualTime, file: str
) -> None:
    order = sandbox.world.add_order(status="Ready")
    await kinds(mirror_orders(client, file))
    sandbox.world.set_status(order.id, "Ready")  # delivered again: its row is what it was
    assert await kinds(mirror_orders(client, file)) == {"unchanged": 1}
    recheck = timedelta(days=7)
    assert await kinds(mirror_orders(client, file, recheck=recheck)) == {"unchanged": 1}
    assert await held(file) != there(sandbox)
    moments.now += 8 * 86400
    assert await kinds(mirror_orders(client, file, recheck=recheck)) == {"changed": 1}
    assert await held(file) == there(sandbox)
    [url, *_] = await query(file, "SELECT url FROM assets ORDER BY number")
    assert url["url"].startswith(order.asset_base)


async def test_a_mirror_is_of_one_installation(
    client: AsyncCubiCasa, sandbox: Sandbox, file: str
) -> None:
    await kinds(mirror_orders(client, file))
    async with Sandbox() as another, AsyncCubiCasa("key", base_url=another.base_url) as stranger:
        with pytest.raises(StoreError, match=r"mirrors the orders of .*, not of .*Name another"):
            await kinds(mirror_orders(stranger, file))
        assert len(another.ledger) == 0


async def test_progress_is_told(client: AsyncCubiCasa, sandbox: Sandbox, file: str) -> None:
    sandbox.world.add_examples(30)
    told: list[Progress] = []
    await kinds(mirror_orders(client, file, progress=told.append))
    last = told[-1]
    assert (last.phase, last.read, last.details) == ("ended", 30, 30)
    assert last.outcomes == {"new": 30}
    assert told[0].phase == "listing"


async def test_a_progress_callback_that_fails_ends_the_run(
    client: AsyncCubiCasa, sandbox: Sandbox, file: str
) -> None:
    sandbox.world.add_examples(30)

    def broken(progress: Progress) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await kinds(mirror_orders(client, file, progress=broken))


async def test_arguments_are_checked(client: AsyncCubiCasa, file: str) -> None:
    for run in (
        mirror_orders(client, file, concurrency=0),
        mirror_orders(client, file, recheck=timedelta(seconds=-1)),
    ):
        with pytest.raises(ConfigError, match="concurrency must be 1 or more"):
            await kinds(run)


async def test_the_key_is_nowhere_in_it(client: AsyncCubiCasa, sandbox: Sandbox, file: str) -> None:
    sandbox.world.add_order(info=f"who wrote {sandbox.api_key} here?")
    [outcome] = [outcome async for outcome in mirror_orders(client, file)]
    [row] = await query(file, "SELECT raw FROM orders")
    assert sandbox.api_key not in str(row) + repr(outcome)


def test_the_tables_are_documented_as_they_are() -> None:
    assert tables.__doc__ is not None
    assert tables.SCHEMA.describe() in tables.__doc__
    for table in tables.METADATA.tables.values():
        assert table.comment
        assert [column.name for column in table.columns if not column.comment] == []


def test_outcomes_say_what_they_are() -> None:
    changed = ChangedOrder(order_id="1", status="Ready", previous_status="Pending")
    assert (changed.kind, changed.note) == ("changed", "")
