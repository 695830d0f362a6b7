"""The sandbox: one request from its arrival to its answer."""

from __future__ import annotations

import asyncio
import hmac
import secrets
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Final, Self

from aiohttp import web

from cubicasa_async.sandbox.clock import Clock
from cubicasa_async.sandbox.console import PAGE
from cubicasa_async.sandbox.contract import PREFIX, Contract, Match, Problem, Problems, parse_json
from cubicasa_async.sandbox.control import CONTROL, control
from cubicasa_async.sandbox.control_request import is_local
from cubicasa_async.sandbox.faults import Fault, FaultPlan, Kind, Phase
from cubicasa_async.sandbox.files import FileHost
from cubicasa_async.sandbox.handlers import HANDLERS, Answer, Call, RefusedError
from cubicasa_async.sandbox.ledger import Entry, Ledger
from cubicasa_async.sandbox.listener import Listener
from cubicasa_async.sandbox.paging import Reading
from cubicasa_async.sandbox.spoil import spoil, strike
from cubicasa_async.sandbox.webhooks import Webhooks
from cubicasa_async.sandbox.wire import Connection, Payload, Silence
from cubicasa_async.sandbox.world import World

__all__ = ["Sandbox", "serve"]

_NOT_FOUND: Final = (
    "<!doctype html>\n<title>404 Not Found</title>\n<h1>Not Found</h1>\n"
    "<p>The requested URL was not found on the server.</p>\n"
)


