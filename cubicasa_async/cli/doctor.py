"""`cubicasa doctor`: what is in force, and what to do about it."""

from __future__ import annotations

import click

from cubicasa_async.cli.common import Target, runs
from cubicasa_async.cli.options import json_option


@click.command()
@click.option(
    "--live",
    is_flag=True,
    help="Also ask the service what its documentation leaves open. Reads only.",
)
@json_option
@click.pass_obj
@runs
async def doctor(target: Target, *, live: bool, as_json: bool) -> int:
    """Say what is in force, whether the service can be used, and what to do if not.

    Without --live one call is made, and nothing is changed by either. Exit code 0 means that all
    is well; 1 that the clock is wrong or that a fact is not as this library takes it to be.

    \b
    Examples:
      cubicasa doctor
      cubicasa --environment qa doctor --live
    """
    from cubicasa_async.cli import diagnosis, output

    return await diagnosis.examine(target, live=live, as_json=output.wants_json(as_json))
