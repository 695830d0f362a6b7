from __future__ import annotations

import itertools
from collections.abc import Sequence

import attrs
import pytest

from cubicasa_async import AsyncCubiCasa
from cubicasa_async.core.walk import Page
from cubicasa_async.live import MOST_CALLS, Verdict, paging, probe
from cubicasa_async.live.paging import OFFSETS, judge
from cubicasa_async.sandbox import Fault, Reading, Sandbox
from tests.live.support import Restless, served, the
from tests.support.canary import CANARY
from tests.support.payloads import order, page

TRUE = {
    Reading.ZERO_BASED: paging.Reading.ZERO_BASED,
    Reading.ONE_BASED: paging.Reading.ONE_BASED,
    Reading.SKIPPING: paging.Reading.SKIPPING,
}
FACT = "how offsets count"


def ids(count: int) -> list[str]:
    return [f"order-{number}" for number in range(count)]


def asked(
    before: Sequence[str],
    reading: Reading,
    after: Sequence[str] = (),
    moment: int = len(OFFSETS),
) -> list[Page[str]]:
    """All pages; from some moment on, those of another list."""
    return [
        served(before if number < moment else after, offset, reading)
        for number, offset in enumerate(OFFSETS)
    ]


@pytest.mark.parametrize("reading", Reading)
@pytest.mark.parametrize("count", [22, 23, 40, 41, 42, 200])
async def test_the_reading_of_the_server_is_named(
    sandbox: Sandbox, client: AsyncCubiCasa, reading: Reading, count: int
) -> None:
    sandbox.reading = reading
    sandbox.world.add_examples(count)
    report = await probe(client)
    assert report.reading is TRUE[reading]
    assert the(report, FACT).verdict is Verdict.SETTLED
    assert the(report, FACT).seen.startswith(TRUE[reading].value)


@pytest.mark.parametrize("reading", Reading)
@pytest.mark.parametrize("count", [0, 1, 2, 19, 20, 21])
async def test_too_few_orders_settle_nothing(
    sandbox: Sandbox, client: AsyncCubiCasa, reading: Reading, count: int
) -> None:
    sandbox.reading = reading
    sandbox.world.add_examples(count)
    report = await probe(client)
    assert report.reading is paging.Reading.TOO_FEW
    assert the(report, FACT).verdict is Verdict.OPEN
    assert f"{count} orders" in the(report, FACT).seen


@pytest.mark.parametrize("reading", Reading)
@pytest.mark.parametrize("moment", range(1, len(OFFSETS)))
async def test_a_list_that_changed_meanwhile_is_asked_for_again(
    reading: Reading, moment: int
) -> None:
    async with (
        Restless([moment], api_key=CANARY, reading=reading) as sandbox,
        AsyncCubiCasa(sandbox.api_key, base_url=sandbox.base_url) as client,
    ):
        sandbox.world.add_examples(30)
        report = await probe(client)
        rounds = [entry for entry in sandbox.ledger if entry.path.endswith("limit=20&offset=21")]
    assert report.reading is TRUE[reading]
    assert len(rounds) == 2


async def test_a_list_that_never_keeps_still_settles_nothing_and_ends() -> None:
    async with (
        Restless(range(1000), api_key=CANARY) as sandbox,
        AsyncCubiCasa(sandbox.api_key, base_url=sandbox.base_url) as client,
    ):
        sandbox.world.add_examples(30)
        report = await probe(client)
        assert len(sandbox.ledger) == report.calls <= MOST_CALLS
    assert report.reading is paging.Reading.CHANGED
    assert the(report, FACT).verdict is Verdict.OPEN


async def test_a_server_that_ignores_offsets_is_like_no_reading(
    sandbox: Sandbox, client: AsyncCubiCasa
) -> None:
    rows = [order(id=one) for one in ids(30)]
    body = page(rows, has_more=True, next_offset=20)
    sandbox.faults.add(Fault("body", operation="orders.list", body=body))
    report = await probe(client)
    assert report.reading is paging.Reading.UNLIKE
    assert the(report, FACT).verdict is Verdict.REFUTED


async def test_a_question_that_fails_leaves_it_open_and_says_why(
    sandbox: Sandbox, client: AsyncCubiCasa
) -> None:
    sandbox.world.add_examples(30)
    sandbox.faults.add(Fault("status", path="/orders", skip=2, times=2))
    report = await probe(client)
    assert report.reading is None
    assert the(report, FACT).verdict is Verdict.OPEN
    assert "503" in the(report, FACT).seen
    assert the(report, "orders.list is").verdict is Verdict.CONFIRMED


@pytest.mark.parametrize("reading", Reading)
@pytest.mark.parametrize("count", [20, 21, 22, 30, 45])
def test_no_change_of_the_list_leads_to_a_wrong_reading(reading: Reading, count: int) -> None:
    whole = ids(count)
    changed = [[*whole[:place], *whole[place + 1 :]] for place in range(count)]
    changed += [["new", *whole], [*whole, "old"]]
    honest = {TRUE[reading], paging.Reading.CHANGED, paging.Reading.UNLIKE, paging.Reading.TOO_FEW}
    for after, moment in itertools.product(changed, range(1, len(OFFSETS))):
        assert judge(asked(whole, reading, after, moment)).reading in honest


@pytest.mark.parametrize("reading", [Reading.ZERO_BASED, Reading.SKIPPING])
@pytest.mark.parametrize(
    ("following", "expected"),
    [
        (None, paging.Reading.NO_NEXT_OFFSET),
        (20, paging.Reading.ZERO_BASED),
        (21, paging.Reading.SKIPPING),
        (19, paging.Reading.UNLIKE),
        (40, paging.Reading.UNLIKE),
    ],
)
def test_next_offset_is_judged_by_where_offsets_begin(
    reading: Reading, following: int | None, expected: paging.Reading
) -> None:
    first, *others = asked(ids(50), reading)
    judged = judge([attrs.evolve(first, next_offset=following), *others])
    assert judged.reading is expected
    assert judged.reading.is_answer is (expected is not paging.Reading.UNLIKE)


def test_a_one_based_server_that_repeats_a_record_per_page_is_told_apart() -> None:
    first, *others = asked(ids(50), Reading.ONE_BASED)
    judged = judge([attrs.evolve(first, next_offset=20), *others])
    assert judged.reading is paging.Reading.REPEATING
    assert judged.seen == ("offset 20 begins with record 20; after 20 records next_offset is 20")
