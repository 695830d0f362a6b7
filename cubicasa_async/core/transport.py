"""The one module that makes HTTP calls: one loop of attempts under one deadline."""

from __future__ import annotations

import asyncio
import inspect
import logging
import platform
import warnings
import weakref
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar, cast

import aiohttp

from cubicasa_async.config import Config, RequestOptions
from cubicasa_async.core import failures, policy, wire
from cubicasa_async.core.connections import Borrowed, Connections, Mark, MarkedBody, OnlyOnce
from cubicasa_async.core.endpoint import Effect, Endpoint, Evidence
from cubicasa_async.core.limits import Priority
from cubicasa_async.core.runtime import Runtime
from cubicasa_async.core.watch import watching
from cubicasa_async.errors import (
    AnswerError,
    Attempt,
    ClientClosedError,
    ConfigError,
    CubiCasaError,
    DecodeError,
    InferredPathWarning,
    Outcome,
    QueueTimeoutError,
    RateLimitError,
)

T = TypeVar("T")
logger: logging.Logger = logging.getLogger("cubicasa_async")

_kept: ContextVar[list[wire.Response[Any]] | None] = ContextVar("kept", default=None)


@contextmanager
def keeping_responses() -> Generator[list[wire.Response[Any]]]:
    """Keep the answers of all calls that succeed within the block, in this context."""
    outer = _kept.get()
    kept: list[wire.Response[Any]] = []
    token = _kept.set(kept)
    try:
        yield kept
    finally:
        _kept.reset(token)
        if outer is not None:
            outer += kept


