"""One call of each effect, and a download, as either face of the client makes it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import attrs

from cubicasa_async import AsyncCubiCasa, CubiCasa, Effect, RequestOptions
from tests.support.payloads import DRAFT, order

Client = AsyncCubiCasa | CubiCasa
Make = Callable[[Client, str, RequestOptions | None], Any]
"""Gives an awaitable if the client is the async one, else the result."""


@attrs.frozen
class Good:
    """The answer that a call hopes for.

    Attributes:
        content_type: Of the body.
        body: The body.
    """

    content_type: str
    body: bytes

    def head(self, framing: str | None = None, *, status: str = "200 OK") -> bytes:
        """The header block."""
        framing = framing or f"Content-Length: {len(self.body)}"
        return (
            f"HTTP/1.1 {status}\r\nContent-Type: {self.content_type}\r\n{framing}\r\n\r\n".encode()
        )


@attrs.frozen
class Call:
    """A call.

    Attributes:
        name: What stands above its column.
        effect: What a repeat would do.
        operation: The operation's name.
        status: The status that an order has to be in for it.
        make: Makes it on an order.
        good: The answer that it hopes for.
    """

    name: str
    effect: Effect
    operation: str
    status: str
    make: Make
    good: Good

    @property
    def changes(self) -> bool:
        """Whether it has an effect at all."""
        return self.effect is not Effect.READ

    def __str__(self) -> str:
        return self.name


def _get(client: Client, order_id: str, options: RequestOptions | None) -> Any:
    return client.orders.get(order_id, options=options)


def _update(client: Client, order_id: str, options: RequestOptions | None) -> Any:
    return client.drafts.update(order_id, **DRAFT, info="changed", options=options)


def _create(client: Client, _: str, options: RequestOptions | None) -> Any:
    return client.drafts.create(**DRAFT, external_id="EXT-1", options=options)


def _upgrade(client: Client, order_id: str, options: RequestOptions | None) -> Any:
    return client.orders.upgrade(order_id, add_ons=["gla"], options=options)


def _download(client: Client, order_id: str, options: RequestOptions | None) -> Any:
    return client.orders.combined_pdf(order_id, options=options)


def _page(client: Client, _: str, options: RequestOptions | None) -> Any:
    if isinstance(client, CubiCasa):
        return client.orders.list(options=options).page()
    return client.orders.list(options=options)


ORDER = Good("application/json", json.dumps(order()).encode())
PDF = Good("application/pdf", b"%PDF-1.4\n" + b"% Example\n" * 50 + b"%%EOF\n")

READ = Call("read", Effect.READ, "orders.get", "Ready", _get, ORDER)
DOWNLOAD = Call("download", Effect.READ, "orders.combined_pdf", "Ready", _download, PDF)
REPLACE = Call("replace", Effect.REPLACE, "drafts.update", "Draft", _update, ORDER)
CREATE = Call("create", Effect.CREATE, "drafts.create", "Draft", _create, ORDER)
PURCHASE = Call("purchase", Effect.PURCHASE, "orders.upgrade", "Ready", _upgrade, ORDER)
CALLS = (READ, DOWNLOAD, REPLACE, CREATE, PURCHASE)
LIST = Call("list", Effect.READ, "orders.list", "Ready", _page, ORDER)
