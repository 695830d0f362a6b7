"""A journal whose file was torn, damaged or cannot grow: nothing durable is lost without a word."""

from __future__ import annotations

import asyncio
import re
import shutil
import sqlite3
import struct
import sys
from pathlib import Path

import pytest

from cubicasa_async.bulk.journal import sqlite_damage
from cubicasa_async.bulk.journal.protocol import Entry, State, run_of
from cubicasa_async.bulk.journal.sqlite import SqliteJournal
from cubicasa_async.bulk.journal.status import read_status
from cubicasa_async.errors import JournalError
from cubicasa_async.sandbox import Sandbox
from tests.support.commands import environment, run
from tests.support.listings import as_csv, made

TARGET = "https://host.example/api/integrate/v3"
FRAME_HEADER, LOG_HEADER = 24, 32


async def crashed(directory: Path, *, rows: int = 12) -> Path:
    """The files of a journal as a crash leaves them: one intent after the other, nothing closed."""
    live, copy = directory / "live", directory / "copy"
    async with run_of(SqliteJournal(live), target=TARGET, now=lambda: 0.0) as journal:
        await journal.claim([Entry(f"K{n:02}", n, "{}") for n in range(rows)])
        for number in range(rows):
            await journal.intend(f"K{number:02}")
        shutil.copy(live, copy)
        shutil.copy(f"{live}-wal", f"{copy}-wal")
    return copy


async def intents(path: Path) -> int:
    """How many rows the next run finds in doubt."""
    async with run_of(SqliteJournal(path), target=TARGET, now=lambda: 0.0) as journal:
        return (await journal.counts()).get("intent", 0)


def log_of(path: Path) -> Path:
    return Path(f"{path}-wal")


def page_size(path: Path) -> int:
    return int.from_bytes(log_of(path).read_bytes()[8:12], "big")


async def test_control_a_crash_alone_loses_nothing(tmp_path: Path) -> None:
    assert await intents(await crashed(tmp_path)) == 12


@pytest.mark.parametrize("cut", [1, 20, 4096, 4100])
async def test_a_torn_tail_costs_the_last_commit_at_most(tmp_path: Path, cut: int) -> None:
    path = await crashed(tmp_path)
    with log_of(path).open("r+b") as file:
        file.truncate(log_of(path).stat().st_size - cut)
    assert await intents(path) == 11
    assert await intents(path) == 11


@pytest.mark.parametrize("tail", [b"\x00" * 5000, b"\xff" * 9000])
async def test_rubbish_behind_the_end_costs_nothing(tmp_path: Path, tail: bytes) -> None:
    path = await crashed(tmp_path)
    with log_of(path).open("ab") as file:
        file.write(tail)
    assert await intents(path) == 12


def frames(path: Path) -> list[bytes]:
    """The headers of the log's frames."""
    content, size = log_of(path).read_bytes(), FRAME_HEADER + page_size(path)
    return [content[at : at + FRAME_HEADER] for at in range(LOG_HEADER, len(content), size)]


def spoil(path: Path, frame: int, *, at: int = FRAME_HEADER + 100) -> None:
    """Change one byte of a frame of the log."""
    place = LOG_HEADER + frame * (FRAME_HEADER + page_size(path)) + at
    with log_of(path).open("r+b") as file:
        file.seek(place)
        byte = file.read(1)[0]
        file.seek(place)
        file.write(bytes([byte ^ 0xFF]))


# In its page, in what tells the log that it belongs to, and in its checksum.
@pytest.mark.parametrize("at", [FRAME_HEADER + 100, 9, 20])
async def test_a_damaged_middle_is_refused_again_and_again(tmp_path: Path, at: int) -> None:
    path = await crashed(tmp_path)
    spoil(path, 2, at=at)
    before = log_of(path).read_bytes()
    for _ in range(2):
        with pytest.raises(JournalError, match="is damaged") as caught:
            await intents(path)
        said = re.sub(r"\d+ commits", "N commits", str(caught.value))
        assert said == (
            f"The journal {path} is damaged (N commits stand behind an unreadable place in "
            "copy-wal). Nothing more is sent. Put back a copy of it; or move it away and run the "
            "job with a new one, which finds by external_id what is on the server already, as "
            "long as it looks there first."
        )
    assert log_of(path).read_bytes() == before


async def test_only_the_last_commit_may_be_unreadable(tmp_path: Path) -> None:
    path = await crashed(tmp_path)
    whole = log_of(path).read_bytes()
    *_, last_but_one, last = [n for n, head in enumerate(frames(path)) if any(head[4:8])]
    spoil(path, last)
    assert await intents(path) == 11
    log_of(path).write_bytes(whole)
    spoil(path, last_but_one)
    with pytest.raises(JournalError, match=r"\(2 commits stand behind an unreadable place"):
        await intents(path)


