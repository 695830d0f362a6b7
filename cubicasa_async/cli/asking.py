"""Asking a person: before what cannot be taken back, and for what must not be seen."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager

import click


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
    with _ended_by_ctrl_c():
        if click.confirm(f"{question}?", err=True):
            return True
    click.echo("Nothing was sent.", err=True)
    return False


def asked_secret(words: str, *, may_be_empty: bool = False) -> str:
    """What a person types; it is not shown. There must be a terminal."""
    default = "" if may_be_empty else None
    with _ended_by_ctrl_c():
        return str(
            click.prompt(words, hide_input=True, default=default, show_default=False, err=True)
        )


@contextmanager
def _ended_by_ctrl_c() -> Generator[None]:
    """Within it Ctrl-C ends a question at once. An event loop would wait for its answer first."""
    if threading.current_thread() is not threading.main_thread():  # which gets no signals
        yield
        return
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
