"""`cubicasa drafts import` in a child process, against a sandbox here."""

from __future__ import annotations

import socket
import sqlite3
import sys
from pathlib import Path

import attrs
import pytest

import cubicasa_async
from cubicasa_async.sandbox import Fault, Sandbox
from tests.support.commands import Result, environment, run, started
from tests.support.listings import as_csv, made, once
from tests.support.terminal import on_a_terminal
from tests.support.waiting import until

SAMPLE = Path(cubicasa_async.__file__).parent / "cli" / "sample" / "listings.csv"
CREATE = "drafts.create"
SHORT = ("--settle", "0")  # the sandbox has no late effects


@attrs.frozen
class Shop:
    """A directory with files to import, and the server they go to."""

    directory: Path
    sandbox: Sandbox

    def file(self, count: int) -> str:
        (self.directory / "rows.csv").write_text(as_csv(count), encoding="utf-8")
        return "rows.csv"

    async def imports(self, file: str, *options: str, **environ: str) -> Result:
        arguments = ("drafts", "import", file, *SHORT, *options)
        variables = environment(self.sandbox, **environ)
        result = await run(*arguments, environ=variables, cwd=self.directory)
        assert "Traceback" not in result.err
        for place in filter(Path.is_file, self.directory.rglob("*")):
            assert self.sandbox.api_key.encode() not in place.read_bytes()
        return result


@pytest.fixture
def shop(tmp_path: Path, sandbox: Sandbox) -> Shop:
    (tmp_path / "listings.csv").write_bytes(SAMPLE.read_bytes())
    return Shop(tmp_path, sandbox)


async def test_the_sample_is_imported_once_however_often_it_is_run(shop: Shop) -> None:
    for outcome in ("created", "already there"):
        result = await shop.imports("listings.csv")
        assert result.code == 1, "there are rows that were rejected"
        assert result.summary == {
            "type": "summary",
            "rows": 42,
            "outcomes": {outcome: 37, "skipped": 1, "rejected": 4},
            "not reached": 0,
            "journal": "listings.csv.journal",
        }
        assert f"Of 42 rows: {37 if outcome == 'created' else 0} created" in result.err
        [skipped] = [row for row in result.rows if row["outcome"] == "skipped"]
        assert (skipped["external_id"], skipped["message"]) == ("L-1001", "the same as line 2")
        told = {row["external_id"]: [row["order_id"]] for row in result.rows if row["order_id"]}
        assert told == shop.sandbox.ledger.by_external_id()
    assert set(made(shop.sandbox).values()) == {1}


async def test_a_file_without_faults_ends_with_0(shop: Shop) -> None:
    result = await shop.imports(shop.file(3))
    assert (result.code, result.summary["outcomes"]) == (0, {"created": 3})


async def test_an_unknown_outcome_ends_with_1(shop: Shop) -> None:
    shop.sandbox.faults.add(Fault("status", operation=CREATE, status=500))
    result = await shop.imports(shop.file(3))
    assert (result.code, result.summary["outcomes"]) == (1, {"unknown": 3})


async def test_a_row_that_the_server_refuses_ends_with_1(shop: Shop) -> None:
    shop.sandbox.faults.add(Fault("status", operation=CREATE, status=400, times=1))
    result = await shop.imports(shop.file(3))
    assert (result.code, result.summary["outcomes"]) == (1, {"created": 2, "rejected": 1})


async def test_a_wrong_key_is_said_and_ends_with_3(shop: Shop) -> None:
    result = await shop.imports(shop.file(3), CUBICASA_API_KEY="wrong-key")
    assert result.code == 3
    assert "Error: The job stopped before its end." in result.err
    assert "the api key was refused; check the key and the environment (401)" in result.err
    assert "wrong-key" not in result.out + result.err
    assert result.summary["not reached"] == 3
    assert made(shop.sandbox) == {}


async def test_a_web_page_is_said_and_ends_with_4(shop: Shop) -> None:
    shop.sandbox.faults.add(Fault("html"))
    result = await shop.imports(shop.file(3))
    assert result.code == 4
    assert "with a web page instead of JSON" in result.err


