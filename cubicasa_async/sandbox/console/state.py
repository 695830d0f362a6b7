"""What the console shows, as JSON."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, cast
from urllib.parse import urlsplit

import attrs

from cubicasa_async.sandbox import shapes
from cubicasa_async.sandbox.faults import PHASES, Fault, Kind
from cubicasa_async.sandbox.plan import Plan
from cubicasa_async.sandbox.records import Order
from cubicasa_async.sandbox.webhooks import TRIGGERS, WebhookCall, WebhookFault, WebhookKind
from cubicasa_async.sandbox.world import NEXT

if TYPE_CHECKING:
    from cubicasa_async.sandbox.server import Sandbox

__all__ = ["facts", "state"]

_NEWEST: Final = 100
_OF_ORDER: Final = 50
_STATUSES: Final = ("New", "Draft", "Pending", "Ready", "Fixing")


def facts(sandbox: Sandbox) -> dict[str, Any]:
    """What does not change while the sandbox runs.

    The key is told only if the sandbox made it up; another may be somebody's real one.
    """
    return {
        "origin": sandbox.origin,
        "base_url": sandbox.base_url,
        "api_key": sandbox.api_key if sandbox.made_up_key else None,
        "statuses": _STATUSES,
        "kinds": {kind: list(dict.fromkeys(phases)) for kind, phases in PHASES.items()},
        "operations": sorted(sandbox.contract.operations),
        "triggers": list(TRIGGERS.values()),
        "webhook_kinds": list(WebhookKind),
    }


def state(sandbox: Sandbox, query: Mapping[str, str]) -> dict[str, Any]:
    """What there is now: the newest of each, and one order whole if the query names it.

    Args:
        sandbox: Whose state.
        query: `status` and `search` choose orders, of which there are `rows` at most; with
            `committed` only requests that had an effect are told; `order` is the id of the one
            shown whole.
    """
    world, webhooks = sandbox.world, sandbox.webhooks
    rows = query.get("rows", "")
    orders, matching = world.orders.page(
        0, int(rows) if rows.isdecimal() and len(rows) < 5 else _NEWEST, _chosen(query)
    )
    shown = world.orders.get(query.get("order", ""))
    asked = sandbox.ledger.committed() if query.get("committed") else sandbox.ledger
    return {
        "ahead": sandbox.clock.ahead,
        "counts": Counter(order.status for order in world.orders),
        "orders": [_row(order) for order in orders],
        "matching": matching,
        "order": _whole(sandbox, shown) if shown else None,
        "requests": len(sandbox.ledger),
        "asked": len(asked),
        "ledger": [entry.to_json() for entry in asked[: -_NEWEST - 1 : -1]],
        "called": len(webhooks.calls),
        "calls": [
            _numbered(number, call)
            for number, call in itertools.islice(_newest_calls(webhooks.calls), _NEWEST)
        ],
        "webhook_urls": world.webhook_urls,
        "webhook_triggers": world.webhook_triggers,
        "hits": len(sandbox.faults.hits) + len(sandbox.file_host.faults.hits),
        "faults": {
            "api": _in_force(sandbox.faults),
            "files": _in_force(sandbox.file_host.faults),
            "webhooks": _in_force(webhooks.faults),
        },
        "saw_key": sandbox.file_host.saw_key,
    }


def _chosen(query: Mapping[str, str]) -> Callable[[Order], bool] | None:
    status, search = query.get("status", ""), query.get("search", "").strip().casefold()
    if not status and not search:
        return None

    def keep(order: Order) -> bool:
        words = (order.id, _address(order), order.external_id, order.owner_email)
        return status in ("", order.status) and search in " ".join(filter(None, words)).casefold()

    return keep


def _newest_calls(calls: Sequence[WebhookCall]) -> Iterator[tuple[int, WebhookCall]]:
    return zip(range(len(calls), 0, -1), reversed(calls), strict=False)


def _numbered(number: int, call: WebhookCall) -> dict[str, Any]:
    return {"number": number, **call.to_json()}


def _in_force(plan: Plan[Any]) -> list[dict[str, Any]]:
    hit = plan.hit
    return [
        {"number": number, "hit": hit[number], "fault": _given(fault)}
        for number, fault in plan.in_force.items()
    ]


def _given(fault: Fault | WebhookFault) -> dict[str, Any]:
    """A fault without what is as usual."""
    usual: dict[str, Any] = {field.name: field.default for field in attrs.fields(type(fault))}
    usual["status"] = None if fault.kind in (Kind.STATUS, Kind.REDIRECT) else 200
    return {
        name: value
        for name, value in fault.to_json().items()
        if value != usual[name] and value != {}
    }


def _address(order: Order) -> str:
    return ", ".join(filter(None, (order.street, order.suite, order.city)))


def _row(order: Order) -> dict[str, Any]:
    return {
        "id": order.id,
        "status": order.status,
        "address": _address(order),
        "external_id": order.external_id,
        "created_at": order.created_at,
    }


def _whole(sandbox: Sandbox, order: Order) -> dict[str, Any]:
    world, ledger = sandbox.world, sandbox.ledger
    about = (
        entry.to_json()
        for entry in reversed(ledger)
        if order.id in entry.path or order.id in entry.created
    )
    calls = (
        _numbered(number, call)
        for number, call in _newest_calls(sandbox.webhooks.calls)
        if call.body["id"] == order.id
    )
    return {
        **_row(order),
        "next": NEXT.get(order.status),
        "owner_email": order.owner_email,
        "info": order.info,
        "package_type": order.package_type,
        "add_ons": order.add_ons,
        "first_delivered_at": order.first_delivered_at,
        "files": list(_files(shapes.order(order)["delivery_assets"])),
        "changes": [
            attrs.asdict(change)
            for change in reversed(world.changes)
            if change.order_id == order.id
        ],
        "change_requests": [
            shapes.change_request(one) for one in world.change_requests if one.order_id == order.id
        ],
        "ledger": list(itertools.islice(about, _OF_ORDER)),
        "calls": list(itertools.islice(calls, _OF_ORDER)),
    }


def _files(assets: Mapping[str, Any] | None) -> Iterator[dict[str, str]]:
    """The files of all products, by the path at which the file host has them."""
    for product, found in (assets or {}).items():
        for value in cast("dict[str, object]", found or {}).values():
            for url in cast("list[str]", value) if isinstance(value, list) else [value]:
                if isinstance(url, str) and url.startswith("http"):
                    path = urlsplit(url).path
                    yield {"product": product, "name": path.rpartition("/")[2], "path": path}
