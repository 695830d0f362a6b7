"""What a webhook call is answered with: one core for all servers, over method, path and bytes.

The answer 200 means that the event is on disk. Anything else makes the vendor try again, three
times in all (documented), so what could not be stored is answered with 503, and only what can never
be stored with 4xx.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Final, Protocol

import attrs
from aiohttp import web

from cubicasa_async.delivery.events import Event, parse_event
from cubicasa_async.delivery.registration import WebhookSecrets
from cubicasa_async.errors import ConfigError, CubiCasaError, EventError

__all__ = ["EventStore", "Headers", "Receiver", "Reply", "Verifier"]

_LOGGER: Final = logging.getLogger("cubicasa_async.delivery")
_LOGGER.addHandler(logging.NullHandler())

_LARGEST: Final = 64 * 1024
PATIENCE: Final = 10.0

Verifier = Callable[[Mapping[str, str], bytes], bool | Awaitable[bool]]
"""Takes the headers by lower-case name and the body; says whether the call is genuine."""


class Headers(Protocol):
    """Headers of any server: a mapping, or what has pairs of name and value."""

    def items(self) -> Iterable[tuple[str, str]]:
        """Names, in any case, with their values."""
        ...


class EventStore(Protocol):
    """Keeps events, such as an Inbox."""

    async def put(self, event: Event, body: bytes) -> object:
        """Keep an event; it is on disk when this returns."""
        ...

    async def put_unreadable(self, body: bytes, reason: str) -> object:
        """Keep a body that is no event, for a person to look at."""
        ...


@attrs.frozen
class Reply:
    """The answer to a call.

    Attributes:
        status: The HTTP status.
        text: A few words in plain text; they tell nothing of the secret.
        headers: Further headers.
    """

    status: int
    text: str
    headers: Mapping[str, str] = attrs.field(factory=dict[str, str])


UNREADABLE: Final = Reply(400, "The body could not be read.")
_NOT_STORED: Final = Reply(503, "The event could not be stored. Try again.", {"Retry-After": "30"})


class Receiver:
    """Answers webhook calls.

    A server asks `admit` when it has the head of a request, and `accept` when it has the body; or
    `receive` for both. Neither ever raises, whatever the call holds.

    CubiCasa signs nothing that is documented, so nothing is checked that does not exist: whoever
    knows the URL's secret is believed, and the order is read again before anything is done. Should
    the vendor begin to sign, give a verifier.

    Args:
        store: Keeps the events.
        secrets: What the path has to end with; None answers to any path, and is for use behind
            something else that checks who calls.
        largest: How many bytes a body may have.
        verify: Says whether a call is genuine, by its headers and body.
        patience: Seconds after which a call is answered with 503 although its event is still being
            stored, as into a database that somebody holds locked. How long the vendor waits for an
            answer is not documented.

    Raises:
        ConfigError: `largest` or `patience` is not positive.
    """

    def __init__(
        self,
        store: EventStore,
        secrets: WebhookSecrets | None,
        *,
        largest: int = _LARGEST,
        verify: Verifier | None = None,
        patience: float = PATIENCE,
    ) -> None:
        if largest < 1 or not patience > 0:
            raise ConfigError("largest must be 1 byte or more, and patience above 0 seconds.")
        self.largest: int = largest
        self._patience = patience
        self._keeping: set[asyncio.Task[Reply]] = set()
        self._store = store
        self._secrets = secrets
        self._verify = verify

    def admit(self, method: str, path: str, headers: Headers) -> Reply | None:
        """The refusal of a call by its head, before its body is read; None if it may go on.

        Args:
            method: The HTTP method.
            path: The path, with whatever stands before the secret.
            headers: By name, in any case.
        """
        if self._secrets is not None and not self._secrets.accepts(path):
            return Reply(404, "Not found.")
        if method != "POST":
            return Reply(405, "Method not allowed.", {"Allow": "POST"})
        named = _lower(headers)
        length = named.get("content-length") or "0"  # WSGI servers say "" where none was sent
        if not (length.isascii() and length.isdigit()):
            return Reply(400, "The Content-Length is no number.")
        if len(length) > 18 or int(length) > self.largest:
            return self.too_large()
        if named.get("content-encoding", "identity").strip().lower() not in {"", "identity"}:
            return Reply(415, "The body must not be compressed.")
        return None

    def too_large(self) -> Reply:
        """The refusal of a body that turns out to be larger than `largest`."""
        return Reply(413, f"The body is larger than {self.largest} bytes.")

    async def accept(self, headers: Headers, body: bytes) -> Reply:
        """Keep the event of a call that was admitted; the answer says whether it is on disk."""
        if len(body) > self.largest:
            return self.too_large()
        named = _lower(headers)
        if (unread := _unread(named, body)) is not None:
            _LOGGER.warning("A webhook's body could not be read: %s", unread.text)
            return unread
        keeping = asyncio.create_task(self._checked_and_kept(named, body))
        self._keeping.add(keeping)
        keeping.add_done_callback(self._keeping.discard)
        await asyncio.wait({keeping}, timeout=self._patience)
        if keeping.done():
            return keeping.result()
        # It goes on: a statement that is cancelled would be waited for all the same.
        _LOGGER.error("A webhook's event could not be stored within %g s.", self._patience)
        return _NOT_STORED

    async def _checked_and_kept(self, named: Mapping[str, str], body: bytes) -> Reply:
        try:
            if self._verify is not None:
                verdict = self._verify(named, body)
                if not (await verdict if inspect.isawaitable(verdict) else verdict):
                    return Reply(401, "The call is not genuine.")
            return await self._keep(body)
        except Exception as exc:  # noqa: BLE001 # whatever it is, the vendor is to try again
            # The words of foreign errors may repeat the call, so only their class is told.
            reason = exc.message if isinstance(exc, CubiCasaError) else type(exc).__name__
            _LOGGER.error("A webhook's event could not be stored: %s", reason)  # noqa: TRY400 # a traceback may repeat it, too
        return _NOT_STORED

    async def _keep(self, body: bytes) -> Reply:
        try:
            event = parse_event(body)
        except EventError as exc:
            _LOGGER.warning("A webhook brought what is no event: %s", exc)
            await self._store.put_unreadable(body, str(exc))
            return Reply(400, "The body is not an event as documented.")
        await self._store.put(event, body)
        return Reply(200, "Stored.")

    async def receive(self, method: str, path: str, headers: Headers, body: bytes) -> Reply:
        """Answer a call whose body has been read."""
        return self.admit(method, path, headers) or await self.accept(headers, body)

    async def handle(self, request: web.BaseRequest) -> web.Response:
        """Answer a request of aiohttp.

        Mount it as `app.router.add_post("/cubicasa/{secret}", receiver.handle)`.
        """
        reply = self.admit(request.method, request.rel_url.raw_path, request.headers)
        if reply is None:
            body = bytearray()
            try:
                async for part in request.content.iter_any():
                    body += part
                    if len(body) > self.largest:
                        break
                reply = await self.accept(request.headers, bytes(body))
            except (OSError, web.RequestPayloadError):  # the caller left, or sent no HTTP
                reply = UNREADABLE
        return web.Response(status=reply.status, text=reply.text, headers=reply.headers)


def _unread(named: Mapping[str, str], body: bytes) -> Reply | None:
    """The refusal of a body of which less was read than was sent; it must not pass for an event."""
    length = named.get("content-length", "")
    if not body and not length:  # most WSGI servers do not read what is sent in chunks
        return Reply(411, "There is no body, or it came without a Content-Length.")
    if length.isascii() and length.isdigit() and len(body) < int(length[:18]):
        return Reply(400, "The body ended before its Content-Length.")
    return None


def _lower(headers: Headers) -> dict[str, str]:
    return {str(name).lower(): str(value) for name, value in headers.items()}