class Transport:
    """Sends calls and decides over repeats. Derived clients share it, and with it the pool.

    Args:
        config: Settings.
        runtime: Sources of time and chance.
        version: This library's version, for the User-Agent.
        session: A session of the caller's whose pool is used; it stays open.
        corrected: Endpoints whose path the user corrected, by operation.
    """

    def __init__(
        self,
        config: Config,
        *,
        runtime: Runtime,
        version: str,
        session: aiohttp.ClientSession | None = None,
        corrected: Mapping[str, Endpoint[Any]] | None = None,
    ) -> None:
        self.config = config
        self.runtime = runtime
        self._base_url = str(config.base_url)
        self._session = session
        self._corrected = corrected or {}
        self._warned: set[str] = set()
        self._user_agent = (
            f"cubicasa-async/{version} "
            f"(Python {platform.python_version()}; aiohttp {aiohttp.__version__})"
        )
        self._connections: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Connections] = (
            weakref.WeakKeyDictionary()
        )
        self._opened = False
        self._made_at = _first_frame_outside()
        self.closed: bool = False

    def __del__(self) -> None:
        if getattr(self, "_opened", False) and not self.closed:
            warnings.warn(
                f"A client made at {self._made_at} was never closed. Use `async with`, or close().",
                ResourceWarning,
                source=self,
                stacklevel=2,
            )

    async def close(self) -> None:
        """Close all connections of this loop. Calls under way end with ClientClosedError."""
        self.closed = True
        found = self._connections.pop(asyncio.get_running_loop(), None)
        if found is not None:
            await found.close()

    async def call(
        self,
        endpoint: Endpoint[T],
        *,
        options: RequestOptions,
        path: Mapping[str, str] | None = None,
        query: str = "",
        body: object | None = None,
        read: Callable[[Endpoint[T], wire.Answer], T] = wire.read,
    ) -> T:
        """Make one call: as many attempts as its effect allows, within its deadline.

        Args:
            endpoint: What is called.
            options: Complete settings of the call.
            path: Values for the path's variable parts, checked.
            query: Query parameters, encoded.
            body: The checked request body, an attrs object or JSON text.
            read: How the answer is read; by default into the endpoint's response class.

        Raises:
            CubiCasaError: It failed; `outcome` and `attempts` tell what is known.
        """
        if self.closed:
            raise ClientClosedError("The client is closed. Make a new one.")
        endpoint = self._current(endpoint)
        request = wire.build(
            self._base_url,
            endpoint,
            path=path or {},
            query=query,
            body=body,
            extra_body=options.extra_body,
        )
        runtime = self.runtime
        deadline = runtime.monotonic() + _seconds(options.deadline)
        attempts: list[Attempt] = []
        bounds: Iterator[float] | None = None
        while True:
            attempt = _Attempt(self, endpoint, request, options, deadline)
            error = await attempt.run(read)
            if error is None:
                attempt.connections.gate.speed_up()
                data, answer = attempt.done
                if (kept := _kept.get()) is not None:
                    headers = {name.lower(): value for name, value in answer.headers.items()}
                    kept.append(wire.Response(data, answer.status, headers, answer.body))
                return cast("T", data)
            bounds = bounds or policy.waits(self.config.retry)
            decision = self._decide(attempt, error, len(attempts) + 1, next(bounds))
            slept = decision.seconds if isinstance(decision, policy.Sleep) else 0.0
            attempts.append(attempt.record(error, slept))
            logger.debug(
                "%s attempt %d failed: %s", endpoint.operation, len(attempts), attempts[-1].error
            )
            if isinstance(decision, policy.Stop):
                error.attempts = tuple(attempts)
                error.operation = endpoint.operation
                has_effect = endpoint.effect is not Effect.READ
                if has_effect and any(tried.outcome is Outcome.UNKNOWN for tried in attempts):
                    error.outcome = Outcome.UNKNOWN  # an earlier attempt may have done it
                raise error
            if (watch := watching.get()) is not None:
                limited = isinstance(error, RateLimitError)
                watch.repeated(limited=limited, again_at=runtime.monotonic() + slept)
            await runtime.sleep(slept)

    def _current(self, endpoint: Endpoint[T]) -> Endpoint[T]:
        """The endpoint as the user corrected it; warns once of one that is only inferred."""
        if endpoint.operation in self._corrected:
            return self._corrected[endpoint.operation]
        inferred = endpoint.evidence is Evidence.INFERRED
        if inferred and endpoint.operation not in self._warned:
            self._warned.add(endpoint.operation)
            warning = InferredPathWarning(
                f"{endpoint.operation}: {endpoint.method} {endpoint.path} is inferred and may be "
                "wrong.",
                "If the server does not know it, correct it by the client's setting "
                f"paths={{{endpoint.operation!r}: 'METHOD /path'}}. Set to itself, it is accepted.",
            )
            warnings.warn(warning, stacklevel=5)
        return endpoint

    def _decide(
        self, attempt: _Attempt, error: CubiCasaError, tries: int, bound: float
    ) -> policy.Sleep | policy.Stop:
        runtime, now = self.runtime, self.runtime.monotonic()
        retry_after = self._retry_after(error)
        if retry_after is not None:
            error.retry_at = runtime.utcnow() + timedelta(seconds=retry_after)
        wait = runtime.jitter(bound)
        if isinstance(error, RateLimitError):
            pause = wait if retry_after is None else retry_after
            attempt.connections.gate.slow_down(now + pause)
        return policy.decide(
            attempt.endpoint.effect,
            error,
            tries=tries,
            retries=attempt.options.retries or 0,
            wait=wait,
            retry_after=retry_after,
            now=now,
            deadline=attempt.deadline,
        )

    def _retry_after(self, error: CubiCasaError) -> float | None:
        if not isinstance(error, AnswerError):
            return None
        server_now = policy.parse_http_date(error.headers.get("date"))
        return policy.parse_retry_after(
            error.headers.get("retry-after"),
            now=server_now or self.runtime.utcnow(),
            longest=self.config.retry.longest_retry_after,
        )

    def opened(self) -> Connections | None:
        """What is open on the running loop, if anything is.

        Raises:
            ClientClosedError: The client was closed, perhaps while a call waited to be repeated.
        """
        if self.closed:
            raise ClientClosedError("The client is closed. Make a new one.")
        return self._connections.get(asyncio.get_running_loop())

    async def open(self) -> Connections:
        """Open connections on the running loop, unless some are open.

        Raises:
            ClientClosedError: The client was closed.
            ConfigError: The caller's session belongs to another loop.
        """
        found = self.opened()
        if found is None:
            borrowed = Borrowed.from_session(self._session) if self._session else None
            try:
                found = Connections(self.config, self.runtime, self._user_agent, borrowed)
            except RuntimeError:
                raise ConfigError(
                    "The session that was passed in belongs to another event loop. Make the "
                    "session on the loop that the client is used on."
                ) from None
            self._connections[asyncio.get_running_loop()] = found
            self._opened = True
            await found.open()
        return found


