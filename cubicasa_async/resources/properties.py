"""What the requests for drafts, redraws and GoToScan orders have in common: a property."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypedDict

import attrs

from cubicasa_async.core import checks
from cubicasa_async.core.values import Unset


@attrs.frozen(kw_only=True)
class Video:
    """Style of the 3D video (documented)."""

    speed: str | Unset | None = checks.optional(checks.text)
    layout: str | Unset | None = checks.optional(checks.text)


@attrs.frozen(kw_only=True)
class Style2D:
    """Style of the 2D plans (documented)."""

    style_template_id: str | Unset | None = checks.optional(checks.text)
    add_info: str | Unset | None = checks.optional(checks.text)


@attrs.frozen(kw_only=True)
class Style3D:
    """Style of the 3D plans (documented)."""

    video: Video | Unset | None = checks.nested(Video)
    furniture_set: str | Unset | None = checks.optional(checks.text)
    include_basement: bool | Unset | None = checks.optional(checks.boolean)
    add_info: str | Unset | None = checks.optional(checks.text)


@attrs.frozen(kw_only=True)
class OrderPreferences:
    """How the plans of one order are to look (documented)."""

    style_2d: Style2D | Unset | None = checks.nested(Style2D)
    style_3d: Style3D | Unset | None = checks.nested(Style3D)


@attrs.frozen(kw_only=True)
class PropertyRequest:
    """A property, and what is to be delivered for it (documented for drafts).

    Attributes:
        street: Street with house number.
        city: City.
        country: Country.
        suite: Unit within the building.
        state: State or region.
        postal_code: Postal code, as text.
        info: A note for the scan.
        latitude: Degrees north, -90 to 90; the mobile app lists the nearest drafts by it.
        longitude: Degrees east, -180 to 180.
        external_id: Your own identifier. Nothing says that the server keeps it unique.
        package_type: What is to be delivered.
        add_ons: What is to be delivered besides.
        order_preferences: How the plans are to look.
    """

    street: str = checks.required(checks.text)
    city: str = checks.required(checks.text)
    country: str = checks.required(checks.text)
    suite: str | Unset | None = checks.optional(checks.text)
    state: str | Unset | None = checks.optional(checks.text)
    postal_code: str | Unset | None = checks.optional(checks.text, wire="postalCode")
    info: str | Unset | None = checks.optional(checks.text)
    latitude: float | Unset | None = checks.optional(checks.between(-90, 90))
    longitude: float | Unset | None = checks.optional(checks.between(-180, 180))
    external_id: str | Unset | None = checks.optional(checks.text)
    package_type: str | Unset | None = checks.optional(checks.text)
    add_ons: tuple[str, ...] | Unset | None = checks.optional(checks.texts)
    order_preferences: OrderPreferences | Unset | None = checks.nested(OrderPreferences)


class _Optional(TypedDict, total=False):
    suite: str | None
    state: str | None
    postal_code: str | None
    info: str | None
    latitude: float | None
    longitude: float | None
    external_id: str | None
    package_type: str | None
    add_ons: Iterable[str] | None
    order_preferences: OrderPreferences | Mapping[str, object] | None


class PropertyFields(_Optional):
    """Keyword arguments of a property, as PropertyRequest describes them; None sends null."""

    street: str
    city: str
    country: str
