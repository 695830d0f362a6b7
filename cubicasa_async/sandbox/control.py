"""Control over HTTP, under `/_sandbox/`: what a test in another process needs.

It takes no key and is never written into the ledger. It answers this machine only, and what changes
something wants the header `x-sandbox: 1`, which a page in a browser cannot send across sites.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, cast

from aiohttp import web

from cubicasa_async.sandbox import shapes
from cubicasa_async.sandbox.console import console
from cubicasa_async.sandbox.contract import parse_json
from cubicasa_async.sandbox.control_request import Actions, Asked, is_local
from cubicasa_async.sandbox.fault_control import FAULT_ACTIONS, plan_of
from cubicasa_async.sandbox.file_control import FILE_ACTIONS
from cubicasa_async.sandbox.paging import Reading
from cubicasa_async.sandbox.webhook_control import WEBHOOK_ACTIONS
from cubicasa_async.sandbox.wire import Payload

if TYPE_CHECKING:
    from cubicasa_async.sandbox.server import Sandbox

__all__ = ["CONTROL", "control"]

CONTROL: Final = "/_sandbox/"


async def control(sandbox: Sandbox, request: web.BaseRequest, path: str) -> Payload:
    """Answer one request; `path` is what follows the prefix."""
    if not is_local(request):
        return _refusal(403, "The control interface answers this machine only.")
    if request.method not in ("GET", "HEAD") and request.headers.get("x-sandbox") != "1":
        return _refusal(403, "This changes something: send the header x-sandbox: 1.")
    if path.startswith("console/") and request.method in ("GET", "HEAD"):
        return console(sandbox, request, path.removeprefix("console/"))
    try:
        raw = await request.read()
    except web.HTTPRequestEntityTooLarge:
        return _refusal(413, "The body is too large.")
    except (OSError, web.RequestPayloadError):
        return _refusal(400, "The body could not be read.")
    action, item = _found(request.method, path)
    if action is None:
        known = ", ".join(f"{method} {CONTROL}{where}" for method, where in _ACTIONS)
        return _refusal(404, f"There is no such control; there are {known}.")
    try:
        body: object = parse_json(raw) if raw else {}
        if not isinstance(body, dict):
            return _refusal(400, "The body has to be a JSON object.")
        return Payload.of_json(200, action(Asked(sandbox, cast("dict[str, Any]", body), item)))
    except LookupError as error:
        return _refusal(404, str(error.args[0]))
    except (ValueError, TypeError, OverflowError) as error:
        return _refusal(400, str(error))


def _ledger(asked: Asked) -> Any:
    return {"entries": [entry.to_json() for entry in asked.sandbox.ledger]}


def _faults(asked: Asked) -> Any:
    plan = asked.sandbox.faults
    hits = [{"number": hit.number, "kind": hit.fault.kind} for hit in plan.hits]
    return {**plan_of(plan), "hits": hits}


def _add_order(asked: Asked) -> Any:
    return shapes.order(asked.sandbox.world.add_order(**asked.body))


def _advance(asked: Asked) -> Any:
    status = asked.sandbox.world.advance(asked.item, *asked.texts("products"))
    return {"id": asked.item, "status": status}


def _set_status(asked: Asked) -> Any:
    status = asked.body.get("status")
    if not isinstance(status, str):
        raise TypeError("The body needs a status.")
    status = asked.sandbox.world.set_status(asked.item, status, *asked.texts("products"))
    return {"id": asked.item, "status": status}


def _request_change(asked: Asked) -> Any:
    world = asked.sandbox.world
    order = world.order(asked.item)
    if order.status not in ("Ready", "Fixing"):
        raise ValueError(f"The order is {order.status}; a change needs Ready or Fixing.")
    text = asked.body.get("text", "")
    if not isinstance(text, str):
        raise TypeError("text is a text.")
    made = world.add_change_request(
        order,
        products=asked.texts("products") or ["products_2d"],
        text=text,
        img_urls=asked.texts("img_urls"),
    )
    return {"id": order.id, "status": order.status, "change_request": shapes.change_request(made)}


def _add_examples(asked: Asked) -> Any:
    count = asked.body.get("count")
    if type(count) is not int or not 0 < count <= 1000:
        raise ValueError("The body needs a count from 1 to 1000.")
    asked.sandbox.world.add_examples(count)
    return _state(asked)


def _set_reading(asked: Asked) -> Any:
    asked.sandbox.reading = asked.body.get("reading", "")
    return {"reading": asked.sandbox.reading}


def _advance_clock(asked: Asked) -> Any:
    seconds = asked.body.get("advance")
    if not isinstance(seconds, int | float) or isinstance(seconds, bool):
        raise TypeError("The body needs advance, a number of seconds.")
    asked.sandbox.clock.advance(seconds)
    return {"now": asked.sandbox.clock(), "ahead": asked.sandbox.clock.ahead}


def _reset(asked: Asked) -> Any:
    asked.sandbox.reset()
    return _state(asked)


def _state(asked: Asked) -> Any:
    world = asked.sandbox.world
    statuses: dict[str, int] = {}
    for order in world.orders:
        statuses[order.status] = statuses.get(order.status, 0) + 1
    return {
        "reading": asked.sandbox.reading,
        "readings": list(Reading),
        "max_limit": asked.sandbox.max_limit,
        "requests": len(asked.sandbox.ledger),
        "faults": len(asked.sandbox.faults),
        "orders": statuses,
        "users": len(world.users),
        "offices": len(world.offices),
        "change_requests": len(world.change_requests),
        "purchases": len(world.purchases),
        "redeliveries": len(world.redeliveries),
        "mails": len(world.mails),
        "webhook_urls": world.webhook_urls,
        "webhook_triggers": world.webhook_triggers,
        "files": {
            "origin": asked.sandbox.file_host.origin,
            "fetches": len(asked.sandbox.file_host.fetches),
            "saw_key": asked.sandbox.file_host.saw_key,
        },
    }


def _document(asked: Asked) -> Any:
    return asked.sandbox.contract.document


_ACTIONS: Final[Actions] = {
    ("GET", "ledger"): _ledger,
    ("GET", "faults"): _faults,
    ("POST", "orders"): _add_order,
    ("POST", "examples"): _add_examples,
    ("POST", "orders/{id}/advance"): _advance,
    ("POST", "orders/{id}/change-requests"): _request_change,
    ("PUT", "orders/{id}/status"): _set_status,
    ("PUT", "reading"): _set_reading,
    ("POST", "clock"): _advance_clock,
    ("POST", "reset"): _reset,
    ("GET", "state"): _state,
    ("GET", "openapi.json"): _document,
    **FAULT_ACTIONS,
    **FILE_ACTIONS,
    **WEBHOOK_ACTIONS,
}


def _found(method: str, path: str) -> tuple[Callable[[Asked], Any] | None, str]:
    """What answers, and the id or number in the path."""
    for (wanted, where), action in _ACTIONS.items():
        if wanted != method:
            continue
        before, parted, after = where.partition("{id}")
        item = path[len(before) : len(path) - len(after)] if parted else ""
        if path == before + item + after and "/" not in item:
            return action, item
    return None, ""


def _refusal(status: int, message: str) -> Payload:
    return Payload.of_json(status, {"message": message})
