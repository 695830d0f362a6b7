"""The figures over a mirror, each order counted once."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Final

import attrs

from cubicasa_async.bulk.reconcile import Twin

NOT_SAID: Final = "(not said)"
"""In place of a status that the server did not say."""

EARLIER: Final = "earlier"
LATER: Final = "later"
UNKNOWN: Final = "unknown"


@attrs.frozen(kw_only=True)
class Week:
    """The orders that were made in one week, or outside of the weeks that are told apart.

    Attributes:
        begins: Its Monday (UTC); None for what lies outside.
        name: The Monday as text, such as "2026-01-05"; "earlier" or "later" than all weeks told
            apart; or "unknown" for orders whose `created_at` the server does not say.
        statuses: How many of them stand in which status. Without those that vanished.
        vanished: How many of them the server has no more.
    """

    begins: date | None
    name: str
    statuses: Mapping[str, int]
    vanished: int


@attrs.frozen(kw_only=True)
class Bucket:
    """How many lie between two lengths of time.

    Attributes:
        least: The shortest that counts.
        below: What is longer than all that count; None if there is no limit.
        orders: How many.
    """

    least: timedelta
    below: timedelta | None
    orders: int


@attrs.frozen(kw_only=True)
class Durations:
    """How long something took, in whole seconds.

    Attributes:
        orders: How many orders are counted in what follows.
        median: Half of them took this long at most; None if there are none.
        ninetieth: Nine tenths of them took this long at most; None if there are none.
        histogram: All of them by how long they took.
        negative: How many are not counted since they ended before they began.
        unknown: How many are not counted since the beginning or the end is not known.
    """

    orders: int = 0
    median: timedelta | None = None
    ninetieth: timedelta | None = None
    histogram: tuple[Bucket, ...] = ()
    negative: int = 0
    unknown: int = 0


@attrs.frozen(kw_only=True)
class StuckDraft:
    """A draft that has been one for long.

    Attributes:
        order_id: The order.
        external_id: Your own identifier.
        address: On one line.
        since: When it was made or, if `at_least`, when the mirror first saw it.
        age: How old it was then, when the mirror was last brought up to date.
        at_least: Whether it may be older, since the server does not say when it was made.
    """

    order_id: str
    external_id: str | None
    address: str | None
    since: datetime
    age: timedelta
    at_least: bool


@attrs.frozen(kw_only=True)
class Twins:
    """Drafts, and orders of the app that may be of the same property.

    Of an order that may belong to very many drafts, as in a block of flats, the ten most alike
    count; see `find_twins`.

    Attributes:
        pairs: How many pairs there are.
        drafts: How many drafts are in one.
        best: The pairs that are the most alike.
    """

    pairs: int
    drafts: int
    best: tuple[Twin, ...]


@attrs.frozen(kw_only=True)
class Stats:
    """What a mirror tells about its orders.

    Attributes:
        as_of: When the last run ended or, if it was cut off or still runs, when it began; None if
            there was no run. Ages and weeks are reckoned from it.
        complete: Whether the last run saw all orders, with proof.
        since: Only orders made from then on are counted; None for all.
        orders: How many orders the server has, as far as the mirror knows.
        vanished: How many there were besides that the server has no more.
        failed: How many of `orders` could not be read in full and count as the list shows them.
        statuses: How many of `orders` stand in which status.
        weeks: All orders by the week in which they were made, the earliest first.
        delivered: How many orders were delivered, also if they vanished or are being fixed.
        delivery: From `created_at` to `first_delivered_at` (both documented). An order that
            was a draft waits for its scan as well: that `created_at` is from the draft is
            inferred.
        production: From when a run saw that a draft or new order had gone into production to
            `first_delivered_at`. Too short by up to the time between two runs.
        fixed: How many of `delivered` some run saw as Fixing. That this is after a change request
            is documented; that nothing else leads to it is inferred. What was fixed between two
            runs was not seen.
        drafts: The drafts by their age.
        stuck_after: The age from which a draft counts as stuck.
        stuck: How many drafts are.
        stuck_drafts: The oldest of them.
        twins: Probable twins; None if they were not looked for.
    """

    as_of: datetime | None = None
    complete: bool = False
    since: datetime | None = None
    orders: int = 0
    vanished: int = 0
    failed: int = 0
    statuses: Mapping[str, int] = attrs.field(factory=dict[str, int])
    weeks: tuple[Week, ...] = ()
    delivered: int = 0
    delivery: Durations = Durations()
    production: Durations = Durations()
    fixed: int = 0
    drafts: tuple[Bucket, ...] = ()
    stuck_after: timedelta
    stuck: int = 0
    stuck_drafts: tuple[StuckDraft, ...] = ()
    twins: Twins | None = None

    @property
    def fix_rate(self) -> float | None:
        """Which part of the delivered orders was seen as Fixing, 0.0 to 1.0; None if none was."""
        return self.fixed / self.delivered if self.delivered else None
