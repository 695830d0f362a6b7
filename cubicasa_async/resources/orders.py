"""Orders: a property, its scan and its floor plans."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import attrs

from cubicasa_async.config import RequestOptions
from cubicasa_async.core import checks
from cubicasa_async.core.endpoint import Effect, Endpoint, Evidence
from cubicasa_async.core.paging import Pager
from cubicasa_async.core.values import Model, OpenEnum, wire_name
from cubicasa_async.errors import FieldError, InvalidInputError
from cubicasa_async.resources.base import Resource


class OrderStatus(OpenEnum):
    """Where an order stands (documented). The vendor may add values."""

    NEW = "New"
    DRAFT = "Draft"
    PENDING = "Pending"
    """In production."""
    READY = "Ready"
    """Deliverable."""
    FIXING = "Fixing"
    """Back in production, after a change request."""


class PackageType(OpenEnum):
    """What is delivered: base and plus are documented, plus_3d is observed."""

    BASE = "base"
    PLUS = "plus"
    PLUS_3D = "plus_3d"


class AddOn(OpenEnum):
    """What is delivered besides (documented)."""

    GLA = "gla"
    EXPRESS_SLA = "express_sla"
    """Delivery within six hours."""
    CAD_FILES_3D = "3d_cad_files"


@attrs.frozen(kw_only=True)
class Product(Model):
    """What was ordered, and what more can be (documented; any part may be missing)."""

    package_type: PackageType | None = None
    add_ons: tuple[AddOn, ...] | None = None
    over_limits: tuple[Any, ...] | None = None
    purchasable_add_ons: tuple[AddOn, ...] | None = None
    purchasable_package_types: tuple[PackageType, ...] | None = None


@attrs.frozen(kw_only=True)
class OrderInfo(Model):
    """The head of an order (documented).

    Attributes:
        status: Where the order stands.
        created_by: E-mail address of the user who made it.
        location: Address on one line.
        order_type: Kind of order; `vbim` in the documentation, other values live (observed).
        created_at: When it was made (aware, UTC).
        first_delivered_at: When it first became Ready (aware, UTC); None until then.
        is_scan_order: Whether it comes from a scan.
        total_scanned_area: Scanned area; the unit is not documented.
        go2scan: Of unknown shape.
        external_id: Your own identifier.
        add_info: Your note from the request's `info`.
        style_template: Of unknown shape.
        model_id: Identifier of the floor-plan model.
        product: What was ordered.
    """

    status: OrderStatus | None = None
    created_by: str | None = None
    location: str | None = None
    order_type: str | None = None
    created_at: datetime | None = None
    first_delivered_at: datetime | None = None
    is_scan_order: bool | None = None
    total_scanned_area: float | None = None
    go2scan: Any = None
    external_id: str | None = None
    add_info: str | None = None
    style_template: Any = None
    model_id: str | None = None
    product: Product | None = None


@attrs.frozen(kw_only=True)
class Address(Model):
    """Where the property is (documented). `street` may or may not hold the house number."""

    street: str | None = None
    number: str | None = None
    suite: str | None = None
    city: str | None = None
    state: str | None = None
    postal_code: str | None = attrs.field(default=None, metadata=wire_name("postalCode"))
    country: str | None = None
    full_address: str | None = None
    latitude: float | None = None
    longitude: float | None = None


@attrs.frozen(kw_only=True)
class Order(Model):
    """An order (documented).

    Attributes:
        id: Identifier, a uuid.
        info: Its head.
        address: Where the property is; missing in some answers.
        delivery_assets: Files by product, as parsed from JSON. Rows of a list have none
            (observed); get the order for them.
    """

    id: str
    info: OrderInfo | None = None
    address: Address | None = None
    delivery_assets: Mapping[str, Any] | None = None

    @property
    def status(self) -> OrderStatus | None:
        """Where the order stands; None if the answer did not say."""
        return self.info.status if self.info else None

    @property
    def external_id(self) -> str | None:
        """Your own identifier, if the order has one."""
        return self.info.external_id if self.info else None


LIST = Endpoint(
    operation="orders.list",
    method="GET",
    path="/orders",
    response=Order,
    effect=Effect.READ,
    evidence=Evidence.DOCUMENTED,
)
GET = Endpoint(
    operation="orders.get",
    method="GET",
    path="/orders/{order_id}",
    response=Order,
    effect=Effect.READ,
    evidence=Evidence.DOCUMENTED,
)


class Orders(Resource):
    """Reading orders."""

    def list(
        self,
        *,
        status: OrderStatus | str | Iterable[OrderStatus | str] | None = None,
        limit: int | None = None,
        cursor: str | None = None,
        strict: bool = False,
        options: RequestOptions | None = None,
    ) -> Pager[Order]:
        """List orders, newest first (documented). Rows have no `delivery_assets` (observed).

        Args:
            status: Only orders in this status, or in one of these.
            limit: Records per page; the client's page_size by default.
            cursor: Where to start, from another pager's `cursor` or an error's.
            strict: Fail at the first row that cannot be read, not after all others.
            options: Settings of each page's call.

        Returns:
            A pager: await it for one page, or iterate over all orders.

        Raises:
            InvalidInputError: A status, the limit or the cursor is not valid. Nothing was sent.
        """
        return self._list(
            LIST,
            options,
            query=[("status", value) for value in _statuses(status)],
            limit=limit,
            cursor=cursor,
            strict=strict,
        )

    async def get(self, order_id: str, *, options: RequestOptions | None = None) -> Order:
        """Get one order with its files (documented).

        Raises:
            NotFoundError: There is no such order (REFUSED).
            CubiCasaError: The call failed; see `outcome`.
        """
        return await self._call(GET, options, ids={"order_id": order_id})


def _statuses(
    status: OrderStatus | str | Iterable[OrderStatus | str] | None,
) -> tuple[str, ...]:
    if status is None:
        return ()
    try:
        found = checks.some_texts([status] if isinstance(status, str) else status)
    except ValueError as exc:
        message = "The list was not asked for: its filter is not valid."
        raise InvalidInputError(message, [FieldError("status", str(exc))]) from None
    return tuple(str(value) for value in found)