@pytest.mark.parametrize("spoilt", [0, 1, 5])
def test_a_last_commit_of_many_frames_may_be_unreadable_anywhere(
    tmp_path: Path, spoilt: int
) -> None:
    """A loss of power may keep any of the pages of a commit that had not come to its end."""
    live, copy = tmp_path / "live", tmp_path / "copy"
    db = sqlite3.connect(live, isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("CREATE TABLE rows (text)")
    first = len(frames(live))
    db.execute("INSERT INTO rows VALUES (?)", ("x" * 20_000,))
    shutil.copy(live, copy)
    shutil.copy(log_of(live), log_of(copy))
    db.close()
    spoil(copy, first + spoilt)
    sqlite_damage.refuse_damaged_log(copy)


def of_other_byte_order(log: bytes) -> bytes:
    """The log as a machine of the other byte order would have written it."""

    def sums(content: bytes, found: tuple[int, int]) -> tuple[int, int]:
        first, second = found
        words = struct.unpack(f">{len(content) // 4}I", content)
        for at in range(0, len(words), 2):
            first = (first + words[at] + second) % 2**32
            second = (second + words[at + 1] + first) % 2**32
        return first, second

    head = (int.from_bytes(log[:4], "big") | 1).to_bytes(4, "big") + log[4:24]
    found = sums(head, (0, 0))
    written = head + struct.pack(">II", *found)
    size = FRAME_HEADER + int.from_bytes(log[8:12], "big")
    for at in range(LOG_HEADER, len(log), size):
        found = sums(log[at : at + 8] + log[at + FRAME_HEADER : at + size], found)
        written += log[at : at + 16] + struct.pack(">II", *found)
        written += log[at + FRAME_HEADER : at + size]
    return written


async def test_a_log_of_a_machine_of_the_other_byte_order_is_read_as_well(tmp_path: Path) -> None:
    path = await crashed(tmp_path)
    assert log_of(path).read_bytes()[3] & 1 == (sys.byteorder == "big")
    other = of_other_byte_order(log_of(path).read_bytes())
    log_of(path).write_bytes(other)
    assert await intents(path) == 12
    log_of(path).write_bytes(other)
    spoil(path, 2)
    with pytest.raises(JournalError, match="is damaged"):
        await intents(path)


@pytest.mark.parametrize("size", [0, LOG_HEADER - 1])
async def test_a_log_that_has_hardly_begun_is_no_damage(tmp_path: Path, size: int) -> None:
    path = await crashed(tmp_path)
    with log_of(path).open("r+b") as file:
        file.truncate(size)
    sqlite_damage.refuse_damaged_log(path)


async def test_a_damaged_beginning_of_the_log_is_refused_too(tmp_path: Path) -> None:
    path = await crashed(tmp_path)
    with log_of(path).open("r+b") as file:
        file.seek(16)
        file.write(b"\xa5\xa5")
    with pytest.raises(JournalError, match="is damaged"):
        await intents(path)


async def test_control_sqlite_alone_loses_commits_without_a_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = await crashed(tmp_path)
    spoil(path, 2)

    def trust(path: Path) -> None:
        del path

    monkeypatch.setattr(sqlite_damage, "refuse_damaged_log", trust)
    assert await intents(path) < 11


async def crashed_in_a_second_log(directory: Path) -> Path:
    """A log that began anew is written over the old one, whose end still stands behind it."""
    live, copy = directory / "live", directory / "copy"
    async with run_of(SqliteJournal(live), target=TARGET, now=lambda: 0.0) as journal:
        keys = [f"K{number:04}" for number in range(3000)]
        await journal.claim([Entry(key, 1, "x" * 300) for key in keys])
        for key in keys[:300]:
            await journal.intend(key)
        other = sqlite3.connect(live)
        other.execute("PRAGMA wal_checkpoint(RESTART)")
        other.close()
        await journal.intend("K2999")
        shutil.copy(live, copy)
        shutil.copy(log_of(live), log_of(copy))
    assert log_of(copy).stat().st_size > 100_000
    return copy


def own_frames(path: Path) -> int:
    """How many frames at the beginning of the log are of the last one begun."""
    salts = log_of(path).read_bytes()[16:24]
    return [head[8:16] for head in frames(path)].count(salts)


async def test_what_is_left_of_an_earlier_log_is_no_damage(tmp_path: Path) -> None:
    assert await intents(await crashed_in_a_second_log(tmp_path)) == 301


@pytest.mark.parametrize("more", [0, 1])
@pytest.mark.parametrize("written", [FRAME_HEADER, FRAME_HEADER + 1000])
async def test_a_commit_torn_before_what_is_left_of_an_earlier_log_is_no_damage(
    tmp_path: Path, more: int, written: int
) -> None:
    """A kill comes between the header of a frame and the end of its page."""
    path = await crashed_in_a_second_log(tmp_path)
    own, size = own_frames(path), FRAME_HEADER + page_size(path)
    with log_of(path).open("r+b") as file:
        file.seek(LOG_HEADER + (own - 1) * size)
        whole = file.read(size)
        pages = (int.from_bytes(whole[4:8], "big") * more).to_bytes(4, "big")
        file.write((whole[:4] + pages + whole[8:])[:written])
    assert await intents(path) == 301


def test_a_kill_at_any_byte_of_a_commit_is_no_damage_and_costs_that_commit_at_most(
    tmp_path: Path,
) -> None:
    """SQLite writes a log from front to back, so a kill leaves a beginning of the new one.

    Its head of 32 bytes is left out: so few are written at once.
    """
    live, copy = tmp_path / "live", tmp_path / "copy"
    db = sqlite3.connect(live, isolation_level=None)
    db.execute("PRAGMA page_size = 512")
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA wal_autocheckpoint = 12")
    db.execute("CREATE TABLE rows (text)")
    pages, before, logs = live.read_bytes(), log_of(live).read_bytes(), 0
    for number in range(1, 40):
        rows = number % 7 + 1
        db.execute("INSERT INTO rows VALUES (?)", ("x" * 300 * rows,))
        after = log_of(live).read_bytes()
        logs += after[:32] != before[:32]
        changed = [at for at in range(len(after)) if after[at : at + 1] != before[at : at + 1]]
        size = FRAME_HEADER + 512
        frames = range(LOG_HEADER, changed[-1] + 1, size)
        cuts = {at + more for at in frames for more in (0, 8, 16, FRAME_HEADER, 200, size - 1)}
        for cut in sorted(cuts):
            if not changed[0] < cut <= changed[-1]:
                continue
            copy.write_bytes(pages)
            log_of(copy).write_bytes(after[:cut] + before[cut:])
            sqlite_damage.refuse_damaged_log(copy)
            other = sqlite3.connect(copy)
            assert other.execute("SELECT count(*) FROM rows").fetchone() == (number - 1,), cut
            other.close()
        pages, before = live.read_bytes(), after
    db.close()
    assert logs > 5, "the log has begun anew that often"


async def test_a_run_begins_with_an_empty_log(tmp_path: Path) -> None:
    """So what an earlier crash tore never stands behind what the next one tears."""
    path = await crashed(tmp_path)
    before = log_of(path).stat().st_size
    async with run_of(SqliteJournal(path), target=TARGET, now=lambda: 0.0) as journal:
        await journal.intend("K00")
        assert log_of(path).stat().st_size < before / 2


async def test_damaged_pages_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    async with run_of(SqliteJournal(path), target=TARGET, now=lambda: 0.0) as journal:
        await journal.claim([Entry(f"K{n:04}", n, "x" * 300) for n in range(500)])
    content = bytearray(path.read_bytes())
    middle = len(content) // 2 // 4096 * 4096
    content[middle : middle + 64] = b"\x05" * 64
    path.write_bytes(content)
    with pytest.raises(JournalError, match=r"is damaged \(.*\)\. Nothing more is sent\."):
        await intents(path)
    assert path.read_bytes() == content


async def test_a_state_that_is_none_is_damage(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    async with run_of(SqliteJournal(path), target=TARGET, now=lambda: 0.0) as journal:
        await journal.claim([Entry("A", 1, "{}")])
        await journal.settle("A", State.CREATED, order_id="o1")
    content = path.read_bytes()
    assert content.count(b"created") >= 1
    path.write_bytes(content.replace(b"createdo1", b"crexxedo1"))
    with pytest.raises(JournalError) as caught:
        await intents(path)
    assert str(caught.value).startswith(
        f"The journal {path} is damaged (CHECK constraint failed in drafts). Nothing more is sent."
    )


@pytest.mark.parametrize("bit", range(8))
async def test_a_bit_that_has_changed_in_what_a_row_says_is_refused(
    tmp_path: Path, bit: int
) -> None:
    path = tmp_path / "journal"
    row = ("KEY-150", '{"street": "15 Main Street"}')
    async with run_of(SqliteJournal(path), target=TARGET, now=lambda: 0.0) as journal:
        await journal.claim([Entry(f"KEY-{n}", n, row[1]) for n in range(100, 150)])
        await journal.claim([Entry(row[0], 150, row[1])])
        await journal.settle(row[0], State.CREATED, order_id="o1")
    content = path.read_bytes()
    start = content.index(row[0].encode())
    for at in (start + 5, start + 15, content.index(b"created", start)):
        spoilt = bytearray(content)
        spoilt[at] ^= 1 << bit
        path.write_bytes(spoilt)
        with pytest.raises(JournalError, match="is damaged"):
            await intents(path)
        with pytest.raises(JournalError, match=r"is damaged|cannot be read"):
            assert read_status(path).states == {"new": 50, "created": 1}
        assert path.read_bytes() == spoilt


@pytest.mark.parametrize(
    ("spoilt", "reason"),
    [
        (b'{"street": "9"}', "the row of line 7 is not what was written"),
        (
            b'{"street": "\xff"}',
            "Could not decode to UTF-8 column 'body'",
        ),
    ],
)
async def test_which_row_has_changed_is_told(tmp_path: Path, spoilt: bytes, reason: str) -> None:
    path, body = tmp_path / "journal", '{"street": "8"}'
    async with run_of(SqliteJournal(path), target=TARGET, now=lambda: 0.0) as journal:
        await journal.claim([Entry("A", 7, body)])
    path.write_bytes(path.read_bytes().replace(body.encode(), spoilt))
    for read in (intents(path), asyncio.to_thread(read_status, path)):
        with pytest.raises(JournalError) as caught:
            await read
        assert str(caught.value).startswith(f"The journal {path} is damaged ({reason}")
        assert str(caught.value).count("Nothing more is sent.") == 1


async def test_control_sqlite_alone_sees_no_change_of_a_letter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "journal"
    async with run_of(SqliteJournal(path), target=TARGET, now=lambda: 0.0) as journal:
        await journal.claim([Entry("KEY-1", 1, "{}")])
    path.write_bytes(path.read_bytes().replace(b"KEY-1", b"KEY-3"))

    def trust(db: sqlite3.Connection, path: Path) -> None:
        del db, path

    monkeypatch.setattr(sqlite_damage, "refuse_damaged_rows", trust)
    async with run_of(SqliteJournal(path), target=TARGET, now=lambda: 0.0) as journal:
        [claim] = await journal.claim([Entry("KEY-1", 1, "{}")])
    assert claim.state is None


async def test_damage_that_shows_while_a_run_goes_on_is_named(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    async with run_of(SqliteJournal(path), target=TARGET, now=lambda: 0.0) as journal:
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("PRAGMA writable_schema = ON")
        other.execute("UPDATE sqlite_master SET sql = 'rubbish' WHERE name = 'drafts'")
        other.execute("PRAGMA schema_version = 1000")
        other.close()
        with pytest.raises(JournalError) as caught:
            await journal.claim([Entry("A", 1, "{}")])
    said = str(caught.value)
    assert said.startswith(f"The journal {path} is damaged (malformed database schema")
    assert "Put back a copy of it; or move it away" in said


LIMITED = """
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))
{more}
from cubicasa_async.cli import main
main()
"""
FORGETFUL = """
from cubicasa_async.bulk.journal.sqlite import SqliteJournal
from cubicasa_async.bulk.journal.status import read_status
async def forget(self, *args, **options): return ()
SqliteJournal.intend = SqliteJournal.settle_all = forget
"""


@pytest.mark.parametrize("forgetful", [False, True], ids=["journal", "control: forgetful"])
async def test_where_the_disk_is_full_no_request_leaves_without_its_intent(
    sandbox: Sandbox, tmp_path: Path, forgetful: bool
) -> None:
    (tmp_path / "rows.csv").write_text(as_csv(1000), encoding="utf-8")
    code = LIMITED.format(limit=150_000, more=FORGETFUL if forgetful else "")
    ended = await run(
        *("drafts", "import", "rows.csv", "--no-look", "--concurrency", "4"),
        program=("-c", code),
        environ=environment(sandbox),
        cwd=tmp_path,
    )
    assert ended.code not in {0, -9}
    assert "rows.csv.journal failed: " in ended.err
    assert "Nothing is sent without it; see to the disk and run the job again." in ended.err
    drafts = set(made(sandbox))
    db = sqlite3.connect(tmp_path / "rows.csv.journal")
    known = {key for (key,) in db.execute("SELECT external_id FROM drafts WHERE sends > 0")}
    db.close()
    assert 0 < len(drafts) < 1000
    assert (drafts <= known) is not forgetful
