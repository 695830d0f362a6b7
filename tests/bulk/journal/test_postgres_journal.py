"""Several workers on one journal: a row belongs to one of them at a time, and all know it."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any, TypeVar

import psycopg
import pytest

from cubicasa_async.bulk.journal import postgres as journal_postgres
from cubicasa_async.bulk.journal.postgres import PostgresJournal
from cubicasa_async.bulk.journal.protocol import Entry, State, Taken, run_of
from cubicasa_async.errors import ConfigError, JournalError

TARGET = "https://host.example/api/integrate/v3"
T = TypeVar("T")

LEASE = 60.0
LIFELESS = """
UPDATE cubicasa_workers SET lease_until = clock_timestamp() - interval '1 second'
WHERE worker = %s
"""
DYING = """
UPDATE cubicasa_workers SET lease_until = clock_timestamp() + interval '30 seconds'
WHERE worker = %s
"""
REMAINING = """
SELECT extract(epoch FROM lease_until - clock_timestamp()) FROM cubicasa_workers WHERE worker = %s
"""


class Probe(PostgresJournal):
    """A journal into which the tests see."""

    async def ask(self, question: Callable[[psycopg.Connection[tuple[Any, ...]]], T]) -> T:
        return await self._group.do(question)

    @property
    def worker(self) -> int:
        return int(self._ids["me"])

    @property
    def left(self) -> float:
        """Seconds in which it surely holds its rows, by its own clock."""
        return self._left()


def worker(url: str, *, target: str = TARGET) -> AbstractAsyncContextManager[Probe]:
    return run_of(Probe(url, lease=LEASE), target=target, now=lambda: 0.0)


@pytest.fixture
async def workers(postgres_url: str) -> AsyncIterator[tuple[Probe, Probe]]:
    async with worker(postgres_url) as first, worker(postgres_url) as second:
        yield first, second


def entries(count: int) -> list[Entry]:
    return [Entry(f"K{number:03}", number, f'{{"n": {number}}}') for number in range(count)]


def keys(rows: list[Taken]) -> list[str]:
    return [row.entry.key for row in rows]


class Paused:
    """As if a worker's process were paused: meanwhile it shows no sign of life."""

    def __init__(self, journal: Probe) -> None:
        self._journal = journal
        self._asleep = threading.Event()
        self._awake = threading.Event()

    def _sleep(self, _: object) -> None:
        self._asleep.set()
        self._awake.wait()

    async def __aenter__(self) -> None:
        self._sleeping = asyncio.create_task(self._journal.ask(self._sleep))
        await asyncio.to_thread(self._asleep.wait)

    async def __aexit__(self, *_: object) -> None:
        self._awake.set()
        await self._sleeping


async def let_lease_run_out(loser: Probe, winner: Probe) -> None:
    await winner.ask(lambda db: db.execute(LIFELESS, (loser.worker,)))


async def taken_over(loser: Probe, winner: Probe) -> None:
    """Pause a worker until the other has taken over its rows in doubt."""
    async with Paused(loser):
        await let_lease_run_out(loser, winner)
        assert await winner.hold_doubts(10) == 1


async def test_rows_given_to_several_workers_are_in_the_job_once(
    workers: tuple[Probe, Probe],
) -> None:
    added = await asyncio.gather(*(journal.add(entries(200)) for journal in workers))
    assert added == [[None] * 200] * 2
    assert await workers[0].counts() == {"new": 200}


async def test_no_row_is_taken_by_two_workers(postgres_url: str) -> None:
    async with AsyncExitStack() as stack:
        all_of_them = [await stack.enter_async_context(worker(postgres_url)) for _ in range(4)]
        await all_of_them[0].add(entries(400))

        async def drain(journal: Probe) -> list[str]:
            rows = await journal.take(7)
            await all_have_some.wait()  # however slow one of them is, it works with the others
            taken: list[str] = []
            while rows:
                taken += keys(rows)
                await journal.intend(*keys(rows))
                rows = await journal.take(7)
            return taken

        all_have_some = asyncio.Barrier(4)
        taken = await asyncio.gather(*map(drain, all_of_them))
    assert sorted(key for some in taken for key in some) == [entry.key for entry in entries(400)]
    assert min(map(len, taken)) > 0


async def test_control_without_locks_rows_are_taken_twice(postgres_url: str) -> None:
    async with worker(postgres_url) as journal:
        await journal.add(entries(50))
    naive = (
        "SELECT external_id FROM cubicasa_drafts WHERE state = 'new' ORDER BY seq LIMIT 7",
        "UPDATE cubicasa_drafts SET state = 'intent' WHERE external_id = ANY(%s)",
    )
    taken: list[str] = []
    with psycopg.connect(postgres_url) as first, psycopg.connect(postgres_url) as second:
        for db in (first, second):
            taken += [key for (key,) in db.execute(naive[0])]
        for db in (first, second):
            db.execute(naive[1], (taken,))
            db.commit()
    assert len(taken) > len(set(taken))


