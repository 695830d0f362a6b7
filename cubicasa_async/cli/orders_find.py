"""`cubicasa orders find` and `cubicasa orders twins`: which orders belong together."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import click

from cubicasa_async.bulk.mirror.reading import Mirror
from cubicasa_async.bulk.reconcile import (
    Twin,
    find_by_address,
    find_by_external_id,
    find_twins,
)
from cubicasa_async.bulk.reconcile.source import Source
from cubicasa_async.cli import output
from cubicasa_async.cli.common import Target, runs
from cubicasa_async.cli.options import file_names, json_option
from cubicasa_async.cli.tables import Rows, count, print_rows
from cubicasa_async.resources.order import Order

_mirror_option = click.option(
    "--mirror",
    "store",
    metavar="TARGET",
    shell_complete=file_names,
    help="Look in this order mirror, as of its last run, and ask the service nothing.",
)


@asynccontextmanager
async def _source(target: Target, store: str | None) -> AsyncGenerator[Source]:
    if store is not None:
        async with Mirror(store) as mirror:
            yield mirror
    else:
        async with target.client() as client:
            yield client


@click.command()
@click.argument("address", required=False)
@click.option("--external-id", help="Find all orders with this external_id.")
@click.option(
    "--least",
    type=click.FloatRange(0, 1),
    default=0.5,
    show_default=True,
    help="The score that a candidate has at least.",
)
@click.option("--max", "most", type=click.IntRange(1), default=20, show_default=True)
@_mirror_option
@json_option
@click.pass_obj
@runs
async def find(
    target: Target,
    *,
    address: str | None,
    external_id: str | None,
    least: float,
    most: int,
    store: str | None,
    as_json: bool,
) -> None:
    """Find orders by ADDRESS, on one line with commas, or by --external-id.

    By address all candidates are shown, the most alike first, with what speaks for and against
    each. The score ranks; it is no probability, and nothing is chosen for you.

    \b
    Examples:
      cubicasa orders find "615 Bourbon St, New Orleans, LA 70130"
      cubicasa orders find --external-id L-1001
      cubicasa orders find "12 Hauptstr., Berlin" --mirror orders.db
    """
    if (address is None) == (external_id is None):
        raise click.UsageError("Give an address or --external-id.")
    as_json = output.wants_json(as_json)
    async with _source(target, store) as source:
        if external_id is not None:
            orders = await find_by_external_id(source, external_id)
            _show_orders(orders, as_json)
            return
        candidates = await find_by_address(source, address or "", least=least, most=most)
    if as_json:
        for one in candidates:
            scored = {"score": one.score, "reasons": one.reasons}
            output.json_line({**output.order_fields(one.order), **scored})
        return
    rows = [(f"{one.score:.2f}", *_cells(one.order), "; ".join(one.reasons)) for one in candidates]
    headings = ("score", "order", "status", "external id", "address", "reasons")
    table = Rows(headings, rows, folds=("external id", "address", "reasons"))
    print_rows(table, f"{count(len(candidates), 'candidate')}.")


def _show_orders(orders: Sequence[Order], as_json: bool) -> None:
    if as_json:
        for order in orders:
            output.json_line(output.order_fields(order))
        return
    print_rows(output.order_table(orders), f"{count(len(orders), 'order')}.")


@click.command()
@click.option(
    "--least",
    type=click.FloatRange(0, 1),
    default=0.6,
    show_default=True,
    help="The score that a pair has at least.",
)
@click.option(
    "--most",
    type=click.IntRange(min=1),
    default=10,
    show_default=True,
    help="How many drafts are shown for one order at most.",
)
@_mirror_option
@json_option
@click.pass_obj
@runs
async def twins(
    target: Target, *, least: float, most: int, store: str | None, as_json: bool
) -> None:
    """Find drafts that stay drafts because the photographer scanned without them.

    Such a scan makes an order of its own, without an external_id, often with the address written
    differently. All pairs are shown, the most alike first, with what speaks for and against each.
    Nothing is chosen, and nothing is changed.

    \b
    Examples:
      cubicasa orders twins
      cubicasa orders twins --mirror orders.db --json
    """
    as_json = output.wants_json(as_json)
    async with _source(target, store) as source:
        found = await find_twins(source, least=least, most=most)
    if as_json:
        for twin in found:
            output.json_line(_twin_fields(twin))
        return
    rows = [
        (
            f"{twin.score:.2f}",
            *(twin.draft.id, twin.draft.external_id or "-", twin.order.id),
            *(str(twin.order.status or "-"), "; ".join(twin.reasons)),
        )
        for twin in found
    ]
    headings = ("score", "draft", "external id", "order", "status", "reasons")
    table = Rows(headings, rows, folds=("external id", "reasons"))
    print_rows(table, f"{count(len(found), 'pair')}.")


def _twin_fields(twin: Twin) -> dict[str, Any]:
    return {
        "score": twin.score,
        "draft": output.order_fields(twin.draft),
        "order": output.order_fields(twin.order),
        "reasons": twin.reasons,
    }


def _cells(order: Order) -> tuple[str, str, str, str]:
    fields = output.order_fields(order)
    return (
        order.id,
        fields["status"] or "-",
        fields["external_id"] or "-",
        fields["address"] or "-",
    )
