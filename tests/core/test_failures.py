from __future__ import annotations

import asyncio
import inspect
import socket
import ssl
import zlib
from typing import Any

import aiohttp
import pytest
from aiohttp import client_exceptions
from aiohttp.client_reqrep import ConnectionKey
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from cubicasa_async.core import failures
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

URL_ = URL("https://api.example.test/orders")
KEY = ConnectionKey("api.example.test", 443, True, True, None, None, None)
INFO = aiohttp.RequestInfo(URL_, "GET", CIMultiDictProxy(CIMultiDict[str]()), URL_)
ANSWERED = (INFO, ())
NO_ROUTE = OSError(113, "No route to host")

NOT_SENT, DOUBTFUL = Outcome.NOT_SENT, Outcome.UNKNOWN

EXPECTED: dict[type[Exception], tuple[tuple[Any, ...], type[CubiCasaError], Outcome]] = {
    aiohttp.ClientError: ((), TransportError, DOUBTFUL),
    aiohttp.ClientConnectionError: ((), ConnectionLostError, DOUBTFUL),
    aiohttp.ClientConnectionResetError: ((), ConnectionLostError, DOUBTFUL),
    aiohttp.ClientOSError: ((), ConnectionLostError, DOUBTFUL),
    aiohttp.ClientConnectorError: ((KEY, NO_ROUTE), ConnectError, NOT_SENT),
    aiohttp.ClientConnectorDNSError: ((KEY, NO_ROUTE), ConnectError, NOT_SENT),
    aiohttp.ClientProxyConnectionError: ((KEY, NO_ROUTE), ConnectError, NOT_SENT),
    aiohttp.ClientSSLError: ((KEY, NO_ROUTE), ConnectError, NOT_SENT),
    aiohttp.ClientConnectorSSLError: ((KEY, NO_ROUTE), ConnectError, NOT_SENT),
    aiohttp.ClientConnectorCertificateError: (
        (KEY, ssl.SSLCertVerificationError()),
        ConnectError,
        NOT_SENT,
    ),
    client_exceptions.UnixClientConnectorError: (("/x", KEY, NO_ROUTE), ConnectError, NOT_SENT),
    aiohttp.ServerFingerprintMismatch: ((b"a", b"b", "host", 443), ConnectError, NOT_SENT),
    aiohttp.ServerConnectionError: ((), ConnectionLostError, DOUBTFUL),
    aiohttp.ServerDisconnectedError: ((), ConnectionLostError, DOUBTFUL),
    aiohttp.ServerTimeoutError: ((), CallTimeoutError, DOUBTFUL),
    aiohttp.ConnectionTimeoutError: ((), CallTimeoutError, NOT_SENT),
    aiohttp.SocketTimeoutError: ((), CallTimeoutError, DOUBTFUL),
    aiohttp.ClientPayloadError: ((), ConnectionLostError, DOUBTFUL),
    aiohttp.ClientResponseError: (ANSWERED, ProtocolError, DOUBTFUL),
    aiohttp.ContentTypeError: (ANSWERED, ProtocolError, DOUBTFUL),
    aiohttp.TooManyRedirects: (ANSWERED, ProtocolError, DOUBTFUL),
    aiohttp.WSServerHandshakeError: (ANSWERED, ProtocolError, DOUBTFUL),
    aiohttp.ClientHttpProxyError: (ANSWERED, ConnectError, NOT_SENT),
    aiohttp.InvalidURL: (("x",), ConfigError, NOT_SENT),
    aiohttp.InvalidUrlClientError: (("x",), ConfigError, NOT_SENT),
    aiohttp.RedirectClientError: (("x",), TransportError, DOUBTFUL),
    aiohttp.NonHttpUrlClientError: (("x",), ConfigError, NOT_SENT),
    aiohttp.InvalidUrlRedirectClientError: (("x",), ConfigError, NOT_SENT),
    aiohttp.NonHttpUrlRedirectClientError: (("x",), ConfigError, NOT_SENT),
    TimeoutError: ((), CallTimeoutError, DOUBTFUL),
    asyncio.TimeoutError: ((), CallTimeoutError, DOUBTFUL),  # its own name may part again
    OSError: ((), ConnectionLostError, DOUBTFUL),
    ConnectionResetError: ((), ConnectionLostError, DOUBTFUL),
    BrokenPipeError: ((), ConnectionLostError, DOUBTFUL),
    ConnectionRefusedError: ((), ConnectionLostError, DOUBTFUL),
    ssl.SSLError: ((), ConnectionLostError, DOUBTFUL),
    socket.gaierror: ((), ConnectionLostError, DOUBTFUL),
    zlib.error: ((), ConnectionLostError, DOUBTFUL),
    ValueError: (("unexpected Content-Encoding 'br'",), ProtocolError, DOUBTFUL),
    RuntimeError: (("Session is closed",), TransportError, DOUBTFUL),
}

if upload_aborted := getattr(aiohttp, "UploadAbortedError", None):  # new in aiohttp 3.14
    EXPECTED[upload_aborted] = ((), TransportError, DOUBTFUL)

NOT_OF_A_CALL = {
    "EofStream": "of bodies that are read by hand",
    "WebSocketError": "of web sockets",
    "WSMessageTypeError": "of web sockets",
}
"""What aiohttp exports besides, and why no call of ours can raise it."""


def make(cls: type[Exception]) -> Exception:
    return cls(*EXPECTED[cls][0])