async def test_a_worker_that_lives_keeps_its_rows_however_long_it_takes(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert journal_postgres._BEATS >= 3  # pyright: ignore[reportPrivateUsage] # one may get lost
    monkeypatch.setattr(journal_postgres, "_BEATS", 20 * LEASE)
    async with worker(postgres_url) as first, worker(postgres_url) as second:
        await first.add(entries(2))
        await first.take(2)
        await first.intend("K000")
        for _ in range(3):
            # It is asked for nothing, and its lease is renewed before the rest of it runs out.
            await second.ask(lambda db: db.execute(DYING, (first.worker,)))
            while (left := await remaining(first, second)) <= LEASE / 2:
                assert left > 0, "it is as good as dead"
                await asyncio.sleep(0.01)
            assert await second.hold_doubts(10) == 0
            assert await second.take(10) == []
        assert await first.time_to_send() > LEASE / 3
        assert await first.settle("K000", State.CREATED, order_id="o1")


async def remaining(asked: Probe, asking: Probe) -> float:
    """Seconds until a worker's lease runs out, as the server has it."""
    found = await asking.ask(lambda db: db.execute(REMAINING, (asked.worker,)).fetchone())
    assert found is not None, "it was taken for dead"
    return float(found[0])


async def test_a_paused_worker_knows_that_it_must_not_send_before_it_asks(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr(journal_postgres, "_seconds", lambda: now)
    async with worker(postgres_url) as journal:
        assert 0 < journal.left < LEASE
        async with Paused(journal):
            now += LEASE
            assert journal.left < 0
        assert await journal.time_to_send() > 0, "nobody has taken its rows over"


async def test_the_rows_of_a_dead_worker_are_taken_over(postgres_url: str) -> None:
    code = f"""
import asyncio, os
from cubicasa_async.bulk.journal.protocol import Entry
from cubicasa_async.bulk.journal.postgres import PostgresJournal
async def main():
    journal = PostgresJournal({postgres_url!r}, lease=86400)
    await journal.open(target={TARGET!r}, now=lambda: 0.0)
    await journal.add([Entry(key, 1, "{{}}") for key in "ABC"])
    await journal.take(2)
    await journal.intend("A")
    print(journal._ids["me"], flush=True)
    os.kill(os.getpid(), 9)
asyncio.run(main())
"""
    ended = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", code], check=False, stdout=subprocess.PIPE
    )
    assert ended.returncode == -9
    dead = int(ended.stdout)
    async with worker(postgres_url) as heir:
        assert keys(await heir.take(10)) == ["C"], "its lease has not run out"
        assert await heir.hold_doubts(10) == 0
        await heir.ask(
            lambda db: db.execute("UPDATE cubicasa_drafts SET sent_at = sent_at - interval '1 day'")
        )
        await heir.ask(lambda db: db.execute(LIFELESS, (dead,)))
        assert await heir.anything_open()
        assert await heir.hold_doubts(10) == 1
        assert [doubt.key for doubt in await heir.doubts("", 10)] == ["A"]
        age = await heir.doubt_age()
        assert age is not None
        assert age < 3600, "it may have been sent until the lease had run out"
        assert keys(await heir.take(10)) == ["B"]


async def test_a_worker_knows_how_long_others_have_their_rows(
    workers: tuple[Probe, Probe],
) -> None:
    first, second = workers
    await first.add(entries(2))
    assert await second.held_by_others() is None
    await first.take(1)
    assert await first.held_by_others() is None, "they are its own"
    left = await second.held_by_others()
    assert left is not None
    assert LEASE / 2 < left <= LEASE
    await second.ask(lambda db: db.execute(LIFELESS, (first.worker,)))
    assert await second.held_by_others() == 0.0


async def test_a_worker_that_leaves_gives_its_rows_back_at_once(postgres_url: str) -> None:
    async with worker(postgres_url) as first:
        await first.add(entries(2))
        assert len(await first.take(2)) == 2
        await first.intend("K000", "K001")
        first.unsent("K001")
    async with worker(postgres_url) as second:
        assert keys(await second.take(10)) == ["K001"]
        assert await second.hold_doubts(10) == 1


class TestAWorkerThatWasPaused:
    """It wakes up behind its lease, with a row that another worker has taken over."""

    @pytest.fixture
    async def paused(self, workers: tuple[Probe, Probe]) -> tuple[Probe, Probe]:
        first, second = workers
        await first.add(entries(2))
        await first.take(1)
        await first.intend("K000")
        await taken_over(first, second)
        return first, second

    async def test_it_may_neither_send_nor_take_nor_intend(
        self, paused: tuple[Probe, Probe]
    ) -> None:
        first, second = paused
        for attempt in (first.take(1), first.intend("K000"), first.add([]), first.time_to_send()):
            with pytest.raises(JournalError, match="showed no sign of life") as caught:
                await attempt
            assert "It sent nothing after that. Run the job again" in str(caught.value)
        assert await second.settle("K000", State.CREATED, order_id="theirs")

    async def test_an_answer_that_comes_before_the_heir_is_done_is_not_hidden(
        self, paused: tuple[Probe, Probe]
    ) -> None:
        first, second = paused
        assert not await first.settle("K000", State.CREATED, order_id="late")
        assert [doubt.key for doubt in await second.doubts("", 10)] == ["K000"]
        assert not await second.settle("K000", State.CREATED, order_id="theirs")
        assert await second.counts() == {"new": 1, "unknown": 1}

    async def test_nor_one_that_comes_after(self, paused: tuple[Probe, Probe]) -> None:
        first, second = paused
        assert await second.settle("K000", State.CREATED, order_id="theirs")
        assert not await first.settle("K000", State.CREATED, order_id="late")
        assert await second.counts() == {"new": 1, "unknown": 1}

    async def test_nor_a_request_whose_answer_was_lost(self, paused: tuple[Probe, Probe]) -> None:
        first, second = paused
        assert await second.settle("K000", State.CREATED, order_id="theirs")
        assert not await first.settle("K000", State.UNKNOWN, reason="lost")
        assert await second.counts() == {"new": 1, "unknown": 1}

    async def test_an_order_that_both_know_is_one(self, paused: tuple[Probe, Probe]) -> None:
        first, second = paused
        assert await second.settle("K000", State.CREATED, order_id="same")
        assert await first.settle("K000", State.CREATED, order_id="same")
        assert await second.counts() == {"new": 1, "created": 1}

    async def test_a_request_that_surely_had_no_effect_contests_nothing(
        self, paused: tuple[Probe, Probe]
    ) -> None:
        first, second = paused
        assert await second.settle("K000", State.CREATED, order_id="theirs")
        assert await first.settle("K000", State.NEW)
        assert await second.counts() == {"new": 1, "created": 1}


async def test_what_others_settled_is_told_to_each_worker_that_was_given_the_row(
    workers: tuple[Probe, Probe],
) -> None:
    first, second = workers
    for journal in workers:
        await journal.add(entries(5))
    await first.take(4)
    await first.settle("K000", State.CREATED, order_id="o0")
    await first.settle("K001", State.REJECTED, reason="no such city")
    await first.intend("K002", "K003")
    await first.settle("K002", State.UNKNOWN, reason="lost")
    assert (await first.others("", 10))[0] == []
    told, after = await second.others("", 10)
    assert after is None
    assert [(o.entry.key, o.claim.state, o.claim.order_id, o.reason, o.recent) for o in told] == [
        ("K000", State.CREATED, "o0", "", True),
        ("K001", State.REJECTED, None, "no such city", True),
    ]
    assert (await second.others("", 10))[0] == []
    await first.give_up()
    told, after = await second.others("", 3)
    assert [o.entry.key for o in told] == ["K002", "K003"]
    assert after == "K004"


async def test_a_row_is_told_once_also_if_it_was_settled_before_it_was_read(
    workers: tuple[Probe, Probe],
) -> None:
    first, second = workers
    await first.add(entries(1))
    await second.take(1)
    await second.settle("K000", State.CREATED, order_id="o0")
    assert await second.add(entries(1)) == [None]
    assert (await second.others("", 10))[0] == []
    assert len((await first.others("", 10))[0]) == 1


async def test_a_row_that_a_worker_is_given_twice_is_a_repeat(
    workers: tuple[Probe, Probe],
) -> None:
    first, second = workers
    assert await first.add([Entry("A", 1, "x"), Entry("A", 2, "x"), Entry("A", 3, "y")]) == [
        None,
        (1, False),
        (1, True),
    ]
    assert await first.add([Entry("A", 9, "x")]) == [(1, False)]
    assert await second.add([Entry("A", 4, "z")]) == [None]
    [row] = await first.take(1)
    assert (row.entry.line, row.entry.body) == (1, "z"), "the newest content, the own line"


async def test_a_rejected_row_is_tried_again_by_the_next_run_or_if_it_changed(
    postgres_url: str,
) -> None:
    async with worker(postgres_url) as first, worker(postgres_url) as second:
        await first.add(entries(1))
        await first.take(1)
        await first.settle("K000", State.REJECTED, reason="no")
        await second.add(entries(1))
        assert await second.take(1) == []
        async with worker(postgres_url) as third:
            await third.add([Entry("K000", 0, "changed")])
            assert keys(await third.take(1)) == ["K000"]
            await third.settle("K000", State.REJECTED, reason="no")
    async with worker(postgres_url) as later:
        await later.add([Entry("K000", 0, "changed")])
        assert keys(await later.take(1)) == ["K000"]


async def test_each_worker_sees_what_it_saw_itself_on_the_server(
    workers: tuple[Probe, Probe],
) -> None:
    first, second = workers
    assert await first.note_orders([("o1", "K000"), ("o2", "K000")], 1) == 0
    assert await first.note_orders([("o1", "K000"), ("o3", "K001")], 2) == 1
    await second.forget_orders()
    await first.add(entries(2))
    assert [row.orders for row in await second.take(1)] == [()]
    assert [row.orders for row in await first.take(1)] == [("o3",)]


async def test_a_journal_serves_one_target_and_other_jobs_have_their_own(
    postgres_url: str,
) -> None:
    async with worker(postgres_url) as first:
        await first.add(entries(3))
        with pytest.raises(JournalError, match="belongs to a job against") as caught:
            async with worker(postgres_url, target="https://other.example"):
                raise AssertionError
        assert "Name another job." in str(caught.value)
        async with worker(f"{postgres_url}#nightly", target="https://other.example") as other:
            assert await other.counts() == {}
            assert await other.take(10) == []
    assert "#nightly" in repr(other)


async def test_tables_of_another_version_are_refused(postgres_url: str) -> None:
    async with worker(postgres_url):
        pass
    with psycopg.connect(postgres_url) as db:
        db.execute("UPDATE cubicasa_journal SET version = 99")
    with pytest.raises(JournalError, match="are of another version"):
        async with worker(postgres_url):
            raise AssertionError


async def test_a_database_that_goes_away_ends_the_run_in_plain_words(postgres_url: str) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as admin:
        async with worker(postgres_url) as journal:
            await journal.add(entries(3))
            await journal.take(3)
            admin.execute(
                "SELECT pg_terminate_backend(pid, 600000) FROM pg_stat_activity "
                "WHERE pid <> pg_backend_pid() AND datname = current_database()"
            )
            for _ in range(2):
                with pytest.raises(JournalError, match="Nothing is sent without it; see to the"):
                    await journal.intend("K000")
    async with worker(postgres_url) as again:
        assert await again.counts() == {"new": 3}


async def test_durable_also_where_the_server_is_set_to_be_careless(postgres_url: str) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as admin:
        admin.execute("ALTER ROLE postgres SET synchronous_commit = off")
        try:
            async with worker(postgres_url) as journal:
                shown = await journal.ask(
                    lambda db: db.execute("SHOW synchronous_commit").fetchone()
                )
        finally:
            admin.execute("ALTER ROLE postgres RESET synchronous_commit")
    assert shown == ("on",)


class TestThePassword:
    @pytest.mark.parametrize(
        "url",
        [
            "postgresql://me:s3cr%3At@127.0.0.1:1/db#job",
            "postgresql://me@127.0.0.1:1/db?password=s3cr%3At",
            "postgresql://me:s3cr%3At@127.0.0.1:1/s3cr:t#job",
        ],
    )
    async def test_it_is_never_shown(self, url: str) -> None:
        journal = PostgresJournal(url)
        with pytest.raises(JournalError, match="failed: ") as caught:
            await journal.open(target=TARGET, now=lambda: 0.0)
        await journal.close()
        chain = repr(caught.value.__cause__) + repr(caught.value.__context__)
        for text in (repr(journal), str(journal), str(caught.value), chain):
            assert "s3cr:t" not in text.replace("/s3cr:t#", "")
            assert "s3cr%3At" not in text
        assert "127.0.0.1:1" in journal.place

    @pytest.mark.parametrize(
        "url", ["postgresql://me:s3cr%t@host/db", "postgresql://me:s3cr@host/db?secret=s3cr"]
    )
    def test_nor_in_the_error_of_a_url_that_cannot_be_read(self, url: str) -> None:
        with pytest.raises(ConfigError, match="The journal's URL cannot be read") as caught:
            PostgresJournal(url)
        assert "s3cr" not in f"{caught.value} {caught.value.__cause__!r}"


def test_a_lease_must_be_long_enough() -> None:
    with pytest.raises(ConfigError, match="1 seconds or more"):
        PostgresJournal("postgresql:///db", lease=0.5)


def test_without_the_driver_the_extra_is_named() -> None:
    code = """
import sys
sys.modules["psycopg"] = None
from cubicasa_async.bulk.journal.postgres import PostgresJournal
from cubicasa_async.errors import ConfigError
try:
    PostgresJournal("postgresql:///db")
except ConfigError as exc:
    print(exc)
"""
    said = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ
    )
    assert "'cubicasa-async[postgres]'" in said.stdout, said
