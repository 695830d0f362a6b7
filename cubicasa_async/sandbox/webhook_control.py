"""Control of the webhooks over HTTP, below `/_sandbox/webhooks`."""

from __future__ import annotations

from typing import Any, Final

from cubicasa_async.sandbox.control_request import Actions, Asked
from cubicasa_async.sandbox.fault_control import plan_of
from cubicasa_async.sandbox.webhooks import TRIGGERS

__all__ = ["WEBHOOK_ACTIONS"]

_SETTINGS: Final = ("attempts", "pause", "patience")


def _state(asked: Asked) -> Any:
    webhooks = asked.sandbox.webhooks
    return {
        "calls": [call.to_json() for call in webhooks.calls],
        **plan_of(webhooks.faults),
        **{name: getattr(webhooks, name) for name in _SETTINGS},
    }


def _set(asked: Asked) -> Any:
    for name, value in asked.body.items():
        if name not in _SETTINGS:
            raise ValueError(f"There is no {name!r}; known are {', '.join(_SETTINGS)}.")
        if type(value) not in (int, float) or value < (1 if name == "attempts" else 0):
            raise ValueError(f"{name} cannot be {value!r}.")
    for name, value in asked.body.items():
        setattr(asked.sandbox.webhooks, name, int(value) if name == "attempts" else float(value))
    return _state(asked)


def _register(asked: Asked) -> Any:
    """Register URLs as `webhooks.update` does, without a request in the ledger."""
    urls, triggers = asked.texts("webhook_urls"), asked.texts("webhook_triggers")
    for trigger in triggers:
        if trigger not in TRIGGERS.values():
            raise ValueError(f"There is no {trigger!r}; known are {', '.join(TRIGGERS.values())}.")
    asked.sandbox.world.webhook_urls, asked.sandbox.world.webhook_triggers = urls, triggers
    return {"webhook_urls": urls, "webhook_triggers": triggers}


WEBHOOK_ACTIONS: Final[Actions] = {
    ("GET", "webhooks"): _state,
    ("PUT", "webhooks"): _set,
    ("PUT", "webhooks/urls"): _register,
}