def exported() -> dict[str, type[Exception]]:
    public = {name: getattr(aiohttp, name) for name in aiohttp.__all__}
    public |= {
        cls.__name__: cls for cls in vars(client_exceptions).values() if inspect.isclass(cls)
    }
    return {
        name: found
        for name, found in public.items()
        if inspect.isclass(found)
        and issubclass(found, Exception)
        and not issubclass(found, Warning)
    }


def test_every_exception_that_aiohttp_exports_is_decided_on() -> None:
    unmapped = {name for name, cls in exported().items() if cls not in EXPECTED}
    assert unmapped == set(NOT_OF_A_CALL) & exported().keys()


def test_control_an_exception_that_nobody_decided_on_is_seen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class NewError(aiohttp.ClientError):
        pass

    monkeypatch.setattr(aiohttp, "NewError", NewError, raising=False)
    monkeypatch.setattr(aiohttp, "__all__", (*aiohttp.__all__, "NewError"))
    with pytest.raises(AssertionError):
        test_every_exception_that_aiohttp_exports_is_decided_on()


@pytest.mark.parametrize("cls", EXPECTED, ids=lambda cls: cls.__name__)
def test_it_becomes_one_of_ours_and_its_outcome_is_never_too_good(cls: type[Exception]) -> None:
    _, ours, outcome = EXPECTED[cls]
    for sent in (True, None):
        error = failures.translate(make(cls), sent=sent, has_effect=True)
        assert (type(error), error.outcome) == (ours, outcome)
    assert failures.translate(make(cls), sent=False, has_effect=True).outcome is NOT_SENT


SENTENCES: dict[type[Exception], str] = {
    aiohttp.InvalidURL: "The URL cannot be called; check the base URL.",
    aiohttp.NonHttpUrlClientError: "The URL cannot be called; check the base URL.",
    aiohttp.ClientConnectorCertificateError: (
        "The server's certificate could not be verified, so nothing was sent."
    ),
    aiohttp.ServerFingerprintMismatch: (
        "The server's certificate could not be verified, so nothing was sent."
    ),
    aiohttp.ClientConnectorSSLError: "No secure connection could be made to the server.",
    aiohttp.ClientProxyConnectionError: "The proxy could not be used; check its address.",
    aiohttp.ClientHttpProxyError: "The proxy could not be used; check its address.",
    aiohttp.ClientConnectorDNSError: ("The server's name could not be found; check the base URL."),
    aiohttp.ClientConnectorError: (
        "No connection could be made to the server; check address and network."
    ),
    aiohttp.ConnectionTimeoutError: "Connecting to the server took too long.",
    aiohttp.SocketTimeoutError: "The server took too long to answer.",
    aiohttp.ContentTypeError: "What came back is not a well-formed HTTP answer.",
    aiohttp.ClientPayloadError: "The answer was cut off or damaged on its way.",
    zlib.error: "The answer was cut off or damaged on its way.",
    aiohttp.ServerDisconnectedError: "The connection broke before the answer came.",
    ConnectionResetError: "The connection broke before the answer came.",
    ValueError: "The answer cannot be read: unexpected Content-Encoding 'br'.",
    RuntimeError: "The call failed on its way.",
}
DOUBT = " Whether it took effect is unknown: look before you repeat it."


@pytest.mark.parametrize("cls", SENTENCES, ids=lambda cls: cls.__name__)
def test_it_says_in_a_sentence_what_happened_and_what_to_do(cls: type[Exception]) -> None:
    assert str(failures.translate(make(cls), sent=None, has_effect=False)) == SENTENCES[cls]
    with_effect = failures.translate(make(cls), sent=None, has_effect=True)
    doubt = DOUBT if with_effect.outcome is DOUBTFUL else ""
    assert str(with_effect) == SENTENCES[cls] + doubt


@pytest.mark.parametrize("cls", EXPECTED, ids=lambda cls: cls.__name__)
def test_an_attempt_catches_it(cls: type[Exception]) -> None:
    assert issubclass(cls, failures.FOREIGN)


@pytest.mark.parametrize("cls", EXPECTED, ids=lambda cls: cls.__name__)
def test_doubt_is_said_in_words_where_there_may_be_an_effect(cls: type[Exception]) -> None:
    doubt = "Whether it took effect is unknown"
    with_effect = failures.translate(make(cls), sent=None, has_effect=True)
    assert (doubt in str(with_effect)) == (with_effect.outcome is DOUBTFUL)
    assert doubt not in str(failures.translate(make(cls), sent=None, has_effect=False))


def test_a_connector_error_is_not_taken_for_the_os_error_that_it_also_is() -> None:
    assert issubclass(aiohttp.ClientConnectorError, aiohttp.ClientOSError)
    error = failures.translate(make(aiohttp.ClientConnectorError), sent=None, has_effect=True)
    assert (type(error), error.outcome) == (ConnectError, NOT_SENT)


@pytest.mark.parametrize(
    "cls", [aiohttp.ClientConnectorCertificateError, aiohttp.ServerFingerprintMismatch]
)
def test_a_bad_certificate_stays_bad(cls: type[Exception]) -> None:
    error = failures.translate(make(cls), sent=None, has_effect=False)
    assert isinstance(error, ConnectError)
    assert error.permanent
    assert not error.transient


def test_an_invented_status_is_not_believed() -> None:
    invented = aiohttp.ClientResponseError(INFO, (), status=400, message="Bad status line")
    error = failures.translate(invented, sent=True, has_effect=True)
    assert error.outcome is DOUBTFUL
    assert not hasattr(error, "status")


def test_an_exception_in_short() -> None:
    assert failures.in_short(ValueError("bad")) == "ValueError: bad"
    assert failures.in_short(TimeoutError()) == "TimeoutError"
