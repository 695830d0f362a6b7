"""Change requests: asking production to correct delivered plans."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, TypedDict, Unpack

import attrs

from cubicasa_async.config import RequestOptions
from cubicasa_async.core import checks
from cubicasa_async.core.endpoint import Effect, Endpoint, Evidence
from cubicasa_async.core.models import Model, model
from cubicasa_async.core.paging import Pager
from cubicasa_async.core.values import OpenEnum, Unset
from cubicasa_async.resources.base import Resource


class ProductType(OpenEnum):
    """What a change request or a delivery concerns (documented)."""

    PRODUCTS_2D = "products_2d"
    PRODUCTS_3D = "products_3d"
    TOUR = "tour"


@attrs.frozen(kw_only=True)
class ChangeRequestBody:
    """The body of a change request (documented).

    Attributes:
        products: What is to be changed: `products_2d`, `products_3d`.
        text: What is wrong, in words.
        img_urls: Pictures that show it.
    """

    products: tuple[str, ...] = checks.required(checks.some_texts)
    text: str = checks.required(checks.text)
    img_urls: tuple[str, ...] | Unset | None = checks.optional(checks.texts)


class _Optional(TypedDict, total=False):
    img_urls: Iterable[str] | None


class ChangeRequestFields(_Optional):
    """Keyword arguments of a change request, as ChangeRequestBody describes them."""

    products: Iterable[ProductType | str]
    text: str


@model(kw_only=True)
class ChangeRequestReceipt(Model):
    """The answer to a new change request (documented)."""

    id: str
    message: str | None = None


@model(kw_only=True)
class ChangeRequest(Model):
    """A change request (its fields are inferred; any may be missing)."""

    id: str | None = None
    products: tuple[ProductType, ...] | None = None
    text: str | None = None
    img_urls: tuple[str, ...] | None = None
    status: Any = None
    created_at: datetime | None = None


CREATE = Endpoint(
    operation="change_requests.create",
    method="POST",
    path="/orders/{order_id}/change-requests",
    request=ChangeRequestBody,
    response=ChangeRequestReceipt,
    effect=Effect.CREATE,
    evidence=Evidence.DOCUMENTED,
)
GET = Endpoint(
    operation="change_requests.get",
    method="GET",
    path="/orders/{order_id}/change-requests/{change_request_id}",
    response=ChangeRequest,
    effect=Effect.READ,
    evidence=Evidence.DOCUMENTED,
)
LIST = Endpoint(
    operation="change_requests.list",
    method="GET",
    path="/orders/{order_id}/change-requests",
    response=ChangeRequest,
    effect=Effect.READ,
    evidence=Evidence.INFERRED,
)


class ChangeRequests(Resource):
    """Asking for changes and following them."""

    async def create(
        self,
        order_id: str,
        *,
        options: RequestOptions | None = None,
        **fields: Unpack[ChangeRequestFields],
    ) -> ChangeRequestReceipt:
        """Ask for a change of a delivered order (documented).

        The order's status becomes `Fixing`; it usually takes 2 to 24 hours (documented). A call
        whose outcome is UNKNOWN is not repeated, as a repeat could make a second request.

        Args:
            order_id: The order's identifier.
            options: Settings of this call.
            **fields: `products` and `text`; optionally `img_urls`. See ChangeRequestBody.

        Raises:
            InvalidInputError: Fields are missing, unknown or wrong. Nothing was sent.
            NotFoundError: There is no such order (REFUSED).
            CubiCasaError: The call failed; see `outcome`.
        """
        body = checks.build(ChangeRequestBody, fields, what="The change request")
        return await self._call(CREATE, options, ids={"order_id": order_id}, body=body)

    def list(
        self,
        order_id: str,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        strict: bool = False,
        options: RequestOptions | None = None,
    ) -> Pager[ChangeRequest]:
        """List the change requests of an order (method documented, path and rows inferred).

        Args:
            order_id: The order's identifier.
            limit: Records per page; the client's page_size by default.
            cursor: Where to start, from another pager's `cursor` or an error's.
            strict: Fail at the first row that cannot be read, not after all others.
            options: Settings of each page's call.

        Returns:
            A pager: await it for one page, or iterate over all.

        Raises:
            InvalidInputError: An argument is not valid. Nothing was sent.
        """
        return self._list(
            LIST,
            options,
            ids={"order_id": order_id},
            limit=limit,
            cursor=cursor,
            strict=strict,
        )

    async def get(
        self, order_id: str, change_request_id: str, *, options: RequestOptions | None = None
    ) -> ChangeRequest:
        """Get a change request (path documented, answer inferred).

        Raises:
            NotFoundError: There is no such order or change request (REFUSED).
            CubiCasaError: The call failed; see `outcome`.
        """
        return await self._call(
            GET, options, ids={"order_id": order_id, "change_request_id": change_request_id}
        )
