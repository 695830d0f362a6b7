"""Handing the inbox's events to your code: each at least once, with the order as it is now."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import islice
from typing import Final

import attrs

from cubicasa_async.client import AsyncCubiCasa
from cubicasa_async.core.policy import RetryPolicy, waits
from cubicasa_async.delivery.events import Event
from cubicasa_async.delivery.inbox import Entry, Inbox, Settled, Work
from cubicasa_async.delivery.inbox_tables import State, look_of
from cubicasa_async.errors import (
    BadRequestError,
    ConfigError,
    CubiCasaError,
    DecodeError,
    InvalidInputError,
    NotFoundError,
    ResponseTooLargeError,
    StoreError,
)
from cubicasa_async.resources.order import Order

__all__ = ["Handler", "Notice", "Settlement", "handle_events"]

_LOGGER: Final = logging.getLogger("cubicasa_async.delivery")
_PATIENCE: Final = 1.0
_OUTAGE: Final = timedelta(seconds=30)
_LONGEST_REASON: Final = 500


@attrs.frozen(kw_only=True)
class Notice:
    """What a handler is given.

    Attributes:
        event: What CubiCasa said, or what a sweep found; then it names no product.
        order: The order, read again after the event had come, with its files.
        attempt: 1 at first; a repeated one may meet what an earlier one has left.
        source: "webhook", or "sweep" if no call told of it.
        received_at: When the event first came (aware, UTC).
    """

    event: Event
    order: Order
    attempt: int
    source: str
    received_at: datetime


Handler = Callable[[Notice], Awaitable[object]]
"""Does what is to be done. The event counts as handled when it returns; if it raises, it is handed
over again later. It may be called twice with the same event, so doing it twice must do no harm."""


@attrs.frozen(kw_only=True)
class Settlement:
    """What became of handing an event over.

    Attributes:
        number: The event's place in the inbox.
        event: The event.
        state: "handled", "repeat", "dead", or "waiting" if it will be tried again.
        attempt: Which attempt it was.
        reason: Why it failed, if it did.
        due: When it is tried again (aware, UTC), if it is.
    """

    number: int
    event: Event
    state: State
    attempt: int
    reason: str | None = None
    due: datetime | None = None


async def handle_events(
    client: AsyncCubiCasa,
    inbox: Inbox,
    handler: Handler,
    *,
    concurrency: int = 4,
    attempts: int = 12,
    retry: RetryPolicy | None = None,
    repeats: float = 900.0,
    until_idle: bool = False,
    stop: asyncio.Event | None = None,
    told: Callable[[Settlement], object] | None = None,
) -> None:
    """Hand each event of an inbox to a handler, at least once, until stopped.

    The call that brought an event is not signed, so the order is read again first. The events of
    one order are handed over one after the other; one that fails waits, and holds up no other.

    The vendor repeats a call that it believes lost, and its events have no number. So an event that
    says the same as one handled is a repeat, and is not handed over, only if it came within
    `repeats` seconds of it and the order has not changed since. In doubt it is handed over.

    Args:
        client: Reads the orders.
        inbox: Holds the events. Several processes may share its database.
        handler: Does what is to be done.
        concurrency: How many orders are handled at once.
        attempts: After so many failures an event becomes a dead letter, unless the same event comes
            again before. That the service cannot be reached, or refuses the key, does not count;
            the longer that lasts, the longer the waits.
        retry: How the waits between attempts grow; from 5 seconds to an hour by default.
        repeats: Seconds within which the same event may be a repeated call. The vendor's spacing
            of its three attempts is not documented; this is inferred.
        until_idle: Return when no event is due, rather than wait for more.
        stop: Set it to end: what is being handled is finished, and no more is begun.
        told: Called with what became of each handing over.

    Raises:
        ConfigError: An argument is out of range.
        StoreError: The database failed, with `until_idle`; else it is logged and tried again.
    """
    if concurrency < 1 or attempts < 1 or repeats < 0:
        raise ConfigError("concurrency and attempts must be 1 or more, and repeats 0 or more.")
    handling = _Handling(
        client=client,
        inbox=inbox,
        handler=handler,
        attempts=attempts,
        retry=retry or RetryPolicy(first_wait=5.0, longest_wait=3600.0),
        repeats=timedelta(seconds=repeats),
        until_idle=until_idle,
        stop=stop or asyncio.Event(),
        told=told or (lambda _: None),
    )
    workers = [asyncio.create_task(handling.work()) for _ in range(concurrency)]
    try:
        await asyncio.gather(*workers)
    finally:
        for worker in workers:
            if not worker.cancelling():  # a second time would disturb its giving back
                worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)


@attrs.frozen(kw_only=True)
class _Handling:
    """What the workers share."""

    client: AsyncCubiCasa
    inbox: Inbox
    handler: Handler
    attempts: int
    retry: RetryPolicy
    repeats: timedelta
    until_idle: bool
    stop: asyncio.Event
    told: Callable[[Settlement], object]

    async def work(self) -> None:
        """Take and handle what is due, one after the other."""
        while not self.stop.is_set():
            try:
                work = await self.inbox.take(self.attempts)
                if work is not None:
                    await self._all_of_order(work)
                    continue
            except StoreError as exc:
                if self.until_idle:
                    raise
                _LOGGER.error("%s", exc.message)  # noqa: TRY400 # a plain sentence says it
            if self.until_idle:
                return
            await self._pause()

    async def _pause(self) -> None:
        """Until there is news, or an end."""
        waiting: set[asyncio.Task[object]] = {
            asyncio.create_task(self.stop.wait()),
            asyncio.create_task(self.inbox.news(_PATIENCE)),
        }
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)

    async def _all_of_order(self, first: Work) -> None:
        work: Work | None = first
        while work is not None:
            alive = asyncio.create_task(self._keep_alive(work))
            try:
                settled = await self._settle(work)
            except asyncio.CancelledError:
                back = Settled(state=State.WAITING, counts=False, reason="it was interrupted")
                with suppress(StoreError):  # the hold runs out by itself then
                    await asyncio.shield(self.inbox.finish(work, back))
                raise
            finally:
                alive.cancel()
                await asyncio.gather(alive, return_exceptions=True)
            done = work
            more = 0 if self.stop.is_set() else self.attempts
            work = await self.inbox.finish(work, settled, more)
            self._tell(done, settled)

    async def _keep_alive(self, work: Work) -> None:
        while True:
            await asyncio.sleep(self.inbox.hold / 3)
            try:
                if not await self.inbox.renew(work):
                    _LOGGER.warning("Another handler has taken order %s over.", work.order_id)
                    return
            except StoreError as exc:
                _LOGGER.warning("%s", exc.message)

    async def _settle(self, work: Work) -> Settled:
        entry = work.entry
        try:
            order = await self.client.orders.get(work.order_id)
        except CubiCasaError as exc:
            if _is_of_the_order(exc):
                return self._failed(entry.attempt, f"the order could not be read: {exc}")
            return self._outage(entry, exc)
        look, status = look_of(order), None if order.status is None else str(order.status)
        if entry.earlier_look == look and entry.came_within(self.repeats):
            return Settled(state=State.REPEAT, look=look, status=status)
        notice = Notice(
            event=entry.event,
            order=order,
            attempt=entry.attempt,
            source=entry.source,
            received_at=entry.received_at,
        )
        if not await self.inbox.note_look(work, look):
            return Settled(state=State.WAITING, counts=False, reason="another has taken it over")
        reason = await self._hand_over(notice)
        failed = None if reason is None else self._failed(entry.attempt, reason)
        return attrs.evolve(failed or Settled(state=State.HANDLED), look=look, status=status)

    async def _hand_over(self, notice: Notice) -> str | None:
        """Why the handler failed, if it did."""
        try:
            await self.handler(notice)
        except Exception as exc:  # noqa: BLE001 # one poisonous event must not stop the others
            return _described(exc)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            return "what the handler waited for was cancelled"
        return None

    def _failed(self, attempt: int, reason: str) -> Settled:
        reason = reason[:_LONGEST_REASON]
        if attempt >= self.attempts:
            return Settled(state=State.DEAD, reason=reason)
        bound = next(islice(waits(self.retry), attempt - 1, None))
        wait = timedelta(seconds=self.inbox.runtime.jitter(bound))
        return Settled(state=State.WAITING, due=self.inbox.now() + wait, reason=reason)

    def _outage(self, entry: Entry, error: CubiCasaError) -> Settled:
        """The longer it has lasted, the longer is the wait for its end."""
        lasted = self.inbox.now() - entry.received_at
        wait = min(max(lasted / 10, _OUTAGE), timedelta(seconds=self.retry.longest_wait))
        due = max(self.inbox.now() + wait, error.retry_at or self.inbox.now())
        return Settled(state=State.WAITING, due=due, counts=False, reason=str(error))

    def _tell(self, work: Work, settled: Settled) -> None:
        entry = work.entry
        settlement = Settlement(
            number=entry.number,
            event=entry.event,
            state=settled.state,
            attempt=entry.attempt,
            reason=settled.reason,
            due=settled.due,
        )
        if settled.reason is not None:
            _LOGGER.warning(
                "Event %s of order %s is %s: %s",
                entry.number,
                work.order_id,
                settled.state,
                settled.reason,
            )
        self.told(settlement)


def _described(error: Exception) -> str:
    name = type(error).__name__
    try:
        said = f"{name}: {error}"
    except Exception:  # noqa: BLE001 # it may be anybody's
        return f"{name}, which cannot be told in words"
    return said.encode(errors="backslashreplace").decode()  # file names may be no texts


def _is_of_the_order(error: CubiCasaError) -> bool:
    """Whether an order cannot be read because of what it is, and not because of an outage."""
    of_its_own = (NotFoundError, BadRequestError, InvalidInputError, ResponseTooLargeError)
    return isinstance(error, of_its_own) or (isinstance(error, DecodeError) and not error.transient)
