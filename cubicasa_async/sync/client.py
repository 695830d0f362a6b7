"""The synchronous client: its life and its settings."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import ParamSpec, Self, TypeVar, Unpack

from cubicasa_async.client import AsyncCubiCasa
from cubicasa_async.config import Config, Environment, RequestOptions, Secret, Settings
from cubicasa_async.core.runtime import Runtime
from cubicasa_async.core.transport import keeping_responses
from cubicasa_async.core.wire import Response, last_response
from cubicasa_async.sync.portal import Portal
from cubicasa_async.sync.resources import Operations

P = ParamSpec("P")
T = TypeVar("T")


class CubiCasa(Operations):
    """A client of the CubiCasa Integrate API v3 for code without an event loop.

    ::

        with CubiCasa(api_key="...") as client:
            order = client.orders.get(order_id)

    It has the operations of AsyncCubiCasa under the same names. They run on an event loop of the
    client's own, in a thread of its own that starts with the first call. So it works in any
    thread, in several at once, and where an event loop runs already, as in a notebook; it holds
    that one up, as every synchronous call does. A forked process gets connections of its own.
    Ctrl-C cancels the call under way and waits until it has ended.

    Making one opens nothing. Close it, or use `with`; one that is left open closes with its last
    reference, or with the process.

    Args:
        api_key: The key that the vendor gave you. It is sent to the base URL's host only.
        environment: "production" (default) or "qa".
        base_url: Where the API is, if it is neither; version included.
        runtime: Sources of time and chance; for tests.
        **settings: Further settings, as Config describes them.

    Attributes:
        asynchronous: The client behind this one, for what takes an AsyncCubiCasa.
        portal: Runs coroutines on this client's loop: `client.portal.run(coroutine)`.

    Raises:
        ConfigError: A setting cannot work.
    """

    def __init__(
        self,
        api_key: str | Secret,
        *,
        environment: Environment | str | None = None,
        base_url: str | None = None,
        runtime: Runtime | None = None,
        **settings: Unpack[Settings],
    ) -> None:
        client = AsyncCubiCasa(
            api_key, environment=environment, base_url=base_url, runtime=runtime, **settings
        )
        self._furnish(Portal(client), client)

    @classmethod
    def from_env(
        cls,
        environ: Mapping[str, str] = os.environ,
        *,
        runtime: Runtime | None = None,
        **settings: Unpack[Settings],
    ) -> Self:
        """A client from CUBICASA_API_KEY, CUBICASA_ENVIRONMENT and CUBICASA_BASE_URL.

        Raises:
            ConfigError: A variable is missing or cannot work.
        """
        client = AsyncCubiCasa.from_env(environ, runtime=runtime, **settings)
        return cls._over(Portal(client), client)

    @classmethod
    def _over(cls, portal: Portal, asynchronous: AsyncCubiCasa) -> Self:
        client = cls.__new__(cls)
        client._furnish(portal, asynchronous)  # noqa: SLF001 # its own
        return client

    @property
    def config(self) -> Config:
        """The settings in force; the key in them does not show itself."""
        return self.asynchronous.config

    @property
    def runtime(self) -> Runtime:
        """The sources of time and chance in use."""
        return self.asynchronous.runtime

    @property
    def closed(self) -> bool:
        """Whether `close` was called, here or on a client that shares the pool."""
        return self.portal.closed

    def with_options(self, options: RequestOptions) -> Self:
        """A client with other defaults that shares this one's pool, and is closed with it."""
        return self._over(self.portal, self.asynchronous.with_options(options))

    def raw(self, operation: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Response[T]:
        """Make a call and get its answer beside the object: status, headers and bytes.

        ::

            response = client.raw(client.orders.get, order_id)
            response.data.status, response.headers["date"], response.body

        Args:
            operation: An operation of this client, or the `page` of one of its lists.
            *args: Its arguments.
            **kwargs: Its keyword arguments.

        Raises:
            InvalidInputError: That made no call.
            CubiCasaError: The call failed; see `outcome`.
        """
        with keeping_responses() as kept:
            data = operation(*args, **kwargs)
        return last_response(kept, data)

    def close(self) -> None:
        """Close all connections; a second time does nothing.

        Calls under way end with ClientClosedError, and their outcome says what is known.
        """
        self.portal.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "closed" if self.closed else "open"
        return f"<{type(self).__name__} of {self.config.base_url} ({state})>"
