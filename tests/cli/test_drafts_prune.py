"""`--update` and `--prune`: told by a dry run, asked for, and never more than was shown."""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest

from cubicasa_async.sandbox import Fault, Sandbox
from tests.support.commands import Result, environment, run
from tests.support.listings import as_csv
from tests.support.terminal import on_a_terminal

ARGUMENTS = ("drafts", "import", "rows.csv", "--settle", "0")
CHANGES = ("drafts.create", "drafts.update", "drafts.delete")


@attrs.frozen
class Desk:
    directory: Path
    sandbox: Sandbox

    def write(self, text: str) -> None:
        (self.directory / "rows.csv").write_text(text, encoding="utf-8")

    async def imports(self, *options: str) -> Result:
        variables = environment(self.sandbox)
        return await run(*ARGUMENTS, *options, environ=variables, cwd=self.directory)

    async def on_a_terminal(self, *options: str, typed: str) -> tuple[int, str]:
        variables = environment(self.sandbox)
        return await on_a_terminal(
            *ARGUMENTS, *options, environ=variables, cwd=self.directory, typed=typed
        )

    @property
    def changes(self) -> int:
        return sum(len(self.sandbox.ledger.of(operation)) for operation in CHANGES)

    @property
    def there(self) -> set[str | None]:
        return {order.external_id for order in self.sandbox.world.orders}


@pytest.fixture
async def desk(tmp_path: Path, sandbox: Sandbox) -> Desk:
    """Six rows were imported; then the file has four, one of them changed."""
    desk = Desk(tmp_path, sandbox)
    desk.write(as_csv(6))
    assert (await desk.imports()).summary["outcomes"] == {"created": 6}
    desk.write(as_csv(4).replace("2 Example Street", "2 Other Street"))
    return desk


async def test_a_dry_run_tells_what_would_be_done_and_changes_nothing(desk: Desk) -> None:
    pending = next(order for order in desk.sandbox.world.orders if order.external_id == "E-6")
    desk.sandbox.world.set_status(pending.id, "Pending")
    before = {file: file.read_bytes() for file in desk.directory.iterdir()}
    result = await desk.imports("--update", "--prune", "--dry-run")
    assert result.code == 0
    assert [(row["external_id"], row["outcome"]) for row in result.rows] == [
        ("E-1", "valid"),
        ("E-2", "would update"),
        ("E-3", "valid"),
        ("E-4", "valid"),
        ("E-5", "would delete"),
        ("E-6", "kept"),
    ]
    assert "is no draft any more" in result.rows[5]["message"]
    assert (
        "3 valid, 1 would update, 0 already there, 0 skipped, 0 rejected, 0 unknown, "
        "1 would delete, 1 kept"
    ) in result.err
    assert desk.changes == 6, "those of the first run"
    assert {file: file.read_bytes() for file in desk.directory.iterdir()} == before


async def test_a_dry_run_says_of_each_changed_row_what_the_run_then_does(desk: Desk) -> None:
    desk.write(as_csv(6).replace("Example Street", "Other Street"))
    orders = {order.external_id: order.id for order in desk.sandbox.world.orders}
    desk.sandbox.world.set_status(orders["E-1"], "Pending")
    desk.sandbox.world.delete(orders["E-2"])
    dry = await desk.imports("--update", "--dry-run")
    assert desk.changes == 6, "those of the first run"
    real = await desk.imports("--update")
    told = {"already there": 1, "unknown": 1}
    assert dry.summary["outcomes"] == told | {"would update": 4}
    assert real.summary["outcomes"] == told | {"updated": 4}
    left = [
        sorted(
            (row["external_id"], row["outcome"], row["message"])
            for row in result.rows
            if row["outcome"] in told
        )
        for result in (dry, real)
    ]
    assert left[0] == left[1]
    assert "is no draft any more (its status is Pending)" in left[0][0][2]
    assert "which the server lists no more" in left[0][1][2]
    assert (dry.code, real.code) == (1, 1)


