"""Options that many commands have."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

F = TypeVar("F", bound=Callable[..., Any])

_SPAN = re.compile(r"(\d+(?:\.\d+)?)\s*([mhdw])", re.IGNORECASE)
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_LONGEST = timedelta(days=36_500)
STATUSES = ("New", "Draft", "Pending", "Ready", "Fixing")
"""Those that are known of orders; the resources are not loaded for a help."""


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


def port_option(default: int) -> Callable[[F], F]:
    """The option `--port` of what listens."""
    return click.option(
        "--port",
        default=default,
        show_default=True,
        type=click.IntRange(0, 65535),
        help="Port to bind; 0 takes a free one.",
    )


def dry_run_option(command: F) -> F:
    """The option `--dry-run`."""
    text = "Only show what would be done; send and change nothing."
    return click.option("--dry-run", is_flag=True, help=text)(command)


def yes_option(command: F) -> F:
    """The option `--yes`."""
    return click.option("--yes", is_flag=True, help="Do not ask before.")(command)


Completer = Callable[[click.Context, click.Parameter, str], list[Any]]


def one_of(texts: Iterable[str]) -> Completer:
    """Has the shell offer what is known, where other texts may be given too."""
    known = tuple(map(str, texts))
    return lambda _, __, incomplete: [text for text in known if text.startswith(incomplete)]


def profile_names(_: click.Context, __: click.Parameter, incomplete: str) -> list[str]:
    """Has the shell offer the profiles that there are."""
    from cubicasa_async.cli.profile_file import names

    return [name for name in names() if name.startswith(incomplete)]


def file_names(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Has the shell offer files, where a URL may be given too."""
    from click.shell_completion import CompletionItem

    return [CompletionItem(incomplete, type="file")]


Noter = Callable[[click.Context, click.Parameter, tuple[str, ...]], tuple[str, ...]]


def noting(what: str, texts: Iterable[str]) -> Noter:
    """Has each text noted that is not known; it is taken all the same."""
    known = tuple(map(str, texts))

    def noted(_: click.Context, __: click.Parameter, found: tuple[str, ...]) -> tuple[str, ...]:
        for text in found:
            if text not in known:
                listed = ", ".join(known)
                click.echo(f"Note: {text!r} is no known {what}; known are {listed}.", err=True)
        return found

    return noted


def statuses_option(help_text: str, *, default: tuple[str, ...] = ()) -> Callable[[F], F]:
    """The option `--status`, which may be repeated. A status that is not known is noted."""
    return click.option(
        "--status",
        "statuses",
        multiple=True,
        default=default,
        show_default=bool(default),
        callback=noting("status", STATUSES),
        shell_complete=one_of(STATUSES),
        help=f"{help_text} Known: {', '.join(STATUSES)}.",
    )
