"""`cubicasa doctor`: what is in force, what is wrong with it, and what the service is like."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping

import attrs
import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cubicasa_async.cli import output
from cubicasa_async.cli.common import INCOMPLETE, Target, exit_code, runs
from cubicasa_async.client import AsyncCubiCasa
from cubicasa_async.config import Config
from cubicasa_async.errors import ConfigError
from cubicasa_async.live import (
    MOST_CALLS,
    TRIES,
    Check,
    Report,
    Verdict,
    probe,
    reach,
    settings,
    versions,
)

_KEY = "CUBICASA_API_KEY"


@click.command()
@click.option(
    "--live",
    is_flag=True,
    help="Also ask the service what its documentation leaves open. Reads only.",
)
@output.json_option
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
    as_json = output.wants_json(as_json)
    client, checks = _set_up(target, os.environ)
    if client is None:
        return _tell(checks, as_json)
    async with client:
        code = _tell([*checks, *await reach(client)], as_json)
        if code not in {0, INCOMPLETE} or not live:
            return code
        click.echo(
            f"Asking: at most {MOST_CALLS} calls, each a GET and tried {TRIES} times at most.",
            err=as_json,
        )
        report = await probe(client)
    _print_report(report, as_json)
    refuted = any(finding.verdict is Verdict.REFUTED for finding in report.findings)
    return INCOMPLETE if refuted else code


def _set_up(target: Target, environ: Mapping[str, str]) -> tuple[AsyncCubiCasa | None, list[Check]]:
    """The client, None if there can be none, and what is in force."""
    try:
        client = target.client()
    except ConfigError as exc:
        return None, [*_unusable(target, environ, exc), *versions()]
    checks = [_key(environ), *_settings(target, environ, client.config), *versions()]
    return client, checks


def _unusable(target: Target, environ: Mapping[str, str], problem: ConfigError) -> Iterator[Check]:
    """What is in force where the settings make no client: the key, or else the address, is bad."""
    try:
        config = _with_any_key(target, environ)
    except ConfigError:
        advice = "Correct it, or take it away to use the vendor's production environment."
        yield _key(environ)
        yield Check("base URL", _source(target, environ), problem.message, advice, problem)
        return
    yield _key(environ, problem)
    yield from _settings(target, environ, config)


def _settings(target: Target, environ: Mapping[str, str], config: Config) -> Iterator[Check]:
    for check in settings(config, environ):
        if check.name == "base URL":
            value = f"{check.value} ({_source(target, environ)})"
            yield attrs.evolve(check, value=value)
        else:
            yield check


def _key(environ: Mapping[str, str], problem: ConfigError | None = None) -> Check:
    is_set = bool(environ.get(_KEY, "").strip())
    value = f"set by {_KEY}" if is_set else "missing"
    if problem is None:
        return Check("api key", value)
    advice = (
        "Copy it anew, without line breaks."
        if is_set
        else f"Type: export {_KEY}=...; to try without one, start `cubicasa sandbox`."
    )
    return Check("api key", value, problem.message, advice, problem)


def _with_any_key(target: Target, environ: Mapping[str, str]) -> Config:
    """The settings as they would be with a key. Raises ConfigError if not only that is bad."""
    environment, base_url = target.environment, target.base_url
    if not environment and not base_url:
        environment = environ.get("CUBICASA_ENVIRONMENT")
        base_url = environ.get("CUBICASA_BASE_URL")
    return Config.make(
        api_key="missing", environment=environment or None, base_url=base_url or None
    )


def _source(target: Target, environ: Mapping[str, str]) -> str:
    options = [("--base-url", target.base_url), ("--environment", target.environment)]
    names = ("CUBICASA_BASE_URL", "CUBICASA_ENVIRONMENT")
    variables = [(name, environ.get(name)) for name in names]
    named = [name for name, value in options if value] or [
        name for name, value in variables if value
    ]
    return f"from {' and '.join(named)}" if named else "by default"


def _tell(checks: Iterable[Check], as_json: bool) -> int:
    """Print what was looked at and what is wrong; gives the exit code."""
    code = 0
    table = _table("what", "in force")
    faults: list[Check] = []
    for check in checks:
        if check.fault:
            faults.append(check)
            code = exit_code(check.error) if check.error else code or INCOMPLETE
        if as_json:
            output.json_line(_check_fields(check))
        else:
            table.add_row(Text(check.name), Text(check.value))
    if not as_json:
        Console().print(table)
    for check in faults:
        click.echo(f"Error: {check.fault} {check.advice}", err=True)
    if not as_json and not faults:
        click.echo("All is well.")
    return code


def _check_fields(check: Check) -> dict[str, str | None]:
    return {
        "type": "check",
        "name": check.name,
        "value": check.value,
        "fault": check.fault or None,
        "advice": check.advice or None,
    }


def _print_report(report: Report, as_json: bool) -> None:
    if as_json:
        for fields in _report_fields(report):
            output.json_line(fields)
        return
    table = _table("fact", "grade before", "seen", "verdict")
    for finding in report.findings:
        cells = (finding.fact, finding.grade.value, finding.seen, finding.verdict.value)
        table.add_row(*map(Text, cells))
    console = Console()
    console.print(table)
    console.print(f"{report.calls} calls were made.", highlight=False)


def _report_fields(report: Report) -> Iterator[dict[str, str | int | None]]:
    for finding in report.findings:
        yield {
            "type": "fact",
            "fact": finding.fact,
            "grade": finding.grade.value,
            "seen": finding.seen,
            "verdict": finding.verdict.value,
        }
    reading = report.reading.value if report.reading else None
    yield {"type": "summary", "reading": reading, "calls": report.calls}


def _table(*headings: str) -> Table:
    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0))
    for heading in headings:
        table.add_column(heading, overflow="fold")
    return table
