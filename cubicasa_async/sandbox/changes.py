"""What happens to an order: a change of its status, a delivery."""

from __future__ import annotations

from typing import Any

import attrs

__all__ = ["Delivery", "StatusChange"]


@attrs.frozen
class StatusChange:
    """That an order moved, as a webhook tells of it.

    Which values stand in a webhook that tells of no delivery is inferred: null. The `time`
    is in Unix seconds by the sandbox's clock; the webhook does not tell it.
    """

    order_id: str
    current: str
    previous: str | None
    model_id: str | None
    product: str | None = None
    time: float = 0.0

    def body(self) -> dict[str, Any]:
        """The JSON object of the webhook."""
        return {
            "id": self.order_id,
            "current_status": self.current,
            "previous_status": self.previous,
            "model_id": self.model_id,
            "product_type": self.product,
            "delivery_type": "new" if self.product else None,
        }


@attrs.frozen
class Delivery:
    """One delivery of one product; its files lie below a place of their own."""

    order_id: str
    number: int
    product: str
    previous: str | None
    asset_base: str
