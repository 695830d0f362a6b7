"""`cubicasa orders stats`: turnaround at a glance."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import dropwhile
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cubicasa_async.bulk.mirror.reading import Mirror
from cubicasa_async.bulk.stats import (
    Bucket,
    Durations,
    Stats,
    StuckDraft,
    Twins,
    read_stats,
    words,
    write_page,
)
from cubicasa_async.cli import output
from cubicasa_async.cli.common import Target, runs
from cubicasa_async.cli.options import file_names, json_option, span
from cubicasa_async.cli.tables import Rows


@click.command()
@click.argument("store", metavar="TARGET", shell_complete=file_names)
@click.option(
    "--weeks",
    type=click.IntRange(1, 520),
    default=12,
    show_default=True,
    help="How many weeks are told apart, up to that of the mirror's last run.",
)
@click.option(
    "--stuck-after",
    type=span,
    metavar="AGE",
    default="14d",
    show_default=True,
    help="The age from which a draft counts as stuck, such as 36h or 3w.",
)
@click.option(
    "--since",
    type=click.DateTime(["%Y-%m-%d"]),
    metavar="DAY",
    help="Only count orders made on this day (UTC) or later.",
)
@click.option(
    "--least",
    type=click.FloatRange(0, 1),
    default=0.6,
    show_default=True,
    help="The score that twins have at least.",
)
@click.option("--no-twins", is_flag=True, help="Look for no twins, which takes the longest.")
@click.option(
    "--max",
    "most",
    type=click.IntRange(0),
    default=10,
    show_default=True,
    help="How many stuck drafts and twins are listed.",
)
@click.option(
    "--html",
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Also write a page with plots, which needs nothing else.",
)
@json_option
@click.pass_obj
@runs
async def stats(
    target: Target,  # noqa: ARG001 # as the others
    *,
    store: str,
    weeks: int,
    stuck_after: timedelta,
    since: datetime | None,
    least: float,
    no_twins: bool,
    most: int,
    file: Path | None,
    as_json: bool,
) -> None:
    """Show turnaround at a glance, from the order mirror TARGET. Asks the service nothing.

    TARGET is a file or a URL postgresql://..., kept by `cubicasa orders mirror`. Shown are orders
    by status and week, delivery times, how many orders had to be fixed, drafts that stay drafts,
    and probable twins; all times are UTC and weeks begin on Monday. An order that vanished from
    the server is no order that is there, but its delivery counts.

    \b
    Examples:
      cubicasa orders stats orders.db
      cubicasa orders stats orders.db --since 2026-01-01 --html turnaround.html
      cubicasa orders stats orders.db --json | jq .delivery.median_seconds
    """
    as_json = output.wants_json(as_json)
    async with Mirror(store) as mirror:
        found = await read_stats(
            mirror,
            weeks=weeks,
            stuck_after=stuck_after,
            since=since.replace(tzinfo=UTC) if since else None,
            twin_score=None if no_twins else least,
            most=most,
        )
    if file is not None:
        await asyncio.to_thread(write_page, file, found)
    if as_json:
        output.json_line(_fields(found))
    else:
        show(found, Console())
    if file is not None:
        path = output.shown_path(file)
        if as_json:
            output.json_line({"type": "file", "path": path})
        else:
            click.echo(f"The page is in {path}.")


def _fields(stats: Stats) -> dict[str, Any]:
    return {
        "type": "stats",
        "as_of": _iso(stats.as_of),
        "complete": stats.complete,
        "since": _iso(stats.since),
        "orders": stats.orders,
        "vanished": stats.vanished,
        "failed": stats.failed,
        "statuses": stats.statuses,
        "weeks": [
            {"week": week.name, "statuses": week.statuses, "vanished": week.vanished}
            for week in stats.weeks
        ],
        "delivery": _duration_fields(stats.delivery),
        "production": _duration_fields(stats.production),
        "change_requests": {
            "delivered": stats.delivered,
            "fixed": stats.fixed,
            "rate": stats.fix_rate,
            "evidence": "inferred",
        },
        "drafts": {
            "stuck_after_seconds": _seconds(stats.stuck_after),
            "stuck": stats.stuck,
            "oldest": [_draft_fields(draft) for draft in stats.stuck_drafts],
            "ages": _bucket_fields(stats.drafts),
        },
        "twins": _twin_fields(stats.twins) if stats.twins else None,
    }


def _duration_fields(durations: Durations) -> dict[str, Any]:
    return {
        "orders": durations.orders,
        "median_seconds": _seconds(durations.median),
        "ninetieth_seconds": _seconds(durations.ninetieth),
        "negative": durations.negative,
        "unknown": durations.unknown,
        "histogram": _bucket_fields(durations.histogram),
    }


def _bucket_fields(buckets: Sequence[Bucket]) -> list[dict[str, Any]]:
    return [
        {
            "from_seconds": _seconds(bucket.least),
            "below_seconds": _seconds(bucket.below),
            "orders": bucket.orders,
        }
        for bucket in buckets
    ]


def _draft_fields(draft: StuckDraft) -> dict[str, Any]:
    return {
        "id": draft.order_id,
        "external_id": draft.external_id,
        "address": draft.address,
        "since": _iso(draft.since),
        "age_seconds": _seconds(draft.age),
        "at_least": draft.at_least,
    }


def _twin_fields(twins: Twins) -> dict[str, Any]:
    return {
        "pairs": twins.pairs,
        "drafts": twins.drafts,
        "best": [
            {
                "score": twin.score,
                "draft": output.order_fields(twin.draft),
                "order": output.order_fields(twin.order),
            }
            for twin in twins.best
        ],
    }


def _iso(time: datetime | None) -> str | None:
    return time.isoformat() if time else None


def _seconds(length: timedelta | None) -> int | None:
    return None if length is None else length // timedelta(seconds=1)


def show(stats: Stats, console: Console) -> None:
    """Show the figures to a person, as wide as the terminal."""
    _say(console, words.state(stats))
    if not stats.orders + stats.vanished:
        return
    _head(console, "Orders by the week in which they were made")
    console.print(_weeks(stats))
    _head(console, "Delivery time")
    _say(console, words.delivery(stats))
    _bars(console, stats.delivery.histogram)
    _say(console, [words.DELIVERY], style="dim")
    _head(console, "Production time")
    _say(console, words.production(stats))
    _bars(console, stats.production.histogram)
    _say(console, [words.PRODUCTION], style="dim")
    _head(console, "Change requests")
    _say(console, [words.fixes(stats)])
    _say(console, [words.FIXES], style="dim")
    _head(console, "Drafts by age")
    _say(console, [words.drafts(stats)])
    _bars(console, stats.drafts)
    _say(console, [words.DRAFTS], style="dim")
    if stats.stuck_drafts:
        _head(console, f"Stuck: {words.listed(len(stats.stuck_drafts), stats.stuck, 'draft')}")
        rows = [
            (words.age(draft), draft.order_id, draft.external_id or "-", draft.address or "-")
            for draft in stats.stuck_drafts
        ]
        headings = ("age", "order", "external id", "address")
        console.print(Rows(headings, rows, folds=("external id",), cut="address"))
    if stats.twins is not None:
        _head(console, "Probable twins")
        _show_twins(stats.twins, console)


def _show_twins(twins: Twins, console: Console) -> None:
    _say(console, [words.twins(twins)])
    if twins.best:
        rows = [
            (
                f"{twin.score:.2f}",
                *(twin.draft.id, twin.draft.external_id or "-"),
                *(twin.order.id, str(twin.order.status or "-")),
            )
            for twin in twins.best
        ]
        headings = ("score", "draft", "external id", "order", "status")
        console.print(Rows(headings, rows, folds=("external id",)))
        if len(twins.best) < twins.pairs:
            _say(console, [f"These are {words.listed(len(twins.best), twins.pairs, 'pair')}."])
    _say(console, [words.TWINS], style="dim")


def _head(console: Console, text: str) -> None:
    console.print()
    console.print(Text(text, style="bold"))


def _say(console: Console, sentences: Iterable[str], style: str = "") -> None:
    for sentence in sentences:
        console.print(Text(sentence, style=style))


def _weeks(stats: Stats) -> Table:
    names = words.statuses(stats.weeks)
    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0), show_footer=True)
    table.add_column("week from", footer="all", no_wrap=True)
    for name in names:
        total = sum(words.in_week(week, name) for week in stats.weeks)
        table.add_column(Text(name), footer=f"{total:,}", justify="right")
    for week in dropwhile(lambda week: not (week.statuses or week.vanished), stats.weeks):
        counts = (words.in_week(week, name) for name in names)
        table.add_row(words.week_name(week), *(f"{count:,}" if count else "-" for count in counts))
    return table


def _bars(console: Console, buckets: Sequence[Bucket]) -> None:
    for line in _lines(words.used(buckets), console.width, ascii_only=console.options.ascii_only):
        console.print(Text(line), no_wrap=True, overflow="ellipsis")


def _lines(buckets: Sequence[Bucket], width: int, *, ascii_only: bool) -> Iterator[str]:
    labels = [words.between(bucket) for bucket in buckets]
    counts = [f"{bucket.orders:,}" for bucket in buckets]
    margin = max(map(len, labels), default=0)
    room = max(width - margin - max(map(len, counts), default=0) - 4, 8)
    most = max((bucket.orders for bucket in buckets), default=1)
    for bucket, label, count in zip(buckets, labels, counts, strict=True):
        length = -(-bucket.orders * min(room, 60) // most)
        yield f"  {label:>{margin}} {('#' if ascii_only else '█') * length} {count}"
