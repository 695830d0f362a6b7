"""What a journal keeps of drafts that are changed or deleted after they were made."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from cubicasa_async.bulk.journal.protocol import Claim, Entry, Gone, State, run_of
from cubicasa_async.bulk.journal.sqlite import SqliteJournal
from cubicasa_async.errors import JournalError

TARGET = "https://host.example/api/integrate/v3"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "job.journal"


def journal(path: Path, *, now: float = 1000.0) -> AbstractAsyncContextManager[SqliteJournal]:
    return run_of(SqliteJournal(path), target=TARGET, now=lambda: now)


async def made(path: Path, keys: Iterable[str]) -> None:
    """A run that makes a draft of each of these rows."""
    async with journal(path) as first:
        for line, key in enumerate(keys, start=1):
            await first.claim([Entry(key, line, "{old}")])
            await first.intend(key)
            await first.settle(key, State.CREATED, order_id=f"order-{key}")


async def claimed(path: Path, body: str, *, key: str = "A") -> Claim:
    """What a run of its own is told of a row."""
    async with journal(path) as run:
        [claim] = await run.claim([Entry(key, 1, body)])
    return claim


async def test_a_change_that_was_begun_is_told_until_its_end_is_known(path: Path) -> None:
    await made(path, "AB")
    async with journal(path) as second:
        await second.claim([Entry("A", 1, "{new}"), Entry("B", 2, "{old}")])
        await second.intend_update("A")
    begun = await claimed(path, "{new}")
    assert (begun.state, begun.order_id, begun.changed) == (State.CREATED, "order-A", True)
    assert begun.updating
    assert (await claimed(path, "{old}")).updating, "which of both the draft is, nobody knows"
    assert not (await claimed(path, "{old}", key="B")).updating


async def test_after_a_change_the_row_is_compared_with_what_its_draft_is_now(path: Path) -> None:
    await made(path, "AB")
    async with journal(path) as second:
        await second.claim([Entry("A", 1, "{new}"), Entry("B", 2, "{new}")])
        await second.intend_update("A")
        await second.settle_update("A")
    after = await claimed(path, "{new}")
    assert (after.changed, after.updating) == (False, False)
    assert (await claimed(path, "{old}")).changed
    assert (await claimed(path, "{new}", key="B")).changed, "whose draft was not changed"


async def test_drafts_of_rows_that_the_input_names_no_more_are_gone_ones(path: Path) -> None:
    await made(path, "ABCDE")
    async with journal(path) as second:
        assert await second.count_gone() == 5
        await second.claim([Entry("B", 1, "{old}")])
        await second.seen(["D"])
        assert await second.count_gone() == 3
        assert await second.gone("", 2) == [Gone("A", 1, "order-A"), Gone("C", 3, "order-C")]
        assert await second.gone("C", 2) == [Gone("E", 5, "order-E")]
        assert await second.gone("E", 2) == []
    async with journal(path) as third:
        assert await third.count_gone() == 5, "each run has its own input"


@pytest.mark.parametrize("state", sorted(set(State) - {State.CREATED, State.DELETING}))
async def test_only_drafts_that_this_job_made_and_did_not_delete_are_gone_ones(
    path: Path, state: State
) -> None:
    await made(path, "AB")
    async with journal(path) as second:
        await second.settle("A", state, order_id="order-A")
        assert [gone.key for gone in await second.gone("", 10)] == ["B"]
        assert await second.count_gone() == 1


async def test_a_deletion_that_was_begun_is_told_and_begun_again(path: Path) -> None:
    await made(path, "AB")
    async with journal(path, now=1500.0) as second:
        assert await second.doubt_age() is None
        await second.intend_delete("A")
        assert await second.counts() == {"created": 1, "deleting": 1}
        assert await second.doubt_age() == 0.0
        assert await second.count_gone() == 2, "it may still be there"
        await second.settle("A", State.DELETED)
        assert await second.counts() == {"created": 1, "deleted": 1}
        assert await second.gone("", 10) == [Gone("B", 2, "order-B")]


async def test_a_deletion_may_have_left_when_it_was_written_down(path: Path) -> None:
    await made(path, "A")
    time = [1500.0]
    async with run_of(SqliteJournal(path), target=TARGET, now=lambda: time[0]) as second:
        await second.intend_delete("A")
        time[0] = 1502.0
        assert await second.doubt_age() == 2.0
    async with journal(path, now=1600.0) as third:
        assert await third.doubt_age() == 0.0, "a run that died may have sent until then"


async def test_a_row_found_on_the_server_stays_visibly_changed(path: Path) -> None:
    async with journal(path) as first:
        await first.claim([Entry("A", 1, "{old}")])
        await first.settle("A", State.THERE, order_id="order-A")
    assert (await claimed(path, "{new}")).changed
    assert (await claimed(path, "{new}")).changed


async def test_a_row_that_was_refused_is_compared_with_what_was_read_last(path: Path) -> None:
    async with journal(path) as first:
        await first.claim([Entry("A", 1, "{old}")])
        await first.intend("A")
        await first.settle("A", State.REJECTED, reason="no")
    assert (await claimed(path, "{new}")).changed
    assert not (await claimed(path, "{new}")).changed


async def test_rows_claimed_together_are_each_told_of_their_own_orders(path: Path) -> None:
    async with journal(path) as run:
        await run.note_orders([("o1", "A"), ("o2", "C")], 1)
        claims = await run.claim([Entry("A", 1, "{}"), Entry("B", 2, "{}")])
        assert [claim.orders for claim in claims] == [("o1",), ()]
        claims = await run.claim([Entry("B", 3, "{}"), Entry("C", 4, "{}"), Entry("D", 5, "{}")])
        assert [claim.orders for claim in claims] == [(), ("o2",), ()]


async def test_a_row_that_comes_twice_beside_known_ones_repeats_its_first(path: Path) -> None:
    async with journal(path) as run:
        await run.claim([Entry("A", 1, "{}")])
        claims = await run.claim([Entry("A", 2, "{}"), Entry("B", 3, "{}"), Entry("B", 4, "{x}")])
    assert claims == [
        Claim(State.NEW, None, changed=False, repeats=1, orders=(), sends=0),
        Claim(None, None, changed=False, repeats=None, orders=(), sends=0),
        Claim(State.NEW, None, changed=True, repeats=3, orders=(), sends=0),
    ]


async def test_a_row_of_an_earlier_run_that_comes_twice_repeats_its_first(path: Path) -> None:
    await made(path, "A")
    async with journal(path) as second:
        claims = await second.claim([Entry("A", 7, "{new}"), Entry("A", 8, "{new}")])
    assert claims == [
        Claim(State.CREATED, "order-A", changed=True, repeats=None, orders=(), sends=1),
        Claim(State.CREATED, "order-A", changed=False, repeats=7, orders=(), sends=1),
    ]


async def test_when_a_run_began_is_on_disk(path: Path) -> None:
    for now in (1000.0, 2000.5):
        async with journal(path, now=now):
            db = sqlite3.connect(path)
            found = db.execute("SELECT value FROM job WHERE name = 'began'").fetchall()
            db.close()
            assert found == [(str(now),)]


async def test_a_journal_that_is_not_open_says_so(path: Path) -> None:
    closed = SqliteJournal(path)
    for call in (closed.intend("A"), closed.intend_delete("A"), closed.seen(["A"])):
        with pytest.raises(JournalError) as caught:
            await call
        assert str(caught.value) == "The journal is not open."


def test_a_journal_shows_its_file() -> None:
    assert repr(SqliteJournal("job.journal")) == "SqliteJournal('job.journal')"
    assert SqliteJournal("job.journal").place == "job.journal"
