"""Receiving webhooks in servers without an event loop, such as Flask, Django and any other WSGI.

In Flask::

    webhooks = WebhookReceiver("inbox.db", WebhookSecrets(os.environ["WEBHOOK_SECRET"]))

    @app.post("/cubicasa/<secret>")
    def cubicasa(secret: str):
        reply = webhooks.receive(request.method, request.path, request.headers, request.stream)
        return reply.text, reply.status, dict(reply.headers)

In Django, in a view with `@csrf_exempt` below `path("cubicasa/<str:secret>", cubicasa)`::

    def cubicasa(request: HttpRequest, secret: str) -> HttpResponse:
        reply = webhooks.receive(request.method, request.path, request.headers, request)
        return HttpResponse(reply.text, status=reply.status, headers=reply.headers)

Both give the body as a stream. It is read only for who knows the secret, and never further than
`largest`; `request.get_data()` and `request.body` would take in whatever anybody sends.

What it keeps is handled elsewhere, by `cubicasa webhooks handle` or by `delivery.handle_events`.
"""

from __future__ import annotations

import asyncio
import logging
import os
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, Protocol, Self

from cubicasa_async.core.extras import from_extra
from cubicasa_async.delivery.events import Event
from cubicasa_async.delivery.receiver import (
    PATIENCE,
    UNREADABLE,
    Headers,
    Receiver,
    Reply,
    Verifier,
)
from cubicasa_async.delivery.registration import WebhookSecrets
from cubicasa_async.sync.portal import Portal

if TYPE_CHECKING:  # the extra `store` is needed for the inbox only
    from cubicasa_async.delivery.inbox import Inbox

__all__ = ["Readable", "WebhookReceiver"]

_LOGGER: Final = logging.getLogger("cubicasa_async.delivery")


class Readable(Protocol):
    """The body of a request, such as `request.stream` of Flask or a request of Django."""

    def read(self, size: int, /) -> bytes:
        """Up to so many bytes; none at its end."""
        ...


class WebhookReceiver:
    """Answers webhook calls from any number of threads, and keeps the events in an inbox.

    The inbox is opened by the first call; after a fork the child opens it anew.

    Args:
        target: The inbox: a file, made if it does not exist, or a URL `sqlite:///...` or
            `postgresql://...`.
        secrets: What the path has to end with; None answers to any path.
        largest: How many bytes a body may have.
        verify: Says whether a call is genuine, by its headers and body.
        patience: Seconds after which a call is answered with 503 although its event is still being
            stored.

    Raises:
        ConfigError: The target, `largest` or `patience` cannot be used, or an extra is not
            installed.
    """

    def __init__(
        self,
        target: str | Path,
        secrets: WebhookSecrets | None,
        *,
        largest: int = 64 * 1024,
        verify: Verifier | None = None,
        patience: float = PATIENCE,
    ) -> None:
        inbox = _LateInbox(target)
        self._receiver = Receiver(inbox, secrets, largest=largest, verify=verify, patience=patience)
        self._portal = Portal(inbox)

    def receive(self, method: str, path: str, headers: Headers, body: bytes | Readable) -> Reply:
        """Answer a call; 200 means that the event is on disk.

        Args:
            method: The HTTP method.
            path: The path, with whatever stands before the secret.
            headers: By name, in any case.
            body: The bytes as they came, or better what they can be read from.

        Raises:
            ClientClosedError: This was closed.
        """
        refused = self._receiver.admit(method, path, headers)
        if refused is not None:
            return refused
        if not isinstance(body, bytes):
            try:
                body = _read(body, self._receiver.largest)
            except Exception as exc:  # noqa: BLE001 # each server has errors of its own
                _LOGGER.warning("A webhook's body could not be read: %s", type(exc).__name__)
                return UNREADABLE
        return self._portal.run(self._receiver.accept(headers, body))

    def close(self) -> None:
        """Close the inbox; a second time does nothing."""
        self._portal.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _read(stream: Readable, largest: int) -> bytes:
    """The whole of a stream, or one byte more than `largest` of it."""
    body = bytearray()
    while (left := largest + 1 - len(body)) and (part := stream.read(left)):
        body += part
    return bytes(body)


class _LateInbox:
    """An inbox that is opened when it is needed, in the process that needs it."""

    def __init__(self, target: str | Path) -> None:
        self._target = target
        self._new()  # what is wrong with the target is to be said now
        self._process: int | None = None
        self._turn = asyncio.Lock()
        self._inbox: Inbox | None = None

    async def put(self, event: Event, body: bytes) -> None:
        await (await self._opened()).put(event, body)

    async def put_unreadable(self, body: bytes, reason: str) -> None:
        await (await self._opened()).put_unreadable(body, reason)

    async def close(self) -> None:
        if self._inbox is not None and self._process == os.getpid():
            await self._inbox.close()

    async def _opened(self) -> Inbox:
        if self._process != os.getpid():
            self._process, self._turn, self._inbox = os.getpid(), asyncio.Lock(), None
        async with self._turn:
            if self._inbox is None:
                inbox = self._new()
                await inbox.open()
                self._inbox = inbox
            return self._inbox

    def _new(self) -> Inbox:
        with from_extra("store", "An inbox"):
            from cubicasa_async.delivery.inbox import Inbox
        return Inbox(self._target)
