"""Control of the three plans of faults over HTTP: the API's, the file host's, the webhooks'."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from cubicasa_async.sandbox.control_request import Actions, Asked
from cubicasa_async.sandbox.faults import Fault
from cubicasa_async.sandbox.plan import Plan
from cubicasa_async.sandbox.webhooks import WebhookFault

__all__ = ["FAULT_ACTIONS", "plan_of"]


def plan_of(plan: Plan[Any]) -> dict[str, Any]:
    """The faults in force, and in the same order the numbers by which each can be taken out."""
    return {
        "faults": [fault.to_json() for fault in plan],
        "numbers": list(plan.in_force),
    }


def _actions(
    place: str,
    plan: Callable[[Asked], Plan[Any]],
    read: Callable[[dict[str, Any]], Fault | WebhookFault],
) -> Actions:
    def add(asked: Asked) -> Any:
        fault = read(asked.body)
        plan(asked).add(fault)
        return {"fault": fault.to_json(), "number": list(plan(asked).in_force)[-1]}

    def remove(asked: Asked) -> Any:
        if not asked.item.isdecimal():
            raise LookupError(f"A fault is taken out by its number, not by {asked.item!r}.")
        plan(asked).remove(int(asked.item))
        return plan_of(plan(asked))

    def clear(asked: Asked) -> Any:
        plan(asked).clear()
        return plan_of(plan(asked))

    return {
        ("POST", place): add,
        ("DELETE", f"{place}/{{id}}"): remove,
        ("DELETE", place): clear,
    }


FAULT_ACTIONS: Final[Actions] = {
    **_actions("faults", lambda asked: asked.sandbox.faults, Fault.from_json),
    **_actions("files/faults", lambda asked: asked.sandbox.file_host.faults, Fault.from_json),
    **_actions(
        "webhooks/faults", lambda asked: asked.sandbox.webhooks.faults, WebhookFault.from_json
    ),
}
