"""Sessions for files: without the key, and with bounds on where they may lead.

URLs of files come from outside, and so do the redirects behind them. Each connection's address is
looked at when it is made, not when a name is resolved, so that no name can lead astray.
"""

from __future__ import annotations

import ipaddress
import platform
import re
import socket
from contextlib import suppress
from functools import partial
from typing import Any, Final
from urllib.parse import quote

import aiohttp
from yarl import URL

from cubicasa_async._version import __version__
from cubicasa_async.config import Config
from cubicasa_async.core import failures
from cubicasa_async.core.connections import OnlyOnce
from cubicasa_async.errors import DownloadError, Outcome, TransportError

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_MOST_REDIRECTS: Final = 5
_WITH_IPV4: Final = tuple(  # at their ends: IPv4-compatible, translated (SIIT), NAT64
    map(ipaddress.IPv6Network, ("::/96", "::ffff:0:0:0/96", "64:ff9b::/96"))
)
_LOCAL_NAT64: Final = ipaddress.IPv6Network("64:ff9b:1::/48")
_READ_AT_ONCE: Final = 1 << 18
_NOWHERE: Final = "The file was not fetched: its URL cannot be used."
_NOT_HTTP: Final = (
    "The file was not fetched: its URL cannot be used, as it is no http or https URL."
)
_HOST: Final = re.compile(r"([a-z][a-z0-9+.-]*:)?//[^/?#]*", re.IGNORECASE)
_UNFIT: Final = re.compile(r"""[ "<>`{}]|[^\x00-\x7f]""")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")


class RefusedAddressError(OSError):
    """A connection would have led to an address that is not allowed."""

    def __init__(self) -> None:
        super().__init__("the address is not allowed")  # one text, so that one is raised of many


def is_public(address: str) -> bool:
    """Whether an IP address is reachable by everybody, also one that wraps another."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour
        if inner is None and any(ip in network for network in _WITH_IPV4):
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
        if ip.is_site_local or ip in _LOCAL_NAT64:
            return False
    return ip.is_global and not ip.is_multicast


class FileSessions:
    """Fetches files. Use it as an async context manager.

    Args:
        config: The client's settings, for TLS, proxy and the time to connect. Through a proxy it
            is the proxy that decides where names lead.
        stall_timeout: Seconds without a byte after which an answer is given up.
        allow_private: Whether addresses of this machine and of private networks may be asked, by
            plain http too.
        allow_http: Whether plain http may be used with public addresses.
    """

    def __init__(
        self, config: Config, *, stall_timeout: float, allow_private: bool, allow_http: bool
    ) -> None:
        self._config = config
        self._stall_timeout = stall_timeout
        self._allow_private = allow_private
        self._allow_http = allow_http
        self._sessions: dict[str, aiohttp.ClientSession] = {}

    async def __aenter__(self) -> FileSessions:
        return self

    async def __aexit__(self, *_: object) -> None:
        for session in self._sessions.values():
            await session.close()

    async def get(self, url: str, headers: dict[str, str]) -> aiohttp.ClientResponse:
        """The answer to a GET, after redirects; release or close it.

        Raises:
            DownloadError: No answer came, or the URL or a redirect leads where it may not.
        """
        try:
            place = _parsed(url)
            for _ in range(_MOST_REDIRECTS + 1):
                response = await self._ask(place, headers)
                location = response.headers.get("Location")
                if response.status not in _REDIRECTS or not location:
                    return response
                response.close()
                place = place.join(_parsed(location))
        except failures.FOREIGN as exc:
            raise self._explained(exc) from None
        raise DownloadError("The file was not fetched: its URL redirects again and again.")

    async def _ask(self, place: URL, headers: dict[str, str]) -> aiohttp.ClientResponse:
        if place.scheme not in {"http", "https"} or not place.host:
            raise DownloadError(_NOT_HTTP, outcome=Outcome.NOT_SENT)
        if self._config.proxy is not None:  # then the connection is the proxy's
            self._check_named(place)
        return await self._session(place.scheme).get(
            place,
            headers=headers,
            allow_redirects=False,
            proxy=self._config.proxy,
            middlewares=(OnlyOnce(),),
        )

    def _check_named(self, place: URL) -> None:
        try:
            public = is_public(place.host or "")
        except ValueError:
            public = place.host != "localhost" and not f"{place.host}".endswith(".localhost")
        if not self._may_ask(place.scheme, public=public):
            raise RefusedAddressError

    def _may_ask(self, scheme: str, *, public: bool) -> bool:
        if not public:
            return self._allow_private
        return scheme == "https" or self._allow_http

    def socket_to(self, scheme: str, address: Any) -> socket.socket:
        """A socket for a connection to an address, as `getaddrinfo` describes it.

        Raises:
            RefusedAddressError: It may not be made.
        """
        family, kind, protocol, _, place = address
        if not self._may_ask(scheme, public=is_public(place[0])):
            raise RefusedAddressError
        return socket.socket(family, kind, protocol)

    def _session(self, scheme: str) -> aiohttp.ClientSession:
        found = self._sessions.get(scheme)
        if found is None:
            config = self._config
            guard = None if config.proxy else partial(self.socket_to, scheme)
            found = self._sessions[scheme] = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, ssl=config.ssl, socket_factory=guard),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={
                    "Accept": "*/*",
                    "Accept-Encoding": "identity",
                    "User-Agent": f"cubicasa-async/{__version__} "
                    f"(Python {platform.python_version()}; aiohttp {aiohttp.__version__})",
                },
                timeout=aiohttp.ClientTimeout(
                    total=None,
                    connect=config.connect_timeout,
                    sock_read=self._stall_timeout,
                ),
                auto_decompress=False,
                trust_env=False,
                read_bufsize=_READ_AT_ONCE,
            )
        return found

    def _explained(self, exc: Exception) -> DownloadError:
        cause = exc.os_error if isinstance(exc, aiohttp.ClientConnectorError) else exc
        if isinstance(cause, RefusedAddressError):
            return DownloadError(
                "The file was not fetched: its URL leads to this machine or a private network, or "
                "uses plain http, which has to be allowed.",
                outcome=Outcome.NOT_SENT,
            )
        return lost(exc)


def lost(exc: Exception) -> DownloadError:
    """Our error for what the layer below raised while a file was fetched."""
    error = failures.translate(exc, sent=None, has_effect=False)
    if not isinstance(error, TransportError):
        return DownloadError(_NOWHERE, outcome=Outcome.NOT_SENT)
    sentence = error.message.replace("; check the base URL", "")
    return DownloadError(sentence, outcome=error.outcome, transient=error.transient)


def _parsed(url: str) -> URL:
    """A URL, with what it may not hold as it is encoded as browsers do it."""
    host = _HOST.match(url)
    behind = host.end() if host else 0
    with suppress(ValueError):
        if not _CONTROL.search(url):
            # What is encoded already must stay as it is: a signature may depend on it.
            url = url[:behind] + _UNFIT.sub(_encoded, url[behind:])
            return URL(url, encoded=url.isascii())
    raise DownloadError(_NOWHERE, outcome=Outcome.NOT_SENT)


def _encoded(found: re.Match[str]) -> str:
    return quote(found[0], errors="surrogateescape")  # as headers hold bytes that are no UTF-8
