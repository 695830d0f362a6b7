"""`cubicasa assets`: the delivered files of orders."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import Progress, TaskID

from cubicasa_async.cli import output
from cubicasa_async.cli.common import INCOMPLETE, Target, exit_code, runs
from cubicasa_async.cli.options import json_option
from cubicasa_async.cli.tables import Rows, count, print_rows
from cubicasa_async.core.file_names import safe_name
from cubicasa_async.delivery.asset_outcomes import (
    KINDS,
    AssetOutcome,
    Downloaded,
    Failed,
    OnDisk,
    Replaced,
)
from cubicasa_async.delivery.download import MAX_BYTES, download_assets
from cubicasa_async.delivery.manifest import shown_url
from cubicasa_async.errors import (
    AuthenticationError,
    CubiCasaError,
    DecodeError,
    NotFoundError,
)
from cubicasa_async.resources.assets import Asset
from cubicasa_async.resources.order import Order

_UNREADABLE = "unreadable"
_INCOMPLETE = "incomplete"


@click.command("list")
@click.argument("order_id")
@json_option
@click.pass_obj
@runs
async def list_(target: Target, *, order_id: str, as_json: bool) -> None:
    """List what was delivered for an order.

    With --json the URLs are whole. They may expire, and whoever has one may fetch the file.
    """
    async with target.client() as client:
        order = await client.orders.get(order_id)
    if output.wants_json(as_json):
        for asset in order.assets():
            output.json_line({**_fields(asset, order.id), "url": asset.url})
        return
    print_rows(_asset_table(order.assets()), f"{count(len(order.assets()), 'asset')}.")


@click.command("download")
@click.argument("order_ids", nargs=-1, required=True, metavar="ORDER_ID...")
@click.option(
    "-d",
    "--directory",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(),
    help="Where a folder named by its id is made for each order. Default: here.",
)
@click.option("--product", "products", multiple=True, help="Only this product; may be repeated.")
@click.option("--format", "formats", multiple=True, help="Only this format; may be repeated.")
@click.option("--concurrency", default=8, show_default=True, type=click.IntRange(1, 64))
@click.option(
    "--max-bytes",
    default=MAX_BYTES,
    show_default=True,
    type=click.IntRange(1),
    help="The most bytes that one file may have.",
)
@click.option(
    "--stall-timeout",
    default=60.0,
    show_default=True,
    type=click.FloatRange(0, min_open=True),
    metavar="SECONDS",
    help="Give an attempt up after so long without a byte.",
)
@click.option(
    "--allow-private",
    is_flag=True,
    help="Also fetch from this machine and private networks, by plain http too: for a sandbox.",
)
@click.option("--allow-http", is_flag=True, help="Also fetch by plain http from elsewhere.")
@click.option("--dry-run", is_flag=True, help="Only show what would be fetched, and where to.")
@json_option
@click.pass_obj
@runs
async def download(
    target: Target,
    *,
    order_ids: tuple[str, ...],
    directory: Path,
    products: tuple[str, ...],
    formats: tuple[str, ...],
    concurrency: int,
    max_bytes: int,
    stall_timeout: float,
    allow_private: bool,
    allow_http: bool,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Fetch the delivered files of orders.

    A file appears only when it is whole. A manifest beside the files records what was delivered:
    the same command fetches only what is new, and keeps former versions. Stop it at any moment and
    run it again: it goes on where it stopped. An order that fails keeps no other from being
    fetched; the command ends with the code of the worst.

    \b
    Examples:
      cubicasa assets download 1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed
      cubicasa assets download ID ID ID -d plans --format pdf
    """
    as_json = output.wants_json(as_json)
    console = Console(stderr=as_json)
    ids = tuple(dict.fromkeys(order_ids))
    report = _Report(len(ids), as_json=as_json)

    async def fetch(order_id: str, bar: Progress, task: TaskID) -> None:
        order = await client.orders.get(order_id)
        place = directory / safe_name(order.id)
        if dry_run:
            report.would(order, place, products, formats)
            return
        bar.update(task, total=(bar.tasks[task].total or 0) + len(order.assets()))
        async for outcome in download_assets(
            client,
            order,
            place,
            products=products,
            formats=formats,
            concurrency=concurrency,
            max_bytes=max_bytes,
            stall_timeout=stall_timeout,
            allow_private=allow_private,
            allow_http=allow_http,
            durable=True,  # what follows upon it may acknowledge the delivery
        ):
            bar.advance(task)
            report.add(outcome)

    stopped: CubiCasaError | None = None
    async with target.client() as client:
        with output.progress(Console(stderr=True)) as bar:
            task = bar.add_task("files", total=None)
            for order_id in ids:
                try:
                    await fetch(order_id, bar, task)
                except CubiCasaError as exc:
                    if len(ids) == 1 or isinstance(exc, AuthenticationError):  # it concerns all
                        stopped = exc
                        break
                    report.failed(order_id, exc)
                else:
                    report.reached += 1
    if stopped is None or len(ids) > 1 or report.told:
        report.print(console, dry_run=dry_run)
    if stopped is not None:
        raise stopped
    return report.code