async def test_a_dry_run_asks_nothing_of_rows_that_are_as_they_were(desk: Desk) -> None:
    desk.write(as_csv(6))
    sent = len(desk.sandbox.ledger)
    result = await desk.imports("--update", "--prune", "--dry-run")
    assert result.summary["outcomes"] == {"valid": 6}
    assert len(desk.sandbox.ledger) == sent


async def test_a_dry_run_tells_which_drafts_the_run_looks_for_first(
    desk: Desk,
) -> None:
    desk.sandbox.faults.add(Fault("status", operation="drafts.create", status=500))
    desk.write(as_csv(7))
    assert (await desk.imports()).summary["outcomes"] == {"already there": 6, "unknown": 1}
    desk.write(as_csv(7).replace("7 Example Street", "7 Other Street"))
    result = await desk.imports("--update", "--dry-run")
    assert result.rows[6]["outcome"] == "would update"
    assert "looks for it first" in result.rows[6]["message"]


async def test_with_yes_it_is_done(desk: Desk) -> None:
    result = await desk.imports("--update", "--prune", "--yes")
    assert result.code == 0
    assert result.summary["outcomes"] == {"already there": 3, "updated": 1, "deleted": 2}
    assert result.summary["not reached"] == 0
    assert "1 updated, 2 deleted." in result.err
    assert desk.there == {"E-1", "E-2", "E-3", "E-4"}
    again = await desk.imports("--update", "--prune")
    assert (again.code, again.summary["outcomes"]) == (0, {"already there": 4})


async def test_in_a_script_without_yes_nothing_is_sent(desk: Desk) -> None:
    sent = len(desk.sandbox.ledger)
    result = await desk.imports("--prune")
    assert result.code == 2
    assert "--prune would delete up to 2 drafts" in result.err
    assert len(desk.sandbox.ledger) == sent


async def test_on_a_terminal_it_asks_with_the_number(desk: Desk) -> None:
    sent = len(desk.sandbox.ledger)
    code, screen = await desk.on_a_terminal("--prune", typed="n\n")
    assert code == 2
    assert "2 drafts of this job have no row any more" in screen
    assert "Nothing was sent." in screen
    assert len(desk.sandbox.ledger) == sent
    code, screen = await desk.on_a_terminal("--prune", typed="y\n")
    assert code == 0
    assert desk.there == {"E-1", "E-2", "E-3", "E-4"}
    assert "Of 4 rows: 0 created, 4 already there" in screen


async def test_a_file_that_cannot_be_trusted_deletes_nothing(desk: Desk) -> None:
    sent = len(desk.sandbox.ledger)
    rows = as_csv(4).splitlines()
    for text, says in (
        ("\n".join([*rows, ",".join(["", *rows[1].split(",")[1:4], ""])]), "cannot be read as far"),
        ("\n".join([rows[0], "1 Main St,,,,"]), "cannot be read as far"),
        ("\n".join([*rows, '"half a row']), "a quote is never closed"),
    ):
        desk.write(text)
        for options in (("--yes",), ("--dry-run",)):
            result = await desk.imports("--prune", *options)
            assert result.code == 2, result.err
            assert says in result.err
    assert len(desk.sandbox.ledger) == sent


async def test_before_the_first_run_there_is_nothing_to_prune(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    desk = Desk(tmp_path, sandbox)
    desk.write(as_csv(2))
    dry = await desk.imports("--prune", "--update", "--dry-run")
    assert dry.summary["outcomes"] == {"valid": 2}
    result = await desk.imports("--prune", "--update")
    assert (result.code, result.summary["outcomes"]) == (0, {"created": 2})


@pytest.mark.parametrize("wish", ["--update", "--prune"])
async def test_a_shared_job_does_neither_and_its_dry_run_says_so(desk: Desk, wish: str) -> None:
    journal = ("--journal", "postgresql://nobody@127.0.0.1:1/none#job")
    dry, real = [await desk.imports(*journal, wish, *more) for more in (["--dry-run"], ["--yes"])]
    assert "can neither update nor prune" in dry.err
    assert (dry.code, dry.out, dry.err) == (real.code, real.out, real.err) == (2, "", real.err)
