"""Webhook calls as the service makes them: tried three times, then dropped (documented).

How far apart the attempts are, how long an answer is waited for, and that anything but a 200 is no
acknowledgement of it, is inferred.
"""

from __future__ import annotations

import asyncio
import enum
import json
import math
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

import aiohttp
import attrs

from cubicasa_async.sandbox.changes import StatusChange
from cubicasa_async.sandbox.clock import Clock
from cubicasa_async.sandbox.plan import Plan, chosen
from cubicasa_async.sandbox.world import World

__all__ = ["TRIGGERS", "WebhookCall", "WebhookFault", "WebhookKind", "WebhookPlan", "Webhooks"]

TRIGGERS: Final = {
    "Draft": "moved_to_draft",
    "Pending": "moved_to_pending",
    "Ready": "moved_to_ready",
    "Fixing": "moved_to_fixing",
}


class WebhookKind(enum.StrEnum):
    """What goes wrong with a webhook."""

    LOSE = "lose"
    """The whole event: no attempt leaves."""
    DELAY = "delay"
    """It is called `seconds` later; those behind it overtake it."""
    REORDER = "reorder"
    """It is called after the one behind it, or after `seconds` if none comes."""
    DUPLICATE = "duplicate"
    """It is called twice at the same time."""
    FAIL = "fail"
    """One attempt does not leave; it counts."""
    UNHEARD = "unheard"
    """One attempt arrives, and its answer is lost; it counts as failed."""


def _kind(value: object) -> WebhookKind:
    return chosen(WebhookKind, "kind of webhook fault", value)


_HELD: Final = frozenset({WebhookKind.LOSE, WebhookKind.DELAY, WebhookKind.REORDER})
_OF_ATTEMPTS: Final = frozenset({WebhookKind.FAIL, WebhookKind.UNHEARD})


@attrs.frozen
class WebhookFault:
    """One entry of the plan. Only `kind` has to be given; all that is given has to match.

    Attributes:
        kind: What goes wrong.
        order_id: Only webhooks of this order.
        product: Only webhooks of this product type.
        skip: How many matching events or attempts pass unharmed at first.
        times: How many it hits; None: for ever.
        every: Hits each n-th matching event or attempt after the skipped ones.
        share: Probability of a hit, drawn from the plan's own seeded random numbers.
        seconds: Length of a delay, or the longest wait of a reordering.

    Raises:
        ValueError: The arguments do not fit together.
    """

    kind: WebhookKind = attrs.field(converter=_kind)
    order_id: str | None = attrs.field(default=None, kw_only=True)
    product: str | None = attrs.field(default=None, kw_only=True)
    skip: int = attrs.field(default=0, kw_only=True)
    times: int | None = attrs.field(default=None, kw_only=True)
    every: int = attrs.field(default=1, kw_only=True)
    share: float = attrs.field(default=1.0, kw_only=True)
    seconds: float = attrs.field(default=0.1, kw_only=True)

    def __attrs_post_init__(self) -> None:
        for name, least in (("skip", 0), ("times", 1), ("every", 1)):
            value = getattr(self, name)
            if name == "times" and value is None:
                continue
            if type(value) is not int or value < least:
                raise ValueError(f"{name} is a whole number of at least {least}, not {value!r}.")
        for name, most in (("share", 1.0), ("seconds", math.inf)):
            value = getattr(self, name)
            if type(value) not in (int, float) or not 0 <= value <= most or math.isinf(value):
                raise ValueError(f"{name} is a number from 0 to {most:g}, not {value!r}.")

    def matches(self, change: StatusChange) -> bool:
        """Whether it may hit the webhooks of this change."""
        return self.order_id in (None, change.order_id) and self.product in (None, change.product)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> WebhookFault:
        """A fault from JSON types; the keys are the attributes' names. Raises ValueError."""
        names = [field.name for field in attrs.fields(cls)]
        for name in data:
            if name not in names:
                raise ValueError(f"A fault has no {name!r}; it knows {', '.join(names)}.")
        if "kind" not in data:
            raise ValueError("A fault needs a kind.")
        return cls(**data)

    def to_json(self) -> dict[str, Any]:
        """The fault as JSON types."""
        return attrs.asdict(self)


class WebhookPlan(Plan[WebhookFault]):
    """The faults of webhooks in force. An event and each attempt are hit by one at most."""

    def choose(self, change: StatusChange, *, attempt: bool) -> WebhookFault | None:
        """The fault that hits this event, or one attempt of it."""
        return self._due(
            lambda fault: (fault.kind in _OF_ATTEMPTS) is attempt and fault.matches(change)
        )


@attrs.define(eq=False)
class WebhookCall:
    """One attempt to tell of a change.

    Attributes:
        url: Whom it is told.
        body: The JSON object that was sent.
        attempt: 1 to 3.
        time: When it began, Unix seconds by the sandbox's clock.
        status: What was answered; None if nothing was heard.
        fault: What hit it.
    """

    url: str
    body: Mapping[str, Any]
    attempt: int
    time: float
    status: int | None = None
    fault: WebhookKind | None = None

    def to_json(self) -> dict[str, Any]:
        """The call as JSON types."""
        return attrs.asdict(self)


