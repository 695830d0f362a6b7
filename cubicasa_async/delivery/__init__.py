"""From "Ready" to the right files on disk: events, their receiver and inbox, downloads."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

from cubicasa_async.core.extras import from_extra
from cubicasa_async.delivery.asgi import asgi_app
from cubicasa_async.delivery.asset_outcomes import (
    AssetOutcome,
    Downloaded,
    Failed,
    OnDisk,
    Replaced,
    Skipped,
    Unchanged,
    Unlisted,
)
from cubicasa_async.delivery.download import download_assets
from cubicasa_async.delivery.events import DeliveryType, Event, Reason, parse_event
from cubicasa_async.delivery.order_files import Progress
from cubicasa_async.delivery.receiver import Receiver, Reply
from cubicasa_async.delivery.registration import WebhookSecrets, hide_secrets

if TYPE_CHECKING:  # the extra `store` is needed for the inbox only
    from cubicasa_async.delivery.handling import Notice, Settlement, handle_events
    from cubicasa_async.delivery.inbox import Inbox
    from cubicasa_async.delivery.sweeper import Swept, sweep, sweep_regularly

__all__ = [
    "AssetOutcome",
    "DeliveryType",
    "Downloaded",
    "Event",
    "Failed",
    "Inbox",
    "Notice",
    "OnDisk",
    "Progress",
    "Reason",
    "Receiver",
    "Replaced",
    "Reply",
    "Settlement",
    "Skipped",
    "Swept",
    "Unchanged",
    "Unlisted",
    "WebhookSecrets",
    "asgi_app",
    "download_assets",
    "handle_events",
    "hide_secrets",
    "parse_event",
    "sweep",
    "sweep_regularly",
]

_LATE: Final = {
    "Inbox": "inbox",
    "Notice": "handling",
    "Settlement": "handling",
    "Swept": "sweeper",
    "handle_events": "handling",
    "sweep": "sweeper",
    "sweep_regularly": "sweeper",
}


if not TYPE_CHECKING:  # or any name would pass for one of these

    def __getattr__(name: str) -> Any:
        if name not in _LATE:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        with from_extra("store", "The inbox of webhooks"):
            return getattr(importlib.import_module(f"{__name__}.{_LATE[name]}"), name)
