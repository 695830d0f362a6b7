"""The receiver as an ASGI application, for FastAPI, Starlette and servers such as uvicorn."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from typing import Any, cast

from cubicasa_async.delivery.receiver import Receiver, Reply

__all__ = ["asgi_app"]

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


def asgi_app(receiver: Receiver) -> Callable[[Message, Receive, Send], Awaitable[None]]:
    """An ASGI application that answers webhook calls; mount it or run it by itself.

    ::

        app = FastAPI(lifespan=...)  # which opens the inbox
        app.mount("/cubicasa", asgi_app(receiver))

    Args:
        receiver: Answers the calls. Its inbox is opened and closed by you, as servers do not tell
            a mounted application when they start.
    """

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _live(receive, send)
        elif scope["type"] == "http":
            reply = await _answer(receiver, scope, receive)
            if reply is not None:
                await _send(reply, send)
        else:  # a websocket is refused before it opens
            await send({"type": "websocket.close", "code": 1003})

    return app


async def _live(receive: Receive, send: Send) -> None:
    while True:
        kind = (await receive())["type"]
        await send({"type": f"{kind}.complete"})
        if kind == "lifespan.shutdown":
            return


async def _answer(receiver: Receiver, scope: Message, receive: Receive) -> Reply | None:
    """The answer; None if the caller has left, or has not sent all."""
    headers = _headers(scope["headers"])
    refused = receiver.admit(scope["method"], scope["path"], headers)
    if refused is not None:
        return refused
    body = bytearray()
    more = True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            return None
        body += message.get("body", b"")
        if len(body) > receiver.largest:
            return receiver.too_large()
        more = message.get("more_body", False)
    return await receiver.accept(headers, bytes(body))


def _headers(pairs: Iterable[tuple[bytes, bytes]]) -> Mapping[str, str]:
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in pairs}


async def _send(reply: Reply, send: Send) -> None:
    body = reply.text.encode()
    headers = {
        **reply.headers,
        "Content-Type": "text/plain; charset=utf-8",
        "Content-Length": str(len(body)),
    }
    pairs = [
        (name.lower().encode("latin-1"), str(value).encode("latin-1"))
        for name, value in headers.items()
    ]
    await send({"type": "http.response.start", "status": reply.status, "headers": pairs})
    await send(cast("Message", {"type": "http.response.body", "body": body}))
