"""The address that CubiCasa calls: a URL with a secret, since the calls are not signed.

The secret is the last step of the path. A path comes through proxies, frameworks and the vendor's
own storage as it was registered; a query may be dropped, reordered or kept by statistics. Whoever
guesses wrong sees a plain 404.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import secrets
from collections.abc import Iterable
from typing import Final, cast
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
        """The text with all secrets blotted out."""
        for secret in (self.current, *self.former):
            text = secret.redact(text)
        return text


def _digest(text: str) -> bytes:
    # Of one length, so that the comparison does not tell how long a secret is.
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


@attrs.frozen(eq=False)
class _Redaction(logging.Filter):
    """Blots the secrets out of what a logger is given."""

    known: WebhookSecrets

    def filter(self, record: logging.LogRecord) -> bool:
        for name, value in list(vars(record).items()):
            setattr(record, name, self._redacted(value))
        return True

    def _redacted(self, value: object) -> object:
        if isinstance(value, str):
            return self.known.redact(value)
        if isinstance(value, tuple):  # the args, which some formatters take apart by their places
            return tuple(map(self._redacted, cast("tuple[object, ...]", value)))
        if value is None or isinstance(value, (int, float)):
            return value
        text = str(value)
        return value if (shown := self.known.redact(text)) == text else shown


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
