"""A real, stateful HTTP server of the API, for tests and for trying things out.

It imports nothing of the client: it validates requests by its own OpenAPI document, in which every
operation has a grade of evidence. Tests judge a client by its ledger, never by the client.
"""

from __future__ import annotations

from cubicasa_async.sandbox.changes import Delivery, StatusChange
from cubicasa_async.sandbox.clock import Clock
from cubicasa_async.sandbox.contract import Contract, Operation
from cubicasa_async.sandbox.faults import Fault, FaultPlan, Hit, Kind, Phase
from cubicasa_async.sandbox.files import Fetch, FileHost, Habits
from cubicasa_async.sandbox.ledger import Entry, Ledger
from cubicasa_async.sandbox.paging import Reading
from cubicasa_async.sandbox.records import (
    ChangeRequest,
    Mail,
    Office,
    Order,
    Purchase,
    Redelivery,
    User,
)
from cubicasa_async.sandbox.server import Sandbox, serve
from cubicasa_async.sandbox.webhooks import (
    WebhookCall,
    WebhookFault,
    WebhookKind,
    WebhookPlan,
    Webhooks,
)
from cubicasa_async.sandbox.world import World

__all__ = [
    "ChangeRequest",
    "Clock",
    "Contract",
    "Delivery",
    "Entry",
    "Fault",
    "FaultPlan",
    "Fetch",
    "FileHost",
    "Habits",
    "Hit",
    "Kind",
    "Ledger",
    "Mail",
    "Office",
    "Operation",
    "Order",
    "Phase",
    "Purchase",
    "Reading",
    "Redelivery",
    "Sandbox",
    "StatusChange",
    "User",
    "WebhookCall",
    "WebhookFault",
    "WebhookKind",
    "WebhookPlan",
    "Webhooks",
    "World",
    "serve",
]
