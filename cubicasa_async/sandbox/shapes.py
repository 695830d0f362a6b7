"""From the state to the JSON of the contract."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast

from cubicasa_async.sandbox.drawings import FLOORS
from cubicasa_async.sandbox.records import ChangeRequest, Office, Order, User

__all__ = ["change_request", "office", "order", "order_row", "user"]

_BETTER: Final = {"base": ["plus"], "plus": ["plus_3d"]}
_BEFORE_DELIVERY: Final = ("gla", "express_sla")
_AFTER_DELIVERY: Final = ("gla", "3d_cad_files")


def order(item: Order) -> dict[str, Any]:
    """The order object of a detail call."""
    return {**order_row(item), "delivery_assets": _assets(item)}


def order_row(item: Order) -> dict[str, Any]:
    """The order object of a list, which has no `delivery_assets` (observed)."""
    package = item.package_type or "base"
    offered = _AFTER_DELIVERY if item.first_delivered_at else _BEFORE_DELIVERY
    return {
        "id": item.id,
        "info": {
            "status": item.status,
            "created_by": item.created_by,
            "location": _words(" ", item.street, item.suite, item.city),
            "order_type": item.order_type,
            "first_delivered_at": item.first_delivered_at,
            "created_at": item.created_at,
            "is_scan_order": item.is_scan_order,
            "total_scanned_area": item.total_scanned_area,
            "go2scan": item.go2scan,
            "external_id": item.external_id,
            "add_info": item.info or "",
            "style_template": _style_template(item),
            "model_id": item.model_id,
            "product": {
                "add_ons": item.add_ons,
                "over_limits": [],
                "package_type": package,
                "purchasable_add_ons": [name for name in offered if name not in item.add_ons],
                "purchasable_package_types": _BETTER.get(package, []),
            },
        },
        "address": {
            "city": item.city,
            "country": item.country,
            "full_address": _words(
                ", ",
                item.street,
                item.city,
                _words(" ", item.state, item.postal_code),
                item.country,
            ),
            "latitude": item.latitude,
            "longitude": item.longitude,
            "number": item.house_number,
            "postalCode": item.postal_code,
            "state": item.state,
            "street": item.street,
            "suite": item.suite,
        },
    }


def user(item: User) -> dict[str, Any]:
    """A person of the users list."""
    return {
        "id": item.id,
        "email": item.email,
        "name": item.name,
        "surname": item.surname,
        "role": item.role,
        "email_confirmed": item.email_confirmed,
        "created_at": item.created_at,
    }


def office(item: Office) -> dict[str, Any]:
    """An office (inferred)."""
    return {"id": item.id, "name": item.name}


def change_request(item: ChangeRequest) -> dict[str, Any]:
    """A change request (inferred)."""
    return {
        "id": item.id,
        "products": item.products,
        "text": item.text,
        "img_urls": item.img_urls,
        "status": item.status,
        "created_at": item.created_at,
    }


def _style_template(item: Order) -> str | None:
    style: object = (item.order_preferences or {}).get("style_2d")
    return (
        cast("Mapping[str, Any]", style).get("style_template_id")
        if isinstance(style, Mapping)
        else None
    )


def _assets(item: Order) -> dict[str, Any] | None:
    """The keys are observed; that an order has these files, and two floors, is inferred.

    One answer that was observed has no SVG; they are listed so that there is one to download.
    """
    base = item.asset_base
    if base is None:
        return None

    def floors(kind: str) -> list[str]:
        return [f"{base}/floor-{floor}.{kind}" for floor in range(FLOORS)]

    return {
        "listing_floorplans": {
            "jpg_urls": floors("jpg"),
            "jpg_urls_dim": floors("dim.jpg"),
            "png_urls": floors("png"),
            "svg_urls": floors("svg"),
            "pdf_urls": [f"{base}/plans.pdf"],
            "pdf_urls_dim": [f"{base}/plans.dim.pdf"],
            "zip_urls": [],
            "zip_urls_dim": [],
        },
        "home_report": {"pdf_urls": [f"{base}/home-report.pdf"]},
        "tour": {
            "link": f"{base}/tour",
            "mls_compliance_link": f"{base}/tour-unbranded",
            "type": "floorplan_tour",
        },
        "floorplans_3d": None,
        "video_3d": None,
        "gla_package": (
            {"pdf_urls": [f"{base}/gla.pdf"], "json_urls": [f"{base}/gla.json"]}
            if "gla" in item.add_ons
            else None
        ),
        "snapshot": {"image_urls": None, "pdf_urls": None},
        "property_data": {"json_urls": None},
        "cad_files": None,
    }


def _words(between: str, *parts: str | None) -> str:
    return between.join(filter(None, parts))
