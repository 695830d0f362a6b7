"""A command of the user's as the handler of events."""

from __future__ import annotations

import asyncio
import os
import shlex
import shutil
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

import attrs

from cubicasa_async.cli.output import json_text
from cubicasa_async.core import codec
from cubicasa_async.delivery.events import Event
from cubicasa_async.delivery.handling import Notice
from cubicasa_async.errors import ConfigError

_GRACE: Final = 5.0


class CommandFailedError(Exception):
    """The command did not end with 0."""


@attrs.frozen
class HandlerCommand:
    """Runs a command for each event; ending with 0 means that it is handled.

    It gets the event and the order as one line of JSON on standard input, and the most important
    of it as environment variables. What it writes goes to standard error.

    Attributes:
        words: The command and its arguments; no shell is between.
        timeout: Seconds after which it is ended, and counts as failed.
        variables: Its environment, besides what it is told of the event.
    """

    words: tuple[str, ...]
    timeout: float
    variables: Mapping[str, str] = attrs.field(default=os.environ, repr=False)

    @classmethod
    def parse(
        cls, text: str, timeout: float, variables: Mapping[str, str] = os.environ
    ) -> HandlerCommand:
        """The command as written on a command line. Raises ConfigError."""
        try:
            words = shlex.split(text, posix=os.name == "posix")
        except ValueError as exc:
            raise ConfigError(f"The command of --exec cannot be read: {exc}.") from None
        if not words:
            raise ConfigError("The command of --exec is empty.")
        if shutil.which(words[0], path=variables.get("PATH")) is None:
            raise ConfigError(
                f"The command of --exec cannot be run: {words[0]!r} is no program that is found "
                "and may be executed."
            )
        return cls(tuple(words), timeout, variables)

    async def __call__(self, notice: Notice) -> None:
        """Run it for one event. Raises CommandFailedError."""
        try:
            process = await asyncio.create_subprocess_exec(
                *self.words,
                stdin=asyncio.subprocess.PIPE,
                stdout=sys.stderr,
                env=_environment(self.variables, notice),
                start_new_session=os.name == "posix",  # Ctrl-C is for us, it may come to its end
            )
        except OSError as exc:
            raise CommandFailedError(f"{self.words[0]} cannot be run: {exc.strerror}") from None
        try:
            async with asyncio.timeout(self.timeout):
                await process.communicate(f"{json_text(described(notice))}\n".encode())
        except TimeoutError:
            raise CommandFailedError(f"it did not end within {self.timeout:g} seconds") from None
        finally:
            if process.returncode is None:
                await asyncio.shield(_end(process))
        if process.returncode != 0:
            raise CommandFailedError(f"it ended with {process.returncode}")


def described(notice: Notice) -> dict[str, Any]:
    """A notice as JSON fields."""
    return {
        "event": codec.unstructure(notice.event),
        "reason": reason_of(notice.event),
        "order": codec.unstructure(notice.order),
        "attempt": notice.attempt,
        "source": notice.source,
        "received_at": notice.received_at.isoformat(),
    }


def reason_of(event: Event) -> str | None:
    """Why the order became Ready, in words."""
    return event.reason.value if event.reason else None


def _environment(variables: Mapping[str, str], notice: Notice) -> dict[str, str]:
    event = notice.event
    told = {
        "ORDER_ID": event.order_id,
        "STATUS": event.current_status,
        "PREVIOUS_STATUS": event.previous_status,
        "REASON": reason_of(event),
        "PRODUCT_TYPE": event.product_type,
        "ATTEMPT": notice.attempt,
        "SOURCE": notice.source,
    }
    ours = {f"CUBICASA_EVENT_{name}": str(value or "") for name, value in told.items()}
    others = {name: text for name, text in variables.items() if name != "CUBICASA_WEBHOOK_SECRET"}
    return {**others, **ours}


async def _end(process: asyncio.subprocess.Process) -> None:
    """End a command and all that it has started."""
    for sign in (signal.SIGTERM, getattr(signal, "SIGKILL", signal.SIGTERM)):
        with suppress(ProcessLookupError):
            if os.name == "posix":
                os.killpg(process.pid, sign)
            else:
                process.terminate()
        with suppress(TimeoutError):
            async with asyncio.timeout(_GRACE):
                await process.wait()
                return
