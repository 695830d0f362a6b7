"""The order for pydantic: as strict as ours, with open enums, aware times and the renamed key.

It is spared one thing: fields that it does not know are dropped, not kept.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from cubicasa_async import AddOn, OrderStatus, PackageType

# Strict pydantic takes no number for a time.
Time = Annotated[datetime, Field(strict=False)]


class Strict(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True)


class Product(Strict):
    package_type: PackageType | None = None
    add_ons: tuple[AddOn, ...] | None = None
    over_limits: tuple[Any, ...] | None = None
    purchasable_add_ons: tuple[AddOn, ...] | None = None
    purchasable_package_types: tuple[PackageType, ...] | None = None


class OrderInfo(Strict):
    status: OrderStatus | None = None
    created_by: str | None = None
    location: str | None = None
    order_type: str | None = None
    created_at: Time | None = None
    first_delivered_at: Time | None = None
    is_scan_order: bool | None = None
    total_scanned_area: float | None = None
    go2scan: Any = None
    external_id: str | None = None
    add_info: str | None = None
    style_template: Any = None
    model_id: str | None = None
    product: Product | None = None


class Address(Strict):
    street: str | None = None
    number: str | None = None
    suite: str | None = None
    city: str | None = None
    state: str | None = None
    postal_code: str | None = Field(default=None, alias="postalCode")
    country: str | None = None
    full_address: str | None = None
    latitude: float | None = None
    longitude: float | None = None


class Order(Strict):
    id: str
    info: OrderInfo | None = None
    address: Address | None = None


class Pagination(Strict):
    has_more: bool
    next_offset: int


class Page(Strict):
    pagination: Pagination
    items: tuple[Order, ...]