class _Attempt:
    """One try of a call, from the gate to the read answer."""

    connections: Connections
    done: tuple[Any, wire.Answer]
    _phase = "queue"
    _status: int | None = None
    _cause = ""

    def __init__(
        self,
        transport: Transport,
        endpoint: Endpoint[Any],
        request: wire.Request,
        options: RequestOptions,
        deadline: float,
    ) -> None:
        self.transport = transport
        self.endpoint = endpoint
        self.request = request
        self.options = options
        self.deadline = deadline
        self._mark = None if endpoint.effect is Effect.READ else Mark()
        self._begun = transport.runtime.monotonic()

    async def run(self, read: Callable[[Endpoint[Any], wire.Answer], Any]) -> CubiCasaError | None:
        """Make the attempt. A failure is given back, of our kind and without the key."""
        mark = self._mark
        try:
            self.connections = self.transport.opened() or await self.transport.open()
            answer = await self._exchange()
            self.done = (self._read(read, answer), answer)
        except CubiCasaError as exc:
            error = exc
        except failures.FOREIGN as exc:
            sent = mark.sent if mark else None
            error = failures.translate(exc, sent=sent, has_effect=mark is not None)
            self._cause = failures.in_short(exc)
            error.args = (self.transport.config.api_key.redact(error.message),)
            if self.transport.closed:
                error = ClientClosedError(
                    "The client was closed while the call was under way.", outcome=error.outcome
                )
        else:
            return None
        # What the layer below raised may hold the request's headers, so no link to it is kept.
        error.__context__ = error.__cause__ = None
        return error

    def _read(self, read: Callable[[Endpoint[Any], wire.Answer], Any], answer: wire.Answer) -> Any:
        try:
            return read(self.endpoint, answer)
        except (AnswerError, DecodeError):
            # A server may echo the request. What an error keeps must not hold the key.
            secret = self.transport.config.api_key
            headers = {name.lower(): secret.redact(value) for name, value in answer.headers.items()}
            body = secret.redact_bytes(answer.body)
            return read(self.endpoint, wire.Answer(answer.status, headers, body))

    async def _exchange(self) -> wire.Answer:
        options, transport, gate = self.options, self.transport, self.connections.gate
        if not gate.enter_at_once(self.deadline):
            await gate.enter(options.priority or Priority.INTERACTIVE, self.deadline)
        try:
            if transport.closed:
                raise ClientClosedError("The client was closed while the call waited for its turn.")
            self._phase = "connect"
            left = self.deadline - transport.runtime.monotonic()
            if left <= 0:
                raise QueueTimeoutError("The call's deadline passed before it could be sent.")
            with self.connections.alarm.limit(min(_seconds(options.timeout), left)):
                return await self._send()
        finally:
            gate.leave()

    async def _send(self) -> wire.Answer:
        config, request, mark = self.transport.config, self.request, self._mark
        session, headers = self.connections.plain, self.options.headers or {}
        body: bytes | MarkedBody | None = request.body
        if body is not None:
            headers = {**headers, "Content-Type": "application/json"}
        if mark and request.body is not None:
            body = MarkedBody(request.body, mark)
        elif mark:
            session = self.connections.traced
        async with session.request(
            request.method,
            request.url,
            data=body,
            headers=headers,
            allow_redirects=False,
            proxy=config.proxy,
            middlewares=(OnlyOnce(),),
            trace_request_ctx=mark,
        ) as response:
            self._phase, self._status = "answer", response.status
            answer = await _read_bounded(response, config.max_response_bytes)
            if answer and (encoding := response.headers.get("content-encoding")):
                answer = wire.inflate(answer, encoding.strip().lower(), config.max_response_bytes)
            return wire.Answer(response.status, response.headers, answer)

    def record(self, error: CubiCasaError, slept: float) -> Attempt:
        if self._phase == "connect" and self._mark and self._mark.sent:
            self._phase = "send"
        secret, runtime = self.transport.config.api_key, self.transport.runtime
        duration = runtime.monotonic() - self._begun
        return Attempt(
            started=runtime.utcnow() - timedelta(seconds=duration),
            duration=duration,
            phase=self._phase,
            status=self._status,
            outcome=error.outcome,
            error=secret.redact(self._cause or failures.in_short(error)),
            slept=slept,
        )


async def _read_bounded(response: aiohttp.ClientResponse, limit: int) -> bytes:
    if (response.content_length or 0) > limit:
        response.close()
        raise wire.too_large(limit)
    chunks: list[bytes] = []
    size = 0
    while chunk := await response.content.readany():
        size += len(chunk)
        if size > limit:
            response.close()
            raise wire.too_large(limit)
        chunks.append(chunk)
    return b"".join(chunks)


def _first_frame_outside() -> str:
    """File and line of the user's code that led here."""
    package = str(Path(__file__).parent.parent)
    frame = inspect.currentframe()
    while frame is not None and frame.f_code.co_filename.startswith((package, "<attrs")):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}" if frame else "an unknown place"


def _seconds(value: float | None) -> float:
    return float("inf") if value is None else value
