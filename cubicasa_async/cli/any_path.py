"""A call of any path: what it is known to do, and what would be sent."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlencode

import attrs
import click

from cubicasa_async.cli import preview
from cubicasa_async.config import Secret
from cubicasa_async.core import codec, wire
from cubicasa_async.core.endpoint import Effect, Endpoint, raw_endpoint
from cubicasa_async.resources.index import ENDPOINTS, corrected

NO_KEY: Final = Secret("none")
_VARIABLE: Final = re.compile(r"\\\{[a-z_]+\\\}")


@attrs.frozen
class Call:
    """A call of any path.

    Attributes:
        endpoint: What is called, with its effect.
        declared: The operation that it is; None if it is none that is known.
        query: Query parameters.
        body: JSON object to send.
    """

    endpoint: Endpoint[Any]
    declared: Endpoint[Any] | None
    query: tuple[tuple[str, str], ...]
    body: Mapping[str, Any] | None

    @classmethod
    def of(
        cls,
        method: str,
        path: str,
        pairs: Iterable[str],
        text: str | None,
        effect: str | None,
        corrections: Mapping[str, str],
    ) -> Call:
        """A call as it is typed.

        Raises:
            click.UsageError: An option cannot be used.
            InvalidInputError: The method or the path cannot.
        """
        path, _, in_path = path.partition("?")
        declared = _declared(method.upper(), path, corrections)
        wanted = Effect(effect) if effect else None
        if declared is not None:
            if wanted not in {None, declared.effect}:
                raise click.UsageError(
                    f"{method.upper()} {path} is {declared.operation}, whose effect is "
                    f"{declared.effect.value}."
                )
            wanted = declared.effect
        return cls(
            endpoint=raw_endpoint(method, path, wanted, None),
            declared=declared,
            query=(*parse_qsl(in_path, keep_blank_values=True), *map(_pair, pairs)),
            body=None if text is None else _object(text),
        )

    @property
    def reason_to_ask(self) -> str:
        """Why a person is asked before it; empty if nobody is."""
        if self.endpoint.effect is Effect.PURCHASE:
            return "This costs money"
        if self.endpoint.method == "DELETE":
            return "This deletes"
        if self.declared is None and self.endpoint.effect is Effect.CREATE:
            return "This is no operation that is known, so it may cost money"
        return ""

    def shown(self, base_url: str) -> dict[str, Any]:
        """What would be sent, as JSON fields."""
        request = wire.build(
            base_url, self.endpoint, path={}, query=urlencode(self.query), body=self.body
        )
        return preview.shown(request, base_url)


def _declared(method: str, path: str, corrections: Mapping[str, str]) -> Endpoint[Any] | None:
    """The operation of a method and a path, however the path is spelt."""
    plain = "/" + "/".join(part for part in unquote(path).lower().split("/") if part)
    for endpoint in (*corrected(corrections).values(), *ENDPOINTS):
        pattern = _VARIABLE.sub("[^/]+", re.escape(endpoint.path))
        if method == endpoint.method and re.fullmatch(pattern, plain):
            return endpoint
    return None


def _pair(text: str) -> tuple[str, str]:
    name, mark, value = text.partition("=")
    if not mark or not name:
        raise click.UsageError(f"{text!r} is not of the form --query NAME=TEXT.")
    return name, value


def _object(text: str) -> dict[str, Any]:
    try:
        if text.startswith("@"):
            with click.open_file(text[1:], encoding="utf-8") as file:
                text = file.read()
        found = json.loads(text)
    except OSError as exc:
        raise click.UsageError(f"--body {text} cannot be read: {exc.strerror}.") from None
    except ValueError as exc:
        raise click.UsageError(f"--body is not JSON: {exc}.") from None
    if not isinstance(found, dict):
        raise click.UsageError("--body is not a JSON object.")
    return dict(codec.as_mapping(found))
