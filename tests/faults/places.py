"""What a call meets: a server that works, one that does not, or none."""

from __future__ import annotations

import asyncio
import socket
import ssl
import sys
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

import attrs

from cubicasa_async.config import Settings
from cubicasa_async.sandbox import Fault, Sandbox
from tests.faults.calls import Call
from tests.faults.server import FaultServer, Script
from tests.support.canary import CANARY

_LISTENING: Final = "0A"
PEM: Final = Path(__file__).parents[1] / "support" / "localhost.pem"


@attrs.frozen
class Place:
    """Where a call goes, and what came of it there.

    Attributes:
        base_url: Of the client.
        order_id: Of the order that the call is made on.
        settings: Of the client.
        requests: How many requests reached the server.
        effects: How many took effect.
        connections: How many connections were made.
        asides: How many preparing requests came.
        left: How many connections were parted from in order.
        neglected: How many requests wait for somebody to take them up.
    """

    base_url: str
    order_id: str = "an-order"
    settings: Settings = attrs.field(factory=Settings)
    requests: Callable[[], int] = int
    effects: Callable[[], int] = int
    connections: Callable[[], int] = int
    asides: Callable[[], int] = int
    left: Callable[[], int] = int
    neglected: Callable[[], int] = int


Open = Callable[[Call], AbstractAsyncContextManager[Place]]


def sandbox(*faults: Fault) -> Open:
    """The sandbox with a fault plan."""

    @asynccontextmanager
    async def opened(call: Call) -> AsyncGenerator[Place]:
        async with Sandbox(CANARY) as server:
            server.world.combined_pdf_as_bytes = True
            order = server.world.add_order(status=call.status)
            server.faults.add(*faults)
            ledger = server.ledger
            yield Place(
                server.base_url,
                order.id,
                requests=lambda: len(ledger.of(call.operation)),
                effects=lambda: len(ledger.committed(call.operation)) if call.changes else 0,
                connections=lambda: len(ledger),
            )

    return opened


def _place(server: FaultServer, call: Call, base_url: str, settings: Settings) -> Place:
    return Place(
        base_url,
        settings=settings,
        requests=lambda: server.requests,
        effects=lambda: server.effects if call.changes else 0,
        connections=lambda: server.connections,
        asides=lambda: server.asides,
        left=lambda: server.left,
    )


def raw(script: Script, settings: Settings | None = None) -> Open:
    """A server of bare bytes."""

    @asynccontextmanager
    async def opened(call: Call) -> AsyncGenerator[Place]:
        async with FaultServer(script, call.good) as server:
            yield _place(server, call, server.base_url, settings or {})

    return opened


def secure(
    script: Script, *, trusted: bool = True, certificate: bool = False, plainly: bool = False
) -> Open:
    """The same with TLS.

    It may demand a certificate of the client, which has none, or be taken for one without TLS.
    Then a request leaves, though the server takes no connection for made.
    """

    @asynccontextmanager
    async def opened(call: Call) -> AsyncGenerator[Place]:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(PEM)
        if certificate:
            context.minimum_version = ssl.TLSVersion.TLSv1_3
            context.load_verify_locations(PEM)
            context.verify_mode = ssl.CERT_REQUIRED
        settings: Settings = {"ssl": ssl.create_default_context(cafile=PEM)} if trusted else {}
        async with FaultServer(script, call.good, tls=context) as server:
            url = server.base_url.replace("https", "http") if plainly else server.base_url
            place = _place(server, call, url, {} if plainly else settings)
            yield attrs.evolve(place, connections=lambda: 1) if certificate or plainly else place

    return opened


def across(script: Script, *, scheme: str) -> Open:
    """A server of bare bytes that is taken for something of another scheme."""

    @asynccontextmanager
    async def opened(call: Call) -> AsyncGenerator[Place]:
        async with FaultServer(script, call.good) as server:
            yield _place(server, call, server.base_url.replace("http", scheme, 1), {})

    return opened


def by_proxy(script: Script, target: str) -> Open:
    """A proxy in front of a target that nothing gets to."""

    @asynccontextmanager
    async def opened(call: Call) -> AsyncGenerator[Place]:
        async with FaultServer(script, call.good) as server:
            settings: Settings = {"proxy": f"http://127.0.0.1:{server.port}"}
            yield _place(server, call, target, settings)

    return opened


@asynccontextmanager
async def refused(_: Call) -> AsyncGenerator[Place]:
    """A port where nobody listens."""
    with _bound() as port:
        yield Place(f"http://127.0.0.1:{port}/v3")


@asynccontextmanager
async def proxy_refused(_: Call) -> AsyncGenerator[Place]:
    """A proxy's port where nobody listens."""
    with _bound() as port:
        yield Place("https://127.0.0.1:1/v3", settings={"proxy": f"http://127.0.0.1:{port}"})


@asynccontextmanager
async def never_accepted(_: Call) -> AsyncGenerator[Place]:
    """A port whose connections are made by the system and never taken up by a program."""
    with socket.create_server(("127.0.0.1", 0), backlog=100) as listening:
        port = listening.getsockname()[1]
        yield Place(
            f"http://127.0.0.1:{port}/v3", connections=lambda: 1, neglected=lambda: _unread(port)
        )


def _unread(port: int) -> int:
    """How many connections to a port of this machine hold bytes that nobody has read."""
    if sys.platform != "linux":  # which alone tells: a second is taken to be enough for each
        return int(time.monotonic())
    count = 0
    for line in Path("/proc/net/tcp").read_text("ascii").splitlines()[1:]:
        _, local, _, state, queues, *_ = line.split()
        unread = int(queues.rpartition(":")[2], 16)  # of one that listens: connections, not bytes
        count += local.endswith(f":{port:04X}") and state != _LISTENING and unread > 0
    return count


@asynccontextmanager
async def queue_full(_: Call) -> AsyncGenerator[Place]:
    """A port whose queue of connections is full, so that nothing answers: a black hole."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listening:
        address = listening.getsockname()
        fillers = [_filler(address) for _ in range(4)]
        try:
            await asyncio.sleep(0.01)
            yield Place(f"http://127.0.0.1:{address[1]}/v3", settings={"connect_timeout": 0.05})
        finally:
            for filler in fillers:
                filler.close()


def _filler(address: Any) -> socket.socket:
    filler = socket.socket()
    filler.setblocking(False)
    filler.connect_ex(address)
    return filler


@asynccontextmanager
async def nameless(_: Call) -> AsyncGenerator[Place]:
    """A host whose name is not found. What the system would answer is answered here."""
    asked = socket.getaddrinfo

    def unknown(host: Any, *args: Any, **more: Any) -> Any:
        if host == "nowhere.invalid":
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return asked(host, *args, **more)

    with patch.object(socket, "getaddrinfo", unknown):
        yield Place("https://nowhere.invalid/v3")


class _bound:  # noqa: N801 # a context manager
    """A port that is taken and does not listen."""

    def __enter__(self) -> int:
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        return int(self._socket.getsockname()[1])

    def __exit__(self, *_: object) -> None:
        self._socket.close()
