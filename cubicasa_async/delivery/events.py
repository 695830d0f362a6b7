"""Events: what CubiCasa says when it calls a webhook."""

from __future__ import annotations

import enum
import hashlib
import json
from typing import Annotated, Final

from cubicasa_async.core import checks, codec
from cubicasa_async.core.models import Model, WireName, model
from cubicasa_async.core.values import OpenEnum
from cubicasa_async.errors import EventError, FieldError, InvalidInputError
from cubicasa_async.resources.change_requests import ProductType
from cubicasa_async.resources.order import OrderStatus

__all__ = ["DeliveryType", "Event", "Reason", "parse_event"]


class DeliveryType(OpenEnum):
    """What kind of delivery it is: `new` is documented, others are not known."""

    NEW = "new"


class Reason(enum.Enum):
    """Why an order became Ready (documented)."""

    FIRST_DELIVERY = "first delivery"
    """It was Pending."""
    FIX = "fix"
    """It was Fixing: a change request was delivered."""
    EDIT = "edit"
    """It was Ready already: a quick edit."""


_REASONS: Final = {
    OrderStatus.PENDING: Reason.FIRST_DELIVERY,
    OrderStatus.FIXING: Reason.FIX,
    OrderStatus.READY: Reason.EDIT,
}


@model(kw_only=True)
class Event(Model):
    """A change of an order's status (documented). The call is unsigned: take it as a hint.

    It names no files, has no identifier and no time of its own. Read the order for what is there.

    Attributes:
        order_id: The order's identifier, in JSON `id`.
        current_status: Where the order stands now.
        previous_status: Where it stood before; with Ready it tells why, see `reason`.
        model_id: Identifier of the floor-plan model.
        product_type: What was delivered; one order becomes Ready once for each.
        delivery_type: What kind of delivery it is.
    """

    order_id: Annotated[str, WireName("id")]
    current_status: OrderStatus
    previous_status: OrderStatus | None = None
    model_id: str | None = None
    product_type: ProductType | None = None
    delivery_type: DeliveryType | None = None

    @property
    def reason(self) -> Reason | None:
        """Why the order became Ready; None if it did not, or for a reason not known here."""
        if self.current_status != OrderStatus.READY or self.previous_status is None:
            return None
        return _REASONS.get(self.previous_status)

    @property
    def identity(self) -> tuple[str | None, ...]:
        """All that the event says, in order; fields that this library does not know left out.

        Less does not tell deliveries apart: two products, a fix and a first delivery share order,
        status and delivery type. Even this does not tell two fixes of one product apart.
        """
        parts = (
            self.order_id,
            self.current_status,
            self.previous_status,
            self.model_id,
            self.product_type,
            self.delivery_type,
        )
        return tuple(None if part is None else str(part) for part in parts)

    @property
    def key(self) -> str:
        """The identity as a short text: 64 hexadecimal digits."""
        return hashlib.sha256(json.dumps(self.identity).encode()).hexdigest()


def parse_event(body: bytes) -> Event:
    """Read the body of a webhook call.

    Args:
        body: The bytes as they came.

    Returns:
        The event. Keys that this library does not know are in `extra`, unknown values of the
        enumerations keep their text.

    Raises:
        EventError: The bytes are no event, whatever they are; `field_errors` says why.
    """
    try:
        event = codec.structure(codec.parse(body), Event)
    except codec.CodecError as exc:
        raise _refusal(*exc.problems) from None
    try:
        checks.check_id(event.order_id, "$.id")
    except InvalidInputError as exc:
        raise _refusal(*exc.field_errors) from None
    for name, part in zip(_NAMES, event.identity, strict=True):
        if part is not None and not part.isprintable():
            raise _refusal(FieldError(f"$.{name}", "holds characters that cannot be printed"))
    return event


_NAMES: Final = (
    "id",
    "current_status",
    "previous_status",
    "model_id",
    "product_type",
    "delivery_type",
)


def _refusal(*faults: FieldError) -> EventError:
    return EventError("What the webhook brought is not an event as documented.", faults)
