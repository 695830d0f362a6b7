"""Options that many commands have, and the question before what cannot be taken back."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

_SPAN = re.compile(r"(\d+(?:\.\d+)?)\s*([mhdw])", re.IGNORECASE)
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_LONGEST = timedelta(days=36_500)


def span(text: str) -> timedelta:
    """A length of time, such as "90m", "12h", "7d" or "2w"; a type of options."""
    found = _SPAN.fullmatch(text.strip())
    if found is None:
        raise click.BadParameter(f"{text!r} is no length of time such as 90m, 12h, 7d or 2w.")
    unit = timedelta(**{_UNITS[found[2].lower()]: 1})
    if float(found[1]) > _LONGEST / unit:
        raise click.BadParameter(f"{text!r} is longer than {_LONGEST.days} days.")
    return float(found[1]) * unit


def json_option(command: F) -> F:
    """The option `--json`."""
    text = "JSON lines, as when the output is piped."
    return click.option("--json", "as_json", is_flag=True, help=text)(command)


def dry_run_option(command: F) -> F:
    """The option `--dry-run`."""
    text = "Only show what would be done; send and change nothing."
    return click.option("--dry-run", is_flag=True, help=text)(command)


def yes_option(command: F) -> F:
    """The option `--yes`."""
    return click.option("--yes", is_flag=True, help="Do not ask before.")(command)


def is_confirmed(question: str, *, yes: bool, refusal: str, about: str = "") -> bool:
    """Whether to go on with what costs money or deletes; a person is asked.

    Args:
        question: What to ask, without the question mark.
        yes: Whether the command line says it already.
        refusal: What to say where nobody can be asked.
        about: What it is about, shown before the question.

    Raises:
        click.UsageError: It is not said, and nobody can be asked.
    """
    if yes:
        return True
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise click.UsageError(refusal)
    if about:
        click.echo(about, err=True)
    if click.confirm(f"{question}?", err=True):
        return True
    click.echo("Nothing was sent.", err=True)
    return False
