"""The main job from end to end, against a sandbox of its own."""

from __future__ import annotations

import tempfile
from collections import Counter
from importlib.resources import as_file, files
from pathlib import Path

from rich.console import Console
from rich.rule import Rule

from cubicasa_async.bulk.draft_import import import_drafts
from cubicasa_async.bulk.files.table import Table, open_table
from cubicasa_async.bulk.outcomes import AlreadyThere, Created, RowOutcome
from cubicasa_async.cli import output
from cubicasa_async.client import AsyncCubiCasa
from cubicasa_async.sandbox import Sandbox


async def show(directory: Path | None) -> int:
    """Show it; the exit code.

    Args:
        directory: Where the journal is kept; a new directory for temporary files by default.
    """
    place = directory or Path(tempfile.mkdtemp(prefix="cubicasa-demo-"))
    place.mkdir(parents=True, exist_ok=True)
    journal = place / "listings.journal"
    with as_file(files("cubicasa_async.cli") / "sample" / "listings.csv") as sample:
        async with (
            Sandbox() as sandbox,
            AsyncCubiCasa(sandbox.api_key, base_url=sandbox.base_url) as client,
        ):
            return await _show(Console(), sandbox, client, open_table(sample), journal)


async def _show(
    console: Console, sandbox: Sandbox, client: AsyncCubiCasa, table: Table, journal: Path
) -> int:
    rows = table.check()
    console.print(f"A sandbox of the API runs on {sandbox.origin}.", highlight=False)

    console.print(Rule(f"1. {rows} rows of listings.csv become draft orders", align="left"))
    first = await _import(client, table, journal, rows)
    console.print(output.outcome_table(outcome for outcome in first if outcome.message))

    console.print(Rule("2. The sandbox moves some of them through production", align="left"))
    made = [outcome.order_id for outcome in first if isinstance(outcome, Created)]
    for number, order_id in enumerate(made[:20]):
        for _ in range(1 + number % 2):
            sandbox.world.advance(str(order_id))
    orders = [order async for order in client.orders.list()]
    console.print(output.status_table(orders))
    ready = [order async for order in client.orders.list(status="Ready")]
    console.print("The newest that are ready:", highlight=False)
    console.print(output.order_table(ready[:5]))

    console.print(Rule("3. The same import once more", align="left"))
    second = await _import(client, table, journal, rows)

    drafts = sandbox.ledger.by_external_id()
    twice = sum(len(ids) > 1 for ids in drafts.values())
    before, after = (Counter(o.kind for o in found) for found in (first, second))
    console.print(Rule("Summary", align="left"))
    console.print(
        f"First import:  {output.counted(before)}.\n"
        f"Second import: {output.counted(after)}.\n"
        f"The sandbox's own ledger holds {len(drafts)} drafts, {twice} of them made twice.\n"
        f"Journal of the job: {output.shown_path(journal)}",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
    as_promised = (
        before[Created.kind] == len(drafts) == after[AlreadyThere.kind]
        and not twice
        and not after[Created.kind]
    )
    return 0 if as_promised else 1


async def _import(
    client: AsyncCubiCasa, table: Table, journal: Path, rows: int
) -> list[RowOutcome]:
    outcomes: list[RowOutcome] = []
    with output.progress(Console()) as bar:
        task = bar.add_task("importing", total=rows)
        async for outcome in import_drafts(client, table.rows(), journal=journal):
            outcomes.append(outcome)
            bar.advance(task)
    return outcomes
