"""Pages without a server, and a server whose list does not keep still."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from typing import Any

from cubicasa_async.core import codec
from cubicasa_async.core.walk import Page, Record, page_of
from cubicasa_async.live import Finding, Report
from cubicasa_async.live.paging import SIZE
from cubicasa_async.resources.order import Order
from cubicasa_async.sandbox import Reading, Sandbox
from tests.support.payloads import order


def served(ids: Sequence[str], offset: int, reading: Reading) -> Page[str]:
    """The page that a server of this reading gives, described once more and not by its code."""
    start = max(offset - 1, 0) if reading is Reading.ONE_BASED else offset
    shown = ids[start : start + SIZE]
    end = start + len(shown)
    following = end if reading is Reading.ZERO_BASED else end + 1
    records = tuple(Record(one, one) for one in shown)
    return page_of(records, offset, end < len(ids), following)


def row(
    order_id: str = "1",
    status: str = "Ready",
    created_at: float | None = 1.0,
    **fields: Any,
) -> dict[str, Any]:
    """An order as JSON."""
    found = order(id=order_id, **fields)
    found["info"] |= {"status": status, "created_at": created_at}
    return found


def listed(*rows: dict[str, Any], has_more: bool = False) -> Page[Order]:
    """A page of orders."""
    records = tuple(Record(one["id"], codec.structure(one, Order)) for one in rows)
    return page_of(records, 0, has_more, None)


def the(report: Report, words: str) -> Finding:
    """The one finding whose fact holds these words."""
    (found,) = (one for one in report.findings if words in one.fact)
    return found


class Restless(Sandbox):
    """A sandbox in which an order is made after some of the questions for the list.

    Args:
        after: After how many questions, counted from the first.
        **settings: As for any sandbox.
    """

    def __init__(self, after: Collection[int], **settings: Any) -> None:
        self._after = after
        self._heard = 0
        super().__init__(clock=self._time, **settings)

    def _time(self) -> float:  # the sandbox asks for the time when a request arrives
        asked = len(self.ledger.of("orders.list")) if hasattr(self, "ledger") else 0
        if asked > self._heard:
            self._heard = asked
            if asked in self._after:
                self.world.add_order()
        return time.time()
