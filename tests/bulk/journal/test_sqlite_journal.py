from __future__ import annotations

import asyncio
import itertools
import os
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Generator
from contextlib import AbstractAsyncContextManager, contextmanager
from pathlib import Path

import attrs
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from cubicasa_async.bulk.journal.protocol import (
    IN_DOUBT,
    MADE,
    Claim,
    Doubt,
    Entry,
    Settlement,
    State,
    run_of,
)
from cubicasa_async.bulk.journal.sqlite import SqliteJournal
from cubicasa_async.errors import JournalError

TARGET = "https://host.example/api/integrate/v3"
NOBODY = 65534
NO_NUL = st.characters(codec="utf-8", exclude_characters="\0")  # which no external_id holds


def journal(
    path: Path, *, target: str = TARGET, now: float = 1000.0
) -> AbstractAsyncContextManager[SqliteJournal]:
    return run_of(SqliteJournal(path), target=target, now=lambda: now)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "job.journal"


@pytest.fixture
async def opened(path: Path) -> AsyncIterator[SqliteJournal]:
    async with journal(path) as opened:
        yield opened


def on_disk(path: Path) -> dict[str, tuple[str, int]]:
    """State and number of sends of each row, as another connection sees them."""
    db = sqlite3.connect(path)
    try:
        rows = db.execute("SELECT external_id, state, sends FROM drafts").fetchall()
    finally:
        db.close()
    return {key: (state, sends) for key, state, sends in rows}


async def claim(opened: SqliteJournal, key: str, body: str = "{}", line: int = 1) -> Claim:
    [claim] = await opened.claim([Entry(key, line, body)])
    return claim


async def test_an_intent_is_on_disk_when_it_returns(opened: SqliteJournal, path: Path) -> None:
    await claim(opened, "A")
    assert on_disk(path) == {"A": ("new", 0)}
    await opened.intend("A")
    assert on_disk(path) == {"A": ("intent", 1)}
    await opened.settle("A", State.CREATED, order_id="order-1")
    assert on_disk(path) == {"A": ("created", 1)}


async def test_intents_at_once_are_all_on_disk(opened: SqliteJournal, path: Path) -> None:
    keys = [f"K{number:03}" for number in range(100)]
    await opened.claim([Entry(key, 1, "{}") for key in keys])
    await asyncio.gather(*map(opened.intend, keys))
    assert set(on_disk(path).values()) == {("intent", 1)}


async def test_ends_of_all_kinds_are_on_disk_together(opened: SqliteJournal, path: Path) -> None:
    keys = ["A", "B", "C", "D"]
    await opened.claim([Entry(key, 1, "{}") for key in keys])
    await opened.intend(*keys)
    assert not await opened.settle_all(
        [
            Settlement("A", State.CREATED, "o1"),
            Settlement("B", State.UNKNOWN, reason="lost"),
            Settlement("C", State.REJECTED, reason="no"),
            Settlement("D", State.CREATED, "o4"),
        ]
    )
    assert on_disk(path) == {
        "A": ("created", 1),
        "B": ("unknown", 1),
        "C": ("rejected", 1),
        "D": ("created", 1),
    }
    [doubt] = await opened.doubts("", 10)
    assert (doubt.key, doubt.order_id, doubt.reason) == ("B", None, "lost")


async def test_what_was_not_sent_after_all_is_as_before(path: Path) -> None:
    async with journal(path) as opened:
        await opened.claim([Entry(key, 1, "{}") for key in "ABC"])
        await opened.intend("A", "B", "C")
        await opened.settle("C", State.CREATED, order_id="o1")
        opened.unsent("A", "C")
        opened.unsent("B", in_doubt=True)
    assert on_disk(path) == {"A": ("new", 0), "B": ("unknown", 0), "C": ("created", 1)}


async def test_a_run_that_died_may_have_sent_until_the_next_begins(path: Path) -> None:
    async with journal(path, now=1000.0) as first:
        await first.claim([Entry("A", 1, "{}"), Entry("B", 1, "{}")])
        await first.intend("A", "B")
        await first.settle("B", State.UNKNOWN, reason="lost")
        await first.settle("A", State.CREATED, order_id="o1")
    async with journal(path, now=1500.0) as second:
        assert await second.doubt_age() == 500.0, "an answer that was lost has its own time"
        await second.intend("A")
    async with journal(path, now=2000.0) as third:
        assert await third.doubt_age() == 0.0


