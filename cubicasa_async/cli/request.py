"""`cubicasa request`: any path of the API."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from cubicasa_async.cli.common import UNUSABLE, Target, runs
from cubicasa_async.cli.options import dry_run_option, json_option, one_of, yes_option

if TYPE_CHECKING:
    from cubicasa_async.core.wire import Response


_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")


@click.command()
@click.argument("method", shell_complete=one_of(_METHODS))
@click.argument("path")
@click.option(
    "--query", "pairs", multiple=True, metavar="NAME=TEXT", help="Query parameter; may be repeated."
)
@click.option("--body", "text", metavar="JSON", help="A JSON object; @FILE reads it, @- the input.")
@click.option(
    "--effect",
    type=click.Choice(["read", "replace", "create", "purchase"]),
    help="What a repeat would do. By default as declared, else by the method.",
)
@click.option("-i", "--include", is_flag=True, help="Write status and headers to standard error.")
@yes_option
@dry_run_option
@json_option
@click.pass_obj
@runs
async def request(
    target: Target,
    *,
    method: str,
    path: str,
    pairs: tuple[str, ...],
    text: str | None,
    effect: str | None,
    include: bool,
    yes: bool,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Call PATH, below the base URL, with the retries, deadline and errors of all calls.

    A path of an operation that is known is called as that operation: it is repeated only if that
    can do no harm. Asks before what costs money, or may for all that is known, and before DELETE.
    JSON is written as one line, or for people in several; all else as it came.

    \b
    Examples:
      cubicasa request GET /orders --query limit=5 --query status=Ready
      cubicasa request PATCH /companies/webhook --body @webhooks.json --dry-run
    """
    from cubicasa_async.cli import any_path, preview

    settings = target.settings()
    call = any_path.Call.of(method, path, pairs, text, effect, settings.paths)
    if dry_run:
        config = settings.config(key=any_path.NO_KEY)
        preview.tell(call.shown(str(config.base_url)), as_json=as_json)
        return 0
    async with settings.client() as client:
        if reason := call.reason_to_ask:
            fields = call.shown(str(client.config.base_url))
            if not preview.is_meant(reason, fields, yes=yes):
                return UNUSABLE
        with preview.no_silent_end(call.endpoint.effect, call.endpoint.operation):
            answer = await client.request(
                call.endpoint.method,
                call.endpoint.path,
                query=call.query,
                body=call.body,
                effect=call.endpoint.effect,
            )
    if include:
        click.echo(f"{answer.status}", err=True)
        for name, value in answer.headers.items():
            click.echo(f"{name}: {value}", err=True)
    _write(answer, as_json=as_json)
    return 0


def _write(answer: Response[object], *, as_json: bool) -> None:
    from cubicasa_async.cli import output

    if answer.data is not None:
        indent = None if output.wants_json(as_json) else 2
        click.echo(output.json_text(answer.data, indent=indent))
    elif sys.stdout.isatty() and answer.body:
        kind = answer.headers.get("content-type", "unknown content")
        click.echo(f"{len(answer.body)} bytes of {kind}; send them to a file with > FILE.")
    else:
        sys.stdout.buffer.write(answer.body)
