"""Whether a client can work: what is in force, and what the service says to a first call."""

from __future__ import annotations

import platform
import ssl
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from typing import Final

import attrs
from yarl import URL

from cubicasa_async._version import __version__
from cubicasa_async.client import AsyncCubiCasa
from cubicasa_async.config import Config, Environment, RequestOptions
from cubicasa_async.core.policy import parse_http_date
from cubicasa_async.errors import (
    AnswerError,
    AuthenticationError,
    CallTimeoutError,
    ConnectError,
    CubiCasaError,
    DecodeError,
    ForbiddenError,
    NotFoundError,
    RateLimitError,
    RedirectError,
)
from cubicasa_async.live.asking import Asker, Seen

LARGEST_SKEW: Final = 60.0
"""Seconds that the clocks may differ."""

_ONCE: Final = RequestOptions(timeout=15.0, deadline=20.0, retries=0)
_PACKAGES: Final = ("aiohttp", "attrs", "cattrs", "msgspec")
_PROXY_VARIABLES: Final = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")


@attrs.frozen
class Check:
    """One thing that was looked at.

    Attributes:
        name: What it is.
        value: What is in force, in words; never the api key.
        fault: What is wrong, as a sentence; empty if nothing is.
        advice: What to do about it, as a sentence.
        error: The error behind the fault, if there is one.
    """

    name: str
    value: str
    fault: str = ""
    advice: str = ""
    error: CubiCasaError | None = None


def versions() -> Iterator[Check]:
    """The versions that run."""
    yield Check("python", platform.python_version())
    yield Check("cubicasa_async", __version__)
    for package in _PACKAGES:
        yield Check(package, version(package))


def settings(config: Config, environ: Mapping[str, str]) -> Iterator[Check]:
    """What is in force of a client's settings.

    Args:
        config: The settings.
        environ: Variables of the environment, for those that have no effect here.
    """
    yield Check("base URL", str(config.base_url))
    names = {environment.base_url: str(environment) for environment in Environment}
    yield Check("environment", names.get(str(config.base_url), "another installation"))
    ignored = ", ".join(name for name in _PROXY_VARIABLES if environ.get(name))
    if config.proxy:
        yield Check("proxy", str(URL(config.proxy).with_user(None)))
    else:
        yield Check("proxy", f"none; {ignored} is set and has no effect" if ignored else "none")
    yield _tls(config)


def _tls(config: Config) -> Check:
    if config.base_url.scheme == "http":
        return Check("TLS", "none: the service runs on this machine")
    if isinstance(config.ssl, ssl.SSLContext):
        if config.ssl.verify_mode is ssl.CERT_NONE:
            fault = "The SSL context that was passed in verifies no certificates."
            return Check("TLS", "not verified", fault, "Pass one that does.")
        return Check("TLS", "certificates are verified by a context of yours")
    return Check("TLS", f"certificates are verified ({ssl.OPENSSL_VERSION})")


async def reach(client: AsyncCubiCasa) -> list[Check]:
    """Make one call (GET /orders, documented): is the service there, does it know the key?"""
    seen = await Asker(client, _ONCE).ask("orders.list", query={"limit": "1", "offset": "0"})
    checks = [_service(seen)]
    date = seen.answer.headers.get("date") if seen.answer else None
    if (server_time := parse_http_date(date)) is not None:
        skew = (client.runtime.utcnow() - server_time).total_seconds()
        checks.append(_clock(skew))
    return checks


def _service(seen: Seen) -> Check:
    if seen.error is not None:
        value = f"answered {seen.status}" if seen.status else "not reached"
        return Check("service", value, seen.error.message, _advice(seen.error), seen.error)
    if seen.page() is None:
        error = DecodeError("The service answers, but not with a list of orders.")
        return Check("service", "another one", error.message, _WRONG_PLACE, error)
    return Check("service", "answers, and takes the key")


_WRONG_PLACE: Final = (
    "Check the base URL: the vendor's end in /api/integrate/v3. A login page or a proxy between "
    "may also have answered."
)


def _advice(error: CubiCasaError) -> str:
    match error:
        case AuthenticationError():
            return (
                "Check the value of CUBICASA_API_KEY, or of the profile, without quotation marks "
                "around it, and that it was given for this environment."
            )
        case ForbiddenError():
            return "The key is known but may not list orders. Ask the vendor for one that may."
        case NotFoundError() | RedirectError() | DecodeError():
            return _WRONG_PLACE
        case RateLimitError():
            return "Wait a minute, and call less often."
        case ConnectError(permanent=True):
            return (
                "If a proxy or a private authority signs here, name its certificates by the "
                "environment variable SSL_CERT_FILE. Otherwise check the base URL and the clock."
            )
        case ConnectError() | CallTimeoutError():
            return (
                "Check the base URL and the network. If only a proxy leads out of here: the "
                "variables for it are not read; pass proxy= to the client, --proxy to the command."
            )
        case AnswerError(transient=True):
            return "Try again in some minutes."
        case _:
            return "Try again; if it stays so, check the base URL and what stands in between."


def _clock(skew: float) -> Check:
    value = f"{abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} the service"
    if abs(skew) <= LARGEST_SKEW:
        return Check("clock", "as the service's" if abs(skew) < 2 else value)
    return Check(
        "clock",
        value,
        f"This machine's clock is {value}.",
        "Set it, for example by turning on network time.",
    )
