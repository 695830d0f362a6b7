"""What all commands share: where to connect, how errors end the command."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, ParamSpec

import attrs
import click

from cubicasa_async.client import AsyncCubiCasa
from cubicasa_async.errors import (
    AnswerError,
    ClientClosedError,
    ConfigError,
    CubiCasaError,
    InvalidInputError,
    JobStoppedError,
    JournalError,
    Outcome,
    StoreError,
)

P = ParamSpec("P")

INCOMPLETE, UNUSABLE, REFUSED, NO_ANSWER, INTERRUPTED = 1, 2, 3, 4, 130


@attrs.frozen
class Target:
    """The installation that the command line names; what is None comes from the environment."""

    environment: str | None = None
    base_url: str | None = None

    def client(self, *, concurrency: int = 20) -> AsyncCubiCasa:
        """A client for it, with the key from the environment. Raises ConfigError."""
        environ = dict(os.environ)
        if self.environment or self.base_url:  # the command line outweighs the environment
            environ["CUBICASA_ENVIRONMENT"] = self.environment or ""
            environ["CUBICASA_BASE_URL"] = self.base_url or ""
        return AsyncCubiCasa.from_env(environ, concurrency=concurrency)


def runs(command: Callable[P, Coroutine[Any, Any, int | None]]) -> Callable[P, None]:
    """Run a coroutine as a command: its result is the exit code, its errors are sentences."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            code = asyncio.run(command(*args, **kwargs))
        except CubiCasaError as exc:
            click.echo(f"Error: {exc}", err=True)
            code = exit_code(exc)
        except KeyboardInterrupt:
            click.echo("Interrupted.", err=True)
            code = INTERRUPTED
        except BrokenPipeError:  # whoever read the output has gone
            sys.stderr.close()
            code = INTERRUPTED
        raise SystemExit(code or 0)

    return run


def exit_code(error: CubiCasaError) -> int:
    """The exit code for an error, as the command's help lists them."""
    match error:
        case ConfigError() | InvalidInputError() | JournalError() | StoreError():
            return UNUSABLE
        case AnswerError() | JobStoppedError() if error.outcome is Outcome.REFUSED:
            return REFUSED
        case ClientClosedError():
            return INTERRUPTED
        case _:
            return NO_ANSWER
