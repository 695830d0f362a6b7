"""What a run reads from the mirror's tables and writes into them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Self

import attrs
from sqlalchemy import bindparam, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from cubicasa_async.bulk.mirror import rows
from cubicasa_async.bulk.mirror.rows import ListedRow
from cubicasa_async.bulk.mirror.tables import ASSETS, HISTORY, LISTED, MIRROR, ORDERS, RUNS
from cubicasa_async.errors import StoreError
from cubicasa_async.resources.order import Order
from cubicasa_async.store import Store, upsert

FIRST_SEEN: Final = "first seen"
MOVED: Final = "moved"
VANISHED: Final = "vanished"
CAME_BACK: Final = "came back"

_READY: Final = "Ready"


@attrs.frozen(kw_only=True)
class Known:
    """What the mirror has of an order.

    Attributes:
        status: Its status.
        first_delivered_at: When it first became Ready.
        first_seen_at: When a run first saw it.
        details_at: When its details were last read.
        vanished: Whether it is marked as vanished.
        unlisted: Whether a run found that the server lists it no more, but still answers it.
        fingerprint: Of its row in the list when its details were read; None if they are to be.
        listed: Of its row in the list when this run last found it there; None if it did not yet.
    """

    status: str | None
    first_delivered_at: datetime | None
    first_seen_at: datetime
    details_at: datetime | None
    vanished: bool
    unlisted: bool
    fingerprint: str | None
    listed: str | None


@attrs.frozen(kw_only=True)
class Finding:
    """What a run found of an order, to be written down.

    Attributes:
        order: The order; its details if they could be read, else what its row in the list says.
        known: What the mirror has of it.
        raw: It as JSON text.
        readable: Whether `order` holds more than the id.
        fingerprint: Of its row in the list; None if its details are to be read again.
        has_details: Whether `order` is from its details.
        listed: Whether the server lists it.
        status_in_list: Its status there, which may be older than that of the details.
        failure: Why its details could not be read.
    """

    order: Order
    known: Known | None
    raw: str
    readable: bool = True
    fingerprint: str | None = None
    has_details: bool = False
    listed: bool = True
    status_in_list: str | None = None
    failure: str | None = None


class Book:
    """The tables of a mirror during one run of it.

    Args:
        store: The open database; the run is alone with it.
        run: The run's number. Once another run has begun, nothing is written any more.
    """

    def __init__(self, store: Store, run: int) -> None:
        self._store = store
        self._run = run

    @classmethod
    async def begin(cls, store: Store, target: str, now: datetime) -> Self:
        """Begin a run.

        Raises:
            StoreError: The mirror is of another installation.
        """
        async with store.writing() as connection:
            found = (await connection.execute(select(MIRROR).with_for_update())).one_or_none()
            if found is not None and found.target != target:
                raise StoreError(
                    f"{store.name} mirrors the orders of {found.target}, not of {target}. Name "
                    "another database."
                )
            run = found.run + 1 if found else 1
            await connection.execute(upsert(connection, MIRROR), [{"target": target, "run": run}])
            begun = {"run": run, "started_at": now, "complete": False}
            nothing = {"listed": 0, "details": 0, "failed": 0}
            await connection.execute(insert(RUNS), [begun | nothing])
            await connection.execute(delete(LISTED))
        return cls(store, run)

    async def end(self, now: datetime, *, complete: bool, details: int, failed: int) -> None:
        """Write down how the run ended."""
        async with self._store.writing() as connection:
            await self._check(connection)
            count = select(func.count()).select_from(LISTED).scalar_subquery()
            await connection.execute(
                update(RUNS)
                .where(RUNS.c.run == self._run)
                .values(
                    ended_at=now, complete=complete, listed=count, details=details, failed=failed
                )
            )

    async def look_up(self, order_ids: Iterable[str]) -> dict[str, Known]:
        """What the mirror has of these orders."""
        query = (
            select(ORDERS, LISTED.c.fingerprint.label("listed"))
            .outerjoin(LISTED, LISTED.c.order_id == ORDERS.c.id)
            .where(ORDERS.c.id.in_(set(order_ids)))
        )
        return await self._known(query)

    async def unlisted(self, after: str, count: int) -> dict[str, Known]:
        """The next orders by id, behind `after`, that are not marked and that no page held."""
        query = (
            select(ORDERS, LISTED.c.fingerprint.label("listed"))
            .outerjoin(LISTED, LISTED.c.order_id == ORDERS.c.id)
            .where(LISTED.c.order_id.is_(None), ORDERS.c.vanished_at.is_(None))
            .where(ORDERS.c.id > after)
            .order_by(ORDERS.c.id)
            .limit(count)
        )
        return await self._known(query)

    async def _known(self, query: Any) -> dict[str, Known]:
        async with self._store.reading() as connection:
            found = (await connection.execute(query)).all()
        return {
            row.id: Known(
                status=row.status,
                first_delivered_at=row.first_delivered_at,
                first_seen_at=row.first_seen_at,
                details_at=row.details_at,
                vanished=row.vanished_at is not None,
                unlisted=row.unlisted_at is not None,
                fingerprint=row.fingerprint,
                listed=row.listed,
            )
            for row in found
        }

    async def write(
        self, listed: Sequence[ListedRow], findings: Sequence[Finding], now: datetime
    ) -> None:
        """Write down a page of the list and what was found of its orders, all or nothing."""
        async with self._store.writing() as connection:
            await self._check(connection)
            if listed:
                sightings = {
                    row.order_id: {"order_id": row.order_id, "fingerprint": row.fingerprint}
                    for row in listed
                }
                await connection.execute(upsert(connection, LISTED), list(sightings.values()))
            await _write_orders(connection, findings, now)
            await _write_assets(connection, [one.order for one in findings if one.has_details])
            entries = [entry for finding in findings for entry in self._steps(finding, now)]
            if entries:
                await connection.execute(insert(HISTORY), entries)

    async def mark_vanished(self, orders: Mapping[str, Known], now: datetime) -> None:
        """Mark orders that the server has no more."""
        async with self._store.writing() as connection:
            await self._check(connection)
            await connection.execute(
                update(ORDERS)
                .where(ORDERS.c.id.in_(orders))
                .values(vanished_at=now, unlisted_at=None, changed_at=now)
            )
            entries = [
                self._entry(order_id, VANISHED, known.status, known.status, None, now)
                for order_id, known in orders.items()
            ]
            await connection.execute(insert(HISTORY), entries)

    async def _check(self, connection: AsyncConnection) -> None:
        """See to it that no other run has begun, and that none can until this is written."""
        run = (await connection.execute(select(MIRROR.c.run).with_for_update())).scalar()
        if run != self._run:
            raise StoreError(f"Another mirror run has taken over {self._store.name}.")

    def _steps(self, finding: Finding, now: datetime) -> Iterable[dict[str, Any]]:
        """The entries of the history that a finding makes."""
        if not finding.readable:
            return
        known, info = finding.known, finding.order.info
        new = str(info.status) if info and info.status else None
        old = known.status if known else None
        delivered = info.first_delivered_at if info else None
        order_id = finding.order.id
        if known is None:
            made = info.created_at if info and new in _AT_FIRST else None
            at = delivered if new == _READY else made
            yield self._entry(order_id, FIRST_SEEN, new, None, at, now)
            return
        if known.vanished:
            yield self._entry(order_id, CAME_BACK, old, old, None, now)
        passed = [finding.status_in_list or old, new]
        first_delivery = delivered if known.first_delivered_at is None else None
        if first_delivery is not None and _READY not in {old, *passed}:
            # It was Ready before it came to where it is now, unseen, and the server says when.
            passed.insert(0 if passed[0] != old else 1, _READY)
        for status in passed:
            if status != old:
                at = first_delivery if status == _READY else None
                yield self._entry(order_id, MOVED, status, old, at, now)
                old = status

    def _entry(
        self,
        order_id: str,
        event: str,
        status: str | None,
        previous: str | None,
        happened_at: datetime | None,
        now: datetime,
    ) -> dict[str, Any]:
        return {
            "order_id": order_id,
            "event": event,
            "status": status,
            "previous_status": previous,
            "happened_at": happened_at,
            "seen_at": now,
            "run": self._run,
        }


_AT_FIRST: Final = frozenset({"Draft", "New"})
"""Statuses that an order has from when it is made; for New it is inferred."""


def _order_values(finding: Finding, now: datetime) -> dict[str, Any]:
    known = finding.known
    values: dict[str, Any] = {
        **(rows.order_columns(finding.order) if finding.readable else {}),
        "changed_at": now,
        "vanished_at": None,
        "unlisted_at": None if finding.listed else now,
        "failure": finding.failure,
        "fingerprint": finding.fingerprint,
    }
    if finding.has_details:
        values["details_at"] = now
    if finding.has_details or known is None or known.details_at is None:
        values["raw"] = finding.raw  # what was once read in full is not replaced by a part
    return values


async def _write_orders(
    connection: AsyncConnection, findings: Sequence[Finding], now: datetime
) -> None:
    """Insert and update rows, those of the same columns together."""
    alike: defaultdict[tuple[bool, tuple[str, ...]], list[dict[str, Any]]] = defaultdict(list)
    for finding in findings:
        order_id, values = finding.order.id, _order_values(finding, now)
        if finding.known is None:
            new = {"id": order_id, "first_seen_at": now, **values}
            alike[True, tuple(values)].append(new)
        else:
            alike[False, tuple(values)].append({"of_id": order_id, **values})
    for (is_new, names), group in alike.items():
        if is_new:
            await connection.execute(insert(ORDERS), group)
        else:
            change = update(ORDERS).where(ORDERS.c.id == bindparam("of_id"))
            await connection.execute(change.values({n: bindparam(n) for n in names}), group)


async def _write_assets(connection: AsyncConnection, orders: Sequence[Order]) -> None:
    """Write the files of orders; where they are what they were, nothing is written."""
    ids = [order.id for order in orders]
    if not ids:
        return
    query = select(ASSETS).where(ASSETS.c.order_id.in_(ids)).order_by(ASSETS.c.number)
    old: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in (await connection.execute(query)).mappings():
        old[row["order_id"]].append({str(name): value for name, value in row.items()})
    new = {order.id: rows.asset_rows(order) for order in orders}
    changed = [order_id for order_id in ids if new[order_id] != old[order_id]]
    if gone := [order_id for order_id in changed if old[order_id]]:
        await connection.execute(delete(ASSETS).where(ASSETS.c.order_id.in_(gone)))
    if added := [row for order_id in changed for row in new[order_id]]:
        await connection.execute(insert(ASSETS), added)
