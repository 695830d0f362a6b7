"""The figures as one page that needs nothing else: plots, and a table beside each."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from html import escape
from pathlib import Path
from typing import Final

from cubicasa_async.bulk.stats import words
from cubicasa_async.bulk.stats.figures import Bucket, Durations, Stats, Twins, Week
from cubicasa_async.bulk.stats.plots import Bar, Column, bars, columns
from cubicasa_async.bulk.stats.style import STYLE
from cubicasa_async.errors import StoreError
from cubicasa_async.resources.order import Order

_TITLE: Final = "Turnaround of orders"
_COLOURED: Final = frozenset({"New", "Draft", "Pending", "Fixing", "Ready", words.VANISHED})
_LABELS: Final = 8


def write_page(path: Path, stats: Stats) -> None:
    """Write the page to a file, which takes its place only when it is whole.

    Raises:
        StoreError: It cannot be written; what was there before is still there.
    """
    part = path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")
    try:
        try:
            with part.open("x", encoding="utf-8") as file:
                file.write(page(stats))
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        except BaseException:
            with suppress(OSError):
                part.unlink(missing_ok=True)
            raise
    except (OSError, ValueError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) and exc.strerror else exc
        raise StoreError(f"The page {path} cannot be written: {reason}.") from None


def page(stats: Stats) -> str:
    """The page as HTML. It loads nothing, and a browser is told to let it load nothing."""
    body = [f"<h1>{_TITLE}</h1>", *(_paragraph(text) for text in words.state(stats))]
    if stats.orders + stats.vanished:
        body += [_tiles(stats), *_sections(stats)]
    return (
        '<!DOCTYPE html>\n<html lang="en-GB"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "style-src 'unsafe-inline'\">"
        f"<title>{_TITLE}</title><style>{STYLE}</style></head>\n"
        f"<body><main>\n{chr(10).join(body)}\n</main></body></html>\n"
    )


def _sections(stats: Stats) -> Iterator[str]:
    yield _statuses(stats)
    yield _weeks(stats.weeks)
    yield _times("Delivery time", "delivery", words.delivery(stats), words.DELIVERY, stats.delivery)
    yield _times(
        "Production time", "production", words.production(stats), words.PRODUCTION, stats.production
    )
    yield _fixes(stats)
    yield _drafts(stats)
    if stats.twins is not None:
        yield _twins(stats.twins)


def _tiles(stats: Stats) -> str:
    tiles = {
        "orders": f"{stats.orders:,}",
        "median delivery time": words.length(stats.delivery.median),
        "nine tenths delivered within": words.length(stats.delivery.ninetieth),
        "change-request rate": words.percent(stats.fix_rate),
        f"drafts older than {words.length(stats.stuck_after)}": f"{stats.stuck:,}",
    }
    if stats.twins is not None:
        tiles["drafts with a probable twin"] = f"{stats.twins.drafts:,}"
    shown = (f"<div><dt>{escape(k)}</dt><dd>{escape(v)}</dd></div>" for k, v in tiles.items())
    return f'<dl class="tiles">{"".join(shown)}</dl>'


def _statuses(stats: Stats) -> str:
    title = "Orders by status"
    shown = [
        Bar(name, sum(words.in_week(week, name) for week in stats.weeks), _colour(name))
        for name in words.statuses(stats.weeks)
    ]
    table = _table(title, ("status", "orders"), [(bar.label, bar.value) for bar in shown])
    note = "Those that vanished are on the server no more." if stats.vanished else ""
    return _section(title, [note], bars("status", title, shown), table)


def _weeks(weeks: Sequence[Week]) -> str:
    title = "Orders by the week in which they were made"
    names = words.statuses(weeks)
    told_apart = [week for week in weeks if week.begins]
    every = -(-len(told_apart) // _LABELS)
    plotted = [
        Column(
            label="" if number % every else f"{week.begins:%m-%d}",
            name=week.name,
            parts=[Bar(name, words.in_week(week, name), _colour(name)) for name in names],
        )
        for number, week in enumerate(told_apart)
    ]
    rows: list[list[str | int]] = [
        [words.week_name(week), *(words.in_week(week, name) for name in names)] for week in weeks
    ]
    table = _table(title, ("week from", *names), rows)
    said = ["Each order counts as what it is now."]
    return _section(title, said, columns("weeks", title, plotted) + _legend(names), table)


def _times(title: str, name: str, said: Iterable[str], meaning: str, durations: Durations) -> str:
    if not durations.orders:
        return _section(title, [*said, meaning])
    plot, table = _histogram(title, name, "time", durations.histogram)
    return _section(title, [*said, meaning], plot, table)


def _fixes(stats: Stats) -> str:
    title = "Change requests"
    said = [words.fixes(stats), words.FIXES]
    if not stats.delivered:
        return _section(title, said)
    shown = [
        Bar("seen as Fixing", stats.fixed, _colour("Fixing")),
        Bar("never seen as Fixing", stats.delivered - stats.fixed, _colour("Ready")),
    ]
    table = _table(title, ("delivered orders", "orders"), [(b.label, b.value) for b in shown])
    return _section(title, said, bars("fixes", title, shown), table)


def _drafts(stats: Stats) -> str:
    title = "Drafts by age"
    said = [words.drafts(stats), words.DRAFTS]
    if not words.used(stats.drafts):
        return _section(title, said)
    plot, table = _histogram(title, "drafts", "age", stats.drafts)
    if stats.stuck_drafts:
        rows = [
            (words.age(draft), draft.order_id, draft.external_id or "-", draft.address or "-")
            for draft in stats.stuck_drafts
        ]
        heading = words.listed(len(rows), stats.stuck, "stuck draft")
        table += _table(heading, ("age", "order", "external id", "address"), rows)
    return _section(title, said, plot, table)


def _twins(found: Twins) -> str:
    title = "Probable twins"
    rows = [
        (
            f"{twin.score:.2f}",
            *(twin.draft.id, twin.draft.external_id or "-", twin.order.id),
            *(str(twin.order.status or "-"), _address(twin.draft), _address(twin.order)),
        )
        for twin in found.best
    ]
    headings = ("score", "draft", "external id", "order", "status", "draft's address", "order's")
    heading = words.listed(len(rows), found.pairs, "pair")
    table = _table(heading, headings, rows) if rows else ""
    return _section(title, [words.twins(found), words.TWINS], table)


def _address(order: Order) -> str:
    address = order.address
    if address is None:
        return "-"
    street = " ".join(filter(None, (address.number, address.street)))
    return address.full_address or ", ".join(filter(None, (street, address.city))) or "-"


def _histogram(title: str, name: str, unit: str, buckets: Sequence[Bucket]) -> tuple[str, str]:
    shown = [Bar(words.between(bucket), bucket.orders) for bucket in words.used(buckets)]
    table = _table(title, (unit, "orders"), [(bar.label, bar.value) for bar in shown])
    return bars(name, title, shown), table


def _legend(names: Iterable[str]) -> str:
    shown = (
        f'<li><svg viewBox="0 0 10 10" aria-hidden="true"><rect class="{_colour(name)}" width="10" '
        f'height="10"/></svg>{escape(name)}</li>'
        for name in names
    )
    return f'<ul class="legend">{"".join(shown)}</ul>'


def _colour(name: str) -> str:
    return f"c-{name.lower().strip('()')}" if name in _COLOURED else "c-other"


def _section(title: str, said: Iterable[str], *shown: str) -> str:
    heading = title.lower().replace(" ", "-")
    beside = "".join(f"<div>{part}</div>" for part in shown if part)
    return (
        f'<section aria-labelledby="{heading}"><h2 id="{heading}">{escape(title)}</h2>'
        f"{''.join(map(_paragraph, said))}"
        + (f'<div class="beside">{beside}</div>' if beside else "")
        + "</section>"
    )


def _paragraph(text: str) -> str:
    return f"<p>{escape(text)}</p>" if text else ""


def _table(caption: str, headings: Sequence[str], rows: Iterable[Sequence[str | int]]) -> str:
    head = "".join(f'<th scope="col">{escape(heading)}</th>' for heading in headings)
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    return (
        f'<div class="table" role="region" aria-label="{escape(caption)}" tabindex="0"><table>'
        f"<caption>{escape(caption)}</caption>"
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _cell(value: str | int) -> str:
    if isinstance(value, int):
        return f'<td class="number">{value:,}</td>'
    return f"<td>{escape(value)}</td>"
