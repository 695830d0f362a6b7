"""`cubicasa orders wait`: until orders stand where they should."""

from __future__ import annotations

import asyncio
import re

import click

from cubicasa_async.cli import output
from cubicasa_async.cli.common import INCOMPLETE, Target, exit_code, runs
from cubicasa_async.cli.options import json_option, statuses_option
from cubicasa_async.errors import NotFoundError, WaitTimeoutError
from cubicasa_async.resources.order import Order

_UNITS = {"": 1, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400}


def _seconds(_: click.Context, __: click.Parameter, value: str) -> float:
    matched = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([a-z]*)", value.strip().lower(), re.ASCII)
    if matched is None or matched[2] not in _UNITS or float(matched[1]) <= 0:
        raise click.BadParameter(f"{value!r} is no time such as 90s, 30m, 6h or 2d.")
    return float(matched[1]) * _UNITS[matched[2]]


@click.command()
@click.argument("order_ids", nargs=-1, required=True, metavar="ORDER_ID...")
@statuses_option(
    "Where they are to stand; may be repeated, then any of them will do.", default=("Ready",)
)
@click.option(
    "--deadline",
    callback=_seconds,
    default="24h",
    show_default=True,
    metavar="TIME",
    help="Give up after this time: 90s, 30m, 6h, 2d.",
)
@json_option
@click.pass_obj
@runs
async def wait(
    target: Target,
    *,
    order_ids: tuple[str, ...],
    statuses: tuple[str, ...],
    deadline: float,
    as_json: bool,
) -> int:
    """Wait until orders are Ready, for hours if need be.

    Ends with 0 when all are there, with 1 if one was not in time, and with 3 if one does not exist;
    the others are waited for nevertheless. Failures that pass, as of the network, do not end it.

    \b
    Examples:
      cubicasa orders wait ID && cubicasa assets download ID
      cubicasa orders wait ID ID --status Ready --status Fixing --deadline 6h
    """
    as_json = output.wants_json(as_json)
    codes = {0}

    async def one(order_id: str) -> None:
        try:
            order = await client.orders.wait_until(order_id, statuses, deadline=deadline)
        except WaitTimeoutError as exc:
            codes.add(INCOMPLETE)
            _tell_late(order_id, exc, as_json=as_json)
        except NotFoundError as exc:
            codes.add(exit_code(exc))
            _tell_missing(order_id, exc, as_json=as_json)
        else:
            _tell_there(order, as_json=as_json)

    async with target.client() as client:
        waits = [asyncio.create_task(one(order_id)) for order_id in dict.fromkeys(order_ids)]
        try:
            await asyncio.gather(*waits)
        finally:
            for task in waits:
                task.cancel()
            await asyncio.wait(waits)
    return max(codes)


def _tell_there(order: Order, *, as_json: bool) -> None:
    if as_json:
        output.json_line({"type": "order", "outcome": "there", **output.order_fields(order)})
    else:
        click.echo(f"{order.id} is {order.status}.")


def _tell_late(order_id: str, error: WaitTimeoutError, *, as_json: bool) -> None:
    if as_json:
        status = str(error.order.status) if error.order and error.order.status else None
        fields = {"type": "order", "outcome": "late", "id": order_id, "status": status}
        output.json_line({**fields, "message": error.message})
    else:
        click.echo(error.message, err=True)


def _tell_missing(order_id: str, error: NotFoundError, *, as_json: bool) -> None:
    if as_json:
        fields = {"type": "order", "outcome": "missing", "id": order_id, "status": None}
        output.json_line({**fields, "message": error.message})
    click.echo(f"Error: {error}", err=True)
