"""From a mirror to the figures."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

import attrs

from cubicasa_async.bulk.mirror.reading import Mirror
from cubicasa_async.bulk.reconcile import find_twins
from cubicasa_async.bulk.stats.figures import Stats, Twins
from cubicasa_async.errors import ConfigError
from cubicasa_async.resources.order import Order

_MOST_WEEKS: Final = 520
_LONGEST: Final = timedelta(days=36_500)


async def read_stats(
    mirror: Mirror,
    *,
    weeks: int = 12,
    stuck_after: timedelta = timedelta(days=14),
    since: datetime | None = None,
    twin_score: float | None = 0.6,
    most: int = 20,
) -> Stats:
    """Figures over a mirror, as of its last run.

    The database computes them, all as of one moment. Twins are looked for behind that, and take
    memory for the drafts only.

    Args:
        mirror: The mirror, open.
        weeks: How many weeks are told apart, up to that of the last run. 1 to 520.
        stuck_after: The age from which a draft counts as stuck.
        since: Only count orders that were made from then on (aware); those whose time the server
            does not say are left out. None for all.
        twin_score: The score that twins have at least; None to look for none.
        most: How many of the stuck drafts and of the twins are given.

    Raises:
        ConfigError: An argument is out of range.
        StoreError: The mirror cannot be read.
    """
    if not 1 <= weeks <= _MOST_WEEKS or most < 0:
        raise ConfigError(f"weeks must be 1 to {_MOST_WEEKS}, and most no number below zero.")
    if not timedelta() <= stuck_after <= _LONGEST:
        raise ConfigError(f"stuck_after must be a time from zero to {_LONGEST.days} days.")
    if since is not None and since.tzinfo is None:
        raise ConfigError("since needs a time zone.")
    if twin_score is not None and not 0.0 <= twin_score <= 1.0:
        raise ConfigError("twin_score must be 0.0 to 1.0, or None.")
    from cubicasa_async.bulk.stats.queries import Queries  # needs the extra, as the mirror does

    since = since.astimezone(UTC) if since else None
    async with mirror.store.reading() as connection:
        queries = Queries(connection, since)
        stats = await queries.stats(weeks=weeks, stuck_after=stuck_after, most=most)
    if twin_score is None:
        return stats
    return attrs.evolve(stats, twins=await _twins(mirror, since, twin_score, most))


async def _twins(mirror: Mirror, since: datetime | None, least: float, most: int) -> Twins:
    found = await find_twins(mirror, least=least)
    if since is not None:
        found = tuple(twin for twin in found if _made(twin.draft) >= since)
    drafts = {twin.draft.id for twin in found}
    return Twins(pairs=len(found), drafts=len(drafts), best=found[:most])


def _made(draft: Order) -> datetime:
    made = draft.info.created_at if draft.info else None
    return made or datetime.min.replace(tzinfo=UTC)
