"""Answers without a server, for what concerns no connection.

aioresponses stands above pool, timeouts and redirects, so it says nothing about them. It is used
here only, so that it can be exchanged in one place.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterator
from typing import Any, cast
from unittest.mock import Mock

import aiohttp
import attrs
from aioresponses import CallbackResult, aioresponses
from yarl import URL

BASE_URL = "https://api.example.test/v3"


class _Response(aiohttp.ClientResponse):
    """What aiohttp 3.14 asks for and aioresponses 0.7.9 does not give."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if "stream_writer" in inspect.signature(aiohttp.ClientResponse.__init__).parameters:
            kwargs.setdefault("stream_writer", Mock())
        super().__init__(*args, **kwargs)


def _settled(path: str) -> str:
    """A path as aioresponses gives it: not as encoded as it was, its query sorted."""
    url = URL(path)
    return str(url.with_query(sorted(url.query.items())))


@attrs.frozen
class Asked:
    """A request as it left the client."""

    method: str
    path: str = attrs.field(converter=_settled)
    body: Any = None


class Answers:
    """Gives the answers that it was told, and keeps what was asked."""

    def __init__(self, mocked: aioresponses) -> None:
        self._mocked = mocked
        self.asked: list[Asked] = []

    def give(self, method: str, body: Any = None, *, status: int = 200) -> None:
        """Answer the next call of a method with JSON or bytes."""
        raw = isinstance(body, bytes)

        def keep(url: URL, **sent: Any) -> CallbackResult:
            content = sent.get("data")
            asked = json.loads(content.decode()) if content else None
            self.asked.append(Asked(method, str(url).removeprefix(BASE_URL), asked))
            return CallbackResult(
                status=status,
                body=body if raw else json.dumps(body),
                content_type="application/pdf" if raw else "application/json",
                response_class=_Response,
            )

        anywhere = re.compile(re.escape(BASE_URL))
        mocked = cast("Any", self._mocked)  # its types are not complete
        mocked.add(anywhere, method, callback=keep, response_class=_Response)


def answers() -> Iterator[Answers]:
    with aioresponses() as mocked:
        yield Answers(mocked)
