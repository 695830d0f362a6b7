"""`cubicasa orders`: reading orders."""

from __future__ import annotations

import itertools

import click
from rich.console import Console

from cubicasa_async.cli import output
from cubicasa_async.cli.common import Target, runs
from cubicasa_async.cli.orders_find import find, twins
from cubicasa_async.cli.orders_mirror import mirror
from cubicasa_async.cli.waits import wait
from cubicasa_async.core import codec
from cubicasa_async.resources.order import Order


@click.group()
def orders() -> None:
    """Read orders."""


@orders.command("list")
@click.option("--status", multiple=True, help="Only orders in this status; may be repeated.")
@click.option("--max", "most", type=click.IntRange(1), help="Stop after this many orders.")
@output.json_option
@click.pass_obj
@runs
async def list_(
    target: Target, *, status: tuple[str, ...], most: int | None, as_json: bool
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
        pager = client.orders.list(status=status or None).items()
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
        console = Console()
        console.print(output.order_table(found))
        console.print(f"{len(found)} orders.", highlight=False)


@orders.command("get")
@click.argument("order_id")
@click.pass_obj
@runs
async def get(target: Target, *, order_id: str) -> None:
    """Show one order, with its files, as JSON."""
    async with target.client() as client:
        order = await client.orders.get(order_id)
    click.echo(output.json_text(codec.unstructure(order), indent=2))


for _command in (find, mirror, twins, wait):
    orders.add_command(_command)
