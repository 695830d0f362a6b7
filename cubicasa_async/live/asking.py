"""Asking the service, by GET only, and keeping whatever came back."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import attrs

from cubicasa_async.client import AsyncCubiCasa
from cubicasa_async.config import RequestOptions
from cubicasa_async.core import codec
from cubicasa_async.core.endpoint import Effect, Endpoint
from cubicasa_async.core.paging import read_page
from cubicasa_async.core.walk import Page
from cubicasa_async.core.wire import Answer, Response
from cubicasa_async.errors import AnswerError, CubiCasaError, DecodeError
from cubicasa_async.resources.index import ENDPOINTS, corrected


@attrs.frozen
class Seen:
    """What came of one question.

    Attributes:
        endpoint: What was asked, under the path in force.
        answer: What the server answered, whatever its status; None if nothing came.
        error: Why it is not a good answer; None if it is one.
        omitted: Why nothing was asked; empty if it was.
    """

    endpoint: Endpoint[Any]
    answer: Answer | None = None
    error: CubiCasaError | None = None
    omitted: str = ""

    @property
    def status(self) -> int:
        """The HTTP status; 0 if none came."""
        return self.answer.status if self.answer else 0

    @property
    def good(self) -> bool:
        """Whether it is an answer of a status 2xx that is no web page."""
        return 200 <= self.status <= 299 and not self.is_web_page

    @property
    def is_web_page(self) -> bool:
        """Whether HTML came."""
        if self.answer is None:
            return False
        declared = self.answer.headers.get("content-type", "")
        return "text/html" in declared or self.answer.body[:256].lstrip()[:1] == b"<"

    @property
    def is_pdf(self) -> bool:
        """Whether a PDF came."""
        return self.answer is not None and self.answer.body.lstrip()[:5] == b"%PDF-"

    @property
    def data(self) -> Any:
        """The JSON value that came; None if none did."""
        try:
            return codec.parse(self.answer.body) if self.answer else None
        except codec.CodecError:
            return None

    def page(self, offset: int = 0) -> Page[Any] | None:
        """The page of a list that came; None if none did."""
        if self.answer is None or not self.good:
            return None
        try:
            return read_page(self.endpoint, self.answer, offset)
        except DecodeError:
            return None


class Asker:
    """Asks, and counts how often.

    Args:
        client: Whose service is asked.
        options: Settings of each call.
    """

    def __init__(self, client: AsyncCubiCasa, options: RequestOptions) -> None:
        self._client = client
        self._options = options
        declared = {endpoint.operation: endpoint for endpoint in ENDPOINTS}
        self._endpoints = {**declared, **corrected(client.config.paths)}
        self.calls: int = 0

    def omit(self, operation: str, why: str) -> Seen:
        """What is known of an operation that is not asked."""
        return Seen(self._endpoints[operation], omitted=why)

    async def ask(self, operation: str, *, query: dict[str, str] | None = None, **ids: str) -> Seen:
        """Call an operation under the path in force. Failures are given back, never raised.

        The key does not stand in what is given back, also if the server echoed it.
        """
        endpoint = self._endpoints[operation]
        if endpoint.method != "GET":
            return self.omit(
                operation, f"{endpoint.method} was not called, as it may change things"
            )
        path = endpoint.path.format_map(
            {name: quote(value, safe="") for name, value in ids.items()}
        )
        self.calls += 1
        try:
            found: Response[Any] = await self._client.request(
                "GET", path, query=query or {}, effect=Effect.READ, options=self._options
            )
        except AnswerError as exc:
            return Seen(endpoint, Answer(exc.status, exc.headers, exc.body), exc)
        except DecodeError as exc:
            return Seen(endpoint, Answer(exc.status, {}, exc.body), exc)
        except CubiCasaError as exc:
            return Seen(endpoint, error=exc)
        secret = self._client.config.api_key
        return Seen(endpoint, Answer(found.status, found.headers, secret.redact_bytes(found.body)))
