from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cubicasa_async.bulk.journal import group_commit
from cubicasa_async.bulk.journal.group_commit import GroupCommit
from cubicasa_async.errors import JournalError
from tests.support.waiting import until

Statements = Counter[str]
Group = GroupCommit[sqlite3.Connection]


def explain(exc: Exception) -> JournalError:
    return exc if isinstance(exc, JournalError) else JournalError(f"explained: {exc}")


def begin(db: sqlite3.Connection) -> None:
    db.execute("BEGIN IMMEDIATE")


def insert(value: int) -> Callable[[sqlite3.Connection], int]:
    def operation(db: sqlite3.Connection) -> int:
        db.execute("INSERT INTO t VALUES (?)", (value,))
        return value

    return operation


@pytest.fixture
def path(tmp_path: Path) -> Path:
    with sqlite3.connect(tmp_path / "file") as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("CREATE TABLE t (x INTEGER PRIMARY KEY)")
    db.close()
    return tmp_path / "file"


@pytest.fixture
def statements() -> Statements:
    """How often each statement was carried out."""
    return Counter()


@pytest.fixture
async def group(path: Path, statements: Statements) -> AsyncIterator[Group]:
    def connect() -> sqlite3.Connection:
        db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        db.set_trace_callback(lambda text: statements.update([text.split()[0]]))
        return db

    group = GroupCommit(connect, explain, begin=begin)
    await group.open()
    yield group
    await group.close()


def stored(path: Path) -> list[int]:
    """What another connection sees."""
    db = sqlite3.connect(path)
    try:
        return [row[0] for row in db.execute("SELECT x FROM t ORDER BY x")]
    finally:
        db.close()


