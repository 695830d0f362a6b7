"""Whatever becomes of the webhooks and of who receives them, every delivery is handled.

The sandbox runs here and loses, doubles, delays and reorders its calls; the command receives them
in a child, which gets SIGKILL at random. What was delivered is known from the sandbox alone.
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
import shlex
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import pytest

from cubicasa_async import AsyncCubiCasa
from cubicasa_async.core import codec
from cubicasa_async.delivery import Inbox, Notice, Receiver, handle_events, sweep
from cubicasa_async.delivery.events import Event, parse_event
from cubicasa_async.sandbox import Delivery, Sandbox, WebhookFault
from tests.support.canary import CANARY
from tests.support.commands import Child, environment, started
from tests.support.waiting import until

from .hooks import SECRETS, kept_port, register, served, version_of

logger = logging.getLogger(__name__)

SECRET = SECRETS.current.reveal()
FAULTS = (
    WebhookFault("lose", share=0.15),
    WebhookFault("duplicate", share=0.15),
    WebhookFault("reorder", share=0.15, seconds=0.2),
    WebhookFault("delay", share=0.15, seconds=0.3),
    WebhookFault("fail", share=0.3),
    WebhookFault("unheard", share=0.2),
)
Identity = tuple[str | None, ...]


@attrs.define
class Handled:
    """What a handler was given.

    Attributes:
        identities: The events.
        versions: By order, the deliveries whose files it had.
    """

    identities: set[Identity] = attrs.field(factory=set[Identity])
    versions: dict[str, set[int]] = attrs.field(factory=dict[str, set[int]])

    def add(self, event: Event, order: Any) -> None:
        self.identities.add(event.identity)
        self.versions.setdefault(event.order_id, set()).add(version_of(order))

    @classmethod
    def read(cls, file: Path) -> Handled:
        """What the command's command has written down."""
        handled = cls()
        content = file.read_bytes() if file.exists() else b""
        for line in content.rpartition(b"\n")[0].splitlines():  # the last may be half written
            told = json.loads(line)
            handled.add(parse_event(json.dumps(told["event"]).encode()), told["order"])
        return handled

    def missed(self, sandbox: Sandbox) -> list[Delivery]:
        """Deliveries at or after which no handler had the order."""
        return [
            one
            for one in sandbox.world.deliveries
            if max(self.versions.get(one.order_id, {0})) < one.number
        ]

    def unheard_of(self, sandbox: Sandbox) -> set[Identity]:
        """Events that were acknowledged, and that no handler was given."""
        told = [call for call in sandbox.webhooks.calls if call.status == 200]
        events = {parse_event(json.dumps(dict(call.body)).encode()).identity for call in told}
        return events - self.identities


async def live(sandbox: Sandbox, count: int, seed: int, pause: float) -> None:
    """The life of so many orders: a first delivery, a fix and an edit of each, all mixed.

    How many deliveries each has follows from the seed alone.
    """
    world = sandbox.world

    async def of_one(order_id: str, chance: random.Random) -> None:
        both = ("products_2d", "products_3d")

        async def rest() -> None:
            await asyncio.sleep(chance.uniform(0, pause))

        await rest()
        world.advance(order_id, *chance.choice([both, both[:1]]))
        await rest()
        world.set_status(order_id, "Fixing")
        await rest()
        world.advance(order_id, *chance.choice([both, both[:1], both[1:]]))
        for _ in range(chance.choice([1, 2])):
            await rest()
            world.set_status(order_id, "Ready", chance.choice(both))

    orders = [world.add_order(status="Pending") for _ in range(count)]
    lives = (of_one(one.id, random.Random(f"{seed} {n}")) for n, one in enumerate(orders))
    await asyncio.gather(*lives)


@attrs.frozen
class Listening:
    """The command that receives, to be killed and started again."""

    sandbox: Sandbox
    directory: Path
    port: int
    inbox: str

    @property
    def file(self) -> Path:
        return self.directory / "handled.jsonl"

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[Child]:
        command = f"sh -c {shlex.quote(f'cat >> {shlex.quote(str(self.file))}')}"
        options = ("--hold", "0.5", "--sweep", "0.1", "--retry-after", "0.1", "--json")
        # Who stands still for as long as the hold loses what it has in hand, any number of times.
        endless = ("--attempts", "100000")
        async with started(
            *("webhooks", "listen", "--port", str(self.port), "--inbox", self.inbox),
            *("--exec", command, *options, *endless),
            environ=environment(self.sandbox, CUBICASA_WEBHOOK_SECRET=SECRET),
            cwd=self.directory,
        ) as child:
            yield child


async def killed_at_random(
    sandbox: Sandbox, directory: Path, inbox: str, *, count: int, kills: int, seed: int
) -> Handled:
    """Let orders live while the receiver is killed and started again, until all are handled."""
    chance = random.Random(seed)
    with kept_port() as port:
        listening = Listening(sandbox, directory, port, inbox)
        register(sandbox, SECRETS.url(f"http://127.0.0.1:{port}/hook"))
        sandbox.webhooks.pause = 0.1
        sandbox.webhooks.faults.add(*FAULTS)
        # The inbox is made before the first delivery, as it would be.
        async with listening.running() as child:
            await until(lambda: "Listening" in child.errors, pause=0.02)
            life = asyncio.create_task(live(sandbox, count, seed, 0.3 + kills / 4))
            await asyncio.sleep(chance.uniform(0.3, 1.0))
        for _ in range(kills - 1):
            async with listening.running() as child:
                await until(lambda: "Listening" in child.errors, pause=0.02)
                await asyncio.sleep(chance.uniform(0.1, 1.0))
        async with listening.running() as child:
            await life
            await sandbox.webhooks.settled()

            def all_is_handled() -> bool:
                handled = Handled.read(listening.file)
                assert child.process.returncode is None, child.errors
                return not handled.missed(sandbox) and not handled.unheard_of(sandbox)

            await until(all_is_handled, pause=0.1)
            assert SECRET not in child.output + child.errors
    return Handled.read(listening.file)


