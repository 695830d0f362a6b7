"""What goes over the wire, without any I/O: a request is built, an answer is read."""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping, Sequence
from typing import Any, Final, Generic, TypeVar
from urllib.parse import quote

import attrs
from yarl import URL

from cubicasa_async.core import codec
from cubicasa_async.core.endpoint import Effect, Endpoint
from cubicasa_async.errors import (
    AnswerError,
    AuthenticationError,
    BadRequestError,
    ConflictError,
    DecodeError,
    FieldError,
    ForbiddenError,
    InvalidInputError,
    NotFoundError,
    Outcome,
    RateLimitError,
    RedirectError,
    ResponseTooLargeError,
    ServerError,
)

T = TypeVar("T")

_PLAIN: Final = re.compile(r"[A-Za-z0-9._~-]+").fullmatch  # as most identifiers are

KEPT_BODY: Final = 64 * 1024
"""How many bytes of an answer an error keeps."""


@attrs.frozen
class Request:
    """A request, ready to be sent any number of times.

    Attributes:
        method: HTTP method.
        url: Absolute URL, encoded.
        body: JSON text, or None.
    """

    method: str
    url: URL
    body: bytes | None


@attrs.frozen
class Answer:
    """What came back.

    Attributes:
        status: HTTP status.
        headers: Headers, found by lower-case name.
        body: The body, decompressed.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_measured(self) -> bool:
        """Whether the body said how long it is, so that a cut one was noticed on its way."""
        return "content-length" in self.headers or "transfer-encoding" in self.headers


@attrs.frozen
class Response(Generic[T]):
    """An answer beside the object it was read into.

    Attributes:
        data: The object.
        status: HTTP status.
        headers: Headers by lower-case name.
        body: The body as it came, decompressed.
    """

    data: T
    status: int
    headers: Mapping[str, str]
    body: bytes


def last_response(kept: Sequence[Response[Any]], data: T) -> Response[T]:
    """The last of some answers, with what was made of it.

    Raises:
        InvalidInputError: There is none.
    """
    if not kept:
        raise InvalidInputError("That is no operation of a client: it made no call.")
    return attrs.evolve(kept[-1], data=data)


def build(
    base_url: str,
    endpoint: Endpoint[Any],
    *,
    path: Mapping[str, str],
    query: str = "",
    body: object | None = None,
    extra_body: Mapping[str, Any] | None = None,
) -> Request:
    """Make the request of one call.

    Args:
        base_url: Where the API is.
        endpoint: What is called.
        path: Values for the path's variable parts, which must have passed `checks.check_id`.
        query: The query, encoded.
        body: The request body, an attrs object or JSON text.
        extra_body: Fields to send besides.

    Raises:
        InvalidInputError: The body holds something that JSON has no form for.
    """
    filled = endpoint.path
    if path:
        filled = filled.format_map({name: _quoted(value) for name, value in path.items()})
    url = f"{base_url}{filled}?{query}" if query else f"{base_url}{filled}"
    return Request(endpoint.method, URL(url, encoded=True), _encode(body, extra_body))


def _quoted(value: str) -> str:
    return value if _PLAIN(value) else quote(value, safe="")


def _encode(body: object | None, extra: Mapping[str, Any] | None) -> bytes | None:
    if body is None and not extra:
        return None
    try:
        if not extra:
            return body if isinstance(body, bytes) else codec.encode(body)
        fields = codec.parse(body) if isinstance(body, bytes) else codec.unstructure(body)
        return codec.encode({**codec.as_mapping(fields), **extra})
    except (TypeError, ValueError, OverflowError) as exc:
        message = "The call was not sent: its body has no form in JSON."
        raise InvalidInputError(message, [FieldError("", str(exc))]) from None


def inflate(body: bytes, encoding: str, limit: int) -> bytes:
    """Undo a Content-Encoding, never making more than `limit` bytes.

    Raises:
        ResponseTooLargeError: The content is larger than that.
        zlib.error: The content is damaged.
        ValueError: The encoding is not one that was asked for.
    """
    if encoding in {"", "identity"}:
        return body
    if encoding not in {"gzip", "x-gzip", "deflate"}:
        raise ValueError(f"unexpected Content-Encoding {encoding!r}")
    try:
        return _inflate(body, zlib.MAX_WBITS | 32, limit)
    except zlib.error:
        if encoding != "deflate":
            raise
        return _inflate(body, -zlib.MAX_WBITS, limit)  # "deflate" is sent with and without header


def _inflate(body: bytes, window: int, limit: int) -> bytes:
    inflater = zlib.decompressobj(window)
    content = inflater.decompress(body, limit + 1)
    if len(content) > limit:
        raise too_large(limit)
    if not inflater.eof:
        raise zlib.error("the compressed data ends too early")
    return content


def too_large(limit: int) -> ResponseTooLargeError:
    """The error for an answer above the bound."""
    return ResponseTooLargeError(
        f"The answer is larger than {limit} bytes and was not read to its end. "
        "Raise max_response_bytes if this is expected.",
        outcome=Outcome.UNKNOWN,
    )


def read(endpoint: Endpoint[T], answer: Answer) -> T:
    """Read an answer into the endpoint's response class; None if it has none.

    Raises:
        AnswerError: The status is not 2xx.
        DecodeError: The content is not what the contract says. After a call with an effect its
            outcome is UNKNOWN: a success that cannot be read is not booked as one.
    """
    if endpoint.response is not None and is_success(answer.status):
        found = codec.read(answer.body, endpoint.response)
        if found is not None:
            return found
    value = read_value(endpoint, answer)
    if endpoint.response is None:
        return None  # type: ignore[return-value] # T is None where there is no response class
    try:
        return codec.structure(value, endpoint.response)
    except codec.CodecError as exc:
        partial = codec.salvage(value, endpoint.response, exc.problems)
        raise unexpected(endpoint, answer, exc.problems, partial=partial) from None


def is_success(status: int) -> bool:
    """Whether a status says that the call was done."""
    return 200 <= status <= 299


def read_value(endpoint: Endpoint[Any], answer: Answer) -> Any:
    """Read an answer into plain objects. Raises as `read` does."""
    if not is_success(answer.status):
        raise refusal(endpoint, answer)
    if endpoint.response is None and not answer.body.strip():
        return None
    try:
        return codec.parse(answer.body)
    except codec.CodecError as exc:
        if _is_html(answer):
            message = (
                f"{endpoint.operation}: the server answered {answer.status} with a web page "
                "instead of JSON. The base URL is wrong, or a proxy or login page answered."
            )
            problem = FieldError("$", "expected JSON, found HTML")
            raise DecodeError(
                message + _doubt(endpoint),
                status=answer.status,
                body=answer.body[:KEPT_BODY],
                problems=[problem],
            ) from None
        raise unexpected(endpoint, answer, exc.problems, incomplete=exc.incomplete) from None


def read_anything(endpoint: Endpoint[Any], answer: Answer) -> Any:
    """Read an answer of unknown content: plain objects if it is JSON, else None.

    Raises:
        AnswerError: The status is not 2xx.
        DecodeError: It claims to be JSON and is not, or is a web page.
    """
    declared = answer.headers.get("content-type", "")
    is_json = "json" in declared or not declared
    if is_success(answer.status) and not (answer.body.strip() and (is_json or _is_html(answer))):
        return None
    return read_value(endpoint, answer)


def unexpected(
    endpoint: Endpoint[Any],
    answer: Answer,
    problems: tuple[FieldError, ...],
    *,
    partial: Any = None,
    incomplete: bool = False,
) -> DecodeError:
    """The error for a 2xx answer whose content is not what the contract says."""
    reason = "ends too early" if incomplete else "is not what the contract says"
    return DecodeError(
        f"{endpoint.operation}: the server answered {answer.status}, but the answer {reason}."
        + _doubt(endpoint),
        status=answer.status,
        body=answer.body[:KEPT_BODY],
        problems=problems,
        partial=partial,
        incomplete=incomplete,
    )


def refusal(endpoint: Endpoint[Any], answer: Answer) -> AnswerError:
    """The error for an answer whose status is not 2xx."""
    cls, sentence = _describe(answer.status)
    outcome = outcome_of(answer.status, endpoint.effect)
    fields = _field_errors(answer.body)
    hint = _server_message(answer) if not fields else ""
    return cls(
        f"{endpoint.operation}: {sentence} ({answer.status})."
        + (f" The server says: {hint}" if hint else "")
        + (_doubt(endpoint) if outcome is Outcome.UNKNOWN else ""),
        status=answer.status,
        outcome=outcome,
        body=answer.body[:KEPT_BODY],
        headers=answer.headers,
        field_errors=fields,
    )


def outcome_of(status: int, effect: Effect) -> Outcome:
    """What a status other than 2xx says of the effect.

    A 4xx and a 503 are refusals. Any other 5xx may come from a gateway after the effect, and a
    301, 302 or 303 may follow a form that was accepted; 307 and 308 mean "not done here".
    """
    if 400 <= status <= 499 or status in {307, 308, 503}:
        return Outcome.REFUSED
    if effect is Effect.READ and 300 <= status <= 399:
        return Outcome.REFUSED
    return Outcome.UNKNOWN


_STATUSES: Final[Mapping[int, tuple[type[AnswerError], str]]] = {
    400: (BadRequestError, "the server refused the request's content"),
    401: (AuthenticationError, "the api key was refused; check the key and the environment"),
    403: (ForbiddenError, "this api key may not do this"),
    404: (NotFoundError, "there is no such thing on the server; check the id and the base URL"),
    409: (ConflictError, "the present state of the thing does not allow this"),
    410: (NotFoundError, "the thing is gone"),
    422: (BadRequestError, "the server refused the request's content"),
    429: (RateLimitError, "too many calls; the server asks to slow down"),
}


def _describe(status: int) -> tuple[type[AnswerError], str]:
    if found := _STATUSES.get(status):
        return found
    if 300 <= status <= 399:
        return RedirectError, (
            "the server redirects; API calls are not redirected, so correct the base URL"
        )
    if status >= 500:
        return ServerError, "the server failed"
    return AnswerError, "the server refused the call"


def _doubt(endpoint: Endpoint[Any]) -> str:
    if endpoint.effect is Effect.READ:
        return ""
    return " Whether it took effect is unknown: look before you repeat it."


def _is_html(answer: Answer) -> bool:
    declared = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    return declared == "text/html" or answer.body[:256].lstrip()[:1] == b"<"


def _field_errors(body: bytes) -> tuple[FieldError, ...]:
    """Faults from `{"validation_error": {"body_params": [{"loc", "msg"}]}}` (observed).

    The sibling lists `query_params`, `path_params` and `form_params` are inferred.
    """
    try:
        envelope = codec.as_mapping(codec.parse(body)).get("validation_error")
    except codec.CodecError:
        return ()
    found: list[FieldError] = []
    for faults in codec.as_mapping(envelope).values():
        for fault in codec.as_list(faults):
            entry = codec.as_mapping(fault)
            where = entry.get("loc")
            name = ".".join(map(str, codec.as_list(where))) or str(where or "")
            found.append(FieldError(name, str(entry.get("msg", "is not valid"))))
    return tuple(found)


def _server_message(answer: Answer) -> str:
    if _is_html(answer):
        return ""
    try:
        said = codec.as_mapping(codec.parse(answer.body))
    except codec.CodecError:
        return ""
    for key in ("message", "error", "detail", "description"):
        if isinstance(text := said.get(key), str) and text.strip():
            return " ".join(text.split())[:300]
    return ""
