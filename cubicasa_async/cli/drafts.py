"""`cubicasa drafts`: making draft orders."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import click
from rich.console import Console

from cubicasa_async.bulk.draft_import import SETTLE, import_drafts
from cubicasa_async.bulk.intake import check_row
from cubicasa_async.bulk.outcomes import KINDS, Rejected, RowOutcome, Skipped, Unknown
from cubicasa_async.bulk.table import Table, open_table
from cubicasa_async.cli import output
from cubicasa_async.cli.common import INCOMPLETE, Target, runs
from cubicasa_async.errors import CubiCasaError, FieldError

_LISTED = 200


class _Valid(RowOutcome):
    """A row that would be sent."""

    kind = "valid"


@click.group()
def drafts() -> None:
    """Make draft orders."""


@drafts.command("import", short_help="Make a draft order of every row of a CSV file.")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--journal",
    type=click.Path(path_type=Path),
    help="The job's record. Default: FILE with .journal behind it.",
)
@click.option("--dry-run", is_flag=True, help="Only check the file. Sends nothing, needs no key.")
@click.option("--encoding", help="The file's encoding, if it is not UTF-8.")
@click.option("--map", "mapping", multiple=True, metavar="THEIRS=OURS", help="What a column means.")
@click.option("--ignore", multiple=True, metavar="COLUMN", help="A column to leave out.")
@click.option(
    "--default",
    "defaults",
    multiple=True,
    metavar="OURS=TEXT",
    help="A value for rows that have none.",
)
@click.option(
    "--derive-key",
    "derive_keys",
    is_flag=True,
    help="Give rows without an external_id one made from their address.",
)
@click.option("--concurrency", default=8, show_default=True, type=click.IntRange(1, 100))
@click.option(
    "--settle",
    default=SETTLE,
    show_default=True,
    type=click.FloatRange(0, 3600),
    metavar="SECONDS",
    help="Wait after a lost answer before looking for its effect.",
)
@click.option(
    "--look/--no-look",
    "look_first",
    default=True,
    show_default=True,
    help="Look at the server's orders before sending. Rows in doubt are always looked up.",
)
@output.json_option
@click.pass_obj
@runs
async def import_(
    target: Target,
    *,
    file: Path,
    journal: Path | None,
    dry_run: bool,
    encoding: str | None,
    mapping: tuple[str, ...],
    ignore: tuple[str, ...],
    defaults: tuple[str, ...],
    derive_keys: bool,
    concurrency: int,
    settle: float,
    look_first: bool,
    as_json: bool,
) -> int:
    """Make a draft order of every row of a CSV file, each exactly once.

    Common column names are known (zip, lat, lng, listing_id, agent_email, ...); the rest is said
    with --map. Every row is checked before anything is sent. Stop it at any moment and run the
    same command again: it goes on where it stopped, and nothing is made twice.

    \b
    Examples:
      cubicasa drafts import listings.csv --dry-run
      cubicasa drafts import listings.csv
      cubicasa drafts import export.csv --encoding cp1252 --map Objekt=external_id
    """
    table = open_table(
        file,
        encoding=encoding,
        mapping=_pairs(mapping, "--map THEIRS=OURS"),
        ignore=ignore,
        defaults=_pairs(defaults, "--default OURS=TEXT"),
    )
    rows = table.check()
    console = Console(stderr=output.wants_json(as_json))
    for column in table.columns.unmapped:
        console.print(f"Column {column!r} is not used; see --map.", markup=False, highlight=False)
    if dry_run:
        return await _report(console, _dry(table, derive_keys), rows, as_json)
    place = journal or file.with_name(f"{file.name}.journal")
    async with target.client(concurrency=concurrency) as client:
        outcomes = import_drafts(
            client,
            table.rows(),
            journal=place,
            concurrency=concurrency,
            derive_keys=derive_keys,
            look_first=look_first,
            settle=settle,
        )
        return await _report(console, outcomes, rows, as_json, journal=place)


async def _report(
    console: Console,
    outcomes: AsyncIterator[RowOutcome],
    rows: int,
    as_json: bool,
    *,
    journal: Path | None = None,
) -> int:
    counts: Counter[str] = Counter()
    listed: list[RowOutcome] = []
    stopped: CubiCasaError | None = None
    as_json = output.wants_json(as_json)
    with output.progress(Console(stderr=True)) as bar:
        task = bar.add_task("rows", total=rows)
        try:
            async for outcome in outcomes:
                counts[outcome.kind] += 1
                bar.advance(task)
                if as_json:
                    output.json_line(output.outcome_fields(outcome))
                elif outcome.message and len(listed) < _LISTED:
                    listed.append(outcome)
        except CubiCasaError as exc:
            stopped = exc
    unreached = rows - counts.total()
    if as_json:
        summary = {"type": "summary", "rows": rows, "outcomes": dict(counts)}
        output.json_line({**summary, "not reached": unreached, "journal": journal})
    elif listed:
        console.print(output.outcome_table(listed))
        if len(listed) == _LISTED:
            console.print("There may be more; --json lists every row.")
    kinds = KINDS if journal else (_Valid, Skipped, Rejected)
    console.print(f"Of {rows} rows: {output.counted(counts, kinds)}.", highlight=False)
    if unreached > 0:
        console.print(f"{unreached} rows were not reached. Run the same command again.")
    if journal is not None:
        place = f"Journal: {output.shown_path(journal)}"
        console.print(place, soft_wrap=True, markup=False, highlight=False)
    if stopped is not None:
        raise stopped
    return INCOMPLETE if counts[Rejected.kind] or counts[Unknown.kind] else 0


async def _dry(table: Table, derive_keys: bool) -> AsyncIterator[RowOutcome]:
    lines: dict[str, tuple[int, int]] = {}
    for row in table.rows():
        checked = check_row(row, derive_keys=derive_keys)
        if isinstance(checked, Rejected):
            yield checked
            continue
        print_of = hash(checked.draft)
        line, first = lines.setdefault(checked.key, (row.line, print_of))
        if line == row.line:
            yield _Valid(line=row.line, key=checked.key)
        elif first == print_of:
            yield Skipped(line=row.line, key=checked.key, note=f"the same as line {line}")
        else:
            reason = f"line {line} has the same one but says something else"
            fault = FieldError("external_id", reason)
            yield Rejected(line=row.line, key=checked.key, field_errors=(fault,))


def _pairs(texts: tuple[str, ...], form: str) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for text in texts:
        # A column's name may hold "=", a field of ours does not.
        left, mark, right = text.rpartition("=") if "THEIRS" in form else text.partition("=")
        if not mark or not left.strip() or not right.strip():
            raise click.UsageError(f"{text!r} is not of the form {form}.")
        pairs[left.strip()] = right.strip()
    return pairs
