"""What every resource does: call an endpoint with checked values."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import urlencode

import attrs

from cubicasa_async.config import RequestOptions
from cubicasa_async.core import checks, wire
from cubicasa_async.core.endpoint import Endpoint
from cubicasa_async.core.models import Model, model
from cubicasa_async.core.paging import Pager, read_page
from cubicasa_async.core.transport import Transport
from cubicasa_async.core.walk import Page

T = TypeVar("T")


@model(kw_only=True)
class Message(Model):
    """An answer that says no more than that it was done (documented where it is used)."""

    message: str | None = None


@attrs.frozen
class Resource:
    """A group of operations over one transport.

    Attributes:
        transport: Sends the calls; shared by all resources and derived clients.
        options: Defaults of this client's calls, complete.
    """

    transport: Transport = attrs.field(repr=False)
    options: RequestOptions = attrs.field(repr=False)

    async def _call(
        self,
        endpoint: Endpoint[T],
        options: RequestOptions | None,
        *,
        ids: Mapping[str, object] | None = None,
        body: object | None = None,
        read: Callable[[Endpoint[T], wire.Answer], T] = wire.read,
    ) -> T:
        path = {name: checks.check_id(value, name) for name, value in (ids or {}).items()}
        return await self.transport.call(
            endpoint,
            options=options.over(self.options) if options else self.options,
            path=path,
            body=body,
            read=read,
        )

    def _list(
        self,
        endpoint: Endpoint[T],
        options: RequestOptions | None,
        *,
        ids: Mapping[str, object] | None = None,
        query: Sequence[tuple[str, str]] = (),
        limit: int | None,
        cursor: str | None,
        strict: bool,
        window: int = 1,
    ) -> Pager[T]:
        path = {name: checks.check_id(value, name) for name, value in (ids or {}).items()}
        complete = options.over(self.options) if options else self.options

        filters = f"&{urlencode(query)}" if query else ""

        def fetch(offset: int, size: int) -> Coroutine[Any, Any, Page[T]]:
            def read(endpoint: Endpoint[Any], answer: wire.Answer) -> Page[T]:
                return read_page(endpoint, answer, offset)

            return self.transport.call(
                endpoint,  # type: ignore[arg-type] # its class is that of an item
                options=complete,
                path=path,
                query=f"limit={size}&offset={offset}{filters}",
                read=read,
            )

        return Pager(
            endpoint.operation,
            [*path.items(), *query],
            fetch,
            limit=self.transport.config.page_size if limit is None else limit,
            cursor=cursor,
            strict=strict,
            window=window,
        )
