"""Waiting for hours until an order stands where it should."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import suppress
from copy import copy
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

import attrs
import backoff

from cubicasa_async.core import checks
from cubicasa_async.core.runtime import Runtime
from cubicasa_async.errors import (
    CallTimeoutError,
    CubiCasaError,
    FieldError,
    InvalidInputError,
    NotFoundError,
    WaitTimeoutError,
)
from cubicasa_async.resources.order import Order, OrderStatus

_LAST_LOOK: Final = 1.0
"""Seconds before the deadline at which the last look is taken, or a tenth of it if that is less."""
_LEAST: Final = 1.0
"""Seconds that a look may take at least, as when the machine has slept over the deadline."""
_SOONEST: Final = 2.0
"""Seconds between two looks at least, or the first gap if that is less, whatever wakes it."""

_NOT_WAITED: Final = "The order was not waited for: an argument is not valid."

Look = Callable[[float], Awaitable[Order]]


class Waker(Protocol):
    """Tells that an order may have changed, as a receiver of webhooks learns it."""

    async def changed(self, order_id: str) -> object:
        """Return when it may have changed since this was called."""
        ...


def _statuses(status: OrderStatus | str | Iterable[OrderStatus | str]) -> tuple[str, ...]:
    try:
        found = checks.some_texts([status] if isinstance(status, str) else status)
    except ValueError as exc:
        raise InvalidInputError(_NOT_WAITED, [FieldError("status", str(exc))]) from None
    return tuple(str(value) for value in found)


def _seconds(_: object, field: attrs.Attribute[Any], value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        fault = f"must be a number of seconds, not {type(value).__name__}"
        raise InvalidInputError(_NOT_WAITED, [FieldError(field.name, fault)])


@attrs.frozen(kw_only=True)
class Wait:
    """A wait for an order.

    Attributes:
        order_id: Its identifier.
        statuses: Where it is to stand; one of them.
        deadline: Seconds after which to give up; 0 looks once.
        first_gap: Seconds between the first two looks at most; the gaps then grow.
        longest_gap: Seconds between two looks at most.
        waker: Ends a gap early.
        runtime: Sources of time and chance.
    """

    order_id: str
    statuses: tuple[str, ...] = attrs.field(converter=_statuses)
    deadline: float = attrs.field(validator=_seconds)
    first_gap: float = attrs.field(validator=_seconds)
    longest_gap: float = attrs.field(validator=_seconds)
    waker: Waker | None
    runtime: Runtime

    def __attrs_post_init__(self) -> None:
        if not (self.deadline >= 0 and 0 < self.first_gap <= self.longest_gap):
            fault = "must be 0 seconds or more, and both gaps above 0, in their order"
            raise InvalidInputError(_NOT_WAITED, [FieldError("deadline", fault)])

    async def until_there(self, look: Look) -> Order:
        """The order, once it stands where it should.

        Args:
            look: Reads it, within the given seconds.

        Raises:
            WaitTimeoutError: It did not in time.
            NotFoundError: There is no such order, or none any more.
            CubiCasaError: It cannot be read, and looking again would not help.
        """
        now = self.runtime.monotonic
        end, gaps, seen = now() + self.deadline, self._gaps(), _Seen()
        last_look = end - min(_LAST_LOOK, self.deadline / 10)
        is_last = False
        while True:
            # Listened to from before the look on, so that nothing between the two is missed.
            signal = self._listen()
            try:
                order = await self._looked(look, seen, max(end - now(), _LEAST))
                if order is not None and order.status in self.statuses:
                    return order
                looked_at = now()
                left = last_look - looked_at
                if is_last or left <= 0:
                    raise seen.given_up(self)
                gap = next(gaps)
                pause = max(self.runtime.jitter(gap / 2) + gap / 2, seen.held_back(self.runtime))
                is_last = pause >= left
                if await self._woken(signal, min(pause, left)):
                    gaps, is_last = self._gaps(), False
                    early = looked_at + min(_SOONEST, self.first_gap, left) - now()
                    if early > 0:  # more may happen meanwhile, and is seen by the same look
                        await self.runtime.sleep(early)
            finally:
                await _ended(signal)

    async def _looked(self, look: Look, seen: _Seen, left: float) -> Order | None:
        """The order, or None if it cannot be read for the moment."""
        seen.looks += 1
        seen.failure = None
        try:
            seen.order = await look(left)
        except NotFoundError as exc:
            raise seen.gone(self, exc) from None
        except CubiCasaError as exc:
            if not (exc.transient or isinstance(exc, CallTimeoutError)):
                raise
            seen.failure = exc
            return None
        seen.at = self.runtime.utcnow()
        return seen.order

    def _gaps(self) -> Iterator[float]:
        gaps = backoff.expo(base=1.5, factor=self.first_gap, max_value=self.longest_gap)
        gaps.send(None)
        return gaps

    def _listen(self) -> asyncio.Future[object] | None:
        if self.waker is None:
            return None
        return asyncio.ensure_future(self.waker.changed(self.order_id))

    async def _woken(self, signal: asyncio.Future[object] | None, seconds: float) -> bool:
        """Wait; True if a signal ended it. A waker that fails is one that never signals."""
        pause = asyncio.ensure_future(self.runtime.sleep(seconds))
        try:
            if signal is None:
                await pause
                return False
            await asyncio.wait({pause, signal}, return_when=asyncio.FIRST_COMPLETED)
            if signal.done() and signal.exception() is None:
                return True
            await pause
            return False
        finally:
            await _ended(pause)


async def _ended(future: asyncio.Future[Any] | None) -> None:
    if future is not None:
        future.cancel()
        await asyncio.wait([future])
        with suppress(asyncio.CancelledError):
            future.exception()  # taken notice of


@attrs.define
class _Seen:
    """What the looks showed so far."""

    looks: int = 0
    order: Order | None = None
    at: datetime | None = None
    failure: CubiCasaError | None = None

    def held_back(self, runtime: Runtime) -> float:
        """Seconds for which the server asked not to be called."""
        retry_at = self.failure.retry_at if self.failure else None
        return (retry_at - runtime.utcnow()) / timedelta(seconds=1) if retry_at else 0.0

    def given_up(self, wait: Wait) -> WaitTimeoutError:
        wanted = " or ".join(wait.statuses)
        sentence = (
            f"Order {wait.order_id} did not become {wanted} within {duration(wait.deadline)}: "
        )
        looks = f"in {self.looks} {'look' if self.looks == 1 else 'looks'}."
        if self.order is None:
            sentence += f"it could never be read {looks}"
        else:
            sentence += f"{self._last(self.order)}, {looks}"
        if self.failure is not None:
            sentence += f" The last look failed: {self.failure.message}"
        error = WaitTimeoutError(sentence)
        error.order, error.seen_at = self.order, self.at
        return error

    def gone(self, wait: Wait, error: NotFoundError) -> NotFoundError:
        """The error, which says of which order it is, and what was seen of it before."""
        if self.order is None:
            sentence = f"Order {wait.order_id} cannot be waited for. {error.message}"
        else:
            sentence = f"Order {wait.order_id} is gone: {self._last(self.order)}, and now the "
            sentence += f"server says that there is none (status {error.status})."
        told = copy(error)
        told.args = (sentence,)
        return told

    def _last(self, order: Order) -> str:
        status = order.status or "of no known status"
        return f"it was {status} when last seen, {self.at:%Y-%m-%d %H:%M:%S} UTC"


def duration(seconds: float) -> str:
    """Seconds as people say them: `90 s`, `5 min`, `6 h`."""
    for unit, size in (("h", 3600), ("min", 60)):
        if seconds >= size and seconds % size == 0:
            return f"{seconds // size:g} {unit}"
    return f"{seconds:g} s"