async def test_a_lost_answer_counts_from_when_it_was_lost(path: Path) -> None:
    time = [1000.0]
    slow = SqliteJournal(path)
    async with run_of(slow, target=TARGET, now=lambda: time[0]) as opened:
        await opened.claim([Entry("A", 1, "{}")])
        await opened.intend("A")
        time[0] = 1300.0
        await opened.settle("A", State.UNKNOWN, reason="lost after many attempts")
        time[0] = 1302.0
        assert await opened.doubt_age() == 2.0


async def test_an_sqlite_that_is_too_old_is_named(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 26, 0))
    with pytest.raises(JournalError, match=r"needs SQLite 3\.33 or newer"):
        async with journal(path):
            raise AssertionError


async def test_one_run_at_a_time(path: Path) -> None:
    async with journal(path):
        with pytest.raises(JournalError, match="is in use by another run"):
            async with journal(path):
                raise AssertionError
    async with journal(path) as again:
        assert await again.counts() == {}


@pytest.mark.parametrize("link", [Path.symlink_to, Path.hardlink_to], ids=["symbolic", "hard"])
async def test_one_run_at_a_time_under_whatever_name(
    path: Path, tmp_path: Path, link: Callable[[Path, Path], None]
) -> None:
    async with journal(path) as opened:
        await claim(opened, "A")
        other = tmp_path / "other"
        link(other, path)
        with pytest.raises(JournalError) as caught:
            async with journal(other):
                raise AssertionError
        await opened.intend("A")
    in_use = f"The journal {other} is in use by another run. Wait for it, or name another."
    several = (
        f"The journal {other} is one file under several names (hard links), by which two runs "
        "could use it at once. Make a copy of it, and delete all but one name."
    )
    assert str(caught.value) in {in_use, several}


async def test_a_symbolic_link_stands_for_its_journal(path: Path, tmp_path: Path) -> None:
    link = tmp_path / "elsewhere" / "link"
    link.parent.mkdir()
    link.symlink_to(path)
    async with journal(link) as opened:
        await claim(opened, "A")
    assert on_disk(path) == {"A": ("new", 0)}
    assert [file.name for file in link.parent.iterdir()] == ["link"]


async def test_a_link_that_leads_to_itself_is_refused(path: Path) -> None:
    path.symlink_to(path)
    with pytest.raises(JournalError, match="cannot be made"):
        async with journal(path):
            raise AssertionError


@pytest.mark.skipif(sys.platform == "win32", reason="files in use cannot be removed there")
@pytest.mark.parametrize("ending", ["", "-wal", ".lock"])
@pytest.mark.parametrize("replaced", [False, True])
async def test_a_run_whose_file_is_taken_away_sends_nothing_more(
    path: Path, ending: str, replaced: bool
) -> None:
    async with journal(path) as opened:
        await claim(opened, "A")
        file = Path(f"{path}{ending}")
        content = file.read_bytes()
        file.rename(f"{file}.away")
        if replaced:
            file.write_bytes(content)
        with pytest.raises(JournalError) as caught:
            await opened.intend("A")
    assert str(caught.value) == (
        f"{file} was removed or replaced while a run used the journal. Nothing more is sent. Put "
        "it back if it was moved, and run the job again."
    )


async def test_a_journal_may_be_closed_in_another_thread_than_it_was_opened_in(path: Path) -> None:
    opened = SqliteJournal(path)
    opening = opened.open(target=TARGET, now=lambda: 0.0)
    await asyncio.to_thread(asyncio.run, opening)
    await opened.close()
    async with journal(path) as again:
        assert await again.counts() == {}


async def test_a_run_that_could_not_begin_leaves_the_journal_free(path: Path) -> None:
    async with journal(path):
        pass
    with pytest.raises(JournalError):
        async with journal(path, target="https://other.example/api"):
            raise AssertionError
    async with journal(path) as again:
        assert await again.counts() == {}


async def test_a_journal_serves_one_target_only(path: Path) -> None:
    async with journal(path) as opened:
        await claim(opened, "A")
    other = "https://qa.example/api/integrate/v3"
    with pytest.raises(JournalError) as caught:
        async with journal(path, target=other):
            raise AssertionError
    assert TARGET in str(caught.value)
    assert other in str(caught.value)
    assert on_disk(path) == {"A": ("new", 0)}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"listing_id,street\n" * 100, "is not a journal. Name another file"),
        (b"\x00" * 4096, "is not a journal. Name another file"),
    ],
    ids=["a table", "zeros"],
)
async def test_a_file_that_is_no_journal_is_refused_and_left_as_it_is(
    path: Path, content: bytes, says: str
) -> None:
    path.write_bytes(content)
    with pytest.raises(JournalError, match=says):
        async with journal(path):
            raise AssertionError
    assert path.read_bytes() == content