class Webhooks:
    """Tells the registered URLs of changes of status.

    Args:
        world: Whose changes, URLs and triggers.
        clock: The time; pauses and delays are over when it says so.
        seed: Of the faults' random numbers.

    Attributes:
        calls: Every attempt, in the order in which they began.
        faults: What goes wrong.
        attempts: How often a call is tried.
        pause: Seconds between two attempts.
        patience: Seconds that an answer is waited for.
    """

    attempts: int
    pause: float
    patience: float

    def __init__(self, world: World, clock: Clock, seed: int = 0) -> None:
        self._world = world
        self._clock = clock
        self._loop: asyncio.AbstractEventLoop | None = None
        self._session: aiohttp.ClientSession | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._passed: dict[str, asyncio.Event] = {}
        self.calls: list[WebhookCall] = []
        self.faults: WebhookPlan = WebhookPlan(seed)
        self._begin_anew()
        world.on_change = self._tell

    def start(self) -> None:
        """Begin to call; before that nobody is told."""
        self._loop = asyncio.get_running_loop()

    async def close(self) -> None:
        """End what is under way."""
        self._loop = None
        tasks = list(self._tasks)
        self._cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()
            self._session = None

    def reset(self) -> None:
        """Forget all calls, faults and settings, and give up what is under way."""
        self._cancel()
        self.calls.clear()
        self.faults.clear()
        self._begin_anew()

    def _begin_anew(self) -> None:
        self.attempts, self.pause, self.patience = 3, 1.0, 10.0

    async def settled(self) -> None:
        """Wait until each call under way was acknowledged or dropped; from any event loop."""
        loop = self._loop
        if loop is None or loop is asyncio.get_running_loop():
            await self._settled()
        else:
            await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self._settled(), loop))

    def wait_until_settled(self) -> None:
        """The same from a thread without an event loop, if the sandbox runs in another one.

        Raises:
            RuntimeError: An event loop runs in this thread.
        """
        if asyncio._get_running_loop() is not None:  # noqa: SLF001 # public in asyncio
            raise RuntimeError(
                "This would hold up the event loop that runs here, and with it whoever is called "
                "on it. Use `await webhooks.settled()`."
            )
        if self._loop is not None:
            asyncio.run_coroutine_threadsafe(self._settled(), self._loop).result()

    async def _settled(self) -> None:
        await asyncio.sleep(0)  # what has just happened is told on the loop's next turn
        while self._tasks:
            await asyncio.wait(self._tasks)

    def _cancel(self) -> None:
        for task in self._tasks:
            task.cancel()

    def _tell(self, change: StatusChange) -> None:
        if self._loop is not None:  # the world may be moved from any thread
            self._loop.call_soon_threadsafe(self._begin, change)

    def _begin(self, change: StatusChange) -> None:
        trigger = TRIGGERS.get(change.current)
        if self._loop is None or trigger not in self._world.webhook_triggers:
            return
        for url in list(self._world.webhook_urls):
            overtaken, passed = self._passed.get(url, asyncio.Event()), asyncio.Event()
            self._passed[url] = passed
            task = self._loop.create_task(self._deliver(change, url, overtaken, passed))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _deliver(
        self, change: StatusChange, url: str, overtaken: asyncio.Event, passed: asyncio.Event
    ) -> None:
        """Call for a change; set `overtaken` for the call before it, and look at one's own."""
        fault = self.faults.choose(change, attempt=False)
        kind = fault.kind if fault else None
        if kind in _HELD:
            overtaken.set()
        if fault is not None and kind is WebhookKind.DELAY:
            await self._clock.sleep(fault.seconds)
        elif fault is not None and kind is WebhookKind.REORDER:
            with suppress(TimeoutError):
                async with asyncio.timeout(fault.seconds):
                    await passed.wait()
        if kind is WebhookKind.LOSE:
            self.calls.append(WebhookCall(url, change.body(), 0, self._clock(), fault=kind))
            return
        courses = 2 if kind is WebhookKind.DUPLICATE else 1
        await asyncio.gather(*(self._try(change, url, kind, overtaken) for _ in range(courses)))

    async def _try(
        self, change: StatusChange, url: str, kind: WebhookKind | None, overtaken: asyncio.Event
    ) -> None:
        for attempt in range(1, self.attempts + 1):
            if attempt > 1:
                await self._clock.sleep(self.pause)
            fault = self.faults.choose(change, attempt=True)
            struck = fault.kind if fault else kind
            call = WebhookCall(url, change.body(), attempt, self._clock(), fault=struck)
            self.calls.append(call)
            status = None if struck is WebhookKind.FAIL else await self._post(call)
            overtaken.set()
            if struck in _OF_ATTEMPTS:
                continue
            call.status = status
            if status == 200:
                return

    async def _post(self, call: WebhookCall) -> int | None:
        if self._session is None:
            self._session = aiohttp.ClientSession()
        try:
            async with self._session.post(
                call.url,
                data=json.dumps(call.body).encode(),
                headers={"Content-Type": "application/json"},
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=self.patience),
            ) as response:
                return response.status
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
            return None
