"""`cubicasa endpoints`: what there is to call."""

from __future__ import annotations

import click

from cubicasa_async.cli.options import json_option

_HEADINGS = ("operation", "method", "path", "effect", "grade")


def rows() -> list[tuple[str, ...]]:
    """Operation, method, path, effect and grade of each."""
    from cubicasa_async.resources.index import ENDPOINTS

    return [
        (one.operation, one.method, one.path, one.effect.value, one.evidence.value)
        for one in ENDPOINTS
    ]


def markdown() -> str:
    """The table as Markdown."""
    lines = [_HEADINGS, ("---",) * len(_HEADINGS)]
    lines += [(f"`{name}`", method, f"`{path}`", *rest) for name, method, path, *rest in rows()]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


@click.command()
@click.option("--markdown", "as_markdown", is_flag=True, help="A Markdown table.")
@json_option
def endpoints(*, as_markdown: bool, as_json: bool) -> None:
    """List all operations. Needs no key and no network.

    The effect says what a repeat would do: nothing (read), the same state again (replace), a
    second thing (create), or one that costs money (purchase). The grade says how the operation is
    known: read in the vendor's documentation, observed live, or inferred and perhaps wrong.
    """
    from cubicasa_async.cli import output
    from cubicasa_async.cli.tables import Rows, print_rows

    if as_markdown:
        click.echo(markdown())
    elif output.wants_json(as_json):
        for row in rows():
            output.json_line(dict(zip(_HEADINGS, row, strict=True)))
    else:
        print_rows(Rows(_HEADINGS, rows(), folds=("path",)))
