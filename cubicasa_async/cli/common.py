"""What all commands share: where to connect, how errors end the command."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec

import click

if TYPE_CHECKING:
    from cubicasa_async.cli.settings import Settings
    from cubicasa_async.client import AsyncCubiCasa
    from cubicasa_async.errors import CubiCasaError

P = ParamSpec("P")

_CORRECTED = "The command's --help says how to correct it."
INCOMPLETE, UNUSABLE, REFUSED, NO_ANSWER, INTERRUPTED = 1, 2, 3, 4, 130


class Target:
    """What the command line says of the installation; what is None comes from elsewhere.

    Args:
        profile: Name of a profile.
        environment: Name of one of the vendor's installations.
        base_url: Where another installation is.
        proxy: URL of an HTTP proxy.
    """

    def __init__(
        self,
        *,
        profile: str | None = None,
        environment: str | None = None,
        base_url: str | None = None,
        proxy: str | None = None,
    ) -> None:
        self.profile = profile
        self.environment = environment
        self.base_url = base_url
        self.proxy = proxy

    def variables(self, environ: Mapping[str, str]) -> dict[str, str]:
        """Variables by which this command means the same when a command of the user's runs it."""
        found = dict(environ)
        if self.profile is not None:
            for name in ("CUBICASA_API_KEY", "CUBICASA_ENVIRONMENT", "CUBICASA_BASE_URL"):
                found.pop(name, None)
            found["CUBICASA_PROFILE"] = self.profile
        if self.environment or self.base_url:
            found["CUBICASA_ENVIRONMENT"] = self.environment or ""
            found["CUBICASA_BASE_URL"] = self.base_url or ""
        if self.proxy:
            found["CUBICASA_PROXY"] = self.proxy
        return found

    def settings(self) -> Settings:
        """What is in force, and where it comes from. Raises ConfigError."""
        from cubicasa_async.cli.settings import settled

        return settled(self)

    def client(self, *, concurrency: int = 20) -> AsyncCubiCasa:
        """A client for it. Raises ConfigError."""
        return self.settings().client(concurrency=concurrency)


def runs(command: Callable[P, Coroutine[Any, Any, int | None]]) -> Callable[P, None]:
    """Run a coroutine as a command: its result is the exit code, its errors are sentences."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        import asyncio
        import warnings

        from cubicasa_async.errors import CubiCasaError, InferredPathWarning

        said: set[str] = set()

        def say(message: Warning | str, *_: Any, **__: Any) -> None:
            text = str(message)
            if isinstance(message, InferredPathWarning):
                text = f"{message.fact} {_CORRECTED}"
            if text not in said:
                said.add(text)
                click.echo(f"Note: {text}", err=True)

        try:
            with warnings.catch_warnings():
                warnings.simplefilter("always", InferredPathWarning)
                warnings.showwarning = say
                code = asyncio.run(command(*args, **kwargs))
        except CubiCasaError as exc:
            click.echo(f"Error: {exc}", err=True)
            code = exit_code(exc)
        except (KeyboardInterrupt, click.Abort):  # click's own is of a question
            click.echo("Interrupted.", err=True)
            code = INTERRUPTED
        raise SystemExit(code or 0)

    return run


def exit_code(error: CubiCasaError) -> int:
    """The exit code for an error, as the command's help lists them."""
    from cubicasa_async.errors import (
        AnswerError,
        ClientClosedError,
        ConfigError,
        InvalidInputError,
        JobStoppedError,
        JournalError,
        Outcome,
        StoreError,
    )

    match error:
        case ConfigError() | InvalidInputError() | JournalError() | StoreError():
            return UNUSABLE
        case AnswerError() | JobStoppedError() if error.outcome is Outcome.REFUSED:
            return REFUSED
        case ClientClosedError():
            return INTERRUPTED
        case _:
            return NO_ANSWER
