"""One call of each effect, and what the sandbox must say of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import attrs

from cubicasa_async import AsyncCubiCasa, Effect, RequestOptions
from cubicasa_async.errors import CubiCasaError, Outcome
from cubicasa_async.sandbox import Entry, Fault, Sandbox
from tests.support.payloads import DRAFT

Make = Callable[[AsyncCubiCasa, str, RequestOptions | None], Awaitable[Any]]


@attrs.frozen
class Call:
    """A call.

    Attributes:
        effect: What a repeat would do.
        operation: Its name.
        status: The status that an order has to be in for it.
        make: Makes it on an order.
    """

    effect: Effect
    operation: str
    status: str
    make: Make

    def __str__(self) -> str:
        return self.effect.name


async def _get(client: AsyncCubiCasa, order_id: str, options: RequestOptions | None) -> Any:
    return await client.orders.get(order_id, options=options)


async def _update(client: AsyncCubiCasa, order_id: str, options: RequestOptions | None) -> Any:
    return await client.drafts.update(order_id, **DRAFT, info="changed", options=options)


async def _create(client: AsyncCubiCasa, _: str, options: RequestOptions | None) -> Any:
    return await client.drafts.create(**DRAFT, external_id="EXT-1", options=options)


async def _upgrade(client: AsyncCubiCasa, order_id: str, options: RequestOptions | None) -> Any:
    return await client.orders.upgrade(order_id, add_ons=["gla"], options=options)


READ = Call(Effect.READ, "orders.get", "Ready", _get)
REPLACE = Call(Effect.REPLACE, "drafts.update", "Draft", _update)
CREATE = Call(Effect.CREATE, "drafts.create", "Draft", _create)
PURCHASE = Call(Effect.PURCHASE, "orders.upgrade", "Ready", _upgrade)
CALLS = (READ, REPLACE, CREATE, PURCHASE)


@attrs.frozen
class Verdict:
    """What came of a call, as the caller and as the server saw it."""

    call: Call
    error: CubiCasaError | None
    entries: list[Entry]

    @property
    def commits(self) -> int:
        return sum(entry.committed for entry in self.entries)

    def lies(self) -> list[str]:
        """In what the caller's view contradicts the server's."""
        found: list[str] = []
        if self.error is None:
            if self.call.effect is not Effect.READ and not self.commits:
                found.append("success was reported and nothing was done")
        else:
            if self.error.outcome is not Outcome.UNKNOWN and self.commits:
                found.append(f"{self.error.outcome} was reported and it was done")
            if self.error.outcome is Outcome.UNKNOWN and not self.entries:
                found.append("doubt was reported and nothing was sent")
            if len(self.error.attempts) != len(self.entries):
                found.append(f"{len(self.error.attempts)} attempts, {len(self.entries)} requests")
        if self.call.effect in {Effect.CREATE, Effect.PURCHASE} and self.commits > 1:
            found.append(f"done {self.commits} times")
        return found


async def judge(
    call: Call,
    client: AsyncCubiCasa,
    sandbox: Sandbox,
    *faults: Fault,
    options: RequestOptions | None = None,
) -> Verdict:
    """Make a call under faults; nothing but our own errors may come of it."""
    order = sandbox.world.add_order(status=call.status)
    sandbox.faults.add(*faults)
    error: CubiCasaError | None = None
    try:
        await call.make(client, order.id, options)
    except CubiCasaError as exc:
        error = exc
    return Verdict(call, error, sandbox.ledger.of(call.operation))
