"""`cubicasa demo`: what this is for, in a minute."""

from __future__ import annotations

from pathlib import Path

import click

from cubicasa_async.cli.common import runs


@click.command()
@click.option(
    "--directory",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the journal is kept. Default: a new directory for temporary files.",
)
@runs
async def demo(*, directory: Path | None) -> int:
    """Import a spreadsheet into a sandbox and follow its orders. Needs no key and no network."""
    from cubicasa_async.cli import demonstration

    return await demonstration.show(directory)
