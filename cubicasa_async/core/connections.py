"""What is open on an event loop: sessions over one pool of connections, and a gate before it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from types import SimpleNamespace
from typing import Final

import aiohttp
import attrs
from aiohttp.abc import AbstractStreamWriter

from cubicasa_async.config import Config
from cubicasa_async.core.alarm import Alarm
from cubicasa_async.core.limits import Gate
from cubicasa_async.core.runtime import Runtime
from cubicasa_async.errors import ClientClosedError

_MAX_HEADER: Final = 8190


@attrs.define
class Mark:
    """How far an attempt came.

    Attributes:
        sent: Whether it began to leave: its headers, which a body has with it.
    """

    sent: bool = False


class MarkedBody(aiohttp.BytesPayload):
    """A body in JSON that marks its attempt when it begins to leave.

    aiohttp keeps the headers back until then.
    """

    def __init__(self, value: bytes, mark: Mark) -> None:
        super().__init__(value, content_type="application/json")
        self._mark = mark

    async def write_with_length(
        self, writer: AbstractStreamWriter, content_length: int | None
    ) -> None:
        """Write it; aiohttp calls this once."""
        self._mark.sent = True
        await super().write_with_length(writer, content_length)


class OnlyOnce:
    """Client middleware that stops aiohttp from repeating a request by itself, unseen by us."""

    def __init__(self) -> None:
        self._failure: Exception | None = None

    async def __call__(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        """Send the request; raise the first failure again instead of sending it twice."""
        if self._failure is not None:
            raise self._failure
        try:
            return await handler(request)
        except Exception as exc:
            self._failure = exc
            raise


async def _mark_sent(
    _: aiohttp.ClientSession,
    context: SimpleNamespace,
    __: aiohttp.TraceRequestHeadersSentParams,
) -> None:
    context.trace_request_ctx.sent = True


@attrs.frozen
class Borrowed:
    """What is taken over from a session of the caller's: its pool, with TLS and name resolution.

    Its headers, cookies, base URL and timeouts play no part, and it is never closed from here.
    """

    connector: aiohttp.BaseConnector
    trace_configs: list[aiohttp.TraceConfig]

    @classmethod
    def from_session(cls, session: aiohttp.ClientSession) -> Borrowed:
        """Take it over. Raises ClientClosedError if the session is closed."""
        if session.connector is None or session.closed:
            raise ClientClosedError("The session that was passed in is closed.")
        return cls(session.connector, list(session.trace_configs))


class Connections:
    """What is open on one event loop: a gate and two sessions over one pool of connections.

    Tracing costs a good part of a call, so only calls use it that have no body to be marked by.

    Attributes:
        gate: Bounds how many calls run at once, and how fast they begin.
        alarm: Bounds how long an attempt takes.
        plain: For calls without an effect, or with a body.
        traced: For the others; it marks the attempt (a Mark) when its headers begin to leave.
    """

    def __init__(
        self, config: Config, runtime: Runtime, user_agent: str, borrowed: Borrowed | None
    ) -> None:
        self.gate: Gate = Gate(config.concurrency, runtime)
        self.alarm: Alarm = Alarm()
        self._owned = borrowed is None
        self._connector = (
            aiohttp.TCPConnector(limit=0, ssl=config.ssl)
            if borrowed is None
            else borrowed.connector
        )
        tracing = aiohttp.TraceConfig()
        tracing.on_request_headers_sent.append(_mark_sent)
        inherited = [] if borrowed is None else borrowed.trace_configs
        self.plain: aiohttp.ClientSession = self._session(config, user_agent, inherited)
        self.traced: aiohttp.ClientSession = self._session(
            config, user_agent, [*inherited, tracing]
        )
        self._keeper = self._keep()

    def _session(
        self, config: Config, user_agent: str, traces: list[aiohttp.TraceConfig]
    ) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=self._connector,
            connector_owner=False,
            loop=asyncio.get_running_loop(),  # refuses a pool of another loop
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={
                "Accept": "application/json",
                "Accept-Encoding": "gzip, deflate",
                "User-Agent": user_agent,
                "api-key": config.api_key.reveal(),
            },
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=config.connect_timeout),
            auto_decompress=False,
            trust_env=False,
            trace_configs=traces,
            max_line_size=_MAX_HEADER,
            max_field_size=_MAX_HEADER,
        )

    async def _keep(self) -> AsyncGenerator[None]:
        try:
            yield
        finally:
            self.alarm.stop()
            await self.plain.close()
            await self.traced.close()
            if self._owned:
                await self._connector.close()

    async def open(self) -> None:
        """Tie the connections to the loop: it finishes its async generators before it closes."""
        await anext(self._keeper)

    async def close(self) -> None:
        """Close what is open; a session of the caller's stays as it is."""
        await self._keeper.aclose()
