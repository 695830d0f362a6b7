"""Figures over a mirror are what was computed by hand, each order counted once."""

from __future__ import annotations

import random
import tracemalloc
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cubicasa_async import AsyncCubiCasa
from cubicasa_async.bulk import Mirror, mirror_orders
from cubicasa_async.bulk.mirror.tables import SCHEMA
from cubicasa_async.bulk.stats import Bucket, Stats, read_stats, words
from cubicasa_async.errors import ConfigError, StoreError
from cubicasa_async.sandbox import Sandbox
from cubicasa_async.store import Store
from tests.support.canary import CANARY
from tests.support.mirrors import kinds, query
from tests.support.moments import VirtualTime
from tests.support.stores import server_schema, target
from tests.support.turnaround import (
    AS_OF,
    BY_HAND,
    HOUR,
    PASTS,
    Past,
    day,
    figures,
    fill,
    naive,
)

__all__ = ["server_schema", "target"]

DAY = 24 * HOUR


async def stats_of(target: str, **options: Any) -> Stats:
    async with Mirror(target) as mirror:
        return await read_stats(mirror, **options)


def filled(buckets: tuple[Bucket, ...]) -> dict[str, int]:
    return {words.between(bucket): bucket.orders for bucket in buckets if bucket.orders}


@pytest.fixture
def file(tmp_path: Path) -> str:
    return str(tmp_path / "mirror.db")


async def test_they_are_what_was_computed_by_hand(target: str) -> None:
    stats = await stats_of(await fill(target), weeks=3)
    assert figures(stats) == BY_HAND
    assert (stats.as_of, stats.complete, stats.failed) == (AS_OF, True, 1)
    assert stats.fix_rate == 2 / 9
    assert {type(value) for value in (stats.fixed, stats.delivered, stats.orders)} == {int}
    assert (stats.delivery.unknown, stats.delivery.negative) == (3, 1)
    assert filled(stats.delivery.histogram) == {
        "6 to 12 h": 2,
        "12 to 24 h": 1,
        "1 to 2 days": 1,
        "2 to 4 days": 1,
    }
    assert [(week.name, dict(week.statuses), week.vanished) for week in stats.weeks] == [
        ("earlier", {"Pending": 1, "Draft": 1}, 2),
        ("2026-02-23", {"Pending": 1}, 0),
        ("2026-03-02", {"Ready": 4, "Fixing": 1}, 1),
        ("2026-03-09", {"Ready": 1, "Draft": 1, "(not said)": 1}, 0),
        ("later", {"Pending": 1}, 0),
        ("unknown", {"Ready": 1, "Draft": 1}, 0),
    ]


@pytest.mark.parametrize(("orders", "median", "ninetieth"), [(1, 1, 1), (4, 2, 4), (10, 5, 9)])
async def test_so_many_took_that_long_at_most(
    file: str, orders: int, median: int, ninetieth: int
) -> None:
    made = day(3, 1)
    pasts = [Past(str(n), "Ready", made, made + n * HOUR) for n in range(1, orders + 1)]
    delivery = (await stats_of(await fill(file, pasts), twin_score=None)).delivery
    assert (delivery.median, delivery.ninetieth) == (median * HOUR, ninetieth * HOUR)


async def test_what_took_no_time_counts_and_a_time_at_a_limit_belongs_to_the_longer(
    file: str,
) -> None:
    made = day(3, 1)
    times = (timedelta(), HOUR, 28 * DAY - timedelta(seconds=1), 28 * DAY)
    pasts = [Past(str(time), "Ready", made, made + time) for time in times]
    delivery = (await stats_of(await fill(file, pasts), twin_score=None)).delivery
    told = filled(delivery.histogram)
    assert told == {"under 1 h": 1, "1 to 2 h": 1, "2 to 4 weeks": 1, "4 weeks or more": 1}


async def test_production_is_told_where_a_run_saw_it_begin(file: str) -> None:
    stats = await stats_of(await fill(file), twin_score=None)
    assert filled(stats.production.histogram) == {"4 to 6 h": 1}
    assert stats.production.median == stats.production.ninetieth == 4 * HOUR
    assert (stats.production.orders, stats.production.unknown) == (1, 8)


