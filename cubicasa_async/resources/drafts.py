"""Draft orders: a property waiting for its photographer."""

from __future__ import annotations

from typing import Unpack

import attrs

from cubicasa_async.config import RequestOptions
from cubicasa_async.core import checks
from cubicasa_async.core.endpoint import Effect, Endpoint, Evidence
from cubicasa_async.resources.base import Resource
from cubicasa_async.resources.order import Order
from cubicasa_async.resources.properties import PropertyFields, PropertyRequest


@attrs.frozen(kw_only=True)
class DraftRequest(PropertyRequest):
    """The body of a draft order (documented).

    Attributes:
        owner_email: E-mail address of the user who is to scan.
    """

    owner_email: str = checks.required(checks.email)


class DraftFields(PropertyFields):
    """Keyword arguments of a draft, as DraftRequest describes them."""

    owner_email: str


CREATE = Endpoint(
    operation="drafts.create",
    method="POST",
    path="/orders/draft",
    request=DraftRequest,
    response=Order,
    effect=Effect.CREATE,
    evidence=Evidence.OBSERVED,
)
UPDATE = Endpoint(
    operation="drafts.update",
    method="PATCH",
    path="/orders/draft/{order_id}",
    request=DraftRequest,
    response=Order,
    effect=Effect.REPLACE,
    evidence=Evidence.DOCUMENTED,
)
DELETE: Endpoint[None] = Endpoint(
    operation="drafts.delete",
    method="DELETE",
    path="/orders/draft/{order_id}",
    response=None,
    effect=Effect.REPLACE,
    evidence=Evidence.INFERRED,
)


class Drafts(Resource):
    """Making and changing draft orders."""

    async def create(
        self, *, options: RequestOptions | None = None, **fields: Unpack[DraftFields]
    ) -> Order:
        """Create a draft order (path observed, method and fields documented).

        A call whose outcome is UNKNOWN is never repeated here, as a repeat could make a second
        draft: look for the `external_id` among the orders first, or use `bulk.import_drafts`,
        which does.

        Args:
            options: Settings of this call.
            **fields: `street`, `city`, `country` and `owner_email`; optionally `suite`, `state`,
                `postal_code`, `info`, `latitude`, `longitude`, `external_id`, `package_type`,
                `add_ons` and `order_preferences`. See PropertyRequest.

        Raises:
            InvalidInputError: Fields are missing, unknown or wrong. Nothing was sent.
            BadRequestError: The server refused them (REFUSED); see `field_errors`.
            CubiCasaError: The call failed; see `outcome`.
        """
        draft = checks.build(DraftRequest, fields, what="The draft order")
        return await self.send(draft, options=options)

    async def send(
        self, draft: DraftRequest | bytes, *, options: RequestOptions | None = None
    ) -> Order:
        """Create a draft order from a request that was built and checked before.

        Args:
            draft: The request, or the JSON text of one.
            options: Settings of this call.

        Raises:
            CubiCasaError: As for `create`.
        """
        return await self._call(CREATE, options, body=draft)

    async def update(
        self,
        order_id: str,
        *,
        options: RequestOptions | None = None,
        **fields: Unpack[DraftFields],
    ) -> Order:
        """Change a draft order (documented).

        `street`, `city`, `country` and `owner_email` must be given here too (documented). Whether
        an optional field that is left out is kept or cleared is not known.

        Args:
            order_id: The draft's identifier.
            options: Settings of this call.
            **fields: As for `create`.

        Raises:
            InvalidInputError: Fields are missing, unknown or wrong. Nothing was sent.
            NotFoundError: There is no such draft (REFUSED).
            CubiCasaError: The call failed; see `outcome`.
        """
        draft = checks.build(DraftRequest, fields, what="The draft order")
        return await self._call(UPDATE, options, ids={"order_id": order_id}, body=draft)

    async def delete(self, order_id: str, *, options: RequestOptions | None = None) -> None:
        """Delete a draft order (method documented, path inferred).

        Raises:
            NotFoundError: There is no such draft (REFUSED). After a lost answer and a repeat this
                may mean that the first attempt deleted it.
            CubiCasaError: The call failed; see `outcome`.
        """
        await self._call(DELETE, options, ids={"order_id": order_id})
