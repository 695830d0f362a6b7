"""What the tests of events have in common."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import aiohttp
from aiohttp import web

from cubicasa_async.core import codec
from cubicasa_async.delivery.events import Event, parse_event
from cubicasa_async.delivery.handling import Notice
from cubicasa_async.delivery.inbox import Inbox
from cubicasa_async.delivery.receiver import Receiver
from cubicasa_async.delivery.registration import WebhookSecrets
from cubicasa_async.sandbox import Order, Sandbox

SECRETS = WebhookSecrets("0123456789abcdef-current", ("0123456789abcdef-former",))


def event(order: Order | str, **fields: Any) -> Event:
    """The event of a first delivery, or with other fields."""
    order_id = order if isinstance(order, str) else order.id
    body = {
        "id": order_id,
        "current_status": "Ready",
        "previous_status": "Pending",
        "model_id": None if isinstance(order, str) else order.model_id,
        "product_type": "products_2d",
        "delivery_type": "new",
        **fields,
    }
    return parse_event(codec.encode(body))


async def put(inbox: Inbox, *events: Event) -> None:
    for one in events:
        await inbox.put(one, codec.encode(one))


class Taker:
    """A handler that remembers what it was given."""

    def __init__(self) -> None:
        self.notices: list[Notice] = []

    async def __call__(self, notice: Notice) -> None:
        self.notices.append(notice)

    @property
    def identities(self) -> list[tuple[str | None, ...]]:
        return [notice.event.identity for notice in self.notices]

    @property
    def order_ids(self) -> list[str]:
        return [notice.order.id for notice in self.notices]


def version(notice: Notice) -> int:
    """Which delivery of its order a handler was given: the number in the files' URLs."""
    return version_of(codec.unstructure(notice.order))


def version_of(order: Any) -> int:
    """The same of an order as JSON."""
    url: str = order["delivery_assets"]["listing_floorplans"]["pdf_urls"][0]
    return int(url.split("/")[-2])


@asynccontextmanager
async def served(receiver: Receiver, port: int = 0) -> AsyncGenerator[str]:
    """The receiver behind aiohttp; gives the base of its URLs."""
    app = web.Application()
    app.router.add_route("*", "/hook/{secret}", receiver.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", port)
        await site.start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    finally:
        await runner.cleanup()
        await asyncio.sleep(0)


def register(sandbox: Sandbox, *urls: str) -> None:
    """Have the sandbox call these URLs when an order becomes Ready, and be quick about it."""
    sandbox.world.webhook_urls = list(urls)
    sandbox.world.webhook_triggers = ["moved_to_ready"]
    sandbox.webhooks.pause = 0.01
    sandbox.webhooks.patience = 120.0  # whoever answers, does so however slow the machine is


@contextmanager
def kept_port() -> Generator[int]:
    """A port on which a server may listen again and again, and that nobody else is given."""
    with socket.socket() as keeper:
        if sys.platform == "linux":  # elsewhere nobody could listen beside it
            keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        keeper.bind(("127.0.0.1", 0))
        port: int = keeper.getsockname()[1]
        if sys.platform != "linux":
            keeper.close()
        yield port


async def post(url: str, body: bytes, **options: Any) -> int:
    """Call a URL; the status."""
    async with (
        aiohttp.ClientSession() as session,
        session.post(url, data=body, **options) as response,
    ):
        return response.status