class Sandbox:
    """A server of the API on a port of this machine, and all that is known about its life.

    Use it as an async context manager, or call `start` and `close`. While it runs, all the rest may
    be used from any thread.

    Args:
        api_key: The key that it accepts; a random one by default.
        host: Address to bind.
        port: Port to bind; 0 takes a free one.
        reading: How it counts offsets.
        max_limit: The most records that a page may have (inferred; the real one is unknown).
        clock: Answers the time as Unix seconds, from which `clock` can be advanced; by default
            `time.time`.
        seed: Of the ids and of the faults' random numbers.

    Attributes:
        api_key: The key that it accepts.
        made_up_key: Whether it made that key up itself; only such a key is shown in the console.
        reading: How it counts offsets; may be set at any time.
        max_limit: The most records that a page may have; may be set at any time.
        clock: Its time, which can be advanced.
        ledger: Every request as the server saw it.
        faults: The fault plan.
        world: The state.
        webhooks: The calls to the registered URLs, and what goes wrong with them.
        file_host: The other origin on which the delivered files lie.

    Raises:
        ValueError: The key or `max_limit` cannot be used.
    """

    def __init__(
        self,
        api_key: str | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        reading: Reading | str = Reading.ZERO_BASED,
        max_limit: int = 100,
        clock: Callable[[], float] | None = None,
        seed: int = 0,
    ) -> None:
        if api_key is not None and not (api_key.isascii() and api_key.isprintable() and api_key):
            raise ValueError("The api_key has to be printable ASCII and not empty.")
        if max_limit < 1:
            raise ValueError(f"max_limit is at least 1, not {max_limit}.")
        self.api_key: str = api_key or f"sandbox-{secrets.token_hex(16)}"
        self.made_up_key: bool = api_key is None
        self.reading = reading
        self.max_limit: int = max_limit
        self._beginning = (self.reading, max_limit)
        self.clock: Clock = Clock(clock) if clock else Clock()
        self.ledger: Ledger = Ledger()
        self.faults: FaultPlan = FaultPlan(seed)
        self.world: World = World(self.clock, seed)
        self.webhooks: Webhooks = Webhooks(self.world, self.clock, seed)
        self.contract: Contract = Contract.load()
        self.file_host: FileHost = FileHost(host, self.clock)
        self.file_host.contents.address_of = self.world.address_of
        self._listener = Listener(self._handle, host, port)
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def reading(self) -> Reading:
        """How offsets are counted."""
        return self._reading

    @reading.setter
    def reading(self, value: Reading | str) -> None:
        try:
            self._reading = Reading(value)
        except ValueError:
            raise ValueError(
                f"{value!r} is no reading; choose one of {', '.join(Reading)}."
            ) from None

    @property
    def origin(self) -> str:
        """The scheme, address and port at which it listens."""
        return self._listener.origin

    @property
    def base_url(self) -> str:
        """The base URL of the API."""
        return self.origin + PREFIX

    async def start(self) -> None:
        """Begin to listen.

        Raises:
            OSError: The port is taken, or the address is not this machine's.
        """
        await self.file_host.start()
        try:
            await self._listener.start()
        except BaseException:
            await self.file_host.close()
            raise
        self._loop = asyncio.get_running_loop()
        self.webhooks.start()
        self.world.asset_base = self.file_host.origin

    async def close(self) -> None:
        """Close all connections at once; twice is fine. State and ledger stay readable."""
        self._loop = None
        await self.webhooks.close()
        await self._listener.close()
        await self.file_host.close()

    def recover(self) -> None:
        """Be back at once, if a fault has taken the server down."""
        self._on_loop(self._listener.recover)

    def reset(self) -> None:
        """Begin anew: state, clock, ledger, faults, webhooks, settings and what the file host saw.

        What a fault holds or delays is not done any more. If one has taken the server down, it is
        back at once. Address and key stay, and so do connections at rest.
        """
        self._on_loop(self._begin_anew)

    def _begin_anew(self) -> None:
        self._listener.recover()
        self._listener.let_go()
        self.reading, self.max_limit = self._beginning
        self.clock.reset()
        self.webhooks.reset()
        self.world.reset()
        self.ledger.clear()
        self.faults.clear()
        self.faults.hits.clear()
        self.file_host.reset()

    def _on_loop(self, function: Callable[[], None]) -> None:
        """Call what is not safe from any thread, on the loop's own if need be, and wait for it."""
        loop = self._loop
        if loop is None or loop is asyncio._get_running_loop():  # noqa: SLF001 # public in asyncio
            function()
            return

        async def turn() -> None:
            function()

        asyncio.run_coroutine_threadsafe(turn(), loop).result()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"<Sandbox {len(self.world.orders)} orders, {len(self.ledger)} requests>"

    async def _handle(self, request: web.BaseRequest, connection: Connection) -> web.StreamResponse:
        path = request.rel_url.raw_path
        if path == "/" and request.method in ("GET", "HEAD") and is_local(request):
            path = f"{CONTROL}console/{PAGE}"
        if path.startswith(CONTROL):
            return (await control(self, request, path.removeprefix(CONTROL))).response()
        below = path.removeprefix(PREFIX) if path.startswith(f"{PREFIX}/") else None
        match = Match(None) if below is None else self.contract.match(request.method, below)
        place = path if below is None else below
        entry = self.ledger.arrive(
            time=self.clock(),
            method=request.method,
            path=self._masked(place, request.rel_url.raw_query_string),
            operation=match.operation.id if match.operation else None,
            authorised=self._authorised(request),
        )
        fault = self.faults.choose(entry.operation, entry.method, place, entry.number)
        entry.fault = fault
        return await self._exchange(request, connection, match, entry, fault)

    async def _exchange(
        self,
        request: web.BaseRequest,
        connection: Connection,
        match: Match,
        entry: Entry,
        fault: Fault | None,
    ) -> web.StreamResponse:
        if fault is not None and fault.phase is Phase.BEFORE_READ:
            struck = await strike(fault, connection, entry)
            if struck is not None:
                return struck
        try:
            raw = await request.read()
        except web.HTTPRequestEntityTooLarge:
            entry.status = 413
            refused = await connection.send(Payload.of_html(413, "<h1>Content Too Large</h1>"))
            await connection.discard()
            return refused
        except (OSError, web.RequestPayloadError):  # the client left, or its body was not HTTP
            return Silence()
        entry.read = True
        entry.body = self._kept_body(raw)
        if fault is not None and fault.phase is Phase.AFTER_READ:
            struck = await strike(fault, connection, entry)
            if struck is not None:
                return struck
        payload = self._answer(request, match, raw, entry)
        if fault is not None:
            if fault.kind is Kind.DUPLICATE:
                self._answer(request, match, raw, entry)
            if fault.phase is Phase.AFTER_COMMIT:
                struck = await strike(fault, connection, entry)
            else:
                struck = await spoil(fault, connection, entry, payload)
            if struck is not None:
                return struck
        entry.status = payload.status if connection.open else None
        return payload.response()

    def _answer(self, request: web.BaseRequest, match: Match, raw: bytes, entry: Entry) -> Payload:
        operation = match.operation
        if operation is None:
            if match.allow:
                return Payload.of_json(
                    405, {"message": "Method not allowed."}, {"Allow": ", ".join(match.allow)}
                )
            return Payload.of_html(404, _NOT_FOUND)
        if not entry.authorised:
            return Payload.of_json(401, {"message": "The api-key is missing or wrong."})
        query, wrong_query = operation.check_query(request.query)
        body: Mapping[str, Any] = {}
        wrong_body: list[Problem] = []
        if operation.body is not None:
            try:
                body, wrong_body = operation.check_body(parse_json(raw))
            except ValueError:
                wrong_body = [Problem(("__root__",), "Invalid JSON", "value_error.jsondecode")]
        problems = Problems(body_params=wrong_body, query_params=wrong_query)
        if problems:
            return Payload.of_json(400, problems.to_json())
        call = Call(self.world, self.reading, self.max_limit, match.values, query, body)
        try:
            answer = HANDLERS[operation.id](call)
        except RefusedError as refusal:
            return Payload.of_json(refusal.status, {"message": refusal.message})
        if operation.effect != "READ" and answer.changed:
            entry.committed = True
            entry.created.extend(answer.created)
        return self._payload(answer)

    def _payload(self, answer: Answer) -> Payload:
        if isinstance(answer.body, bytes):
            return Payload(200, answer.body, answer.content_type)
        return Payload.of_json(200, self.file_host.signed(answer.body))

    def _authorised(self, request: web.BaseRequest) -> bool:
        given = request.headers.get("api-key", "")
        return hmac.compare_digest(
            given.encode("utf-8", "surrogateescape"), self.api_key.encode("ascii")
        )

    def _masked(self, path: str, query: str) -> str:
        whole = f"{path}?{query}" if query else path
        return whole.replace(self.api_key, "***")

    def _kept_body(self, raw: bytes) -> Any:
        if not raw:
            return None
        try:
            return parse_json(raw.replace(self.api_key.encode("ascii"), b"***"))
        except ValueError:
            return None


async def serve(
    *,
    host: str = "127.0.0.1",
    port: int = 8377,
    api_key: str | None = None,
    reading: Reading | str = Reading.ZERO_BASED,
    max_limit: int = 100,
    seed: int = 0,
    orders: int = 0,
    started: Callable[[Sandbox], None] | None = None,
) -> None:
    """Run a sandbox until the task is cancelled.

    Args:
        host: Address to bind.
        port: Port to bind; 0 takes a free one.
        api_key: The key that it accepts; a random one by default.
        reading: How it counts offsets.
        max_limit: The most records that a page may have.
        seed: Of the ids and of the faults' random numbers.
        orders: How many example orders there are at the start, in all statuses.
        started: Called with the sandbox once it listens.

    Raises:
        OSError: The port is taken, or the address is not this machine's.
        ValueError: An argument cannot be used.
    """
    sandbox = Sandbox(
        api_key, host=host, port=port, reading=reading, max_limit=max_limit, seed=seed
    )
    async with sandbox:
        sandbox.world.add_examples(orders)
        if started is not None:
            started(sandbox)
        await asyncio.Event().wait()
