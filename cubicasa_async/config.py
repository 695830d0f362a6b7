"""Settings of a client, and of a single call."""

from __future__ import annotations

import enum
import html
import ipaddress
import json
import os
import re
import ssl
from collections.abc import Mapping
from typing import Any, Final, TypedDict, Unpack
from urllib.parse import quote

import attrs
from yarl import URL

from cubicasa_async.core.limits import Priority
from cubicasa_async.core.policy import RetryPolicy
from cubicasa_async.errors import ConfigError


class Environment(enum.StrEnum):
    """The vendor's installations (observed)."""

    PRODUCTION = "production"
    QA = "qa"

    @property
    def base_url(self) -> str:
        """Base URL of the API, version included."""
        return _BASE_URLS[self]


_BASE_URLS: Final = {
    Environment.PRODUCTION: "https://app.cubi.casa/api/integrate/v3",
    Environment.QA: "https://qa-customers.cubi.casa/api/integrate/v3",
}


class Secret:
    """A text that shows itself only when asked for by name."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself."""
        return self._text

    def redact(self, text: str) -> str:
        """The given text with this secret blotted out."""
        for spelling in self._spellings():
            text = text.replace(spelling, "***")
        return text

    def redact_bytes(self, body: bytes) -> bytes:
        """The given bytes with this secret blotted out."""
        for spelling in self._spellings():
            body = body.replace(spelling.encode(), b"***")
        return body

    def _spellings(self) -> set[str]:
        """How an answer may spell it: as it is, in JSON, in a URL, in HTML."""
        in_json = json.dumps(self._text)[1:-1]
        in_url, in_html = quote(self._text, safe=""), html.escape(self._text)
        return {self._text, in_json, in_json.replace("/", "\\/"), in_url, in_html}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        return hash((Secret, self._text))

    def __repr__(self) -> str:
        return "Secret('***')"

    def __reduce__(self) -> Any:
        raise TypeError("a Secret is not pickled; pass the key by the environment")