async def test_stuck_drafts_are_told_the_oldest_first(target: str) -> None:
    stats = await stats_of(await fill(target), twin_score=None)
    told = [(d.order_id, d.external_id, d.address, d.at_least) for d in stats.stuck_drafts]
    assert told == [
        ("undated-draft", None, None, True),
        ("stuck", "L-6", "615 Bourbon St, Salem", False),
    ]
    assert [draft.age for draft in stats.stuck_drafts] == [38.5 * DAY, 19.5 * DAY]
    assert filled(stats.drafts) == {"1 to 3 days": 1, "2 to 4 weeks": 1, "4 to 12 weeks": 1}
    few = await stats_of(target, stuck_after=timedelta(days=1), most=1, twin_score=None)
    assert (few.stuck, len(few.stuck_drafts)) == (3, 1)


async def test_a_draft_is_stuck_from_the_age_on_and_not_before(file: str) -> None:
    times = {"draft": AS_OF - DAY, "of-tomorrow": AS_OF + DAY}
    await fill(file, [Past(name, "Draft", made) for name, made in times.items()])
    exactly, longer = [
        await stats_of(file, stuck_after=after, twin_score=None)
        for after in (DAY, DAY + timedelta(seconds=1))
    ]
    assert (exactly.stuck, longer.stuck) == (1, 0)
    assert filled(exactly.drafts) == {"under 1 day": 1, "1 to 3 days": 1}


async def test_twins_are_counted_and_those_that_vanished_are_none(file: str) -> None:
    stats = await stats_of(await fill(file))
    assert stats.twins is not None
    assert (stats.twins.pairs, stats.twins.drafts) == (1, 1)
    [twin] = stats.twins.best
    assert (twin.draft.id, twin.order.id) == ("stuck", "came-back")
    assert (await stats_of(file, twin_score=None)).twins is None
    later = await stats_of(file, since=day(2, 21))
    assert later.twins is not None
    assert later.twins.pairs == 0


async def test_since_leaves_out_what_was_made_before(target: str) -> None:
    stats = await stats_of(await fill(target), since=day(3, 5), weeks=2, twin_score=None)
    assert stats.statuses == {"Ready": 4, "Draft": 1, "Pending": 1, "(not said)": 1}
    assert (stats.vanished, stats.delivered, stats.delivery.orders, stats.fixed) == (0, 4, 2, 1)
    assert (stats.stuck, sum(bucket.orders for bucket in stats.drafts)) == (0, 1)
    assert (stats.failed, stats.production.orders) == (1, 1)
    assert [week.name for week in stats.weeks] == ["2026-03-02", "2026-03-09", "later"]


async def test_control_a_naive_computation_is_told_from_the_right_one(file: str) -> None:
    found = await naive(await fill(file))
    # The longest time comes last either way.
    assert [name for name, value in found.items() if value == BY_HAND[name]] == ["ninetieth"]


