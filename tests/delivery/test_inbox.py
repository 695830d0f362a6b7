from __future__ import annotations

import asyncio
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from cubicasa_async import AsyncCubiCasa, delivery
from cubicasa_async import Order as AnsweredOrder
from cubicasa_async.core import codec
from cubicasa_async.delivery.handling import Notice, Settlement, handle_events
from cubicasa_async.delivery.inbox import Inbox, Settled, Work
from cubicasa_async.delivery.inbox_tables import SCHEMA, State, look_of
from cubicasa_async.errors import ConfigError, StoreError
from cubicasa_async.sandbox import Fault, Order, Sandbox
from tests.support.leaps import Leaps
from tests.support.moments import VirtualTime
from tests.support.waiting import until

from .hooks import Taker, event, put, version


@pytest.fixture
def order(sandbox: Sandbox) -> Order:
    return sandbox.world.add_order(status="Ready")


async def handle(client: AsyncCubiCasa, inbox: Inbox, handler: Taker, **options: float) -> None:
    await handle_events(client, inbox, handler, until_idle=True, **options)  # type: ignore[arg-type] # numbers


async def test_an_event_is_handed_over_with_the_order_as_it_is_now(
    client: AsyncCubiCasa, inbox: Inbox, order: Order
) -> None:
    taker = Taker()
    assert await inbox.put(
        event(order), b'{"id": "%s", "current_status": "Ready"}' % order.id.encode()
    )
    await handle(client, inbox, taker)
    (notice,) = taker.notices
    assert notice.order.id == order.id
    assert notice.order.delivery_assets is not None
    assert (notice.attempt, notice.source) == (1, "webhook")
    assert await inbox.counts() == {**dict.fromkeys(State, 0), State.HANDLED: 1}
    await handle(client, inbox, taker)
    assert len(taker.notices) == 1


async def test_what_comes_again_before_it_is_handled_is_handled_once(
    client: AsyncCubiCasa, inbox: Inbox, order: Order
) -> None:
    taker = Taker()
    await put(inbox, event(order), event(order), event(order, product_type="tour"), event(order))
    await handle(client, inbox, taker)
    assert len(taker.notices) == 2
    assert {notice.event.product_type for notice in taker.notices} == {"products_2d", "tour"}


async def test_a_repeated_call_after_the_handling_is_not_handed_over(
    client: AsyncCubiCasa, inbox: Inbox, order: Order, moments: VirtualTime
) -> None:
    taker = Taker()
    for _ in range(3):
        await put(inbox, event(order))
        await handle(client, inbox, taker)
        moments.now += 60
    assert len(taker.notices) == 1
    assert (await inbox.counts())[State.REPEAT] == 2


async def test_the_same_event_about_a_changed_order_is_handed_over_at_once(
    client: AsyncCubiCasa, inbox: Inbox, order: Order, sandbox: Sandbox
) -> None:
    # Two quick edits say the same, as all fields of the event are alike.
    taker = Taker()
    for _ in range(3):
        sandbox.world.set_status(order.id, "Ready")
        await put(inbox, event(order, previous_status="Ready"))
        await handle(client, inbox, taker)
    assert [version(notice) for notice in taker.notices] == [2, 3, 4]


async def test_the_same_event_much_later_is_handed_over_even_if_nothing_seems_changed(
    client: AsyncCubiCasa, inbox: Inbox, order: Order, moments: VirtualTime
) -> None:
    taker = Taker()
    await put(inbox, event(order))
    await handle(client, inbox, taker)
    moments.now += 901
    await put(inbox, event(order))
    await handle(client, inbox, taker)
    assert len(taker.notices) == 2


async def test_what_comes_while_the_same_is_handled_is_handled_after_it(
    client: AsyncCubiCasa, inbox: Inbox, order: Order, sandbox: Sandbox
) -> None:
    seen: list[int] = []

    async def handler(notice: Notice) -> None:
        seen.append(version(notice))
        if len(seen) == 1:  # the order was read before this delivery, which says the same
            sandbox.world.set_status(order.id, "Ready")
            await put(inbox, event(order))

    await put(inbox, event(order))
    await handle_events(client, inbox, handler, until_idle=True)
    assert seen == [1, 2]


