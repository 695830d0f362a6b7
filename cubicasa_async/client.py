"""The client: its life, its settings, and the resources as attributes."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, ParamSpec, Self, TypeVar, Unpack, overload
from urllib.parse import urlencode

import aiohttp

from cubicasa_async._version import __version__
from cubicasa_async.config import Config, Environment, RequestOptions, Secret, Settings
from cubicasa_async.core import wire
from cubicasa_async.core.endpoint import Effect, raw_endpoint
from cubicasa_async.core.runtime import Runtime
from cubicasa_async.core.transport import Transport, keeping_responses
from cubicasa_async.core.wire import Response, last_response
from cubicasa_async.resources.change_requests import ChangeRequests
from cubicasa_async.resources.company import Companies
from cubicasa_async.resources.drafts import Drafts
from cubicasa_async.resources.gotoscan import GoToScan
from cubicasa_async.resources.index import corrected
from cubicasa_async.resources.offices import Offices
from cubicasa_async.resources.orders import Orders
from cubicasa_async.resources.users import Users
from cubicasa_async.resources.webhooks import WebhookSettings

P = ParamSpec("P")
T = TypeVar("T")


class AsyncCubiCasa:
    """A client of the CubiCasa Integrate API v3.

    ::

        async with AsyncCubiCasa(api_key="...") as client:
            order = await client.orders.get(order_id)

    Making one opens nothing and needs no running event loop. Close it, or use `async with`. It may
    be used under several event loops in turn; each has connections of its own, which end with it.

    Args:
        api_key: The key that the vendor gave you. It is sent to the base URL's host only.
        environment: "production" (default) or "qa".
        base_url: Where the API is, if it is neither; version included.
        session: A session of yours whose connection pool is used, with its TLS and name
            resolution. Its headers, cookies and timeouts are not, and it is never closed here.
        runtime: Sources of time and chance; for tests.
        **settings: Further settings, as Config describes them.

    Attributes:
        company: The company that the key belongs to.
        offices: Its offices.
        users: Its people.
        orders: Reading orders, and buying more for them.
        change_requests: Asking for changes of delivered plans.
        drafts: Making, changing and deleting draft orders.
        gotoscan: Orders that are scanned by somebody at the property.
        webhooks: Which URLs CubiCasa calls, and when.

    Raises:
        ConfigError: A setting cannot work.
    """

    company: Companies
    offices: Offices
    users: Users
    orders: Orders
    change_requests: ChangeRequests
    drafts: Drafts
    gotoscan: GoToScan
    webhooks: WebhookSettings

    def __init__(
        self,
        api_key: str | Secret,
        *,
        environment: Environment | str | None = None,
        base_url: str | None = None,
        session: aiohttp.ClientSession | None = None,
        runtime: Runtime | None = None,
        **settings: Unpack[Settings],
    ) -> None:
        config = Config.make(
            api_key=api_key, environment=environment, base_url=base_url, **settings
        )
        self._tie(config, session, runtime)

    @classmethod
    def from_env(
        cls,
        environ: Mapping[str, str] = os.environ,
        *,
        session: aiohttp.ClientSession | None = None,
        runtime: Runtime | None = None,
        **settings: Unpack[Settings],
    ) -> Self:
        """A client from CUBICASA_API_KEY, CUBICASA_ENVIRONMENT and CUBICASA_BASE_URL.

        Raises:
            ConfigError: A variable is missing or cannot work.
        """
        client = cls.__new__(cls)
        client._tie(Config.from_env(environ, **settings), session, runtime)  # noqa: SLF001 # its own
        return client

    def _tie(
        self, config: Config, session: aiohttp.ClientSession | None, runtime: Runtime | None
    ) -> None:
        transport = Transport(
            config,
            runtime=runtime or Runtime(),
            version=__version__,
            session=session,
            corrected=corrected(config.paths),
        )
        self._furnish(transport, config.options)

    def _furnish(self, transport: Transport, options: RequestOptions) -> None:
        self._transport = transport
        self._options = options
        self.company = Companies(transport, options)
        self.offices = Offices(transport, options)
        self.users = Users(transport, options)
        self.orders = Orders(transport, options)
        self.change_requests = ChangeRequests(transport, options)
        self.drafts = Drafts(transport, options)
        self.gotoscan = GoToScan(transport, options)
        self.webhooks = WebhookSettings(transport, options)

    @property
    def config(self) -> Config:
        """The settings in force; the key in them does not show itself."""
        return self._transport.config

    @property
    def runtime(self) -> Runtime:
        """The sources of time and chance in use."""
        return self._transport.runtime

    @property
    def closed(self) -> bool:
        """Whether `close` was called, here or on a client that shares the pool."""
        return self._transport.closed

    def with_options(self, options: RequestOptions) -> Self:
        """A client with other defaults that shares this one's pool, and is closed with it."""
        derived = type(self).__new__(type(self))
        derived._furnish(self._transport, options.over(self._options))  # noqa: SLF001 # its own
        return derived

    @overload
    async def request(
        self,
        method: str,
        path: str,
        *,
        model: type[T],
        query: Mapping[str, str] | Sequence[tuple[str, str]] = (),
        body: Mapping[str, Any] | None = None,
        effect: Effect | None = None,
        options: RequestOptions | None = None,
    ) -> Response[T]: ...
    @overload
    async def request(
        self,
        method: str,
        path: str,
        *,
        model: None = None,
        query: Mapping[str, str] | Sequence[tuple[str, str]] = (),
        body: Mapping[str, Any] | None = None,
        effect: Effect | None = None,
        options: RequestOptions | None = None,
    ) -> Response[Any]: ...
    async def request(
        self,
        method: str,
        path: str,
        *,
        model: type[Any] | None = None,
        query: Mapping[str, str] | Sequence[tuple[str, str]] = (),
        body: Mapping[str, Any] | None = None,
        effect: Effect | None = None,
        options: RequestOptions | None = None,
    ) -> Response[Any]:
        """Call any path of the API, with retries, deadline and errors as for all other calls.

        Args:
            method: HTTP method.
            path: Path below the base URL, beginning with "/", encoded where it must be.
            model: Class to read the answer into. Without one, `data` is what the JSON text says,
                or None if the answer is something else than JSON; its `body` is there in any case.
            query: Query parameters.
            body: JSON object to send.
            effect: What a repeat would do. By default GET and HEAD are READ, PUT, PATCH and
                DELETE are REPLACE, and all others are CREATE, which is never repeated blindly.
            options: Settings of this call.

        Raises:
            InvalidInputError: The method or path cannot be used. Nothing was sent.
            CubiCasaError: The call failed; see `outcome`.
        """
        with keeping_responses() as kept:
            data = await self._transport.call(
                raw_endpoint(method, path, effect, model),
                options=options.over(self._options) if options else self._options,
                query=urlencode(query),
                body=body,
                read=wire.read if model else wire.read_anything,
            )
        return last_response(kept, data)

    async def raw(
        self, operation: Callable[P, Awaitable[T]], /, *args: P.args, **kwargs: P.kwargs
    ) -> Response[T]:
        """Make a call and get its answer beside the object: status, headers and bytes.

        ::

            response = await client.raw(client.orders.get, order_id)
            response.data.status, response.headers["date"], response.body

        Args:
            operation: An operation of this client; a list gives one page.
            *args: Its arguments.
            **kwargs: Its keyword arguments.

        Raises:
            InvalidInputError: That made no call.
            CubiCasaError: The call failed; see `outcome`.
        """
        with keeping_responses() as kept:
            data = await operation(*args, **kwargs)
        return last_response(kept, data)

    async def close(self) -> None:
        """Close all connections; a second time does nothing.

        Calls under way end with ClientClosedError, and their outcome says what is known.
        """
        await self._transport.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        state = "closed" if self.closed else "open"
        return f"<{type(self).__name__} of {self.config.base_url} ({state})>"
