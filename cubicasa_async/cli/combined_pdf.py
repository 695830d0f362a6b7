"""`cubicasa orders combined-pdf`: all plans of an order in one file."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from cubicasa_async.cli import output
from cubicasa_async.cli.common import UNUSABLE, Target, runs
from cubicasa_async.cli.options import file_names, json_option
from cubicasa_async.core.file_names import safe_name
from cubicasa_async.errors import ConfigError


@click.command("combined-pdf")
@click.argument("order_id")
@click.option(
    "-o",
    "--output",
    "place",
    metavar="FILE",
    shell_complete=file_names,
    help="Where the PDF goes; - is standard output. Default: ORDER_ID.pdf here.",
)
@click.option("--force", is_flag=True, help="Replace a file that is there.")
@json_option
@click.pass_obj
@runs
async def combined_pdf(
    target: Target, *, order_id: str, place: str | None, force: bool, as_json: bool
) -> int:
    """Fetch all plans of an order in one PDF.

    The service may answer with the PDF, or with a URL of it; that is inferred. A URL is written to
    standard output. It may expire, and whoever has it may fetch the file.

    \b
    Examples:
      cubicasa orders combined-pdf ORDER_ID
      cubicasa orders combined-pdf ORDER_ID -o - | lp
    """
    path = None if place == "-" else Path(place or f"{safe_name(order_id)}.pdf")
    if path is not None and path.exists() and not force:
        click.echo(f"Error: {path} is there already. Add --force to replace it.", err=True)
        return UNUSABLE
    async with target.client() as client:
        found = await client.orders.combined_pdf(order_id)
    if found.content is None:
        _tell(str(found.url), as_json=as_json, order_id=order_id, url=found.url)
    elif path is None:
        sys.stdout.buffer.write(found.content)
    else:
        _write(path, found.content)
        size = len(found.content)
        words = f"{output.shown_path(path)}: {size} bytes."
        _tell(words, as_json=as_json, order_id=order_id, path=str(path), size=size)
    return 0


def _tell(words: str, *, as_json: bool, **fields: str | int | None) -> None:
    if output.wants_json(as_json):
        output.json_line(
            {"type": "pdf", "order_id": None, "url": None, "path": None, "size": None, **fields}
        )
    else:
        click.echo(words)


def _write(path: Path, content: bytes) -> None:
    """Write a file, whole or not at all. Raises ConfigError."""
    part = path.with_name(f"{path.name}.part")
    try:
        part.write_bytes(content)
        part.replace(path)
    except OSError as exc:
        raise ConfigError(f"{path} cannot be written: {exc.strerror}.") from None
