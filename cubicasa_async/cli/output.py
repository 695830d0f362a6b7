"""How results are shown: tables for people, JSON lines for programs."""

from __future__ import annotations

import codecs
import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from cubicasa_async.bulk.outcomes import KINDS, Deleted, Kept, RowOutcome, Updated
from cubicasa_async.bulk.progress import Progress as JobProgress
from cubicasa_async.cli.tables import Rows
from cubicasa_async.resources.order import Order

_IF_ANY = (Updated, Deleted, Kept)  # only some jobs have them


def wants_json(asked: bool) -> bool:
    """Whether to write JSON lines: if asked for, or if no person reads the output."""
    return asked or not sys.stdout.isatty()


def json_line(fields: Mapping[str, Any]) -> None:
    """Write one JSON object on a line of its own."""
    click.echo(json_text(fields))


def json_text(value: object, *, indent: int | None = None) -> str:
    """JSON in letters that the output can hold; the others are escaped."""
    unicode = codecs.lookup(sys.stdout.encoding or "ascii").name.startswith("utf")
    return json.dumps(value, ensure_ascii=not unicode, default=str, indent=indent)


def progress(console: Console) -> Progress:
    """A bar of rows; it shows itself on a terminal only."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
    )


class JobBar:
    """A job's progress on a terminal; elsewhere it only says what it is told to.

    Args:
        console: Where it is shown.
        rows: How many rows there are.
    """

    def __init__(self, console: Console, rows: int) -> None:
        self._console = console
        self._rows = rows
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TextColumn("{task.fields[detail]}"),
            console=console,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("rows", total=rows, detail="")

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def done(self, rows: int) -> None:
        """So many rows have an outcome."""
        self._bar.update(self._task, completed=rows)

    def show(self, progress: JobProgress) -> None:
        """Show what goes on besides."""
        detail = " · ".join(_details(progress, self._rows))
        self._bar.update(self._task, description=progress.phase, detail=detail)

    def say(self, text: str) -> None:
        """Say something to whoever watches."""
        self._bar.console.print(text, markup=False, highlight=False)


def _details(progress: JobProgress, rows: int) -> Iterator[str]:
    if progress.phase == "ended":
        return
    if progress.until is not None:
        yield f"for another worker, until {progress.until:%H:%M:%S} UTC"
    if progress.rate:
        yield f"{progress.rate:.0f}/s"
    if progress.retries:
        yield f"{progress.retries} {'retry' if progress.retries == 1 else 'retries'}"
    if progress.waiting:
        yield f"waiting {progress.waiting:.0f} s for the rate limit"
    left = rows - sum(progress.outcomes.values())
    if progress.rate and left > 0 and progress.phase == "sending":
        yield f"{timedelta(seconds=round(left / progress.rate))} left"


def outcome_fields(outcome: RowOutcome) -> dict[str, Any]:
    """An outcome as JSON fields."""
    return {
        "type": "row",
        "line": outcome.line,
        "external_id": outcome.key,
        "outcome": outcome.kind,
        "order_id": outcome.order_id,
        "message": outcome.message,
    }


def outcome_table(outcomes: Iterable[RowOutcome]) -> Rows:
    """Rows that a person should look at, with the reason of each."""
    return Rows(
        ("line", "external id", "outcome", "reason"),
        [
            (str(outcome.line), outcome.key or "-", outcome.kind, outcome.message)
            for outcome in sorted(outcomes, key=lambda outcome: outcome.line)
        ],
        folds=("external id", "reason"),
    )


def counted(counts: Counter[str], kinds: Iterable[type[RowOutcome]] = KINDS) -> str:
    """Counts per outcome on one line."""
    shown = (cls for cls in kinds if counts[cls.kind] or cls not in _IF_ANY)
    return ", ".join(f"{counts[cls.kind]} {cls.kind}" for cls in shown)


def order_fields(order: Order) -> dict[str, Any]:
    """What a list of orders shows of each, as JSON fields."""
    info, address = order.info, order.address
    location = (address.full_address if address else None) or (info.location if info else None)
    return {
        "id": order.id,
        "status": str(order.status) if order.status else None,
        "external_id": order.external_id,
        "created_at": info.created_at.isoformat() if info and info.created_at else None,
        "address": location,
    }


def order_table(orders: Iterable[Order]) -> Rows:
    """Orders as a table; on a narrow terminal the address is cut first."""
    rows = [
        tuple(fields[name] or "-" for name in ("id", "status", "external_id", "address"))
        for fields in map(order_fields, orders)
    ]
    headings = ("id", "status", "external id", "address")
    return Rows(headings, rows, folds=("external id",), cut="address")


def status_table(orders: Iterable[Order]) -> Rows:
    """How many orders stand in which status."""
    counts = Counter(str(order.status or "-") for order in orders)
    rows = [(status, str(number)) for status, number in sorted(counts.items())]
    return Rows(("status", "orders"), rows, right=("orders",))


def shown_time(moment: datetime) -> str:
    """A moment for people, in UTC."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def shown_path(path: str | Path) -> str:
    """A path as a person would type it from here."""
    full = Path(path).resolve()
    here = Path.cwd()
    return str(full.relative_to(here) if full.is_relative_to(here) else full)
