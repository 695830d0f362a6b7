"""The tables of the inbox, and what an order looks like when its delivery has been handled."""

from __future__ import annotations

import enum
import hashlib
import json
from typing import Any, Final, cast

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
)

from cubicasa_async.core import codec
from cubicasa_async.resources.order import Order
from cubicasa_async.store import AnyText, Moment, Schema

__all__ = ["EVENTS", "INBOX", "ORDERS", "SCHEMA", "State", "look_of"]


class State(enum.StrEnum):
    """Where an event stands."""

    WAITING = "waiting"
    """It is to be handled when it is due."""
    HANDLING = "handling"
    """Its handling has begun; if its process died, it begins anew when the hold has run out."""
    HANDLED = "handled"
    """The handler took it."""
    REPEAT = "repeat"
    """It said what was handled shortly before, and the order had not changed since."""
    DEAD = "dead"
    """It failed too often, or cannot be read. A person has to look at it."""


_METADATA: Final = MetaData()

INBOX: Final = Table(
    "webhook_inbox",
    _METADATA,
    Column("id", Integer, primary_key=True, comment="Always 1."),
    Column("began", Moment, nullable=False, comment="When the inbox was made."),
    comment="The inbox itself, in one row.",
)
ORDERS: Final = Table(
    "webhook_orders",
    _METADATA,
    Column("order_id", AnyText, primary_key=True, comment="The order."),
    Column("due", Moment, comment="When its next event is due; null if none is open."),
    Column("holder", Text, comment="Who is handling its events, as a random text."),
    Column("held_until", Moment, comment="When the holder is taken for dead, unless it renews."),
    Column("seen_status", AnyText, comment="The status it had when last read or listed."),
    Column("handled_look", Text, comment="A hash of what it was when an event was last handled."),
    Column("handled_at", Moment, comment="When that was."),
    comment="Orders that events or sweeps have told of.",
)
Index("webhook_orders_due", ORDERS.c.due)
Index("webhook_orders_seen", ORDERS.c.seen_status)
EVENTS: Final = Table(
    "webhook_events",
    _METADATA,
    Column(
        "number",
        BigInteger().with_variant(Integer, "sqlite"),
        primary_key=True,
        comment="In the order of their arrival.",
    ),
    Column("key", Text, nullable=False, comment="A hash of all that the event says."),
    Column(
        "order_id",
        AnyText,
        ForeignKey(ORDERS.c.order_id),
        comment="The order; null if the body could not be read.",
    ),
    Column("current_status", AnyText, comment="Where the order stands, as the event says."),
    Column("previous_status", AnyText, comment="Where it stood before."),
    Column("product_type", AnyText, comment="What was delivered."),
    Column("body", LargeBinary, nullable=False, comment="The JSON text as it came."),
    Column("source", Text, nullable=False, comment="webhook or sweep."),
    Column("state", Text, nullable=False, comment="waiting, handling, handled, repeat or dead."),
    Column("received", Integer, nullable=False, comment="How often it came before its handling."),
    Column("received_at", Moment, nullable=False, comment="When it first came."),
    Column("last_received_at", Moment, nullable=False, comment="When it last came."),
    Column("due", Moment, nullable=False, comment="When it is to be handled."),
    Column("attempts", Integer, nullable=False, comment="How often its handling was begun."),
    Column("reason", AnyText, comment="Why it failed last."),
    Column("settled_at", Moment, comment="When it was handled, found a repeat, or given up."),
    Column("look", Text, comment="A hash of the order as the handler had it last."),
    comment="Every event that came; the same one that comes again before it is handled, once.",
)
Index("webhook_events_key", EVENTS.c.key, EVENTS.c.state)
Index("webhook_events_order", EVENTS.c.order_id, EVENTS.c.state)
Index("webhook_events_state", EVENTS.c.state, EVENTS.c.settled_at)

SCHEMA: Final = Schema("webhook inbox", 1, _METADATA)


def look_of(order: Order) -> str:
    """A hash of what a delivery changes in an order.

    Of URLs the query is left out, which holds signatures that differ with each answer (inferred).
    """
    info = order.info
    what = [
        order.status,
        info.model_id if info else None,
        info.first_delivered_at.timestamp() if info and info.first_delivered_at else None,
        _without_queries(codec.unstructure(order)["delivery_assets"]),
    ]
    return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()


def _without_queries(value: Any) -> Any:
    if isinstance(value, dict):
        fields = cast("dict[str, Any]", value)
        return {name: _without_queries(item) for name, item in fields.items()}
    if isinstance(value, (list, tuple)):
        return [_without_queries(item) for item in cast("list[Any]", value)]
    if isinstance(value, str) and value.startswith(("http://", "https://")):
        return value.partition("?")[0]
    return value
