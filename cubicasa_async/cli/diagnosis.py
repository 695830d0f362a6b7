"""What is in force, what is wrong with it, and what the service is like."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import attrs
import click
from rich.console import Console

from cubicasa_async.cli import output
from cubicasa_async.cli.common import INCOMPLETE, Target, exit_code
from cubicasa_async.cli.settings import KEY, PROFILE, Settings, settled
from cubicasa_async.cli.tables import Facts, Rows, count, print_rows
from cubicasa_async.client import AsyncCubiCasa
from cubicasa_async.config import Secret
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

_ANY_KEY = Secret("none")


async def examine(target: Target, *, live: bool, as_json: bool) -> int:
    """Say what is in force, whether the service can be used, and what to do if not.

    Args:
        target: What the command line says of the installation.
        live: Also ask the service what its documentation leaves open.
        as_json: Say it in JSON lines.

    Returns:
        The exit code.
    """
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
        found = settled(target, environ)
    except ConfigError as exc:
        named = target.profile or environ.get(PROFILE, "")
        return None, [Check("profile", named, exc.message, error=exc), *versions()]
    checks = [*_in_force(found, environ), *versions()]
    return (None if any(check.fault for check in checks) else found.client()), checks


def _in_force(found: Settings, environ: Mapping[str, str]) -> Iterator[Check]:
    """The settings, each with what is wrong with it."""
    with_any_key = attrs.evolve(found, api_key=None, proxy=None)
    try:
        config = with_any_key.config(key=_ANY_KEY)
    except ConfigError as exc:
        advice = "Correct it, or take it away to use the vendor's production environment."
        yield Check("api key", found.key_source)
        yield Check("base URL", found.address.source, exc.message, advice, exc)
        return
    yield _key(found)
    for check in settings(config, environ):
        match check.name:
            case "base URL":
                yield attrs.evolve(check, value=f"{check.value} ({found.address.source})")
            case "proxy" if found.proxy:
                yield _proxy(found, environ)
            case "TLS" if config.base_url.scheme == "https":
                yield _certificates(check, environ)
            case _:
                yield check
    if found.idle:
        yield Check("without effect", f"{', '.join(found.idle)}: --profile says it all")


def _key(found: Settings) -> Check:
    try:
        attrs.evolve(found, proxy=None).config()
    except ConfigError as exc:
        advice = (
            "Copy it anew, without line breaks."
            if found.api_key
            else f"Type: export {KEY}=...; to try without one, start `cubicasa sandbox`."
        )
        return Check("api key", found.key_source, exc.message, advice, exc)
    return Check("api key", found.key_source)


def _proxy(found: Settings, environ: Mapping[str, str]) -> Check:
    try:
        config = found.config(key=_ANY_KEY)
    except ConfigError as exc:
        advice = "Correct it, or take it away to connect without one."
        return Check("proxy", found.proxy_source, exc.message, advice, exc)
    (check,) = (one for one in settings(config, environ) if one.name == "proxy")
    return attrs.evolve(check, value=f"{check.value} ({found.proxy_source})")


def _certificates(check: Check, environ: Mapping[str, str]) -> Check:
    """TLS, with the authorities' certificates that a variable names."""
    named = environ.get("SSL_CERT_FILE")
    if not named:
        return check
    value = f"{check.value}, by SSL_CERT_FILE={named}"
    if Path(named).is_file():
        return attrs.evolve(check, value=value)
    fault = f"There is no file {named}."
    return attrs.evolve(check, value=value, fault=fault, advice="Correct SSL_CERT_FILE.")


def _tell(checks: Iterable[Check], as_json: bool) -> int:
    """Print what was looked at and what is wrong; gives the exit code."""
    code = 0
    seen: dict[str, str] = {}
    faults: list[Check] = []
    for check in checks:
        if check.fault:
            faults.append(check)
            code = exit_code(check.error) if check.error else code or INCOMPLETE
        if as_json:
            output.json_line(_check_fields(check))
        else:
            seen[check.name] = check.value
    if not as_json:
        Console().print(Facts(seen))
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
    rows = [
        (finding.fact, finding.grade.value, finding.seen, finding.verdict.value)
        for finding in report.findings
    ]
    table = Rows(("fact", "grade before", "seen", "verdict"), rows, folds=("fact", "seen"))
    print_rows(table, f"{count(report.calls, 'call')} made.")


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
