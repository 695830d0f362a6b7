"""The figures in words: the same on a terminal and on a page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

from cubicasa_async.bulk.stats.figures import (
    UNKNOWN,
    Bucket,
    Durations,
    Stats,
    StuckDraft,
    Twins,
    Week,
)

VANISHED: Final = "(vanished)"
"""In place of a status, for orders that the server has no more."""

_KNOWN: Final = ("New", "Draft", "Pending", "Fixing", "Ready")

_MINUTE: Final = timedelta(minutes=1)
_HOUR: Final = timedelta(hours=1)
_DAY: Final = timedelta(days=1)
_UNITS: Final = ((timedelta(weeks=1), "week"), (_DAY, "day"), (_HOUR, "h"))

DELIVERY: Final = (
    "From created_at to first_delivered_at, as the server says (documented). An order that was a "
    "draft also waited for its scan: that its created_at is that of the draft is inferred. Orders "
    "that vanished since count as well."
)
PRODUCTION: Final = (
    "From when a run first saw that a draft or new order had gone into production to "
    "first_delivered_at: too short by up to the time between two runs."
)
FIXES: Final = (
    "Delivered orders that a run ever saw as Fixing, each once. Fixing is the status of a plan "
    "under a change request (documented); that nothing else leads to it is inferred. What was "
    "fixed between two runs, or before the first, was not seen, so the rate may be higher."
)
DRAFTS: Final = "By created_at or, where the server does not say it, by when a run first saw them."
TWINS: Final = (
    "A draft, and an order of the app that may be of the same property. They are candidates, not "
    "proof, at most ten for one order; `cubicasa orders twins` shows what speaks for and "
    "against each."
)


def length(time: timedelta | None) -> str:
    """A length of time, short: "45 min", "17.9 h", "3.2 days"; "-" for None."""
    if time is None:
        return "-"
    if time < _HOUR:
        return f"{time // _MINUTE} min" if time >= _MINUTE else "under 1 min"
    unit, name = (_HOUR, "h") if time < 2 * _DAY else (_DAY, "days")
    return f"{time / unit:,.1f}".removesuffix(".0") + f" {name}"


def moment(time: datetime) -> str:
    """A time to the minute, in UTC."""
    return f"{time:%Y-%m-%d %H:%M} UTC"


def between(bucket: Bucket) -> str:
    """What a bucket holds: "2 to 4 days"."""
    edge = bucket.least or bucket.below or _HOUR
    unit, name = next((unit, name) for unit, name in _UNITS if not edge % unit)

    def told(number: int) -> str:
        return f"{number} {name}{'s' if number != 1 and name != 'h' else ''}"

    if not bucket.least:
        return f"under {told(edge // unit)}"
    if bucket.below is None:
        return f"{told(edge // unit)} or more"
    return f"{edge // unit} to {told(bucket.below // unit)}"


def used(histogram: Sequence[Bucket]) -> Sequence[Bucket]:
    """The buckets from the first to the last that holds anything."""
    filled = [number for number, bucket in enumerate(histogram) if bucket.orders]
    return histogram[filled[0] : filled[-1] + 1] if filled else ()


def percent(share: float | None) -> str:
    """A share as a percentage; "-" for None."""
    return "-" if share is None else f"{share:.1%}"


def count(number: int, one: str) -> str:
    """A number of things: "1 order", "2 orders"."""
    return f"{number:,} {one}{'' if number == 1 else 's'}"


def statuses(weeks: Sequence[Week]) -> list[str]:
    """All statuses that there are, those that are known first, in the order of their life."""
    there = {status for week in weeks for status in week.statuses}
    gone = [VANISHED] if any(week.vanished for week in weeks) else []
    return [*(s for s in _KNOWN if s in there), *sorted(there.difference(_KNOWN)), *gone]


def in_week(week: Week, status: str) -> int:
    """How many of a week's orders stand in a status."""
    return week.vanished if status == VANISHED else week.statuses.get(status, 0)


def state(stats: Stats) -> Iterator[str]:
    """How current and how whole the figures are."""
    if stats.as_of is None:
        yield "The mirror is empty: no run was made yet. Make one with `cubicasa orders mirror`."
        return
    if stats.complete:
        yield f"As of the run that ended at {moment(stats.as_of)}."
    else:
        yield (
            f"The last run of the mirror, of {moment(stats.as_of)}, is still at work, was cut off "
            "or could not see all orders: some may be missing or out of date."
        )
    if stats.since is not None:
        yield (
            f"Only orders made since {moment(stats.since)}; those whose created_at the server does "
            "not say are left out."
        )
    if not stats.orders + stats.vanished:
        yield "The mirror holds no orders." if stats.since is None else "There are no such orders."
    if stats.failed:
        yield (
            f"The details of {count(stats.failed, 'order')} could not be read; what the list shows "
            "of them is counted."
        )
    yield "Times are UTC, and weeks begin on Monday."


def delivery(stats: Stats) -> Iterator[str]:
    """What the delivery times say, and whose is not known."""
    times = stats.delivery
    yield _within(times)
    if times.unknown:
        yield (
            f"Not counted: {count(times.unknown, 'delivered order')} of which the server does not "
            "say created_at or first_delivered_at."
        )
    if times.negative:
        yield (
            f"Not counted: {count(times.negative, 'delivered order')} whose first_delivered_at "
            "lies before created_at."
        )


def production(stats: Stats) -> Iterator[str]:
    """What the production times say, and whose is not known."""
    times = stats.production
    yield _within(times)
    if times.unknown:
        yield (
            f"Not counted: {count(times.unknown, 'delivered order')} that no run saw go into "
            "production, or of which the server does not say first_delivered_at."
        )
    if times.negative:
        yield (
            f"Not counted: {count(times.negative, 'delivered order')} that no run saw in "
            "production before the first delivery."
        )


def _within(times: Durations) -> str:
    if not times.orders:
        return "There is none to be told."
    return (
        f"Of {count(times.orders, 'order')}, half took {length(times.median)} at most, and nine "
        f"tenths took {length(times.ninetieth)} at most."
    )


def fixes(stats: Stats) -> str:
    """The change-request rate."""
    if not stats.delivered:
        return "No order was delivered yet."
    return (
        f"{stats.fixed:,} of {count(stats.delivered, 'delivered order')} "
        f"({percent(stats.fix_rate)})."
    )


def drafts(stats: Stats) -> str:
    """How many drafts are stuck."""
    there = sum(bucket.orders for bucket in stats.drafts)
    if not there:
        return "There are no drafts."
    return f"{stats.stuck:,} of {count(there, 'draft')} older than {length(stats.stuck_after)}."


def twins(found: Twins) -> str:
    """How many twins there are."""
    if not found.pairs:
        return "There are none."
    return f"{count(found.drafts, 'draft')} in {count(found.pairs, 'pair')}."


def listed(shown: int, of: int, what: str) -> str:
    """What a list holds, and whether it is cut."""
    return f"{shown:,} of {count(of, what)}" if shown < of else count(of, what)


def age(draft: StuckDraft) -> str:
    """How old a draft is."""
    return f"{'at least ' if draft.at_least else ''}{length(draft.age)}"


def week_name(week: Week) -> str:
    """A week as people are told."""
    return "at a time not said" if week.name == UNKNOWN else week.name