class Poison:
    """A handler that fails for some orders."""

    def __init__(self, *bad: str) -> None:
        self.bad = bad
        self.taken: list[str] = []
        self.attempts: list[int] = []

    async def __call__(self, notice: Notice) -> None:
        if notice.order.id in self.bad:
            self.attempts.append(notice.attempt)
            raise ValueError("this one is poisonous")
        self.taken.append(notice.order.id)


async def test_a_poisonous_event_does_not_stop_the_others(
    client: AsyncCubiCasa, inbox: Inbox, sandbox: Sandbox
) -> None:
    orders = [sandbox.world.add_order(status="Ready") for _ in range(5)]
    poison = Poison(orders[0].id)
    await put(inbox, *map(event, orders))
    await handle_events(client, inbox, poison, until_idle=True, concurrency=1)
    assert poison.taken == [order.id for order in orders[1:]]
    assert poison.attempts == [1]


async def test_a_failing_event_is_tried_again_after_growing_waits_and_then_a_dead_letter(
    client: AsyncCubiCasa, inbox: Inbox, order: Order, moments: VirtualTime
) -> None:
    poison = Poison(order.id)
    told: list[Settlement] = []
    await put(inbox, event(order))
    waits: list[float] = []
    for _ in range(4):
        await handle_events(client, inbox, poison, until_idle=True, attempts=4, told=told.append)
        due = told[-1].due
        if due is not None:
            waits.append((due - moments.utcnow()).total_seconds())
            moments.now += waits[-1] - 0.1
            await handle_events(client, inbox, poison, until_idle=True, attempts=4)
            moments.now += 0.1
    assert waits == [5, 10, 20]
    assert poison.attempts == [1, 2, 3, 4]
    assert [one.state for one in told] == ["waiting", "waiting", "waiting", "dead"]
    (letter,) = await inbox.dead.list()
    assert (letter.order_id, letter.attempts) == (order.id, 4)
    assert letter.reason == "ValueError: this one is poisonous"


async def test_a_dead_letter_that_is_requeued_is_handled(
    client: AsyncCubiCasa, inbox: Inbox, order: Order
) -> None:
    poison = Poison(order.id)
    await put(inbox, event(order))
    await handle_events(client, inbox, poison, until_idle=True, attempts=1)
    (letter,) = await inbox.dead.list()
    assert await inbox.dead.requeue(letter.number + 1) == 0
    assert await inbox.dead.requeue() == 1
    assert await inbox.dead.requeue() == 0
    taker = Taker()
    await handle(client, inbox, taker)
    assert [notice.attempt for notice in taker.notices] == [1]
    assert await inbox.dead.list() == ()


async def test_an_unreadable_body_is_kept_once_for_a_person(
    inbox: Inbox, client: AsyncCubiCasa, order: Order
) -> None:
    for _ in range(3):
        await inbox.put_unreadable(b"\x00\xff", "not JSON")
    await inbox.put_unreadable(b"{}", "not an event")
    assert [(one.body, one.reason) for one in await inbox.dead.list()] == [
        (b"\x00\xff", "not JSON"),
        (b"{}", "not an event"),
    ]
    assert await inbox.dead.requeue() == 0
    assert len(await inbox.dead.list()) == 2


async def test_a_body_that_a_later_release_can_read_is_handled_when_requeued(
    inbox: Inbox, client: AsyncCubiCasa, order: Order
) -> None:
    body = b'{"id": "%s", "current_status": "Ready"}' % order.id.encode()
    await inbox.put_unreadable(body, "not an event, said an older release")
    assert await inbox.dead.requeue() == 1
    taker = Taker()
    await handle(client, inbox, taker)
    assert taker.order_ids == [order.id]
    assert await inbox.dead.list() == ()