async def test_they_agree_with_a_plain_computation_of_many(target: str) -> None:
    chance = random.Random(5)
    pasts = [random_past(chance, str(number)) for number in range(400)]
    stats = await stats_of(await fill(target, pasts), weeks=5, twin_score=None)
    there = [past for past in pasts if not past.vanished]
    assert stats.statuses == Counter(past.status for past in there)
    took = sorted(past.delivered - past.made for past in pasts if past.made and past.delivered)
    forward = [time for time in took if time >= timedelta()]
    assert stats.delivery.negative == len(took) - len(forward) > 0
    assert stats.delivery.median == forward[(len(forward) + 1) // 2 - 1]
    within = sum(time <= stats.delivery.ninetieth for time in forward if stats.delivery.ninetieth)
    assert within >= 0.9 * len(forward) > within - forward.count(forward[within - 1])
    for bucket in stats.delivery.histogram:
        below = bucket.below or timedelta.max
        assert bucket.orders == sum(bucket.least <= time < below for time in forward)
    for week in stats.weeks:
        if week.begins:
            made = (past.status for past in there if monday(past.made) == week.name)
            assert dict(week.statuses) == Counter(made)
    assert sum(sum(week.statuses.values()) + week.vanished for week in stats.weeks) == 400


def monday(time: datetime | None) -> str | None:
    return (time - timedelta(days=time.weekday())).date().isoformat() if time else None


def random_past(chance: random.Random, order_id: str) -> Past:
    made = AS_OF - timedelta(seconds=chance.randrange(60 * 86400))
    delivered = made + timedelta(seconds=round(chance.lognormvariate(11, 1)) - 20_000)
    statuses = ("Draft", "Pending", "Fixing", "Ready")
    return Past(
        order_id,
        chance.choice(statuses),
        None if chance.random() < 0.05 else made,
        delivered if chance.random() < 0.8 else None,
        tuple((chance.choice(statuses), made) for _ in range(chance.randrange(4))),
        vanished=AS_OF if chance.random() < 0.1 else None,
    )


async def test_an_empty_mirror_is_said(
    client: AsyncCubiCasa, sandbox: Sandbox, moments: VirtualTime, target: str
) -> None:
    async with Store(target, SCHEMA):
        pass
    never = await stats_of(target)
    assert (never.as_of, never.orders, never.weeks) == (None, 0, ())
    assert "no run was made yet" in " ".join(words.state(never))
    await kinds(mirror_orders(client, target))
    empty = await stats_of(target, weeks=2)
    assert (empty.as_of, empty.orders, empty.fix_rate) == (moments.utcnow(), 0, None)
    assert empty.delivery.median is None
    assert "The mirror holds no orders." in list(words.state(empty))


async def test_a_run_that_was_cut_off_is_said(file: str) -> None:
    stats = await stats_of(await fill(file, ended_at=None, complete=False))
    assert stats.as_of == AS_OF - HOUR
    assert "is still at work, was cut off" in " ".join(words.state(stats))


async def test_what_real_runs_leave_is_counted_by_what_they_saw(
    moments: VirtualTime, file: str
) -> None:
    async with (
        Sandbox(CANARY, clock=lambda: moments.utcnow().timestamp()) as sandbox,
        AsyncCubiCasa(
            sandbox.api_key, base_url=sandbox.base_url, runtime=moments.runtime
        ) as client,
    ):
        order = sandbox.world.add_order(external_id="L-1")
        for hours, status in ((0, None), (5, "Pending"), (2, None), (6, "Ready"), (1, "Fixing")):
            moments.now += hours * 3600
            if status:
                sandbox.world.set_status(order.id, status)
            await kinds(mirror_orders(client, file))
        sandbox.world.delete(order.id)
        await kinds(mirror_orders(client, file))
    stats = await stats_of(file)
    assert (stats.orders, stats.vanished, stats.delivered, stats.fixed) == (0, 1, 1, 1)
    assert (stats.delivery.median, stats.production.median) == (13 * HOUR, 8 * HOUR)


async def test_what_is_out_of_range_is_said(file: str) -> None:
    wrong: list[dict[str, Any]] = [
        {"weeks": 0},
        {"weeks": 10**9},
        {"most": -1},
        {"stuck_after": -HOUR},
        {"stuck_after": timedelta.max},
        {"since": datetime(2026, 1, 1)},  # noqa: DTZ001 # that is what is wrong
        {"twin_score": 2.0},
    ]
    async with Mirror(await fill(file, PASTS[:1])) as mirror:
        for options in wrong:
            with pytest.raises(ConfigError):
                await read_stats(mirror, **options)


async def test_no_mirror_is_made_by_looking(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="There is no order mirror"):
        await stats_of(str(tmp_path / "none.db"))
    assert list(tmp_path.iterdir()) == []


async def memory_for(orders: int, place: Path) -> tuple[int, int]:
    """The most that the figures take, and that reading all rows at once takes."""
    chance = random.Random(1)
    file = str(place / f"{orders}.db")
    await fill(file, (random_past(chance, str(number)) for number in range(orders)))
    await stats_of(file, twin_score=None)  # what is kept for good is there from now on
    tracemalloc.start()
    try:
        await stats_of(file, twin_score=None)
        _, figures = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        await query(file, "SELECT * FROM orders")
        _, at_once = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return figures, at_once


async def grows(few: int, many: int, place: Path) -> tuple[float, float]:
    small, large = await memory_for(few, place), await memory_for(many, place)
    return large[0] / small[0], large[1] / small[1]


async def test_memory_does_not_grow_with_the_orders(tmp_path: Path) -> None:
    figures, at_once = await grows(200, 1_500, tmp_path)
    assert figures < 1.25
    assert at_once > 1.6, "the control: reading all at once grows"


@pytest.mark.soak
async def test_memory_does_not_grow_with_100_000_orders(tmp_path: Path) -> None:
    figures, _ = await grows(1_000, 100_000, tmp_path)
    assert figures < 1.25
