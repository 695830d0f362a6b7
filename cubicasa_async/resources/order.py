"""The order object: a property, its scan and its floor plans."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from cubicasa_async.core import codec
from cubicasa_async.core.models import Model, WireName, model
from cubicasa_async.core.values import OpenEnum
from cubicasa_async.resources.assets import Asset, DeliveryAssets, list_assets


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


@model(kw_only=True)
class Product(Model):
    """What was ordered, and what more can be (documented; any part may be missing)."""

    package_type: PackageType | None = None
    add_ons: tuple[AddOn, ...] | None = None
    over_limits: tuple[Any, ...] | None = None
    purchasable_add_ons: tuple[AddOn, ...] | None = None
    purchasable_package_types: tuple[PackageType, ...] | None = None


@model(kw_only=True)
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


@model(kw_only=True)
class Address(Model):
    """Where the property is (documented). `street` may or may not hold the house number."""

    street: str | None = None
    number: str | None = None
    suite: str | None = None
    city: str | None = None
    state: str | None = None
    postal_code: Annotated[str | None, WireName("postalCode")] = None
    country: str | None = None
    full_address: str | None = None
    latitude: float | None = None
    longitude: float | None = None


@model(kw_only=True)
class Order(Model):
    """An order (documented).

    Attributes:
        id: Identifier, a uuid.
        info: Its head.
        address: Where the property is; missing in some answers.
        delivery_assets: Files by product; None as long as there are none. Rows of a list have
            none (observed); get the order for them. Something that is no object is kept in `extra`.
    """

    id: str
    info: OrderInfo | None = None
    address: Address | None = None
    delivery_assets: DeliveryAssets | None = None

    @property
    def status(self) -> OrderStatus | None:
        """Where the order stands; None if the answer did not say."""
        return self.info.status if self.info else None

    @property
    def external_id(self) -> str | None:
        """Your own identifier, if the order has one."""
        return self.info.external_id if self.info else None

    def assets(self) -> tuple[Asset, ...]:
        """All that was delivered, as one flat list; empty if there is nothing in any form.

        Rows of a list have no files (observed): get the order first. A product of unknown shape
        yields every URL that stands anywhere inside.
        """
        misshapen = {k: v for k, v in self.extra.items() if k == "delivery_assets"}
        return list_assets(codec.unstructure(self.delivery_assets) or misshapen)
