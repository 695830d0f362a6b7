"""`cubicasa orders mirror`: a local copy of all orders."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import Progress as Bar
from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

from cubicasa_async.bulk.mirror import mirror_orders
from cubicasa_async.bulk.mirror.outcomes import (
    MIRROR_KINDS,
    ChangedOrder,
    FailedOrder,
    MirrorOutcome,
    UnchangedOrder,
)
from cubicasa_async.bulk.mirror.reading import Mirror
from cubicasa_async.bulk.progress import Progress
from cubicasa_async.cli import output
from cubicasa_async.cli.common import INCOMPLETE, Target, runs
from cubicasa_async.cli.options import file_names, json_option, span
from cubicasa_async.cli.tables import Rows, count, print_rows
from cubicasa_async.core.extras import from_extra
from cubicasa_async.errors import CubiCasaError

_LISTED = 200


@click.command()
@click.argument("store", metavar="TARGET", shell_complete=file_names)
@click.option("--concurrency", default=8, show_default=True, type=click.IntRange(1, 100))
@click.option(
    "--recheck",
    type=span,
    metavar="AGE",
    help="Also read details again that are older than this, such as 12h or 7d.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["csv", "jsonl", "parquet"]),
    help="Behind the run, also write the tables as files.",
)
@click.option(
    "--output",
    "directory",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the files go. Default: TARGET with .export behind it, if it is a file.",
)
@click.option("--export-only", is_flag=True, help="Only write the files. Asks the service nothing.")
@json_option
@click.pass_obj
@runs
async def mirror(
    target: Target,
    *,
    store: str,
    concurrency: int,
    recheck: timedelta | None,
    form: str | None,
    directory: Path | None,
    export_only: bool,
    as_json: bool,
) -> int:
    """Keep a local copy of all orders in TARGET: a file, or a URL postgresql://...

    Run it again and again, also while orders are being made. All orders are listed with proof that
    none is skipped; details are read of those whose row in the list has changed. The tables
    orders, assets and history are for you to query. Stop it at any moment: what it wrote is right.

    What the list does not show is not noticed, such as files that were delivered again for an
    order that is Ready before and after; --recheck reads such details again after a while.

    \b
    Examples:
      cubicasa orders mirror orders.db
      cubicasa orders mirror orders.db --recheck 7d --format parquet
      cubicasa orders mirror postgresql://me@db.example/orders
    """
    as_json = output.wants_json(as_json)
    place = _export_place(store, form, directory, export_only=export_only)
    code = 0
    if not export_only:
        async with target.client(concurrency=max(concurrency, 20)) as client:
            run = partial(mirror_orders, client, store, concurrency=concurrency, recheck=recheck)
            code = await _Report(as_json).of(run)
    if form is not None and place is not None:
        await _export(store, form, place, as_json)
    return code


def _export_place(
    store: str, form: str | None, directory: Path | None, *, export_only: bool
) -> Path | None:
    if form is None:
        if directory or export_only:
            raise click.UsageError("Say with --format what the files are to be.")
        return None
    if directory is None and "://" in store:
        raise click.UsageError("Say with --output where the files are to go.")
    return directory or Path(f"{store}.export")


async def _export(store: str, form: str, place: Path, as_json: bool) -> None:
    with from_extra("store", "The order mirror"):
        from cubicasa_async.bulk.mirror.export import export_mirror
    async with Mirror(store) as opened:
        written = await export_mirror(opened, place, form)
    for path, rows in written:
        if as_json:
            output.json_line({"type": "file", "path": str(path), "rows": rows})
        else:
            click.echo(f"{output.shown_path(path)}: {count(rows, 'row')}")


class _Report:
    """Shows a run: a line that moves and a table for people, JSON lines for programs."""

    def __init__(self, as_json: bool) -> None:
        self._as_json = as_json
        self._counts: Counter[str] = Counter()
        self._listed: list[MirrorOutcome] = []
        self._last: Progress | None = None

    async def of(self, run: Callable[..., AsyncGenerator[MirrorOutcome]]) -> int:
        """Show a run to its end; gives the exit code."""
        console = Console(stderr=True)
        stopped: CubiCasaError | None = None
        with Bar(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            TimeElapsedColumn(),
            console=console,
            disable=not console.is_terminal,
        ) as bar:
            task = bar.add_task("listing")

            def tell(progress: Progress) -> None:
                self._last = progress
                bar.update(task, description=_line(progress))

            try:
                # Closed here, however it ends: not by the loop's end, which cancels its statements.
                async with aclosing(run(progress=tell)) as outcomes:
                    async for outcome in outcomes:
                        self._take(outcome)
            except CubiCasaError as exc:
                stopped = exc
        if stopped is not None and self._last is None:  # nothing had begun
            raise stopped
        self._sum_up()
        if stopped is not None:
            raise stopped
        return INCOMPLETE if self._counts[FailedOrder.kind] else 0

    def _take(self, outcome: MirrorOutcome) -> None:
        self._counts[outcome.kind] += 1
        if isinstance(outcome, UnchangedOrder):
            return
        if self._as_json:
            output.json_line(_fields(outcome))
        elif len(self._listed) < _LISTED and outcome.kind != "new":
            self._listed.append(outcome)

    def _sum_up(self) -> None:
        details = self._last.details if self._last else 0
        seconds = self._last.elapsed if self._last else 0.0
        if self._as_json:
            summary = {"type": "summary", "orders": self._counts.total()}
            output.json_line(
                {**summary, "outcomes": dict(self._counts), "details": details}
                | {"seconds": round(seconds, 3)}
            )
        elif self._listed:
            print_rows(_rows(self._listed))
            if len(self._listed) == _LISTED:
                click.echo("There may be more; --json lists every order.")
        kinds = ", ".join(f"{self._counts[cls.kind]} {cls.kind}" for cls in MIRROR_KINDS)
        orders = count(self._counts.total(), "order")
        click.echo(
            f"Of {orders}: {kinds}. Details of {details} were asked for, in {seconds:.1f} s.",
            err=True,
        )


def _line(progress: Progress) -> str:
    waiting = f", waiting {progress.waiting:.0f} s for the rate limit" if progress.waiting else ""
    failed = progress.outcomes.get(FailedOrder.kind, 0)
    return (
        f"{progress.phase}: {progress.read} orders, {progress.rate:.0f}/s, "
        f"{progress.details} details, {failed} failed{waiting}"
    )


def _fields(outcome: MirrorOutcome) -> dict[str, Any]:
    before = outcome.previous_status if isinstance(outcome, ChangedOrder) else None
    return {
        "type": "order",
        "order_id": outcome.order_id,
        "outcome": outcome.kind,
        "status": outcome.status,
        "previous_status": before,
        "message": outcome.note,
    }


def _rows(outcomes: list[MirrorOutcome]) -> Rows:
    rows: list[tuple[str, ...]] = []
    for outcome in outcomes:
        fields = _fields(outcome)
        status, before = fields["status"] or "-", fields["previous_status"]
        moved = f"{before} to {status}" if before and before != status else status
        rows.append((outcome.order_id or "-", outcome.kind, moved, outcome.note))
    return Rows(("order", "outcome", "status", "note"), rows, folds=("note",))