async def test_an_unreachable_host_is_said_and_ends_with_4(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{taken.getsockname()[1]}/api"
        variables = environment(None, CUBICASA_API_KEY="k-e-y", CUBICASA_BASE_URL=address)
        result = await run("orders", "list", environ=variables, cwd=tmp_path)
    assert result.code == 4
    assert result.err.startswith("Error: No connection could be made to the server")
    assert "Traceback" not in result.err


async def test_a_journal_in_use_is_said_and_ends_with_2(shop: Shop) -> None:
    shop.sandbox.faults.add(Fault("stall", operation=CREATE))
    file = shop.file(3)
    variables = environment(shop.sandbox)
    arguments = ("drafts", "import", file)
    async with started(*arguments, environ=variables, cwd=shop.directory) as first:
        await until(lambda: len(shop.sandbox.ledger.of(CREATE)) == 3)
        second = await run(*arguments, environ=variables, cwd=shop.directory)
        assert second.code == 2
        assert "is in use by another run. Wait for it, or name another." in second.err
        assert "Traceback" not in second.err
        first.process.kill()
    assert len(shop.sandbox.ledger.of(CREATE)) == 3


async def test_a_file_that_is_no_journal_is_said_and_ends_with_2(shop: Shop) -> None:
    result = await shop.imports(shop.file(3), "--journal", "rows.csv")
    assert result.code == 2
    assert "is not a journal. Name another file" in result.err
    assert (shop.directory / "rows.csv").read_text() == as_csv(3)


async def test_a_path_is_shown_as_it_is(shop: Shop) -> None:
    (shop.directory / "[bold]jobs").mkdir()
    result = await shop.imports(shop.file(1), "--journal", "[bold]jobs/one.journal")
    assert "Journal: [bold]jobs/one.journal" in result.err


async def test_a_full_disk_stops_it_before_the_next_request_leaves(shop: Shop) -> None:
    limited = (
        "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (150_000,) * 2)\n"
        "from cubicasa_async.cli import main; main()"
    )
    arguments = ("drafts", "import", shop.file(300), *SHORT)
    result = await run(
        *arguments,
        program=("-c", limited),
        environ=environment(shop.sandbox),
        cwd=shop.directory,
    )
    assert result.code == 2
    assert "failed: " in result.err
    assert "Nothing is sent without it; see to the disk and run the job again." in result.err
    assert "Traceback" not in result.err
    reached = {entry.body["external_id"] for entry in shop.sandbox.ledger.of(CREATE)}
    assert 0 < len(reached) < 300
    db = sqlite3.connect(shop.directory / "rows.csv.journal")
    intended = {key for (key,) in db.execute("SELECT external_id FROM drafts WHERE sends > 0")}
    db.close()
    assert reached <= intended
    again = await shop.imports("rows.csv")
    assert again.code == 0
    assert made(shop.sandbox) == once(300)


async def test_a_reader_that_goes_away_loses_nothing(shop: Shop) -> None:
    command = f"-m cubicasa_async.cli drafts import {shop.file(200)} --settle 0 | head -1"
    shell = f"import os, sys; os.system('{sys.executable} {command}')"
    variables = environment(shop.sandbox)
    result = await run(program=("-c", shell), environ=variables, cwd=shop.directory)
    assert len(result.out.splitlines()) == 1
    assert "Traceback" not in result.err
    assert "Exception ignored" not in result.err
    again = await shop.imports("rows.csv")
    assert again.code == 0
    assert made(shop.sandbox) == once(200)


async def test_the_same_command_is_not_advised_where_it_can_never_work(shop: Shop) -> None:
    await shop.imports(shop.file(2))
    async with Sandbox() as another:
        moved = Shop(shop.directory, another)
        refused = await moved.imports("rows.csv")
    assert refused.code == 2
    assert "belongs to a job against" in refused.err
    assert "2 rows were not reached.\n" in refused.err
    assert "Run the same command again" not in refused.err


async def test_a_journal_in_a_file_has_no_lease(shop: Shop) -> None:
    result = await shop.imports(shop.file(1), "--lease", "60")
    assert result.code == 2
    assert "--lease is for journals in PostgreSQL" in result.err
    assert not shop.sandbox.ledger.of(CREATE)


class TestOnATerminal:
    async def test_there_is_a_bar_and_a_table_of_what_needs_a_look(self, shop: Shop) -> None:
        arguments = ("drafts", "import", "listings.csv", *SHORT)
        variables = environment(shop.sandbox)
        code, screen = await on_a_terminal(*arguments, environ=variables, cwd=shop.directory)
        assert code == 1
        assert "42/42" in screen
        assert "line  external id  outcome   reason" in screen
        assert "38    L-1036       rejected  street: is required" in screen
        assert (
            "Of 42 rows: 37 created, 0 already there, 1 skipped, 4 rejected, 0 unknown."
        ) in screen
        assert "Journal: listings.csv.journal" in screen
        assert '{"type"' not in screen
        assert shop.sandbox.api_key not in screen

    async def test_json_lines_come_there_if_asked_for(self, shop: Shop) -> None:
        arguments = ("drafts", "import", shop.file(2), *SHORT, "--json")
        variables = environment(shop.sandbox)
        code, screen = await on_a_terminal(*arguments, environ=variables, cwd=shop.directory)
        assert code == 0
        assert screen.count('{"type": "row"') == 2
        assert screen.count('{"type": "summary"') == 1