@attrs.frozen(kw_only=True)
class RequestOptions:
    """Settings of one call; what is None is taken from the client's.

    Attributes:
        timeout: Seconds that one attempt may take.
        deadline: Seconds that the whole call may take: attempts, waits and queueing.
        retries: How often the call may be repeated after its first attempt.
        headers: Further headers. The api key cannot be replaced this way.
        priority: Whether the call goes before or after others that wait for their turn.
        extra_body: Fields added to the request's JSON object as they are, unchecked: for what the
            API knows and this library does not. The server ignores unknown ones (observed).
    """

    timeout: float | None = None
    deadline: float | None = None
    retries: int | None = None
    headers: Mapping[str, str] | None = None
    priority: Priority | None = None
    extra_body: Mapping[str, Any] | None = attrs.field(default=None, repr=False)

    def __attrs_post_init__(self) -> None:
        for name in ("timeout", "deadline"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ConfigError(f"{name} must be a number of seconds above 0, not {value!r}.")
        if self.retries is not None and self.retries < 0:
            raise ConfigError(f"retries must be 0 or more, not {self.retries!r}.")
        for name, value in (self.headers or {}).items():
            if not _HEADER_NAME.fullmatch(name) or not _is_header(value):
                raise ConfigError(f"The header {name!r} holds characters that HTTP does not allow.")
            if name.lower() in _OWN_HEADERS:
                raise ConfigError(f"The header {name!r} is set by the client itself.")

    def over(self, base: RequestOptions) -> RequestOptions:
        """These settings, completed by those of `base`."""
        mine = {name: value for name, value in _shallow(self).items() if value is not None}
        for name in ("headers", "extra_body"):
            if name in mine:
                mine[name] = {**(getattr(base, name) or {}), **mine[name]}
        return attrs.evolve(base, **mine)


_OWN_HEADERS: Final = frozenset(
    {"api-key", "host", "content-type", "content-length", "transfer-encoding", "accept-encoding"}
)
_HEADER_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")


def _shallow(options: RequestOptions) -> dict[str, Any]:
    return attrs.asdict(options, recurse=False)


def _is_header(value: str) -> bool:
    return value.isascii() and value.isprintable()


DEFAULTS: Final = RequestOptions(
    timeout=30.0, deadline=60.0, retries=3, headers={}, priority=Priority.INTERACTIVE
)
"""What a call uses where nothing else is said."""


def _complete(options: RequestOptions) -> RequestOptions:
    return options.over(DEFAULTS)


class Settings(TypedDict, total=False):
    """What a client can be given besides key and host, as Config describes it."""

    options: RequestOptions
    retry: RetryPolicy
    concurrency: int
    connect_timeout: float
    max_response_bytes: int
    page_size: int
    proxy: str | None
    ssl: ssl.SSLContext | bool
    paths: Mapping[str, str]


@attrs.frozen(kw_only=True)
class Config:
    """Settings of a client.

    Attributes:
        api_key: The key that the vendor gave you.
        base_url: Where the API is, version included.
        options: Defaults of every call.
        retry: How waits between attempts grow.
        concurrency: How many calls run at once; the others wait for their turn.
        connect_timeout: Seconds that making a connection may take.
        max_response_bytes: Bound on an answer's size after decompression.
        page_size: Records asked for per page of a list (50 is used in production, observed).
        proxy: URL of an HTTP proxy; the environment's proxy variables are not read.
        ssl: TLS settings; True is the default verification. It cannot be switched off.
        paths: Corrections of inferred paths, "METHOD PATH" or "PATH" by operation, as in
            `{"offices.list": "GET /companies/offices"}`.
    """

    api_key: Secret
    base_url: URL
    options: RequestOptions = attrs.field(default=DEFAULTS, converter=_complete)
    retry: RetryPolicy = attrs.field(factory=RetryPolicy)
    concurrency: int = 20
    connect_timeout: float = 10.0
    max_response_bytes: int = 32 * 1024 * 1024
    page_size: int = 50
    proxy: str | None = attrs.field(default=None, repr=False)
    ssl: ssl.SSLContext | bool = True
    paths: Mapping[str, str] = attrs.field(factory=dict[str, str])

    def __attrs_post_init__(self) -> None:
        if self.concurrency < 1 or self.page_size < 1 or self.max_response_bytes < 1:
            raise ConfigError("concurrency, page_size and max_response_bytes must be 1 or more.")
        if not self.connect_timeout > 0:
            raise ConfigError("connect_timeout must be a number of seconds above 0.")
        if self.ssl is False:
            raise ConfigError(
                "TLS verification cannot be switched off. For a private certificate authority "
                "pass ssl=ssl.create_default_context(cafile=...)."
            )

    @classmethod
    def make(
        cls,
        *,
        api_key: str | Secret,
        environment: Environment | str | None = None,
        base_url: str | None = None,
        **settings: Unpack[Settings],
    ) -> Config:
        """Settings from plain values.

        Raises:
            ConfigError: The key or the base URL cannot be used, or both an environment and a base
                URL were given.
        """
        if environment is not None and base_url is not None:
            raise ConfigError("Give either environment or base_url, not both.")
        if base_url is None:
            try:
                base_url = Environment(environment or Environment.PRODUCTION).base_url
            except ValueError:
                known = ", ".join(Environment)
                raise ConfigError(
                    f"There is no environment {str(environment)!r}; known are {known}. "
                    "For another host give base_url."
                ) from None
        return cls(api_key=_check_key(api_key), base_url=check_base_url(base_url), **settings)

    @classmethod
    def from_env(
        cls, environ: Mapping[str, str] = os.environ, **settings: Unpack[Settings]
    ) -> Config:
        """Settings from CUBICASA_API_KEY, CUBICASA_ENVIRONMENT and CUBICASA_BASE_URL.

        This is the only place where the environment is read.

        Raises:
            ConfigError: A variable is missing or cannot be used.
        """
        key = environ.get("CUBICASA_API_KEY", "")
        if not key.strip():
            raise ConfigError("No api key: set the environment variable CUBICASA_API_KEY.")
        return cls.make(
            api_key=key,
            environment=environ.get("CUBICASA_ENVIRONMENT") or None,
            base_url=environ.get("CUBICASA_BASE_URL") or None,
            **settings,
        )


def _check_key(key: str | Secret) -> Secret:
    text = (key.reveal() if isinstance(key, Secret) else key).strip()
    if not text:
        raise ConfigError("The api key is empty.")
    if not _is_header(text):
        raise ConfigError("The api key holds characters that a key cannot hold; it is not shown.")
    return Secret(text)


def check_base_url(text: str) -> URL:
    """A base URL that the key may be sent to.

    Raises:
        ConfigError: It is no URL, holds credentials or a query, or would send the key in clear.
    """
    try:
        url = URL(text.strip())
        host = url.host
    except ValueError:
        host = None
        url = URL()
    if url.scheme not in {"http", "https"} or not host:
        raise ConfigError("The base URL must look like https://host/api/integrate/v3.")
    if url.user or url.password or url.query_string or url.fragment:
        raise ConfigError("The base URL must hold neither credentials nor a query or fragment.")
    if url.scheme == "http" and not _is_loopback(host):
        raise ConfigError(
            f"The base URL of {host} must be https: plain http would send the api key in clear."
        )
    return URL(str(url).rstrip("/"), encoded=True)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
