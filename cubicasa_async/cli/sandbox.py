"""`cubicasa sandbox`: a server of the API on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cubicasa_async.cli.common import UNUSABLE, runs
from cubicasa_async.cli.options import port_option

if TYPE_CHECKING:
    from cubicasa_async.sandbox import Sandbox

READINGS = ("zero_based", "one_based", "skipping")
"""Those of the sandbox, which is not loaded for its help."""


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to bind.")
@port_option(8377)
@click.option(
    "--api-key",
    envvar="CUBICASA_API_KEY",
    help="The key to accept. Default: CUBICASA_API_KEY, else a random one, which is printed.",
)
@click.option(
    "--reading",
    type=click.Choice(READINGS),
    default=READINGS[0],
    show_default=True,
    help="How the server counts offsets.",
)
@click.option("--max-limit", default=100, show_default=True, help="Most records of a page.")
@click.option("--seed", default=0, show_default=True, help="Of ids and random faults.")
@click.option("--orders", default=0, show_default=True, help="Example orders at the start.")
@runs
async def sandbox(
    *,
    host: str,
    port: int,
    api_key: str | None,
    reading: str,
    max_limit: int,
    seed: int,
    orders: int,
) -> int:
    """Serve the API from this machine, until Ctrl-C.

    State, api key and request validation are as real as they are known; the control interface
    under /_sandbox/ shows the ledger, sets faults and moves orders through production.
    """
    from cubicasa_async.sandbox import serve

    def started(running: Sandbox) -> None:
        click.echo(f"The sandbox listens on {running.base_url}")
        click.echo(f"  export CUBICASA_BASE_URL={running.base_url}")
        if not api_key:
            click.echo(f"  export CUBICASA_API_KEY={running.api_key}")
        click.echo(f"  in a browser: {running.origin}/")
        click.echo("Ctrl-C ends it.")

    try:
        await serve(
            host=host,
            port=port,
            api_key=api_key or None,
            reading=reading,
            max_limit=max_limit,
            seed=seed,
            orders=orders,
            started=started,
        )
    except (OSError, ValueError) as exc:
        click.echo(f"Error: the sandbox cannot start: {exc}", err=True)
        return UNUSABLE
    return 0
