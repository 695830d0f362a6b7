"""`cubicasa drafts status`: how a job stands, without touching it."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from pathlib import Path

import pytest

from cubicasa_async import AsyncCubiCasa
from cubicasa_async.bulk import import_drafts
from cubicasa_async.bulk.journal.sqlite import SqliteJournal
from cubicasa_async.bulk.journal.status import read_status
from cubicasa_async.errors import JournalError
from cubicasa_async.sandbox import Fault, Sandbox
from tests.support.commands import Result, environment, run, started
from tests.support.listings import as_csv, listing, listings, told
from tests.support.terminal import on_a_terminal
from tests.support.waiting import until


async def status(journal: Path | str, *options: str) -> Result:
    return await run("drafts", "status", journal, *options, environ=environment(None))


def contents(directory: Path) -> Mapping[Path, bytes]:
    return {file: file.read_bytes() for file in directory.iterdir()}


@pytest.fixture
async def journal(sandbox: Sandbox, client: AsyncCubiCasa, tmp_path: Path) -> Path:
    """A job with rows in several states."""
    path = tmp_path / "job.journal"
    sandbox.world.add_order(external_id="E-1")
    await told(import_drafts(client, listings(5), journal=path))
    sandbox.faults.add(
        Fault("status", operation="drafts.create", status=400, times=1),
        Fault("status", operation="drafts.create", status=500, skip=1),
        Fault("status", operation="drafts.update", status=500),
    )
    rows = [*listings(7), listing(2, city="Newtown")]
    rows[1] = rows.pop()
    await told(import_drafts(client, rows, journal=path, concurrency=1, update=True))
    return path


async def test_it_counts_rows_by_state_and_leaves_the_files_as_they_are(
    journal: Path, sandbox: Sandbox
) -> None:
    before = contents(journal.parent)
    result = await status(journal)
    assert result.code == 0
    [found] = result.json
    assert found["target"] == sandbox.base_url
    assert (found["runs"], found["rows"]) == (2, 7)
    assert found["states"] == {"created": 4, "rejected": 1, "there": 1, "unknown": 1}
    assert (found["in_doubt"], found["updating"]) == (1, 1)
    assert found["last_run"].startswith("2026-01-01T00:")
    assert contents(journal.parent) == before


async def test_on_a_terminal_it_is_said_in_words(journal: Path) -> None:
    code, screen = await on_a_terminal(
        "drafts", "status", str(journal), environ=environment(None), cwd=journal.parent
    )
    assert code == 0
    lines = [line.split() for line in screen.splitlines()]
    assert ["rows", "7"] in lines
    assert ["made", "by", "this", "job", "4"] in lines
    assert ["in", "doubt:", "the", "answer", "was", "lost", "1"] in lines
    assert ["of", "these,", "change", "begun", "1"] in lines
    assert "2026-01-01 00:00:00 UTC" in screen
    assert " ago" in screen
    assert "The next run settles what is in doubt" in screen


async def test_it_can_be_asked_while_a_run_holds_the_job(sandbox: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text(as_csv(20), encoding="utf-8")
    sandbox.faults.add(Fault("stall", operation="drafts.create", skip=10))
    journal = tmp_path / "rows.csv.journal"
    variables = environment(sandbox)
    async with started("drafts", "import", "rows.csv", environ=variables, cwd=tmp_path) as child:
        await until(lambda: len(sandbox.ledger.of("drafts.create")) == 18)
        found = read_status(journal)
        assert found.states["intent"] >= 8
        child.process.kill()
        await child.end()
    assert (await status(journal)).json[0]["in_doubt"] >= 8, "also after it was killed"


async def test_a_directory_that_cannot_be_written_to_does_not_matter(journal: Path) -> None:
    assert {file.name for file in journal.parent.iterdir()} <= {
        "job.journal",
        "job.journal.lock",
    }
    db = sqlite3.connect(f"file:{journal}?mode=ro&immutable=1", uri=True)
    db.close()
    assert read_status(journal).rows == 7


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "There is no journal"),
        (b"listing_id,street\n" * 100, "is not a journal"),
        (b"", "is not a journal of this version"),
    ],
)
async def test_what_is_no_journal_is_said(tmp_path: Path, content: bytes | None, says: str) -> None:
    path = tmp_path / "job.journal"
    if content is not None:
        path.write_bytes(content)
    result = await status(path)
    assert result.code == 2
    assert says in result.err
    assert "Traceback" not in result.err
    assert path.exists() is (content is not None)


async def test_a_broken_journal_is_said(journal: Path) -> None:
    content = journal.read_bytes()
    journal.write_bytes(content[:4096] + b"\xff" * (len(content) - 4096))
    with pytest.raises(JournalError, match="cannot be read"):
        read_status(journal)
    result = await status(journal)
    assert result.code == 2
    assert "Traceback" not in result.err


async def test_a_journal_that_no_run_has_used_says_so(tmp_path: Path) -> None:
    path = tmp_path / "job.journal"
    journal = SqliteJournal(path)
    await journal.open(target="https://host.example", now=lambda: 0.0)
    await journal.close()
    found = read_status(path)
    assert (found.rows, found.runs, found.states, found.last_sent) == (0, 1, {}, None)
    assert "api" not in repr(found)


async def test_a_shared_job_is_read_from_its_database(
    postgres_url: str, client: AsyncCubiCasa, sandbox: Sandbox
) -> None:
    await told(import_drafts(client, listings(3), journal=f"{postgres_url}#may"))
    result = await status(f"{postgres_url}#may")
    assert result.code == 0, result.err
    [found] = result.json
    assert found["journal"].endswith("#may")
    assert (found["target"], found["rows"]) == (sandbox.base_url, 3)
    assert (found["states"], found["workers"]) == ({"created": 3}, 0)
    none = await status(f"{postgres_url}#june")
    assert none.code == 2
    assert "There is no job 'june'" in none.err
    assert "there are: 'may'" in none.err


async def test_a_database_without_a_journal_or_without_a_server_is_said(postgres_url: str) -> None:
    result = await status(postgres_url)
    assert result.code == 2
    assert "There is no journal in postgresql://" in result.err
    result = await status("postgresql://me:s3cr3t@127.0.0.1:1/none")
    assert result.code == 2
    assert "cannot be read" in result.err
    assert "s3cr3t" not in result.err