class WordlessError(Exception):
    """One that fails when it is to be told in words."""

    def __str__(self) -> str:
        raise RuntimeError("no words")


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (OSError("plan-\udcfc.pdf\0"), "OSError: plan-\\udcfc.pdf\ufffd"),
        (WordlessError(), "WordlessError, which cannot be told in words"),
    ],
    ids=["surrogate", "wordless"],
)
async def test_a_failure_that_can_hardly_be_written_down_stops_no_other(
    client: AsyncCubiCasa, inbox: Inbox, sandbox: Sandbox, failure: Exception, reason: str
) -> None:
    bad, good = (sandbox.world.add_order(status="Ready") for _ in range(2))
    taker = Taker()

    async def handler(notice: Notice) -> None:
        if notice.order.id == bad.id:
            raise failure
        await taker(notice)

    await put(inbox, event(bad), event(good))
    await handle_events(client, inbox, handler, until_idle=True, concurrency=1, attempts=1)
    assert taker.order_ids == [good.id]
    (letter,) = await inbox.dead.list()
    assert letter.reason == reason


async def test_news_of_what_has_failed_is_handled_at_once_with_all_its_attempts(
    client: AsyncCubiCasa, inbox: Inbox, order: Order
) -> None:
    poison = Poison(order.id)
    await put(inbox, event(order))
    await handle_events(client, inbox, poison, until_idle=True, attempts=2)
    assert not await inbox.put(event(order), codec.encode(event(order)))
    await handle_events(client, inbox, poison, until_idle=True, attempts=2)
    assert poison.attempts == [1, 1]
    assert (await inbox.counts())[State.WAITING] == 1


