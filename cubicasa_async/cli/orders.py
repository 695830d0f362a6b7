"""`cubicasa orders`: reading orders."""

from __future__ import annotations

import itertools

import click

from cubicasa_async.cli import output, records
from cubicasa_async.cli.common import Target, runs
from cubicasa_async.cli.options import json_option, statuses_option
from cubicasa_async.cli.tables import count, print_rows
from cubicasa_async.core import codec
from cubicasa_async.resources.order import Order


@click.command("list")
@statuses_option("Only orders in this status; may be repeated.")
@click.option("--max", "most", type=click.IntRange(1), help="Stop after this many orders.")
@json_option
@click.pass_obj
@runs
async def list_(
    target: Target, *, statuses: tuple[str, ...], most: int | None, as_json: bool
) -> None:
    """List orders, newest first, with proof that none is skipped.

    \b
    Examples:
      cubicasa orders list --status Ready
      cubicasa orders list --json | jq -r .id
    """
    as_json = output.wants_json(as_json)
    found: list[Order] = []
    async with target.client() as client:
        pager = client.orders.list(status=statuses or None).items()
        try:
            for number in itertools.count(1):
                order = await anext(pager, None)
                if order is None:
                    break
                if as_json:
                    output.json_line(output.order_fields(order))
                else:
                    found.append(order)
                if number == most:
                    break
        finally:
            await pager.aclose()
    if not as_json:
        print_rows(output.order_table(found), f"{count(len(found), 'order')}.")


@click.command("get")
@click.argument("order_id")
@json_option
@click.pass_obj
@runs
async def get(target: Target, *, order_id: str, as_json: bool) -> None:
    """Show one order, with its files.

    \b
    Examples:
      cubicasa orders get ORDER_ID
      cubicasa orders get ORDER_ID --json | jq .info.product
    """
    async with target.client() as client:
        order = await client.orders.get(order_id)
    if output.wants_json(as_json):
        output.json_line(codec.unstructure(order))
    else:
        records.print_model(order)