class Busy:
    """Holds the disk until it is let go, so that what comes meanwhile has to wait."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.end = threading.Event()

    def __call__(self, db: sqlite3.Connection) -> None:
        self.begun.set()
        self.end.wait()


async def while_busy(
    group: Group, operations: list[Callable[[sqlite3.Connection], int]]
) -> tuple[Busy, list[asyncio.Task[int]]]:
    """Tasks that wait for the disk, in this order."""
    busy = Busy()
    holder = asyncio.create_task(group.do(busy))
    await asyncio.to_thread(busy.begun.wait)
    waiting = [asyncio.create_task(group.do(operation)) for operation in operations]
    await asyncio.sleep(0)
    holder.add_done_callback(lambda task: task.exception())
    return busy, waiting


async def test_what_returned_is_seen_by_another_connection(group: Group, path: Path) -> None:
    assert await group.do(insert(7)) == 7
    assert stored(path) == [7]


async def test_all_that_waits_for_the_disk_shares_one_commit(
    group: Group, path: Path, statements: Statements
) -> None:
    busy, waiting = await while_busy(group, [insert(n) for n in range(200)])
    busy.end.set()
    assert await asyncio.gather(*waiting) == list(range(200))
    assert statements["COMMIT"] == 2
    assert statements["INSERT"] == 200
    assert stored(path) == list(range(200))


async def test_one_caller_after_the_other_gets_a_commit_each(
    group: Group, statements: Statements
) -> None:
    for number in range(5):
        await group.do(insert(number))
    assert statements["COMMIT"] == 5


@pytest.mark.parametrize(
    ("table", "value"),
    [("nowhere", 2), ("t", 2**70), ("t", "\ud800")],
    ids=["an error of SQLite", "a number too large", "a text that is none"],
)
async def test_a_failure_reaches_all_that_shared_the_commit_and_undoes_it(
    group: Group, path: Path, table: str, value: object
) -> None:
    def wrong(db: sqlite3.Connection) -> int:
        return db.execute(f"INSERT INTO {table} VALUES (?)", (value,)).rowcount  # noqa: S608 # ours

    await group.do(insert(1))
    busy, waiting = await while_busy(group, [insert(2), wrong, insert(3)])
    busy.end.set()
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(result) for result in results] == [JournalError] * 3
    assert stored(path) == [1]


async def test_after_a_failure_nothing_more_is_done(group: Group, path: Path) -> None:
    with pytest.raises(JournalError, match="explained: no such table"):
        await group.do(lambda db: db.execute("SELECT 1 FROM nowhere"))
    with pytest.raises(JournalError, match="explained: no such table"):
        await group.do(insert(1))
    assert stored(path) == []


async def test_a_waiter_that_is_cancelled_harms_no_other(group: Group, path: Path) -> None:
    busy, waiting = await while_busy(group, [insert(n) for n in range(10)])
    for task in waiting[::2]:
        task.cancel()
    await asyncio.sleep(0)
    busy.end.set()
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert results[1::2] == [1, 3, 5, 7, 9]
    assert all(isinstance(result, asyncio.CancelledError) for result in results[::2])
    assert await group.do(insert(10)) == 10
    assert {1, 3, 5, 7, 9, 10} <= set(stored(path))


async def test_a_failure_with_a_cancelled_waiter_still_reaches_the_others(
    group: Group,
) -> None:
    busy, waiting = await while_busy(group, [insert(1), insert(1), insert(2)])
    waiting[0].cancel()
    await asyncio.sleep(0)
    busy.end.set()
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(r) for r in results] == [asyncio.CancelledError, JournalError, JournalError]


async def test_closing_finishes_what_was_asked_for(group: Group, path: Path) -> None:
    busy, waiting = await while_busy(group, [insert(n) for n in range(20)])
    closing = asyncio.create_task(group.close())
    await asyncio.sleep(0)
    busy.end.set()
    await closing
    assert await asyncio.gather(*waiting) == list(range(20))
    assert stored(path) == list(range(20))
    await group.close()
    with pytest.raises(JournalError, match="not open"):
        await group.do(insert(99))


@pytest.mark.parametrize(
    "failure",
    [sqlite3.OperationalError("unable to open"), OSError("gone"), JournalError("not ours")],
    ids=lambda failure: type(failure).__name__,
)
async def test_a_file_that_cannot_be_opened_is_explained(failure: Exception) -> None:
    def connect() -> sqlite3.Connection:
        raise failure

    group = GroupCommit(connect, explain, begin=begin)
    with pytest.raises(JournalError, match=str(failure)):
        await group.open()
    await group.close()


async def test_what_is_noted_is_done_before_the_end_and_in_its_turn(
    group: Group, path: Path
) -> None:
    group.note(insert(1))
    assert await group.do(lambda db: db.execute("SELECT count(*) FROM t").fetchone()) == (1,)
    group.note(insert(2))
    await group.close()
    assert stored(path) == [1, 2]


async def test_a_note_that_fails_is_told_by_what_comes_next(group: Group) -> None:
    group.note(lambda db: db.execute("SELECT 1 FROM nowhere"))
    with pytest.raises(JournalError, match="explained: no such table"):
        await group.do(insert(1))


async def test_callers_in_several_loops_are_served(group: Group, path: Path) -> None:
    async def two(first: int) -> list[int]:
        return list(await asyncio.gather(*(group.do(insert(first + n)) for n in range(2))))

    found = await asyncio.gather(
        *(asyncio.to_thread(asyncio.run, two(first)) for first in (10, 20, 30)), two(40)
    )
    assert found == [[10, 11], [20, 21], [30, 31], [40, 41]]
    assert stored(path) == [10, 11, 20, 21, 30, 31, 40, 41]


async def test_a_batch_wakes_its_loop_once(group: Group, monkeypatch: pytest.MonkeyPatch) -> None:
    loop = asyncio.get_running_loop()
    wake, wakes = loop.call_soon_threadsafe, Counter[str]()

    def counted(*args: Any, **options: Any) -> asyncio.Handle:
        wakes[threading.current_thread().name] += 1
        return wake(*args, **options)

    busy, waiting = await while_busy(group, [insert(n) for n in range(100)])
    monkeypatch.setattr(loop, "call_soon_threadsafe", counted)
    busy.end.set()
    await asyncio.gather(*waiting)
    assert sum(wakes.values()) == 2, "one for the operation that was busy"


async def test_a_transaction_that_may_be_tried_again_is(path: Path) -> None:
    tries: list[int] = []

    def at_the_third_time(db: sqlite3.Connection) -> int:
        tries.append(len(tries))
        db.execute("INSERT INTO t VALUES (?)", (len(tries),))
        if len(tries) < 3:
            raise BlockingIOError
        return len(tries)

    group = Group(
        lambda: sqlite3.connect(path, isolation_level=None, check_same_thread=False),
        explain,
        begin=begin,
        again=lambda exc: isinstance(exc, BlockingIOError),
    )
    await group.open()
    assert await group.do(at_the_third_time) == 3
    await group.close()
    assert stored(path) == [3]


async def test_the_beat_goes_on_when_nothing_is_asked_for_and_is_not_too_often(path: Path) -> None:
    beats: list[int] = []
    begun = time.monotonic()
    group = Group(
        lambda: sqlite3.connect(path, isolation_level=None, check_same_thread=False),
        explain,
        begin=begin,
        beat=(0.05, lambda _: beats.append(len(beats))),
    )
    await group.open()
    await until(lambda: len(beats) >= 4)
    await group.close()
    assert time.monotonic() - begun > 0.05 * len(beats) - 1e-6


async def test_the_beat_goes_on_under_load(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now, beats = 0.0, list[float]()
    monkeypatch.setattr(group_commit, "time", SimpleNamespace(monotonic=lambda: now))
    group = Group(
        lambda: sqlite3.connect(path, isolation_level=None, check_same_thread=False),
        explain,
        begin=begin,
        beat=(5.0, lambda _: beats.append(now)),
    )
    await group.open()
    for _ in range(23):
        await asyncio.gather(*(group.do(lambda _: None) for _ in range(5)))
        now += 1
    await group.close()
    assert beats == [5.0, 10.0, 15.0, 20.0]


async def test_nothing_is_done_before_it_is_opened() -> None:
    group = GroupCommit(lambda: sqlite3.connect(":memory:"), explain, begin=begin)
    with pytest.raises(JournalError, match="not open"):
        await group.do(insert(1))