async def test_who_has_lost_its_hold_hands_nothing_over(
    client: AsyncCubiCasa,
    inbox: Inbox,
    order: Order,
    moments: VirtualTime,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    taker, other = Taker(), Taker()
    note_look = inbox.note_look

    async def overtaken(work: Work, look: str) -> bool:
        monkeypatch.setattr(inbox, "note_look", note_look)
        moments.now += inbox.hold + 1
        await handle(client, inbox, other)
        return await note_look(work, look)

    monkeypatch.setattr(inbox, "note_look", overtaken)
    await put(inbox, event(order))
    await handle(client, inbox, taker)
    assert (len(taker.notices), len(other.notices)) == (0, 1)
    assert (await inbox.counts())[State.HANDLED] == 1


async def test_an_outage_of_the_service_is_no_fault_of_the_event(
    client: AsyncCubiCasa, inbox: Inbox, order: Order, sandbox: Sandbox, moments: VirtualTime
) -> None:
    sandbox.faults.add(Fault("status", status=503, operation="orders.get"))
    taker = Taker()
    await put(inbox, event(order))
    waits: list[float] = []
    for _ in range(4):
        told: list[Settlement] = []
        await handle_events(client, inbox, taker, until_idle=True, attempts=1, told=told.append)
        (one,) = told
        assert one.due is not None
        waits.append((one.due - moments.utcnow()).total_seconds())
        moments.now += 3600
    assert waits == [30, *(pytest.approx(n, abs=10) for n in (360, 720, 1080))]  # ever longer
    assert (await inbox.counts())[State.WAITING] == 1
    sandbox.faults.clear()
    await handle(client, inbox, taker, attempts=1)
    assert [notice.attempt for notice in taker.notices] == [1]


async def test_an_event_of_an_order_that_does_not_exist_becomes_a_dead_letter(
    client: AsyncCubiCasa, inbox: Inbox, moments: VirtualTime
) -> None:
    taker = Taker()
    await put(inbox, event("no-such-order"))
    for _ in range(2):
        await handle(client, inbox, taker, attempts=2)
        moments.now += 3600
    assert not taker.notices
    (letter,) = await inbox.dead.list()
    assert "the order could not be read" in letter.reason


class TestWhoDiesWhileHandling:
    """A handler that took an event and gives no sign of life."""

    async def test_loses_it_to_another_when_its_hold_has_run_out(
        self, client: AsyncCubiCasa, inbox: Inbox, order: Order, moments: VirtualTime
    ) -> None:
        taker = Taker()
        await put(inbox, event(order))
        dead = await inbox.take(12)
        assert dead is not None
        await handle(client, inbox, taker)
        assert not taker.notices
        moments.now += inbox.hold + 1
        await handle(client, inbox, taker)
        assert [notice.attempt for notice in taker.notices] == [2]
        # Were it alive after all, it would change nothing any more.
        assert not await inbox.renew(dead)
        await inbox.finish(dead, Settled(state=State.DEAD))
        assert (await inbox.counts())[State.DEAD] == 0

    async def test_keeps_it_as_long_as_it_gives_signs(
        self, client: AsyncCubiCasa, inbox: Inbox, order: Order, moments: VirtualTime
    ) -> None:
        await put(inbox, event(order))
        alive = await inbox.take(12)
        assert alive is not None
        for _ in range(3):
            moments.now += inbox.hold - 1
            assert await inbox.renew(alive)
            assert await inbox.take(12) is None

    async def test_again_and_again_ends_among_the_dead_letters(
        self, inbox: Inbox, order: Order, moments: VirtualTime
    ) -> None:
        await put(inbox, event(order))
        for _ in range(3):
            assert await inbox.take(3) is not None
            moments.now += inbox.hold + 1
        assert await inbox.take(3) is None
        (letter,) = await inbox.dead.list()
        assert letter.reason == "its handling ended with its process 3 times"


class Watched(Inbox):
    """An inbox that counts the signs of life."""

    signs = 0

    async def renew(self, work: Work) -> bool:
        kept = await super().renew(work)
        self.signs += 1
        return kept


async def test_a_handler_that_takes_long_keeps_its_hold(
    target: str, client: AsyncCubiCasa, order: Order, moments: VirtualTime, leaps: Leaps
) -> None:
    begun, done, taken = asyncio.Event(), asyncio.Event(), Taker()

    async def slow(notice: Notice) -> None:
        begun.set()
        await done.wait()
        await taken(notice)

    async with (
        Watched(target, runtime=moments.runtime) as inbox,
        Inbox(target, runtime=moments.runtime) as other,
    ):
        await put(inbox, event(order))
        first = asyncio.create_task(handle_events(client, inbox, slow, until_idle=True))
        await begun.wait()
        for signs in range(1, 8):
            # The hold runs out by the inbox's clock, and the sign of life comes by the loop's.
            moments.now += inbox.hold / 3
            await handle(client, other, taken)
            assert not taken.notices
            leaps.leap(inbox.hold / 3)
            await until(lambda signs=signs: inbox.signs >= signs)  # type: ignore[misc] # a default
        done.set()
        await first
        assert [notice.attempt for notice in taken.notices] == [1]


async def test_who_is_cancelled_gives_the_event_back_at_once(
    client: AsyncCubiCasa, inbox: Inbox, order: Order
) -> None:
    begun = asyncio.Event()

    async def endless(notice: Notice) -> None:
        begun.set()
        await asyncio.Event().wait()

    await put(inbox, event(order))
    running = asyncio.create_task(handle_events(client, inbox, endless))
    await begun.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    taker = Taker()
    await handle(client, inbox, taker)
    assert [notice.attempt for notice in taker.notices] == [1]


async def test_a_stop_finishes_what_is_being_handled_and_begins_no_more(
    client: AsyncCubiCasa, inbox: Inbox, sandbox: Sandbox
) -> None:
    orders = [sandbox.world.add_order(status="Ready") for _ in range(5)]
    stop, taken = asyncio.Event(), Taker()

    async def handler(notice: Notice) -> None:
        stop.set()
        await asyncio.sleep(0)
        await taken(notice)

    await put(inbox, *map(event, orders))
    await handle_events(client, inbox, handler, concurrency=1, stop=stop)
    assert len(taken.notices) == 1
    assert await inbox.counts() == {
        **dict.fromkeys(State, 0),
        State.HANDLED: 1,
        State.WAITING: 4,
    }


async def test_what_is_put_in_while_a_handler_waits_is_handled_soon(
    client: AsyncCubiCasa, inbox: Inbox, order: Order
) -> None:
    stop, taker = asyncio.Event(), Taker()
    running = asyncio.create_task(handle_events(client, inbox, taker, stop=stop))
    await asyncio.sleep(0.05)
    await put(inbox, event(order))
    await until(lambda: taker.notices)
    stop.set()
    await running


async def test_many_handlers_share_the_events_and_hold_an_order_one_at_a_time(
    target: str, client: AsyncCubiCasa, sandbox: Sandbox
) -> None:
    orders = [sandbox.world.add_order(status="Ready") for _ in range(12)]
    products = ("products_2d", "products_3d", "tour")
    under_way: set[str] = set()
    taken: list[tuple[str | None, ...]] = []

    async def handler(notice: Notice) -> None:
        assert notice.order.id not in under_way
        under_way.add(notice.order.id)
        await asyncio.sleep(0.001)
        under_way.discard(notice.order.id)
        taken.append(notice.event.identity)

    async with Inbox(target) as one, Inbox(target) as other, Inbox(target) as third:
        inboxes = (one, other, third)
        events = [event(order, product_type=name) for order in orders for name in products]
        await asyncio.gather(
            *(put(inboxes[number % 3], one) for number, one in enumerate(events)),
            *(handle_events(client, inbox, handler, until_idle=True) for inbox in inboxes),
        )
        for inbox in inboxes:
            await handle_events(client, inbox, handler, until_idle=True)
        assert (await one.counts())[State.WAITING] == 0
    assert sorted(map(str, taken)) == sorted(str(one.identity) for one in events)


async def test_what_was_handled_long_ago_can_be_forgotten(
    client: AsyncCubiCasa, inbox: Inbox, order: Order, moments: VirtualTime
) -> None:
    poison = Poison("other")
    await put(inbox, event(order), event("other"))
    await handle_events(client, inbox, poison, until_idle=True, attempts=1)
    moments.now += 3600
    assert await inbox.forget(moments.utcnow() - timedelta(seconds=7200)) == 0
    assert await inbox.forget(moments.utcnow()) == 1
    assert (await inbox.counts())[State.DEAD] == 1


async def test_a_file_that_is_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("my notes, and enough of them to be no database\n" * 40)
    with pytest.raises(StoreError):
        async with Inbox(tmp_path / "notes.txt"):
            pass


async def test_arguments_out_of_range_are_refused(client: AsyncCubiCasa, inbox: Inbox) -> None:
    with pytest.raises(ConfigError):
        await handle_events(client, inbox, Taker(), concurrency=0)


def test_an_order_looks_changed_by_its_files_in_any_shape_and_not_by_their_signatures() -> None:
    def look(name: str, signature: str = "a") -> str:
        files = [f"https://f.test/{name}.pdf?signature={signature}"]
        return look_of(codec.structure({"id": "o", "delivery_assets": files}, AnsweredOrder))

    assert look("one") != look("two")
    assert look("one") == look("one", signature="b")


def test_each_table_and_column_says_what_it_is() -> None:
    for table in SCHEMA.metadata.tables.values():
        assert table.comment
        assert [column.name for column in table.columns if not column.comment] == []


def test_without_its_extra_the_inbox_says_what_to_install_and_events_can_be_read() -> None:
    code = """
import sys
sys.modules["sqlalchemy"] = None
from cubicasa_async import delivery, errors
delivery.parse_event(b'{"id": "o", "current_status": "Ready"}')
try:
    delivery.Inbox
except errors.ConfigError as exc:
    print(exc)
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "cubicasa-async[store]" in ended.stdout


def test_names_that_come_late_are_there() -> None:
    assert delivery.Inbox is Inbox
    assert delivery.handle_events is handle_events
    with pytest.raises(AttributeError):
        delivery.Outbox  # type: ignore[attr-defined]  # noqa: B018 # what is tested