@pytest.mark.parametrize("version", [0, 2, 4])
async def test_a_database_of_others_or_of_another_version_is_refused(
    path: Path, version: int
) -> None:
    with sqlite3.connect(path) as db:
        if version:
            db.execute("PRAGMA application_id = 0x43754361")
            db.execute(f"PRAGMA user_version = {version}")
        db.execute("CREATE TABLE theirs (x)")
    db.close()
    with pytest.raises(JournalError, match="is not a journal of this version"):
        async with journal(path):
            raise AssertionError


@contextmanager
def without_rights() -> Generator[None]:
    """Root may write anywhere, so it becomes somebody else."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


async def test_a_directory_that_cannot_be_written_is_an_error_of_one_sentence(
    tmp_path: Path,
) -> None:
    for parent in (tmp_path, tmp_path.parent, tmp_path.parent.parent):
        parent.chmod(parent.stat().st_mode | 0o055)
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o555)
    with without_rights(), pytest.raises(JournalError, match=r"cannot be made: .*[Pp]ermission"):
        async with journal(closed / "job.journal"):
            raise AssertionError
    assert list(closed.iterdir()) == []


async def test_a_path_below_a_file_is_an_error_of_one_sentence(path: Path) -> None:
    path.write_text("a file")
    with pytest.raises(JournalError, match="cannot be made"):
        async with journal(path / "job.journal"):
            raise AssertionError


async def test_a_full_disk_stops_the_job_at_its_next_intent(path: Path) -> None:
    class Small(SqliteJournal):
        def _open(self) -> sqlite3.Connection:
            db = super()._open()
            db.execute("PRAGMA max_page_count = 12")
            return db

    async with run_of(Small(path), target=TARGET, now=lambda: 0.0) as opened:
        await claim(opened, "K00000")
        many = [Entry(f"K{number:05}", 1, "x" * 500) for number in range(100)]
        with pytest.raises(JournalError, match="is full"):
            await opened.claim(many)
        with pytest.raises(JournalError, match="Nothing is sent without it"):
            await opened.intend("K00000")
    assert on_disk(path) == {"K00000": ("new", 0)}


async def test_errors_are_sentences_with_the_file_and_what_to_do(path: Path) -> None:
    async with journal(path):
        with pytest.raises(JournalError) as caught:
            async with journal(path):
                raise AssertionError
    assert str(caught.value) == (
        f"The journal {path} is in use by another run. Wait for it, or name another."
    )
    with pytest.raises(JournalError) as caught:
        async with journal(path, target="https://other.example/api"):
            raise AssertionError
    assert str(caught.value) == (
        f"The journal {path} belongs to a job against {TARGET}, not against "
        "https://other.example/api. Name another journal."
    )
    async with journal(path) as opened:
        with sqlite3.connect(path) as db:
            db.execute("DROP TABLE drafts")
        db.close()
        with pytest.raises(JournalError) as caught:
            await opened.counts()
    assert str(caught.value) == (
        f"The journal {path} failed: no such table: drafts. Nothing is sent without it; see to "
        "the disk and run the job again."
    )
    path.write_text("a file")
    with pytest.raises(JournalError) as caught:
        async with journal(path):
            raise AssertionError
    assert str(caught.value) == f"{path} is not a journal. Name another file."


async def test_a_row_of_the_same_run_repeats_and_one_of_an_earlier_run_does_not(
    path: Path,
) -> None:
    async with journal(path) as first:
        assert await claim(first, "A", line=2) == Claim(None, None, False, None, (), 0)
        again = await claim(first, "A", line=9)
        assert again == Claim(State.NEW, None, False, repeats=2, orders=(), sends=0)
        assert (await claim(first, "A", "{1}", line=9)).changed
    async with journal(path) as second:
        assert await claim(second, "A", line=5) == Claim(State.NEW, None, False, None, (), 0)
        assert (await claim(second, "A", line=6)).repeats == 5


async def test_a_row_that_changed_since_its_draft_was_made_stays_visibly_changed(
    path: Path,
) -> None:
    async with journal(path) as first:
        await claim(first, "A", "{old}")
        await first.settle("A", State.CREATED, order_id="order-1")
    for _ in range(2):
        async with journal(path) as later:
            assert (await claim(later, "A", "{new}")).changed
    async with journal(path) as later:
        assert not (await claim(later, "A", "{old}")).changed


async def test_a_changed_row_is_compared_with_its_repeat_as_it_is_now(path: Path) -> None:
    async with journal(path) as first:
        await claim(first, "A", "{old}")
        await first.settle("A", State.CREATED, order_id="order-1")
    async with journal(path) as second:
        assert (await claim(second, "A", "{new}", line=2)).changed
        assert not (await claim(second, "A", "{new}", line=3)).changed
        assert (await claim(second, "A", "{old}", line=4)).changed


async def test_a_row_not_made_yet_takes_the_newest_content(path: Path) -> None:
    async with journal(path) as first:
        await claim(first, "A", "{old}")
        await first.settle("A", State.UNKNOWN, reason="lost")
    async with journal(path) as second:
        assert (await claim(second, "A", "{new}")).changed
        [doubt] = await second.doubts("", 10)
    assert (doubt.body, doubt.reason) == ("{new}", "lost")


async def test_doubts_are_of_this_run_and_come_in_pages(path: Path) -> None:
    async with journal(path) as first:
        for key in "ABCDE":
            await claim(first, key)
            await first.intend(key)
        await first.settle("C", State.CREATED, order_id="order-c")
        await first.settle("D", State.UNKNOWN, reason="lost")
        assert [doubt.key for doubt in await first.doubts("", 2)] == ["A", "B"]
        assert [doubt.key for doubt in await first.doubts("B", 2)] == ["D", "E"]
        assert await first.doubts("E", 2) == []
    async with journal(path) as second:
        assert await second.doubts("", 10) == []
        assert await second.doubt_age() == 0.0
        await claim(second, "D", line=7)
        assert await second.doubts("", 10) == [Doubt("D", 7, "{}", None, "lost", 1, ())]


async def test_no_doubt_has_no_time(opened: SqliteJournal) -> None:
    assert await opened.doubt_age() is None
    await claim(opened, "A")
    await opened.settle("A", State.CREATED, order_id="order-1")
    assert await opened.doubt_age() is None


async def test_a_row_that_comes_again_tells_what_became_of_it(path: Path) -> None:
    known = Claim(State.CREATED, "order-1", changed=False, repeats=2, orders=(), sends=1)
    async with journal(path) as first:
        await claim(first, "A", line=2)
        await first.intend("A")
        await first.settle("A", State.CREATED, order_id="order-1")
        assert await claim(first, "A", line=3) == known
    async with journal(path) as second:
        assert await claim(second, "A", line=4) == attrs.evolve(known, repeats=None)


async def test_a_doubt_tells_all_that_is_known_of_its_row(opened: SqliteJournal) -> None:
    await claim(opened, "A", "{a}", line=4)
    await opened.intend("A")
    await opened.note_orders([("o2", "A"), ("o1", "A"), ("o3", "B")], 1)
    assert await opened.doubts("", 10) == [Doubt("A", 4, "{a}", None, "", 1, ("o1", "o2"))]
    await opened.settle("A", State.UNKNOWN, order_id="o2", reason="lost")
    assert await opened.doubts("", 10) == [Doubt("A", 4, "{a}", "o2", "lost", 1, ("o1", "o2"))]


async def test_runs_are_counted_from_one(path: Path) -> None:
    for _ in range(3):
        async with journal(path) as opened:
            await claim(opened, "A")
    with sqlite3.connect(path) as db:
        assert db.execute("SELECT run FROM drafts").fetchall() == [(3,)]
        assert db.execute("SELECT value FROM job WHERE name = 'run'").fetchall() == [("3",)]
    db.close()


async def test_all_orders_that_an_earlier_look_had_seen_are_counted(opened: SqliteJournal) -> None:
    await opened.note_orders([("o1", "A"), ("o2", "A")], 1)
    assert await opened.note_orders([("o1", "A"), ("o2", "A"), ("o3", "A")], 2) == 2


async def test_orders_of_an_earlier_look_are_told_from_new_ones(opened: SqliteJournal) -> None:
    assert await opened.note_orders([("o1", "A"), ("o2", "A")], 1) == 0
    assert await opened.note_orders([("o1", "A"), ("o2", "A")], 1) == 0, "seen in the same look"
    assert await opened.note_orders([("o3", "B"), ("o1", "A")], 2) == 1
    assert (await claim(opened, "A")).orders == ("o1", "o2")
    await opened.forget_orders()
    assert (await claim(opened, "A")).orders == ()


@attrs.define
class Row:
    """What the model knows of a row."""

    line: int
    body: str
    run: int
    state: State = State.NEW
    order_id: str | None = None
    reason: str = ""
    sends: int = 0
    made: str | None = None


class JournalMachine(RuleBasedStateMachine):
    """A journal under any order of calls, reopened and copied as a crash would leave it.

    It is compared with a dictionary.
    """

    keys = Bundle("keys")

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.directory = Path(tempfile.mkdtemp())
        self.copies = itertools.count()
        self.rows: dict[str, Row] = {}
        self.orders: dict[str, str] = {}
        self.run_number = 0

    @initialize()
    def begin(self) -> None:
        self.path = self.directory / "first"
        self._open()

    def _open(self) -> None:
        self.run_number += 1
        self.journal = SqliteJournal(self.path)
        now = float(self.run_number)
        self.runner.run(self.journal.open(target=TARGET, now=lambda: now))

    @rule(
        target=keys,
        key=st.text(NO_NUL, min_size=1, max_size=2) | st.sampled_from("abc"),
    )
    def name(self, key: str) -> str:
        return key

    @rule(key=keys, line=st.integers(1, 10**6), body=st.sampled_from(["{}", '{"a": 1}', "{é}"]))
    def claim(self, key: str, line: int, body: str) -> None:
        row = self.rows.get(key)
        orders = tuple(sorted(order for order, of in self.orders.items() if of == key))
        if row is None:
            expected = Claim(None, None, False, None, orders, 0)
            self.rows[key] = Row(line, body, self.run_number)
        elif row.run == self.run_number:
            expected = Claim(row.state, row.order_id, body != row.body, row.line, orders, row.sends)
        else:
            changed = body != (row.body if row.made is None else row.made)
            updating = row.made == ""
            expected = Claim(row.state, row.order_id, changed, None, orders, row.sends, updating)
            row.line, row.body, row.run = line, body, self.run_number
        assert self.runner.run(claim(self.journal, key, body, line)) == expected

    @rule(key=keys)
    def intend(self, key: str) -> None:
        self.runner.run(self.journal.intend(key))
        if row := self.rows.get(key):
            another = row.state in IN_DOUBT and row.made not in {None, row.body}
            row.made = "" if another else row.body
            row.state, row.reason, row.order_id = State.INTENT, "", None
            row.sends += 1

    @rule(
        key=keys,
        state=st.sampled_from(list(State)),
        order_id=st.none() | st.sampled_from(["o1", "o2"]),
        reason=st.none() | st.text(st.characters(codec="utf-8"), max_size=3),
    )
    def settle(self, key: str, state: State, order_id: str | None, reason: str | None) -> None:
        self.runner.run(self.journal.settle(key, state, order_id=order_id, reason=reason))
        if row := self.rows.get(key):
            row.state, row.reason = state, reason or ""
            row.order_id = order_id or row.order_id
            if state in MADE:
                row.made = row.body if row.made is None else row.made
            elif state not in IN_DOUBT:
                row.made = None

    @rule(key=keys, order_id=st.sampled_from(["o1", "o2", "o3"]))
    def list_order(self, key: str, order_id: str) -> None:
        known = self.runner.run(self.journal.note_orders([(order_id, key)], self.run_number))
        assert known in {0, 1}
        self.orders.setdefault(order_id, key)

    @rule()
    def forget(self) -> None:
        self.runner.run(self.journal.forget_orders())
        self.orders.clear()

    @rule()
    def reopen(self) -> None:
        self.runner.run(self.journal.close())
        self._open()

    @precondition(lambda self: self.rows)
    @rule()
    def crash(self) -> None:
        """Go on from a copy of the files as they are: nothing was closed."""
        copy = self.directory / f"copy{next(self.copies)}"
        for ending in ("", "-wal"):
            shutil.copy(f"{self.path}{ending}", f"{copy}{ending}")
        self.runner.run(self.journal.close())
        self.path = copy
        self._open()

    @invariant()
    def agrees(self) -> None:
        if not self.run_number:
            return
        doubted = [
            (key, row.line, row.body, row.order_id, row.reason, row.sends)
            for key, row in sorted(self.rows.items(), key=lambda item: item[0].encode())
            if row.state in IN_DOUBT and row.run == self.run_number
        ]
        found = self.runner.run(self.journal.doubts("", 1000))
        assert [(d.key, d.line, d.body, d.order_id, d.reason, d.sends) for d in found] == doubted
        counts = self.runner.run(self.journal.counts())
        states = [row.state.value for row in self.rows.values()]
        assert counts == {state: states.count(state) for state in states}

    def teardown(self) -> None:
        if self.run_number:
            self.runner.run(self.journal.close())
        self.runner.close()
        shutil.rmtree(self.directory)


TestJournalMachine = JournalMachine.TestCase
TestJournalMachine.settings = settings(max_examples=20, stateful_step_count=20)