class _Report:
    """What is told: lines as they come, or a table of what a person should look at.

    Attributes:
        reached: How many of the orders came to their end, whatever that was.
        code: The exit code.
    """

    def __init__(self, orders: int, *, as_json: bool) -> None:
        self._orders = orders
        self._as_json = as_json
        self._counts: Counter[str] = Counter()
        self._bytes = 0
        self._rows: list[tuple[str, ...]] = []
        self.reached: int = 0
        self.code: int = 0

    @property
    def told(self) -> bool:
        """Whether there is anything to tell."""
        return bool(self._counts)

    def add(self, outcome: AssetOutcome) -> None:
        self._counts[outcome.kind] += 1
        if isinstance(outcome, Failed):
            self.code = max(self.code, INCOMPLETE)
        if isinstance(outcome, (Downloaded, Replaced)):
            self._bytes += outcome.size
        if self._as_json:
            output.json_line(_outcome_fields(outcome))
        elif outcome.note or isinstance(outcome, Replaced):
            note = outcome.note or f"the former version is {_former(outcome)}"
            self._rows.append((outcome.order_id, outcome.asset.name, outcome.kind, note))

    def failed(self, order_id: str, error: CubiCasaError) -> None:
        """Tell of an order that ended with an error."""
        of_order = isinstance(error, (NotFoundError, DecodeError))
        kind = _UNREADABLE if of_order else _INCOMPLETE
        self.reached += 1
        self.code = max(self.code, INCOMPLETE if of_order else exit_code(error))
        self._counts[kind] += 1
        if self._as_json:
            line = {"type": "order", "order_id": order_id, "outcome": kind}
            output.json_line({**line, "message": error.message})
        else:
            self._rows.append((order_id, "-", kind, error.message))

    def would(
        self, order: Order, place: Path, products: tuple[str, ...], formats: tuple[str, ...]
    ) -> None:
        chosen = [
            asset
            for asset in order.assets()
            if not asset.is_page
            and (not products or asset.product in products)
            and (not formats or asset.format in formats)
        ]
        if self._as_json:
            for asset in chosen:
                output.json_line({**_fields(asset, order.id), "path": str(place / asset.name)})
        else:
            files = count(len(chosen), "file")
            print_rows(_asset_table(chosen), f"{files} would be in {output.shown_path(place)}.")

    def print(self, console: Console, *, dry_run: bool) -> None:
        unreached = self._orders - self.reached
        if self._rows:
            headings = ("order", "file", "outcome", "message")
            console.print(Rows(headings, self._rows, folds=("file", "message")))
        if dry_run:
            return
        if self._as_json:
            line = {"type": "summary", "orders": self._orders, "outcomes": dict(self._counts)}
            output.json_line({**line, "not reached": unreached, "bytes": self._bytes})
        kinds = [*(kind.kind for kind in KINDS), _UNREADABLE, _INCOMPLETE]
        counts = [f"{self._counts[kind]} {kind}" for kind in kinds if self._counts[kind]]
        counted = ", ".join(counts) or "nothing delivered"
        text = f"Of {count(self._orders, 'order')}: {counted}; {count(self._bytes, 'byte')}."
        console.print(text, highlight=False)
        if unreached:
            text = (
                f"{count(unreached, 'order')} not reached to the end. Run the same command again."
            )
            console.print(text, highlight=False)


def _fields(asset: Asset, order_id: str) -> dict[str, Any]:
    return {
        "type": "asset",
        "order_id": order_id,
        "product": asset.product,
        "format": asset.format,
        "floor": asset.floor,
        "dimensioned": asset.dimensioned,
        "name": asset.name,
    }


def _outcome_fields(outcome: AssetOutcome) -> dict[str, Any]:
    return {
        **_fields(outcome.asset, outcome.order_id),
        "outcome": outcome.kind,
        "path": str(outcome.path),
        "size": outcome.size if isinstance(outcome, OnDisk) else None,
        "xxh128": outcome.xxh128 if isinstance(outcome, OnDisk) else None,
        "former": _former(outcome),
        "message": outcome.note,
    }


def _former(outcome: AssetOutcome) -> str | None:
    former = outcome.former if isinstance(outcome, Replaced) else None
    return None if former is None else str(former)


def _asset_table(found: Iterable[Asset]) -> Rows:
    rows = [
        (
            asset.product,
            asset.format or "-",
            str(asset.floor or "-"),
            "yes" if asset.dimensioned else "-",
            asset.name,
            shown_url(asset.url),
        )
        for asset in found
    ]
    headings = ("product", "format", "floor", "dimensions", "name", "from")
    return Rows(headings, rows, cut="from")
