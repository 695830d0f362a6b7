"""A mirror whose figures were computed by hand, and naive ways to compute them as controls."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
from sqlalchemy import insert

from cubicasa_async.bulk.mirror.tables import HISTORY, ORDERS, RUNS, SCHEMA
from cubicasa_async.bulk.stats import Stats
from cubicasa_async.store import Store
from tests.support.mirrors import query

HOUR = timedelta(hours=1)
AS_OF = datetime(2026, 3, 11, 12, tzinfo=UTC)
"""A Wednesday; its Monday is 2026-03-09."""


def day(month: int, day: int, hour: int = 0, *, year: int = 2026) -> datetime:
    return datetime(year, month, day, hour, tzinfo=UTC)


@attrs.frozen
class Past:
    """An order, and the statuses that runs saw it in, with when."""

    id: str
    status: str | None
    made: datetime | None
    delivered: datetime | None = None
    seen: tuple[tuple[str, datetime], ...] = ()
    vanished: datetime | None = None
    came_back: bool = False
    more: Mapping[str, Any] = {}

    def row(self) -> dict[str, Any]:
        first = self.seen[0][1] if self.seen else self.made or AS_OF
        return {
            "id": self.id,
            "status": self.status,
            "created_at": self.made,
            "first_delivered_at": self.delivered,
            "first_seen_at": first,
            "changed_at": first,
            "vanished_at": self.vanished,
            "raw": "{}",
            **dict.fromkeys(_MORE),
            **self.more,
        }

    def history(self) -> Iterable[dict[str, Any]]:
        before: str | None = None
        seen = self.seen or ((self.status or "New", self.made or AS_OF),)
        for status, at in seen:
            yield self._entry("moved" if before else "first seen", status, before, at)
            before = status
        if self.came_back or self.vanished:
            yield self._entry("vanished", before, before, AS_OF)
        if self.came_back:
            yield self._entry("came back", before, before, AS_OF)

    def _entry(
        self, event: str, status: str | None, before: str | None, at: datetime
    ) -> dict[str, Any]:
        entry = {"order_id": self.id, "event": event, "status": status, "seen_at": at, "run": 1}
        return {**entry, "previous_status": before}


_MORE = ("external_id", "street", "city", "full_address", "failure")
_HOME = {"city": "Salem"}

PASTS = (
    Past(
        "on-the-hour",
        "Ready",
        day(3, 9),  # the first moment of a week
        day(3, 9, 6),
        (
            *(("Draft", day(3, 9)), ("Pending", day(3, 9, 2)), ("Draft", day(3, 9, 3))),
            *(("Pending", day(3, 9, 4)), ("Ready", day(3, 9, 7))),
        ),
    ),
    Past(
        "fixed-twice",
        "Ready",
        day(3, 9) - timedelta(microseconds=500_000),  # the last second of a week
        day(3, 9, 10),
        tuple(
            (status, day(3, 9, 11 + number))
            for number, status in enumerate(("Ready", "Fixing", "Ready", "Fixing", "Ready"))
        ),
    ),
    Past("being-fixed", "Fixing", day(3, 3), day(3, 3, 20)),
    Past(
        "delivered-and-gone",
        "Ready",
        day(3, 3),
        day(3, 4, 6),
        (("Ready", day(3, 3, 1)), ("Pending", day(3, 3, 2)), ("Ready", day(3, 4, 7))),
        vanished=AS_OF,
    ),
    Past("draft-and-gone", "Draft", day(2, 1), vanished=AS_OF),
    Past("other-draft-and-gone", "Draft", day(2, 2), vanished=AS_OF),
    Past(
        "stuck",
        "Draft",
        day(2, 20),
        seen=(("Draft", day(2, 26)),),
        more={"external_id": "L-6", "street": "615 Bourbon St", **_HOME},
    ),
    Past("young-draft", "Draft", day(3, 10)),
    Past("undated-draft", "Draft", None, seen=(("Draft", day(2, 1)),)),
    Past("never-made", "Ready", None, day(3, 9)),
    Past("delivered-before-it-was-made", "Ready", day(3, 5), day(3, 4)),
    Past("delivered-at-no-time", "Ready", day(3, 5)),
    Past(
        "was-ready-once",
        "Pending",
        day(2, 23),  # the first moment of all that are told apart
        seen=(("Ready", day(2, 24)), ("Pending", day(2, 25))),
    ),
    Past("old", "Pending", day(12, 1, year=2025)),
    Past("not-read", None, day(3, 10), more={"failure": "It could not be read."}),
    Past("of-tomorrow", "Pending", day(3, 17)),
    Past(
        "came-back",
        "Ready",
        day(3, 3),
        day(3, 5, 2),
        (("Pending", day(3, 3, 1)), ("Ready", day(3, 5, 3))),
        came_back=True,
        more={"street": "615 Bourbon Street", **_HOME},
    ),
)

BY_HAND = {
    "orders": 14,
    "vanished": 3,
    "statuses": {"Ready": 6, "Draft": 3, "Pending": 3, "Fixing": 1, "(not said)": 1},
    "delivered": 9,
    "counted": 5,  # after 6 h, 10 h (and half a second), 20 h, 30 h and 50 h
    "median": 20 * HOUR,
    "ninetieth": 50 * HOUR,
    "fixed": 2,
    "stuck": 2,
}


def figures(stats: Stats) -> dict[str, Any]:
    """What was computed by hand, of what is given."""
    return {
        "orders": stats.orders,
        "vanished": stats.vanished,
        "statuses": stats.statuses,
        "delivered": stats.delivered,
        "counted": stats.delivery.orders,
        "median": stats.delivery.median,
        "ninetieth": stats.delivery.ninetieth,
        "fixed": stats.fixed,
        "stuck": stats.stuck,
    }


async def fill(target: str, pasts: Iterable[Past] = PASTS, **run: Any) -> str:
    """Make a mirror that one run left."""
    begun = {"run": 1, "started_at": AS_OF - HOUR, "ended_at": AS_OF, "complete": True}
    counts = {"listed": 0, "details": 0, "failed": 0}
    pasts = list(pasts)
    async with Store(target, SCHEMA) as store, store.writing() as connection:
        await connection.execute(insert(RUNS), [begun | counts | run])
        await connection.execute(insert(ORDERS), [past.row() for past in pasts])
        entries = [entry for past in pasts for entry in past.history()]
        await connection.execute(insert(HISTORY), entries)
    return target


async def naive(target: str) -> dict[str, Any]:
    """What people write first: tables joined, marks overlooked, what is odd counted."""
    orders = await query(target, "SELECT * FROM orders")
    by_status = await query(target, "SELECT status, count(*) AS n FROM orders GROUP BY status")
    fixed = "SELECT count(*) AS n FROM orders o JOIN history h ON h.order_id = o.id "
    times = await query(
        target,
        "SELECT o.created_at AS made, first_delivered_at AS delivered FROM orders o "
        "JOIN history h ON h.order_id = o.id "
        "WHERE first_delivered_at IS NOT NULL AND o.created_at IS NOT NULL",
    )
    took = sorted(_at(row["delivered"]) - _at(row["made"]) for row in times)
    there = [row for row in orders if row["vanished_at"] is None]
    drafts = [row for row in orders if row["status"] == "Draft" and row["created_at"]]
    return {
        "orders": len(orders),
        "statuses": {row["status"] or "(not said)": row["n"] for row in by_status},
        "delivered": sum(row["first_delivered_at"] is not None for row in there),
        "counted": len(took),
        "median": took[len(took) // 2],
        "ninetieth": took[len(took) * 9 // 10],
        "fixed": (await query(target, f"{fixed} WHERE h.status = 'Fixing'"))[0]["n"],
        "stuck": sum(_at(row["created_at"]) <= AS_OF - 14 * 24 * HOUR for row in drafts),
    }


def _at(value: Any) -> datetime:
    found = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    return found if found.tzinfo else found.replace(tzinfo=UTC)
