"""What is asked of a mirror's database, in SQL that both kinds understand."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Row,
    Subquery,
    and_,
    case,
    cast,
    extract,
    func,
    or_,
    select,
    true,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from cubicasa_async.bulk.mirror.book import MOVED
from cubicasa_async.bulk.mirror.tables import HISTORY, ORDERS, RUNS
from cubicasa_async.bulk.stats.figures import (
    EARLIER,
    LATER,
    NOT_SAID,
    UNKNOWN,
    Bucket,
    Durations,
    Stats,
    StuckDraft,
    Week,
)

_HOUR: Final = timedelta(hours=1)
_DAY: Final = timedelta(days=1)
_WEEK: Final = timedelta(days=7)

_DURATIONS: Final = (
    *(hours * _HOUR for hours in (1, 2, 4, 6, 12)),
    *(days * _DAY for days in (1, 2, 4, 7, 14, 28)),
)
_AGES: Final = tuple(days * _DAY for days in (1, 3, 7, 14, 28, 84, 182, 364))

_UNKNOWN, _NEGATIVE = -2, -1  # in place of the number of a bucket

_FIXING: Final = "Fixing"
_DELIVERED: Final = ("Ready", _FIXING)
_BEFORE_PRODUCTION: Final = ("Draft", "New")

_DRAFT_SINCE: Final = func.coalesce(ORDERS.c.created_at, ORDERS.c.first_seen_at)


class Queries:
    """Asks a mirror within one transaction, so that all answers are of one state of it.

    Args:
        connection: The transaction.
        since: Only orders made from then on are looked at; None for all.
    """

    def __init__(self, connection: AsyncConnection, since: datetime | None) -> None:
        self._connection = connection
        self._since = since
        self._scope: ColumnElement[bool] = ORDERS.c.created_at >= since if since else true()
        self._there = and_(self._scope, ORDERS.c.vanished_at.is_(None))
        self._is_draft = and_(self._there, ORDERS.c.status == "Draft")
        self._delivered = _delivered(self._scope)

    async def stats(self, *, weeks: int, stuck_after: timedelta, most: int) -> Stats:
        """All figures but the twins. Raises SQLAlchemyError."""
        last = select(RUNS).order_by(RUNS.c.run.desc()).limit(1)
        run = (await self._connection.execute(last)).one_or_none()
        if run is None:
            return Stats(since=self._since, stuck_after=stuck_after)
        as_of: datetime = run.ended_at or run.started_at
        by_week = await self._weeks(as_of, weeks)
        statuses: Counter[str] = Counter()
        for week in by_week:
            statuses.update(week.statuses)
        stuck = and_(self._is_draft, _DRAFT_SINCE <= as_of - stuck_after)
        delivered = self._delivered.c
        return Stats(
            as_of=as_of,
            complete=run.complete,
            since=self._since,
            orders=statuses.total(),
            vanished=sum(week.vanished for week in by_week),
            failed=await self._count(and_(self._there, ORDERS.c.failure.is_not(None))),
            statuses=statuses,
            weeks=by_week,
            delivered=await self._count(delivered.id.is_not(None)),
            delivery=await self._durations(delivered.created_at),
            production=await self._durations(delivered.production_at),
            fixed=await self._count(delivered.fixed == 1),
            drafts=await self._draft_ages(as_of),
            stuck_after=stuck_after,
            stuck=await self._count(stuck),
            stuck_drafts=await self._oldest(stuck, as_of, most),
        )

    async def _count(self, wanted: ColumnElement[bool]) -> int:
        query = select(func.count()).where(wanted)
        return (await self._connection.execute(query)).scalar_one()

    async def _weeks(self, as_of: datetime, weeks: int) -> tuple[Week, ...]:
        midnight = as_of.replace(hour=0, minute=0, second=0, microsecond=0)
        monday = midnight - timedelta(days=midnight.weekday())
        first, end = monday - (weeks - 1) * _WEEK, monday + _WEEK
        before, behind, nowhere = -1, weeks, weeks + 1
        made = ORDERS.c.created_at
        number = case(
            (made.is_(None), nowhere),
            (made < first, before),
            (made >= end, behind),
            else_=(_epoch(made) - int(first.timestamp())) // int(_WEEK.total_seconds()),
        )
        gone = case((ORDERS.c.vanished_at.is_(None), 0), else_=1)
        # What has parameters is computed inside: outside it would be taken for something else.
        each = select(number.label("number"), ORDERS.c.status, gone.label("gone"))
        inside = each.where(self._scope).subquery()
        query = select(*inside.c, func.count()).group_by(*inside.c)
        statuses: defaultdict[int, Counter[str]] = defaultdict(Counter)
        vanished: Counter[int] = Counter()
        for week, status, is_gone, count in await self._connection.execute(query):
            if is_gone:
                vanished[week] += count
            else:
                statuses[week][status or NOT_SAID] += count
        names = {before: EARLIER, behind: LATER, nowhere: UNKNOWN}
        return tuple(
            Week(
                name=names.get(week) or (first + week * _WEEK).date().isoformat(),
                statuses=statuses[week],
                vanished=vanished[week],
            )
            for week in range(before, nowhere + 1)
            if week not in names or statuses[week] or vanished[week]
        )

    async def _durations(self, start: ColumnElement[Any]) -> Durations:
        """How long it was from then to the first delivery."""
        end = self._delivered.c.first_delivered_at
        seconds = _epoch(end) - _epoch(start)
        bucket = case(
            (or_(start.is_(None), end.is_(None)), _UNKNOWN),
            (end < start, _NEGATIVE),
            else_=_bucket(seconds, _DURATIONS),
        )
        counts = await self._in_buckets(bucket, true())
        number = sum(count for place, count in counts.items() if place >= 0)
        half, most = -(-number * 5 // 10), -(-number * 9 // 10)
        place = func.row_number().over(order_by=seconds)
        ranked = select(seconds.label("seconds"), place.label("place"))
        inside = ranked.where(end >= start).subquery()
        query = select(inside.c.place, inside.c.seconds).where(inside.c.place.in_([half, most]))
        found = {row.place: timedelta(seconds=row.seconds) for row in await self._connection.execute(query)}
        return Durations(
            orders=number,
            median=found.get(half),
            ninetieth=found.get(most),
            histogram=_buckets(counts, _DURATIONS),
            negative=counts.get(_NEGATIVE, 0),
            unknown=counts.get(_UNKNOWN, 0),
        )

    async def _draft_ages(self, as_of: datetime) -> tuple[Bucket, ...]:
        age = int(as_of.timestamp()) - _epoch(_DRAFT_SINCE)
        return _buckets(await self._in_buckets(_bucket(age, _AGES), self._is_draft), _AGES)

    async def _in_buckets(
        self, bucket: ColumnElement[int], wanted: ColumnElement[bool]
    ) -> dict[int, int]:
        inside = select(bucket.label("bucket")).where(wanted).subquery()
        query = select(inside.c.bucket, func.count()).group_by(inside.c.bucket)
        return {bucket: count for bucket, count in await self._connection.execute(query)}

    async def _oldest(
        self, wanted: ColumnElement[bool], as_of: datetime, most: int
    ) -> tuple[StuckDraft, ...]:
        query = (
            select(ORDERS, _DRAFT_SINCE.label("since"))
            .where(wanted)
            .order_by(_DRAFT_SINCE, ORDERS.c.id)
            .limit(most)
        )
        return tuple(
            StuckDraft(
                order_id=row.id,
                external_id=row.external_id,
                address=row.full_address or row.location or _line(row),
                since=row.since,
                age=as_of - row.since,
                at_least=row.created_at is None,
            )
            for row in await self._connection.execute(query)
        )


def _delivered(scope: ColumnElement[bool]) -> Subquery:
    """The orders that were ever delivered, one row each, whether or not they vanished since."""
    now, before = HISTORY.c.status, HISTORY.c.previous_status
    began = and_(HISTORY.c.event == MOVED, now == "Pending", before.in_(_BEFORE_PRODUCTION))
    seen = (
        select(
            HISTORY.c.order_id,
            _ever(or_(now.in_(_DELIVERED), before.in_(_DELIVERED))).label("delivered"),
            _ever(or_(now == _FIXING, before == _FIXING)).label("fixed"),
            func.min(case((began, HISTORY.c.seen_at))).label("production_at"),
        )
        .group_by(HISTORY.c.order_id)
        .subquery()
    )
    is_fixing = case((ORDERS.c.status == _FIXING, 1), else_=func.coalesce(seen.c.fixed, 0))
    return (
        select(
            ORDERS.c.id,
            ORDERS.c.created_at,
            ORDERS.c.first_delivered_at,
            is_fixing.label("fixed"),
            seen.c.production_at,
        )
        .outerjoin_from(ORDERS, seen, seen.c.order_id == ORDERS.c.id)
        .where(
            scope,
            or_(
                ORDERS.c.first_delivered_at.is_not(None),
                ORDERS.c.status.in_(_DELIVERED),
                seen.c.delivered == 1,
            ),
        )
        .subquery()
    )


def _ever(what: ColumnElement[bool]) -> ColumnElement[int]:
    """Whether something holds for any row of a group: 1 or 0."""
    return func.max(case((what, 1), else_=0))


def _epoch(moment: ColumnElement[Any]) -> ColumnElement[int]:
    """A moment as whole seconds since 1970."""
    return cast(extract("epoch", moment), BigInteger)


def _bucket(seconds: ColumnElement[int], limits: Sequence[timedelta]) -> ColumnElement[int]:
    """The number of the bucket that a length of time falls into."""
    below = [(seconds < int(limit.total_seconds()), n) for n, limit in enumerate(limits)]
    return case(*below, else_=len(limits))


def _buckets(counts: Mapping[int, int], limits: Sequence[timedelta]) -> tuple[Bucket, ...]:
    return tuple(
        Bucket(least=least, below=below, orders=counts.get(number, 0))
        for number, (least, below) in enumerate(
            zip((timedelta(), *limits), (*limits, None), strict=True)
        )
    )


def _line(row: Row[Any]) -> str | None:
    street = " ".join(filter(None, (row.house_number, row.street)))
    return ", ".join(filter(None, (street, row.city, row.state))) or None
