"""JSON as the server sends it; the shapes are documented, the values made up."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any, cast

ORDER_ID = "00000000-0000-4000-8000-000000000017"

DRAFT: dict[str, Any] = {
    "street": "1 Example Street",
    "city": "Sampletown",
    "country": "United States",
    "owner_email": "owner@example.test",
}

_ORDER: dict[str, Any] = {
    "id": ORDER_ID,
    "info": {
        "status": "Draft",
        "created_by": "manager@example.test",
        "location": "1 Example Street Sampletown",
        "order_type": "vbim",
        "first_delivered_at": None,
        "created_at": 1716238626.904049,
        "is_scan_order": True,
        "total_scanned_area": 12.5,
        "go2scan": None,
        "external_id": "EXT-1",
        "add_info": "",
        "style_template": None,
        "model_id": None,
        "product": {
            "add_ons": ["gla", "express_sla"],
            "over_limits": [],
            "package_type": "base",
            "purchasable_add_ons": ["express_sla"],
            "purchasable_package_types": ["plus"],
        },
    },
    "address": {
        "city": "Sampletown",
        "country": "United States",
        "full_address": "1 Example Street, Sampletown, ST 00000, United States",
        "latitude": 44.5,
        "longitude": -93.5,
        "number": "",
        "postalCode": "00000",
        "state": "Sample State",
        "street": "1 Example Street",
        "suite": "Unit 2",
    },
    "delivery_assets": None,
}


def order(**fields: Any) -> dict[str, Any]:
    """An order, with other top-level fields if given."""
    return {**copy.deepcopy(_ORDER), **fields}


def page(
    items: list[Any], *, has_more: bool = False, next_offset: int | None = None, **more: Any
) -> dict[str, Any]:
    """A page of a list."""
    pagination: dict[str, Any] = {"has_more": has_more, **more}
    if next_offset is not None:
        pagination["next_offset"] = next_offset
    return {"pagination": pagination, "items": items}


Place = tuple[str | int, ...]


def places(value: Any, place: Place = ()) -> Iterator[Place]:
    """Where the values of a JSON text stand, from the whole down to each part."""
    yield place
    parts: dict[str | int, Any] = {}
    if isinstance(value, dict):
        parts = cast("dict[str | int, Any]", value)
    elif isinstance(value, list):
        parts = dict(enumerate(value))  # pyright: ignore[reportUnknownArgumentType] # JSON
    for key, part in parts.items():
        yield from places(part, (*place, key))


def path(place: Place) -> str:
    """A place as a JSON path."""
    return "$" + "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in place)


def replaced(value: Any, place: Place, new: Any) -> Any:
    """A copy with another value at a place."""
    if not place:
        return new
    copied = copy.deepcopy(value)
    inner = copied
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = new
    return copied
