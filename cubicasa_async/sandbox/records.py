"""What the sandbox's world is made of: orders, people, and what was asked for and bought."""

from __future__ import annotations

from collections.abc import Mapping
from types import NoneType
from typing import Any, Final

import attrs

__all__ = ["ChangeRequest", "Mail", "Office", "Order", "Purchase", "Redelivery", "User"]


@attrs.define(eq=False)
class ChangeRequest:
    """A change asked for. Its statuses `open` and `done` are inferred."""

    id: str
    number: int
    order_id: str
    products: list[str]
    text: str
    img_urls: list[str]
    created_at: float
    status: str = "open"


@attrs.define(eq=False)
class Office:
    """An office of the company."""

    id: str
    number: int
    name: str


@attrs.define(eq=False)
class User:
    """A person. Without a password an invitation was mailed and is not completed."""

    id: str
    number: int
    email: str
    role: str
    created_at: float
    office_id: str | None = None
    password: str | None = attrs.field(default=None, repr=False)
    name: str | None = None
    surname: str | None = None
    email_confirmed: bool = False


def _is(words: str, *kinds: type) -> Any:
    """A validator: an order with a field of another type could never be answered again."""

    def check(_: object, field: attrs.Attribute[Any], value: object) -> None:
        if not isinstance(value, kinds):
            raise TypeError(f"{field.name} is {words}, not {value!r}.")

    return check


_text: Final = _is("a text", str)
_text_or_none: Final = _is("a text or null", str, NoneType)
_object_or_none: Final = _is("an object or null", Mapping, NoneType)
_number: Final = _is("a number", int, float)
_number_or_none: Final = _is("a number or null", int, float, NoneType)


def _texts(_: object, field: attrs.Attribute[Any], value: Any) -> None:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):  # pyright: ignore[reportUnknownVariableType] # JSON
        raise TypeError(f"{field.name} is a list of texts, not {value!r}.")


@attrs.define(eq=False, kw_only=True)
class Order:
    """An order. `owner_email` is its assignee, who is lost when the user is deleted."""

    id: str
    number: int
    created_at: float
    status: str = attrs.field(default="Draft", validator=_text)
    street: str = attrs.field(default="1 Example Street", validator=_text)
    house_number: str = attrs.field(default="", validator=_text)
    suite: str | None = attrs.field(default=None, validator=_text_or_none)
    city: str = attrs.field(default="Sampletown", validator=_text)
    state: str | None = attrs.field(default=None, validator=_text_or_none)
    postal_code: str | None = attrs.field(default=None, validator=_text_or_none)
    country: str = attrs.field(default="United States", validator=_text)
    latitude: float | None = attrs.field(default=None, validator=_number_or_none)
    longitude: float | None = attrs.field(default=None, validator=_number_or_none)
    info: str | None = attrs.field(default=None, validator=_text_or_none)
    external_id: str | None = attrs.field(default=None, validator=_text_or_none)
    owner_email: str | None = attrs.field(default=None, validator=_text_or_none)
    package_type: str | None = attrs.field(default=None, validator=_text_or_none)
    add_ons: list[str] = attrs.field(factory=list[str], validator=_texts)
    order_preferences: Mapping[str, Any] | None = attrs.field(
        default=None, validator=_object_or_none
    )
    order_type: str = attrs.field(default="vbim", validator=_text)
    is_scan_order: bool = True
    go2scan: dict[str, Any] | None = attrs.field(default=None, validator=_object_or_none)
    source: list[str] = attrs.field(factory=list[str], validator=_texts)
    created_by: str = attrs.field(default="", validator=_text)
    first_delivered_at: float | None = attrs.field(default=None, validator=_number_or_none)
    model_id: str | None = attrs.field(default=None, validator=_text_or_none)
    total_scanned_area: float = attrs.field(default=0, validator=_number)
    deliveries: int = attrs.field(default=0, validator=_is("a whole number", int))
    asset_base: str | None = attrs.field(default=None, validator=_text_or_none)


@attrs.frozen
class Purchase:
    """Something that costs money: an upgrade, a redraw or a GoToScan order."""

    id: str
    order_id: str
    package_type: str | None
    add_ons: tuple[str, ...]


@attrs.frozen
class Redelivery:
    """A re-delivery asked for."""

    id: str
    order_id: str
    order_preferences: Mapping[str, Any] | None


@attrs.frozen
class Mail:
    """A mail that the real service would have sent."""

    id: str
    to: str
    subject: str
