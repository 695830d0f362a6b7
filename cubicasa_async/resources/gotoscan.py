"""GoToScan orders: somebody at the property scans it, led by a link."""

from __future__ import annotations

from typing import TypedDict, Unpack

import attrs

from cubicasa_async.config import RequestOptions
from cubicasa_async.core import checks
from cubicasa_async.core.endpoint import Effect, Endpoint, Evidence
from cubicasa_async.core.values import Unset
from cubicasa_async.resources.base import Resource
from cubicasa_async.resources.order import Order
from cubicasa_async.resources.properties import PropertyFields, PropertyRequest


@attrs.frozen(kw_only=True)
class GoToScanRequest(PropertyRequest):
    """The body of a GoToScan order (inferred).

    Attributes:
        client_name: Name of the person who scans.
        client_email: Their e-mail address.
        client_phone: Their telephone number.
        owner_email: E-mail address of the user it belongs to.
    """

    client_name: str | Unset | None = checks.optional(checks.text)
    client_email: str | Unset | None = checks.optional(checks.email)
    client_phone: str | Unset | None = checks.optional(checks.text)
    owner_email: str | Unset | None = checks.optional(checks.email)


class _Contact(TypedDict, total=False):
    client_name: str | None
    client_email: str | None
    client_phone: str | None
    owner_email: str | None


class GoToScanFields(PropertyFields, _Contact):
    """Keyword arguments of a GoToScan order, as GoToScanRequest describes them."""


CREATE = Endpoint(
    operation="gotoscan.create",
    method="POST",
    path="/orders/gotoscan",
    request=GoToScanRequest,
    response=Order,
    effect=Effect.PURCHASE,
    evidence=Evidence.INFERRED,
)


class GoToScan(Resource):
    """Orders that are scanned by somebody at the property."""

    async def create(
        self, *, options: RequestOptions | None = None, **fields: Unpack[GoToScanFields]
    ) -> Order:
        """Order a GoToScan (path and body inferred). It costs money.

        Once sent it is never repeated, whatever comes back: if its outcome is UNKNOWN, look at
        your orders before calling again.

        Args:
            options: Settings of this call; `extra_body` adds fields that are not known here.
            **fields: `street`, `city` and `country`; optionally `client_name`, `client_email`,
                `client_phone`, `owner_email` and the others of PropertyRequest.

        Raises:
            InvalidInputError: Fields are missing, unknown or wrong. Nothing was sent.
            CubiCasaError: The call failed; see `outcome`.
        """
        body = checks.build(GoToScanRequest, fields, what="The GoToScan order")
        return await self._call(CREATE, options, body=body)
