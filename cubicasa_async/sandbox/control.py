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
from cubicasa_async.sandbox.control_request import is_local, texts
from cubicasa_async.sandbox.faults import Fault
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
    parts = path.split("/")
    order_id = ""
    if len(parts) == 3 and parts[0] == "orders":
        order_id, parts = parts[1], ["orders", "{id}", parts[2]]
    action = _ACTIONS.get((request.method, "/".join(parts)))
    if action is None:
        known = ", ".join(f"{method} {CONTROL}{where}" for method, where in _ACTIONS)
        return _refusal(404, f"There is no such control; there are {known}.")
    try:
        body: object = parse_json(raw) if raw else {}
        if not isinstance(body, dict):
            return _refusal(400, "The body has to be a JSON object.")
        return Payload.of_json(200, action(sandbox, cast("dict[str, Any]", body), order_id))
    except LookupError as error:
        return _refusal(404, str(error.args[0]))
    except (ValueError, TypeError) as error:
        return _refusal(400, str(error))


def _ledger(sandbox: Sandbox, body: dict[str, Any], order_id: str) -> Any:
    del body, order_id
    return {"entries": [entry.to_json() for entry in sandbox.ledger]}


def _faults(sandbox: Sandbox, body: dict[str, Any], order_id: str) -> Any:
    del body, order_id
    return {
        "faults": [fault.to_json() for fault in sandbox.faults],
        "hits": [{"number": hit.number, "kind": hit.fault.kind} for hit in sandbox.faults.hits],
    }


def _add_fault(sandbox: Sandbox, body: dict[str, Any], order_id: str) -> Any:
    del order_id
    fault = Fault.from_json(body)
    sandbox.faults.add(fault)
    return {"fault": fault.to_json()}


def _clear_faults(sandbox: Sandbox, body: dict[str, Any], order_id: str) -> Any:
    sandbox.faults.clear()
    return _faults(sandbox, body, order_id)


def _add_order(sandbox: Sandbox, body: dict[str, Any], order_id: str) -> Any:
    del order_id
    return shapes.order(sandbox.world.add_order(**body))


def _advance(sandbox: Sandbox, body: dict[str, Any], order_id: str) -> Any:
    return {"id": order_id, "status": sandbox.world.advance(order_id, *texts(body, "products"))}


def _set_status(sandbox: Sandbox, body: dict[str, Any], order_id: str) -> Any:
    status = body.get("status")
    if not isinstance(status, str):
        raise TypeError("The body needs a status.")
    status = sandbox.world.set_status(order_id, status, *texts(body, "products"))
    return {"id": order_id, "status": status}


def _request_change(sandbox: Sandbox, body: dict[str, Any], order_id: str) -> Any:
    order = sandbox.world.order(order_id)
    if order.status not in ("Ready", "Fixing"):
        raise ValueError(f"The order is {order.status}; a change needs Ready or Fixing.")
    text = body.get("text", "")
    if not isinstance(text, str):
        raise TypeError("text is a text.")
    asked = sandbox.world.add_change_request(
        order,
        products=texts(body, "products") or ["products_2d"],
        text=text,
        img_urls=texts(body, "img_urls"),
    )
    return {"id": order_id, "status": order.status, "change_request": shapes.change_request(asked)}


def _add_examples(sandbox: Sandbox, body: dict[str, Any], order_id: str) -> Any:
    count = body.get("count")
    if type(count) is not int or not 0 < count <= 1000:
        raise ValueError("The body needs a count from 1 to 1000.")
    sandbox.world.add_examples(count)
    return _state(sandbox, body, order_id)


def _set_reading(sandbox: Sandbox, body: dict[str, Any], order_id: str) -> Any:
    del order_id
    sandbox.reading = body.get("reading", "")
    return {"reading": sandbox.reading}


def _advance_clock(sandbox: Sandbox, body: dict[str, Any], order_id: str) -> Any:
    del order_id
    seconds = body.get("advance")
    if not isinstance(seconds, int | float) or isinstance(seconds, bool):
        raise TypeError("The body needs advance, a number of seconds.")
    sandbox.clock.advance(seconds)
    return {"now": sandbox.clock(), "ahead": sandbox.clock.ahead}


def _reset(sandbox: Sandbox, body: dict[str, Any], order_id: str) -> Any:
    sandbox.reset()
    return _state(sandbox, body, order_id)


def _state(sandbox: Sandbox, body: dict[str, Any], order_id: str) -> Any:
    del body, order_id
    world = sandbox.world
    statuses: dict[str, int] = {}
    for order in world.orders:
        statuses[order.status] = statuses.get(order.status, 0) + 1
    return {
        "reading": sandbox.reading,
        "readings": list(Reading),
        "max_limit": sandbox.max_limit,
        "requests": len(sandbox.ledger),
        "faults": len(sandbox.faults),
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
            "origin": sandbox.file_host.origin,
            "fetches": len(sandbox.file_host.fetches),
            "saw_key": sandbox.file_host.saw_key,
        },
    }


def _document(sandbox: Sandbox, body: dict[str, Any], order_id: str) -> Any:
    del body, order_id
    return sandbox.contract.document


_ACTIONS: Final[dict[tuple[str, str], Callable[[Sandbox, dict[str, Any], str], Any]]] = {
    ("GET", "ledger"): _ledger,
    ("GET", "faults"): _faults,
    ("POST", "faults"): _add_fault,
    ("DELETE", "faults"): _clear_faults,
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
    **FILE_ACTIONS,
    **WEBHOOK_ACTIONS,
}


def _refusal(status: int, message: str) -> Payload:
    return Payload.of_json(status, {"message": message})
