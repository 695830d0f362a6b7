"""`cubicasa drafts`: making draft orders."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import reduce
from pathlib import Path
from typing import Any, TypeVar

import attrs
import click
from rich.console import Console

from cubicasa_async.bulk.draft_import import SETTLE, import_drafts, refuse_shared
from cubicasa_async.bulk.files.sources import Format, Source, open_source
from cubicasa_async.bulk.journal.places import AnyJournal, journal_at
from cubicasa_async.bulk.outcomes import KINDS
from cubicasa_async.bulk.rejected import RejectedRows
from cubicasa_async.cli import dry_runs, job_status, output
from cubicasa_async.cli.asking import is_confirmed
from cubicasa_async.cli.common import UNUSABLE, Target, runs
from cubicasa_async.cli.options import file_names, json_option
from cubicasa_async.cli.reporting import Report
from cubicasa_async.cli.stopping import stopping

F = TypeVar("F", bound=Callable[..., Any])


_MOST_NAMED = 10
_OF_A_JOURNAL = ("", "-wal", "-shm", ".lock")
_FILE = (
    click.argument("file", type=click.Path(path_type=Path)),
    click.option(
        "--format",
        "kind",
        type=click.Choice([str(kind) for kind in Format]),
        help="The kind of file. Default: by its ending, else CSV.",
    ),
    click.option("--encoding", help="A CSV file's encoding, if it is not UTF-8."),
    click.option("--sheet", help="A workbook's sheet. Default: the only one that is not empty."),
    click.option(
        "--map", "mapping", multiple=True, metavar="THEIRS=OURS", help="What a column means."
    ),
    click.option("--ignore", multiple=True, metavar="COLUMN", help="A column to leave out."),
    click.option(
        "--default",
        "defaults",
        multiple=True,
        metavar="OURS=TEXT",
        help="A value for rows that have none.",
    ),
)
_JOB = (
    click.option(
        "--journal",
        metavar="FILE|URL",
        shell_complete=file_names,
        help="The job's record: a file, or a PostgreSQL database by its URL. Default: FILE with "
        ".journal behind it.",
    ),
    click.option(
        "--lease",
        type=click.FloatRange(1, 86400),
        metavar="SECONDS",
        help="Of a journal in PostgreSQL: after how long the rows of a worker that shows no sign "
        "of life are taken over.  [default: 300]",
    ),
    click.option("--dry-run", is_flag=True, help="Only say what would be done; change nothing."),
    click.option("--update", is_flag=True, help="Change drafts whose row has changed."),
    click.option(
        "--prune",
        is_flag=True,
        help="Delete drafts that this job made and whose row is gone. Asks before.",
    ),
    click.option("--yes", is_flag=True, help="Do not ask before --prune."),
    click.option(
        "--derive-key",
        "derive_keys",
        is_flag=True,
        help="Give rows without an external_id one made from their address.",
    ),
    click.option(
        "--rejected",
        type=click.Path(dir_okay=False, path_type=Path),
        help="Where rejected rows are written. Default: FILE with .rejected.csv behind it.",
    ),
    click.option("--no-rejected", is_flag=True, help="Write no file of rejected rows."),
    click.option("--concurrency", default=8, show_default=True, type=click.IntRange(1, 100)),
    click.option(
        "--settle",
        default=SETTLE,
        show_default=True,
        type=click.FloatRange(0, 3600),
        metavar="SECONDS",
        help="Wait after a lost answer before looking for its effect.",
    ),
    click.option(
        "--look/--no-look",
        "look_first",
        default=True,
        show_default=True,
        help="Look at the server's orders before sending. Rows in doubt are always looked up.",
    ),
)


def _options(command: F) -> F:
    return reduce(lambda found, option: option(found), reversed((*_FILE, *_JOB)), command)


@attrs.frozen
class _Job:
    """What the command line asks for, beside the file."""

    journal: str | None
    lease: float | None
    dry_run: bool
    update: bool
    prune: bool
    yes: bool
    derive_keys: bool
    rejected: Path | None
    no_rejected: bool
    concurrency: int
    settle: float
    look_first: bool


@click.command("import")
@_options
@json_option
@click.pass_obj
@runs
async def import_(
    target: Target,
    /,
    *,
    file: Path,
    kind: str | None,
    encoding: str | None,
    sheet: str | None,
    mapping: tuple[str, ...],
    ignore: tuple[str, ...],
    defaults: tuple[str, ...],
    as_json: bool,
    **options: Any,
) -> int:
    """Make a draft order of every row of a file, each exactly once.

    Reads CSV, Excel workbooks (.xlsx), JSON lines (.jsonl) and Parquet. Common column names are
    known (zip, lat, lng, listing_id, agent_email, ...); the rest is said with --map. The file is
    read to its end before anything is sent. Ctrl-C finishes what is under way, a second one stops
    at once; after either, the same command goes on where it stopped, and nothing is made twice.
    Rejected rows are written to a file of their own, to be corrected and imported.

    \b
    Examples:
      cubicasa drafts import listings.csv --dry-run
      cubicasa drafts import listings.xlsx --sheet May
      cubicasa drafts import export.csv --encoding cp1252 --map Objekt=external_id
      cubicasa drafts import listings.csv --update --prune --dry-run
    """
    source = open_source(
        file,
        format=kind,
        encoding=encoding,
        sheet=sheet,
        mapping=_pairs(mapping, "--map THEIRS=OURS"),
        ignore=ignore,
        defaults=_pairs(defaults, "--default OURS=TEXT"),
    )
    as_json = output.wants_json(as_json)
    console = Console(stderr=as_json)
    for note in _not_used(source.columns.unmapped):
        console.print(note, markup=False, highlight=False)
    job = _Job(**options)
    place = job.journal or str(file.with_name(f"{file.name}.journal"))
    journal = _journal(place, job.lease)
    refuse_shared(journal, update=job.update, prune=job.prune)
    own_file = Path(place) if "://" not in place else None
    if job.dry_run:
        return await _dry_run(target, source, job, own_file, as_json=as_json)
    return await _run(target, source, job, journal, own_file, as_json=as_json)


def _journal(place: str, lease: float | None) -> AnyJournal:
    if lease is None:
        return journal_at(place)
    if "://" not in place:
        raise click.UsageError("--lease is for journals in PostgreSQL; a file has one worker.")
    from cubicasa_async.bulk.journal.postgres import PostgresJournal

    return PostgresJournal(place, lease=lease)


def _not_used(columns: Sequence[str]) -> Iterator[str]:
    for column in columns[:_MOST_NAMED]:
        yield f"Column {column!r} is not used; see --map."
    if len(columns) > _MOST_NAMED:
        yield f"{len(columns) - _MOST_NAMED} more columns are not used."


async def _run(
    target: Target,
    source: Source,
    job: _Job,
    journal: AnyJournal,
    own_file: Path | None,
    *,
    as_json: bool,
) -> int:
    gone: int | None = None
    if job.prune and own_file is not None:
        rows, gone = await dry_runs.count_gone(source, own_file, derive_keys=job.derive_keys)
        if gone and not _may_delete(gone, yes=job.yes):
            return UNUSABLE
    else:
        rows = await dry_runs.count(source)
    rejected = None if job.no_rejected else _rejected(source, job, own_file)
    shown = output.shown_path(own_file) if own_file is not None else journal.place
    report = Report(rows, as_json=as_json, kinds=KINDS, journal=shown, rejected=rejected)
    async with target.client(concurrency=job.concurrency) as client:
        with stopping(report.finishing) as stop:
            outcomes = import_drafts(
                client,
                source.rows(),
                journal=journal,
                concurrency=job.concurrency,
                derive_keys=job.derive_keys,
                look_first=job.look_first,
                settle=job.settle,
                update=job.update,
                prune=job.prune,
                prune_at_most=gone,
                stop=stop,
                progress=report.progress,
            )
            return await report.take(outcomes, stop)


async def _dry_run(
    target: Target, source: Source, job: _Job, own_file: Path | None, *, as_json: bool
) -> int:
    journal = own_file if job.update or job.prune else None
    rejected = _rejected(source, job, own_file) if job.rejected else None
    report = Report(
        await dry_runs.count(source),
        as_json=as_json,
        kinds=dry_runs.kinds(update=job.update, prune=job.prune),
        journal=None,
        rejected=rejected,
    )
    outcomes = dry_runs.outcomes(
        source,
        journal,
        derive_keys=job.derive_keys,
        update=job.update,
        prune=job.prune,
        client=target.client,
    )
    return await report.take(outcomes)


def _rejected(source: Source, job: _Job, journal: Path | None) -> RejectedRows:
    place = job.rejected or source.path.with_name(f"{source.path.name}.rejected.csv")
    files = [Path(f"{journal}{ending}") for ending in _OF_A_JOURNAL] if journal else []
    return RejectedRows(place, source, *files)


def _may_delete(gone: int, *, yes: bool) -> bool:
    """Whether drafts may be deleted; a person is asked."""
    return is_confirmed(
        f"{gone} drafts of this job have no row any more. Delete those that are still drafts",
        yes=yes,
        refusal=f"--prune would delete up to {gone} drafts. Look at them with --prune --dry-run, "
        "and add --yes if that is meant.",
    )


@click.command("status")
@click.argument("journal", metavar="JOURNAL", shell_complete=file_names)
@json_option
@runs
async def status(*, journal: str, as_json: bool) -> None:
    """Show how a job stands. Only reads its journal, also while it runs.

    JOURNAL is a file, or the URL of a PostgreSQL database.

    \b
    Examples:
      cubicasa drafts status listings.csv.journal
    """
    found = await job_status.read(journal)
    if output.wants_json(as_json):
        output.json_line(job_status.fields(found))
    else:
        Console().print(job_status.facts(found))


def _pairs(texts: tuple[str, ...], form: str) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for text in texts:
        # A column's name may hold "=", a field of ours does not.
        left, mark, right = text.rpartition("=") if "THEIRS" in form else text.partition("=")
        if not mark or not left.strip() or not right.strip():
            raise click.UsageError(f"{text!r} is not of the form {form}.")
        pairs[left.strip()] = right.strip()
    return pairs
