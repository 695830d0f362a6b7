"""The request that a call would send, made as the call makes it, and not sent."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Coroutine, Generator, Mapping
from contextlib import contextmanager
from typing import Any, Final, TypeVar

import click

from cubicasa_async._version import __version__
from cubicasa_async.cli import output
from cubicasa_async.cli.asking import is_confirmed
from cubicasa_async.config import DEFAULTS, Config, RequestOptions
from cubicasa_async.core import codec, wire
from cubicasa_async.core.endpoint import Effect, Endpoint
from cubicasa_async.core.runtime import Runtime
from cubicasa_async.core.transport import Transport
from cubicasa_async.resources.base import Resource
from cubicasa_async.resources.index import corrected

T = TypeVar("T")
R = TypeVar("R", bound=Resource)

HIDDEN: Final = "***"


class _MadeError(Exception):
    """Ends a call where its request is ready."""

    def __init__(self, request: wire.Request) -> None:
        super().__init__()
        self.request = request


class _Rehearsal(Transport):
    """Takes calls as the transport does, and sends nothing."""

    async def call(
        self,
        endpoint: Endpoint[T],
        *,
        options: RequestOptions,
        path: Mapping[str, str] | None = None,
        query: str = "",
        body: object | None = None,
        read: Callable[[Endpoint[T], wire.Answer], T] = wire.read,  # noqa: ARG002 # the transport's
    ) -> T:
        """Make the request, and end the call by it."""
        raise _MadeError(
            wire.build(
                str(self.config.base_url),
                self._current(endpoint),
                path=path or {},
                query=query,
                body=body,
                extra_body=options.extra_body,
            )
        )


async def rehearse(
    config: Config, resource: type[R], call: Callable[[R], Coroutine[Any, Any, object]]
) -> wire.Request:
    """The request that a call of a resource would send.

    Raises:
        CubiCasaError: What it was given is refused before anything would be sent.
    """
    transport = _Rehearsal(
        config, runtime=Runtime(), version=__version__, corrected=corrected(config.paths)
    )
    try:
        await call(resource(transport, DEFAULTS))
    except _MadeError as made:
        return made.request
    raise AssertionError("a call has made no request")


def shown(request: wire.Request, base_url: str, secrets: Collection[str] = ()) -> dict[str, Any]:
    """A request as JSON fields.

    Args:
        request: The request.
        base_url: Where the API is.
        secrets: Fields of its body whose value is not to be seen.
    """
    body = dict(codec.as_mapping(codec.parse(request.body))) if request.body else None
    if body is not None:
        body |= {name: HIDDEN for name in secrets if name in body}
    path = str(request.url).removeprefix(base_url)
    return {"method": request.method, "path": path, "base_url": base_url, "body": body}


def in_words(fields: Mapping[str, Any]) -> str:
    """A request as a person reads it."""
    line = f"{fields['method']} {fields['path']}"
    if fields["body"] is None:
        return line
    return f"{line}\n{output.json_text(fields['body'], indent=2)}"


def tell(fields: Mapping[str, Any], *, as_json: bool) -> None:
    """Say what would be sent."""
    if output.wants_json(as_json):
        output.json_line({"type": "request", **fields})
    else:
        click.echo(f"To {fields['base_url']} would be sent:\n{in_words(fields)}")
        click.echo("Nothing was sent.")


def is_meant(reason: str, fields: Mapping[str, Any], *, yes: bool) -> bool:
    """Whether a request is to be sent that costs money or deletes; a person is asked.

    Raises:
        click.UsageError: It is not said, and nobody can be asked.
    """
    return is_confirmed(
        f"{reason}. Send it",
        yes=yes,
        refusal=f"{reason}. Look at it with --dry-run, and add --yes if it is meant.",
        about=f"To {fields['base_url']}:\n{in_words(fields)}",
    )


@contextmanager
def no_silent_end(effect: Effect, what: str) -> Generator[None]:
    """Say so if a call is interrupted that may have had its effect all the same."""
    try:
        yield
    except asyncio.CancelledError:
        if effect is not Effect.READ:
            click.echo(
                f"{what} was interrupted. Whether it took effect is unknown: look before you "
                "repeat it.",
                err=True,
            )
        raise
