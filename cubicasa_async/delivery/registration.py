"""The address that CubiCasa calls: a URL with a secret, since the calls are not signed.

The secret is the last step of the path. A path comes through proxies, frameworks and the vendor's
own storage as it was registered; a query may be dropped, reordered or kept by statistics. Whoever
guesses wrong sees a plain 404.
"""

from __future__ import annotations

import functools
import hashlib
import hmac
import logging
import re
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final
from urllib.parse import unquote, urlsplit, urlunsplit

import attrs

from cubicasa_async.config import Secret
from cubicasa_async.errors import ConfigError

__all__ = ["WebhookSecrets", "hide_secrets"]

_SHORTEST: Final = 16
_LETTERS: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~")


def _secret(value: str | Secret) -> Secret:
    secret = value if isinstance(value, Secret) else Secret(value)
    text = secret.reveal()
    if len(text) < _SHORTEST or not _LETTERS.issuperset(text):
        raise ConfigError(
            f"A webhook secret has {_SHORTEST} characters or more, of letters, digits and -_.~ "
            "only; it is not shown. `cubicasa webhooks secret` or WebhookSecrets.fresh() makes one."
        )
    return secret


def _secrets(values: Iterable[str | Secret]) -> tuple[Secret, ...]:
    return tuple(map(_secret, values))


@attrs.frozen
class WebhookSecrets:
    """The secrets by which a call is known to come from whom the URL was given to.

    To change the secret without losing a call: let the receiver accept the new and the former one,
    register the URL with the new one, and drop the former one when no attempts can be under way
    any more; how long the vendor keeps trying is not documented, so leave it for a day.

    Attributes:
        current: The one that goes into new URLs.
        former: Older ones that are still accepted.

    Raises:
        ConfigError: A secret is too short, or holds characters that a path would not keep.
    """

    current: Secret = attrs.field(converter=_secret)
    former: tuple[Secret, ...] = attrs.field(default=(), converter=_secrets)

    @classmethod
    def fresh(cls) -> WebhookSecrets:
        """A new random secret of 256 bits."""
        return cls(Secret(secrets.token_urlsafe(32)))

    def replaced_by(self, secret: str | Secret) -> WebhookSecrets:
        """These, with another current one; the present ones stay accepted."""
        return WebhookSecrets(_secret(secret), (self.current, *self.former))

    def url(self, base: str) -> str:
        """The URL to register: the base with the current secret as its path's last step.

        Args:
            base: Where your receiver is, such as `https://hooks.example.com/cubicasa`.

        Raises:
            ConfigError: The base is no absolute http or https URL, or has a query or fragment.
        """
        try:
            parts = urlsplit(base.strip())
        except ValueError:
            parts = urlsplit("")
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname)
        if not usable or parts.query or parts.fragment:
            raise ConfigError(
                "The base of a webhook's URL must be an absolute http or https URL without a "
                "query or fragment."
            )
        path = f"{parts.path.rstrip('/')}/{self.current.reveal()}"
        return urlunsplit((parts.scheme, parts.netloc, path, "", ""))

    def accepts(self, path: str) -> bool:
        """Whether a path's last step is one of the secrets, in a time that tells nothing of it."""
        step = unquote(path.partition("?")[0].rstrip("/").rpartition("/")[2])
        given = _digest(step)
        found = False
        for secret in (self.current, *self.former):
            found |= hmac.compare_digest(given, _digest(secret.reveal()))
        return found

    def redact(self, text: str) -> str:
        """The text with all secrets blotted out, however a URL spells them."""
        for secret in (self.current, *self.former):
            text = _spellings(secret).sub("***", text)
        return text


@functools.cache
def _spellings(secret: Secret) -> re.Pattern[str]:
    # Any letter may be percent-encoded, and a log may encode the percent sign again.
    return re.compile(
        "".join(f"(?:{re.escape(one)}|%(?:25)*(?i:{ord(one):02x}))" for one in secret.reveal())
    )


def _digest(text: str) -> bytes:
    # Of one length, so that the comparison does not tell how long a secret is.
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


_Args = tuple[object, ...] | Mapping[str, object] | None


@attrs.frozen(eq=False)
class _Redaction(logging.Filter):
    """Blots the secrets out of what a logger is given."""

    known: WebhookSecrets

    def filter(self, record: logging.LogRecord) -> bool:
        self._blot_traceback(record)
        record.args = self._named_or_placed(record.args)
        for name, value in list(vars(record).items()):
            if name not in {"args", "exc_info"}:
                setattr(record, name, self._redacted(value))
        return True

    def _blot_traceback(self, record: logging.LogRecord) -> None:
        """Have the traceback written from its text if it holds a secret."""
        if record.exc_info:
            text = record.exc_text or logging.Formatter().formatException(record.exc_info)
            if self.known.redact(text) != text:
                record.exc_info, record.exc_text = None, text

    def _named_or_placed(self, args: _Args) -> _Args:
        """The args as they are, as some formatters take them apart by their names or places."""
        if isinstance(args, Mapping):
            return _Redacted(args, self._redacted)
        return args and tuple(map(self._redacted, args))

    def _redacted(self, value: object) -> object:
        if isinstance(value, str):
            return self.known.redact(value)
        if value is None or isinstance(value, (int, float)):
            return value
        try:
            text = str(value)
        except Exception:  # noqa: BLE001 # it is for the log to say that it cannot be shown
            return value
        return value if (shown := self.known.redact(text)) == text else shown


@attrs.frozen(eq=False, repr=False)
class _Redacted(Mapping[str, object]):
    """A mapping as it is, also in how it answers to names that it has not, without the secrets."""

    found: Mapping[str, object]
    redacted: Callable[[object], object]

    def __getitem__(self, name: str) -> object:
        return self.redacted(self.found[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self.found)

    def __len__(self) -> int:
        return len(self.found)

    def __repr__(self) -> str:
        return str(self.redacted(repr(self.found)))


def hide_secrets(known: WebhookSecrets, *loggers: str) -> None:
    """Blot the secrets out of access logs, which write down paths.

    Args:
        known: The secrets.
        *loggers: Names of loggers; those of the access logs of aiohttp, uvicorn, hypercorn,
            gunicorn, Werkzeug and Django's server by default.
    """
    for name in loggers or _ACCESS_LOGS:
        logging.getLogger(name).addFilter(_Redaction(known))


_ACCESS_LOGS: Final = (
    "aiohttp.access",
    "uvicorn.access",
    "hypercorn.access",
    "gunicorn.access",
    "werkzeug",
    "django.server",
    "django.request",
)
