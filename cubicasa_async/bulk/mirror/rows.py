"""From an order to the rows of a mirror, and back."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, cast

import attrs
import msgspec

from cubicasa_async.config import Secret
from cubicasa_async.core import codec
from cubicasa_async.core.walk import Page
from cubicasa_async.errors import FieldError, Undecodable
from cubicasa_async.resources.order import (
    AddOn,
    Address,
    Order,
    OrderInfo,
    OrderStatus,
    PackageType,
    Product,
)


@attrs.frozen
class ListedRow:
    """An entry of the server's list.

    Attributes:
        order_id: Its order.
        fingerprint: Of all that the entry says.
        order: It as an order; where it could not be read, an order without anything but its id.
        raw: It as JSON text.
    """

    order_id: str
    fingerprint: str
    order: Order
    raw: str


def listed_rows(page: Page[Order], key: Secret) -> tuple[list[ListedRow], list[Undecodable]]:
    """The entries of a page without the api key, and those among them whose id cannot be read."""
    rows: list[ListedRow] = []
    unknown: list[Undecodable] = []
    for record in page.records:
        item = record.item
        if not isinstance(item, Undecodable):
            if item.id:
                rows.append(_listed_row(item, codec.unstructure(item), key))
            else:
                unknown.append(_without_id(item))
        elif isinstance(order_id := codec.as_mapping(item.raw).get("id"), str) and order_id:
            rows.append(_listed_row(Order(id=order_id), item.raw, key))
        else:
            unknown.append(item)
    return rows, unknown


def _without_id(item: Order) -> Undecodable:
    return Undecodable(codec.unstructure(item), (FieldError("id", "must not be empty"),))


def _listed_row(order: Order, fields: Any, key: Secret) -> ListedRow:
    body = msgspec.json.encode(fields)
    raw = key.redact_bytes(body)
    if raw != body and order.info is not None:
        order = codec.structure(codec.parse(raw), Order)
    # Files are left out: rows have none (observed), and URLs may be signed anew for each answer.
    told = {key: value for key, value in _said(fields).items() if key != "delivery_assets"}
    digest = hashlib.sha256(msgspec.json.encode(told, order="deterministic"))
    return ListedRow(order.id, digest.hexdigest(), order, raw.decode())


def _said(value: Any) -> Any:
    """A JSON value without its nulls: a key with null and no key say the same (observed)."""
    if isinstance(value, dict):
        fields = cast("dict[str, Any]", value).items()
        return {key: _said(part) for key, part in fields if part is not None}
    if isinstance(value, (list, tuple)):
        return [_said(part) for part in cast("list[Any]", value)]
    return value


def order_columns(order: Order) -> dict[str, Any]:
    """What an order says of itself, by the columns of the table `orders`."""
    info, address = order.info or OrderInfo(), order.address or Address()
    product = info.product or Product()
    return {
        "status": _text(info.status),
        "external_id": info.external_id,
        "created_at": info.created_at,
        "first_delivered_at": info.first_delivered_at,
        "created_by": info.created_by,
        "order_type": info.order_type,
        "is_scan_order": info.is_scan_order,
        "package_type": _text(product.package_type),
        "add_ons": ",".join(map(str, product.add_ons)) if product.add_ons else None,
        "total_scanned_area": info.total_scanned_area,
        "model_id": info.model_id,
        "add_info": info.add_info or None,
        "location": info.location or None,
        "street": address.street,
        "house_number": address.number or None,
        "suite": address.suite or None,
        "city": address.city,
        "state": address.state or None,
        "postal_code": address.postal_code or None,
        "country": address.country,
        "full_address": address.full_address or None,
        "latitude": address.latitude,
        "longitude": address.longitude,
    }


def asset_rows(order: Order) -> list[dict[str, Any]]:
    """Its delivered files, by the columns of the table `assets`."""
    return [
        {
            "order_id": order.id,
            "number": number,
            "place": asset.place,
            "product": asset.product,
            "format": asset.format,
            "floor": asset.floor,
            "dimensioned": asset.dimensioned,
            "name": asset.name,
            "url": asset.url,
        }
        for number, asset in enumerate(order.assets(), start=1)
    ]


def mirrored_order(row: Mapping[str, Any]) -> Order:
    """An order from its row in the table `orders`: as a list has it, without files."""
    package, add_ons = row["package_type"], row["add_ons"]
    return Order(
        id=row["id"],
        info=OrderInfo(
            status=OrderStatus(row["status"]) if row["status"] else None,
            product=Product(
                package_type=PackageType(package) if package else None,
                add_ons=tuple(map(AddOn, add_ons.split(","))) if add_ons else None,
            ),
            **{name: row[name] for name in _OF_INFO},
        ),
        address=Address(number=row["house_number"], **{name: row[name] for name in _OF_ADDRESS}),
    )


_OF_INFO = (
    "external_id",
    "created_at",
    "first_delivered_at",
    "created_by",
    "order_type",
    "is_scan_order",
    "total_scanned_area",
    "model_id",
    "add_info",
    "location",
)
_OF_ADDRESS = (
    "street",
    "suite",
    "city",
    "state",
    "postal_code",
    "country",
    "full_address",
    "latitude",
    "longitude",
)


def _text(value: object) -> str | None:
    return None if value is None else str(value)
