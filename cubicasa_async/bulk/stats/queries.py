"""What is asked of a mirror's database, in SQL that both kinds understand."""

from __future__ import annotations

from bisect import bisect_right
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
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeEngine

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
        stuck = and_(self._is_draft, as_of - stuck_after >= _DRAFT_SINCE)
        lives = self._delivered.c
        totals = select(func.count(), func.coalesce(func.sum(lives.fixed), 0))
        delivered, fixed = (await self._connection.execute(totals)).one()
        return Stats(
            as_of=as_of,
            complete=run.complete,
            since=self._since,
            orders=statuses.total(),
            vanished=sum(week.vanished for week in by_week),
            failed=await self._count(and_(self._there, ORDERS.c.failure.is_not(None))),
            statuses=statuses,
            weeks=by_week,
            delivered=delivered,
            delivery=await self._durations(lives.created_at),
            production=await self._durations(lives.production_at),
            fixed=fixed,
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
        latest = midnight - timedelta(days=midnight.weekday())
        first, end = latest - (weeks - 1) * _WEEK, latest + _WEEK
        before, behind, nowhere = -1, weeks, weeks + 1
        made = ORDERS.c.created_at
        number = case(
            (made.is_(None), nowhere),
            (made < first, before),
            (made >= end, behind),
            else_=(_epoch(made) - int(first.timestamp())) // _seconds(_WEEK),
        )
        gone = case((ORDERS.c.vanished_at.is_(None), 0), else_=1)
        each = select(number.label("week"), ORDERS.c.status, gone.label("gone"))
        inside = each.where(self._scope).subquery()
        query = select(inside, func.count().label("orders")).group_by(*inside.c)
        statuses: defaultdict[int, Counter[str]] = defaultdict(Counter)
        vanished: Counter[int] = Counter()
        for row in await self._connection.execute(query):
            if row.gone:
                vanished[row.week] += row.orders
            else:
                statuses[row.week][row.status or NOT_SAID] += row.orders
        weekly = {week: (first + week * _WEEK).date() for week in range(weeks)}
        names = {week: monday.isoformat() for week, monday in weekly.items()}
        names |= {before: EARLIER, behind: LATER, nowhere: UNKNOWN}
        return tuple(
            Week(
                begins=weekly.get(week),
                name=names[week],
                statuses=statuses[week],
                vanished=vanished[week],
            )
            for week in sorted(names)
            if week in weekly or statuses[week] or vanished[week]
        )

    async def _durations(self, start: ColumnElement[Any]) -> Durations:
        """How long it was from then to the first delivery."""
        end = self._delivered.c.first_delivered_at
        seconds = _epoch(end) - _epoch(start)
        unknown, negative = or_(start.is_(None), end.is_(None)), end < start
        counts = await self._counts(
            case((unknown, _UNKNOWN), (negative, _NEGATIVE), else_=_steps(seconds, _DURATIONS))
        )
        number = sum(counts.values()) - counts[_UNKNOWN] - counts[_NEGATIVE]
        median, ninetieth = -(-number * 5 // 10), -(-number * 9 // 10)
        place = func.row_number().over(order_by=seconds)
        ranked = select(seconds.label("seconds"), place.label("place"))
        inside = ranked.where(end >= start).subquery()
        query = select(inside.c.place, inside.c.seconds)
        rows = await self._connection.execute(query.where(inside.c.place.in_([median, ninetieth])))
        at = {row.place: timedelta(seconds=row.seconds) for row in rows}
        return Durations(
            orders=number,
            median=at.get(median),
            ninetieth=at.get(ninetieth),
            histogram=_buckets(counts, _DURATIONS),
            negative=counts[_NEGATIVE],
            unknown=counts[_UNKNOWN],
        )

    async def _draft_ages(self, as_of: datetime) -> tuple[Bucket, ...]:
        age = int(as_of.timestamp()) - _epoch(_DRAFT_SINCE)
        # One that was made after the run by the server's clock is as young as can be.
        steps = case((age < 0, 0), else_=_steps(age, _AGES))
        return _buckets(await self._counts(steps, self._is_draft), _AGES)

    async def _counts(self, key: ColumnElement[int], *wanted: ColumnElement[bool]) -> Counter[int]:
        # What has parameters is computed inside: a group would take it for another value.
        inside = select(key.label("key")).where(*wanted).subquery()
        query = select(inside.c.key, func.count().label("orders")).group_by(inside.c.key)
        return Counter({row.key: row.orders for row in await self._connection.execute(query)})

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


class _epoch(FunctionElement[int]):  # noqa: N801 # as functions of SQL are called
    """A moment as whole seconds since 1970: a fraction is cut off, in either database."""

    type: TypeEngine[int] = BigInteger()
    inherit_cache: bool | None = True


@compiles(_epoch)
def _write_epoch(element: _epoch, compiler: SQLCompiler, **kwargs: Any) -> str:
    [moment] = element.clauses
    seconds: ColumnElement[Any] = extract("epoch", moment)
    if compiler.dialect.name == "postgresql":  # a cast would round
        seconds = func.floor(seconds)
    return compiler.process(cast(seconds, BigInteger), **kwargs)


def _steps(seconds: ColumnElement[int], limits: Sequence[timedelta]) -> ColumnElement[int]:
    """A length of time, in steps as long as the first limit, up to the last limit."""
    step, last = _seconds(limits[0]), _seconds(limits[-1])
    return case((seconds >= last, last // step), else_=seconds // step)


def _buckets(steps: Mapping[int, int], limits: Sequence[timedelta]) -> tuple[Bucket, ...]:
    orders: Counter[int] = Counter()
    for step, count in steps.items():
        if step >= 0:
            orders[bisect_right(limits, step * limits[0])] += count
    edges = zip((timedelta(), *limits), (*limits, None), strict=True)
    return tuple(
        Bucket(least=least, below=below, orders=orders[number])
        for number, (least, below) in enumerate(edges)
    )


def _seconds(length: timedelta) -> int:
    return length // timedelta(seconds=1)


def _line(row: Row[Any]) -> str | None:
    street = " ".join(filter(None, (row.house_number, row.street)))
    return ", ".join(filter(None, (street, row.city, row.state))) or None