def losses(sandbox: Sandbox) -> int:
    """How many deliveries no call told of."""
    told = {json.dumps(dict(one.body)) for one in sandbox.webhooks.calls if one.status == 200}
    bodies = {json.dumps(dict(one.body)) for one in sandbox.webhooks.calls}
    return len(bodies - told)


async def test_every_delivery_is_handled_though_webhooks_go_wrong_and_the_receiver_is_killed(
    tmp_path: Path,
) -> None:
    async with Sandbox(CANARY) as sandbox:
        place = str(tmp_path / "inbox.db")
        handled = await killed_at_random(sandbox, tmp_path, place, count=40, kills=2, seed=1)
        assert len(sandbox.world.deliveries) >= 4 * 40
        assert losses(sandbox) > 0
        assert handled.missed(sandbox) == []
        assert not sandbox.file_host.saw_key


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(3))
async def test_soak_five_hundred_orders(
    sandbox: Sandbox, target: str, tmp_path: Path, seed: int
) -> None:
    handled = await killed_at_random(sandbox, tmp_path, target, count=500, kills=12, seed=seed)
    logger.info(
        "%d deliveries of 500 orders, %d events without an acknowledged call; all handled",
        len(sandbox.world.deliveries),
        losses(sandbox),
    )
    assert handled.missed(sandbox) == []


# Controls: the same lives with one thing done as it is done elsewhere.


class Naive:
    """A store that handles at once, and takes events for the same by some of what they say."""

    def __init__(self, client: AsyncCubiCasa, key: Callable[[Event], Any]) -> None:
        self._client = client
        self._key = key
        self._seen: set[Any] = set()
        self.handled = Handled()

    async def put(self, event: Event, body: bytes) -> None:
        if self._key(event) in self._seen:
            return
        self._seen.add(self._key(event))
        order = await self._client.raw(self._client.orders.get, event.order_id)
        self.handled.add(event, json.loads(order.body))

    async def put_unreadable(self, body: bytes, reason: str) -> None:
        raise AssertionError(reason)


async def live_in_turn(
    sandbox: Sandbox, count: int, between: Callable[[], Awaitable[object]] | None = None
) -> None:
    """A first delivery, a fix and two edits of so many orders, each told before the next."""
    for _ in range(count):
        order = sandbox.world.add_order(status="Pending")
        for before in (None, "Fixing", None, None):
            if before is not None:
                sandbox.world.set_status(order.id, before)
            sandbox.world.set_status(order.id, "Ready", "products_2d")
            await sandbox.webhooks.settled()
            if between is not None:
                await between()


def status_and_type(event: Event) -> object:
    return event.order_id, event.current_status, event.delivery_type


def full_tuple(event: Event) -> object:
    return event.identity


@pytest.mark.parametrize(
    ("key", "missed"),
    [
        (status_and_type, (2, 3, 4)),
        # It cannot tell the second edit from a repeated call about the first.
        (full_tuple, (4,)),
    ],
)
async def test_control_a_naive_handler_misses_deliveries_even_if_no_call_is_lost(
    sandbox: Sandbox,
    client: AsyncCubiCasa,
    key: Callable[[Event], Any],
    missed: tuple[int, ...],
) -> None:
    naive = Naive(client, key)
    async with served(Receiver(naive, SECRETS)) as base:
        register(sandbox, SECRETS.url(base))
        await live_in_turn(sandbox, 10)
    assert {call.status for call in sandbox.webhooks.calls} == {200}
    assert [one.number for one in naive.handled.missed(sandbox)] == [*missed] * 10


async def test_control_without_a_sweep_what_no_call_told_is_missed(
    sandbox: Sandbox, client: AsyncCubiCasa
) -> None:
    naive = Naive(client, lambda _: object())
    async with served(Receiver(naive, SECRETS)) as base:
        register(sandbox, SECRETS.url(base))
        sandbox.webhooks.faults.add(WebhookFault("lose", skip=3, times=1))
        await live_in_turn(sandbox, 2)
    assert [one.number for one in naive.handled.missed(sandbox)] == [4]


async def test_the_inbox_and_a_sweep_miss_none_of_the_same(
    sandbox: Sandbox, client: AsyncCubiCasa, tmp_path: Path
) -> None:
    handled = Handled()

    async def handler(notice: Notice) -> None:
        handled.add(notice.event, codec.unstructure(notice.order))

    async with Inbox(tmp_path / "inbox.db") as inbox:
        handle = partial(handle_events, client, inbox, handler, until_idle=True)
        async with served(Receiver(inbox, SECRETS)) as base:
            register(sandbox, SECRETS.url(base))
            sandbox.webhooks.faults.add(WebhookFault("lose", skip=3, times=1))
            await live_in_turn(sandbox, 2, handle)
        assert [one.number for one in handled.missed(sandbox)] == [4]
        assert len([one async for one in sweep(client, inbox)]) == 1
        await handle()
        assert handled.missed(sandbox) == []
