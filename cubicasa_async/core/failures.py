"""What the layer below raises, in this library's terms. No foreign exception gets past here."""

from __future__ import annotations

import zlib

import aiohttp

from cubicasa_async.errors import (
    CallTimeoutError,
    ConfigError,
    ConnectError,
    ConnectionLostError,
    CubiCasaError,
    Outcome,
    ProtocolError,
    TransportError,
)

FOREIGN = (aiohttp.ClientError, OSError, TimeoutError, zlib.error, ValueError, RuntimeError)
"""What an attempt can raise besides our own errors. OSError and TimeoutError are no ClientError."""


def translate(exc: Exception, *, sent: bool | None, has_effect: bool) -> CubiCasaError:
    """Our error for one of the layer below.

    Args:
        exc: What was raised. Its class alone cannot tell "not sent" from "done and lost".
        sent: Whether the headers began to leave, from the tracing signal; None if not traced.
        has_effect: Whether the call changes something, which decides the wording.
    """
    cls, sentence, never_sent = _classify(exc)
    outcome = Outcome.NOT_SENT if never_sent or sent is False else Outcome.UNKNOWN
    if outcome is Outcome.UNKNOWN and has_effect:
        sentence += " Whether it took effect is unknown: look before you repeat it."
    error = cls(sentence, outcome=outcome)
    if isinstance(error, ConnectError):
        error.permanent = isinstance(
            exc, (aiohttp.ClientConnectorCertificateError, aiohttp.ServerFingerprintMismatch)
        )
    return error


def _classify(exc: Exception) -> tuple[type[CubiCasaError], str, bool]:
    """Class, sentence, and whether the exception proves that nothing was sent."""
    # Order matters: most of these are subclasses of a later one.
    match exc:
        case aiohttp.InvalidURL() | aiohttp.NonHttpUrlClientError():
            return ConfigError, "The URL cannot be called; check the base URL.", True
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ServerFingerprintMismatch():
            sentence = "The server's certificate could not be verified, so nothing was sent."
            return ConnectError, sentence, True
        case aiohttp.ClientSSLError():
            return ConnectError, "No secure connection could be made to the server.", True
        case aiohttp.ClientProxyConnectionError() | aiohttp.ClientHttpProxyError():
            return ConnectError, "The proxy could not be used; check its address.", True
        case aiohttp.ClientConnectorDNSError():
            return ConnectError, "The server's name could not be found; check the base URL.", True
        case aiohttp.ClientConnectorError():
            sentence = "No connection could be made to the server; check address and network."
            return ConnectError, sentence, True
        case aiohttp.ConnectionTimeoutError():
            return CallTimeoutError, "Connecting to the server took too long.", True
        case TimeoutError():
            return CallTimeoutError, "The server took too long to answer.", False
        case aiohttp.ClientResponseError():
            # aiohttp gives protocol faults a status of 400 that no server sent.
            return ProtocolError, "What came back is not a well-formed HTTP answer.", False
        case aiohttp.ClientPayloadError() | zlib.error():
            return ConnectionLostError, "The answer was cut off or damaged on its way.", False
        case aiohttp.ClientConnectionError() | OSError():
            return ConnectionLostError, "The connection broke before the answer came.", False
        case ValueError():
            return ProtocolError, f"The answer cannot be read: {exc}.", False
        case _:
            return TransportError, "The call failed on its way.", False


def in_short(exc: BaseException) -> str:
    """An exception in a few words, for an attempt's record."""
    return f"{type(exc).__name__}: {exc}" if str(exc) else type(exc).__name__
