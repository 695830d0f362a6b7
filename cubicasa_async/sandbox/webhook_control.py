"""Control of the webhooks over HTTP, below `/_sandbox/webhooks`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from cubicasa_async.sandbox.control_request import texts
from cubicasa_async.sandbox.webhooks import TRIGGERS, WebhookFault

if TYPE_CHECKING:
    from cubicasa_async.sandbox.server import Sandbox

__all__ = ["WEBHOOK_ACTIONS"]

_SETTINGS: Final = ("attempts", "pause", "patience")


def _state(sandbox: Sandbox, body: dict[str, Any], order_id: str) -> Any:
    del body, order_id
    webhooks = sandbox.webhooks
    return {
        "calls": [call.to_json() for call in webhooks.calls],
        "faults": [fault.to_json() for fault in webhooks.faults],
        **{name: getattr(webhooks, name) for name in _SETTINGS},
    }


def _set(sandbox: Sandbox, body: dict[str, Any], order_id: str) -> Any:
    for name, value in body.items():
        if name not in _SETTINGS:
            raise ValueError(f"There is no {name!r}; known are {', '.join(_SETTINGS)}.")
        if type(value) not in (int, float) or value < (1 if name == "attempts" else 0):
            raise ValueError(f"{name} cannot be {value!r}.")
    for name, value in body.items():
        setattr(sandbox.webhooks, name, int(value) if name == "attempts" else float(value))
    return _state(sandbox, {}, order_id)


def _register(sandbox: Sandbox, body: dict[str, Any], order_id: str) -> Any:
    """Register URLs as `webhooks.update` does, without a request in the ledger."""
    del order_id
    urls, triggers = texts(body, "webhook_urls"), texts(body, "webhook_triggers")
    for trigger in triggers:
        if trigger not in TRIGGERS.values():
            raise ValueError(f"There is no {trigger!r}; known are {', '.join(TRIGGERS.values())}.")
    sandbox.world.webhook_urls, sandbox.world.webhook_triggers = urls, triggers
    return {"webhook_urls": urls, "webhook_triggers": triggers}


def _add_fault(sandbox: Sandbox, body: dict[str, Any], order_id: str) -> Any:
    del order_id
    fault = WebhookFault.from_json(body)
    sandbox.webhooks.faults.add(fault)
    return {"fault": fault.to_json()}


def _clear_faults(sandbox: Sandbox, body: dict[str, Any], order_id: str) -> Any:
    sandbox.webhooks.faults.clear()
    return _state(sandbox, body, order_id)


WEBHOOK_ACTIONS: Final[Mapping[tuple[str, str], Callable[[Sandbox, dict[str, Any], str], Any]]] = {
    ("GET", "webhooks"): _state,
    ("PUT", "webhooks"): _set,
    ("PUT", "webhooks/urls"): _register,
    ("POST", "webhooks/faults"): _add_fault,
    ("DELETE", "webhooks/faults"): _clear_faults,
}
