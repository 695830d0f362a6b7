from __future__ import annotations

from typing import Any

import pytest

from cubicasa_async.sandbox import Contract, Reading

from .support import Caller, Reply, draft


async def control(call: Caller, method: str, path: str, body: Any = None, **more: Any) -> Reply:
    return await call(method, f"/_sandbox/{path}", body, key="", headers={"x-sandbox": "1"}, **more)


async def test_a_fault_is_added_seen_and_cleared(call: Caller) -> None:
    fault = {"kind": "status", "status": 500, "operation": "orders.list", "times": 1}
    added = await control(call, "POST", "faults", fault)
    assert added.status == 200
    assert added.json["fault"]["phase"] == "after_read"
    assert (await call("GET", "/orders")).status == 500
    assert (await call("GET", "/orders")).status == 200
    seen = (await control(call, "GET", "faults")).json
    assert len(seen["faults"]) == 1
    assert seen["hits"] == [{"number": 1, "kind": "status"}]
    assert (await control(call, "DELETE", "faults")).json["faults"] == []
    assert len(call.sandbox.faults) == 0


async def test_one_fault_is_taken_away_and_the_others_stay_as_they_are(call: Caller) -> None:
    for operation in ("orders.list", "orders.get", "orders.list"):
        fault = {"kind": "status", "status": 500, "operation": operation, "times": 1}
        await control(call, "POST", "faults", fault)
    assert (await call("GET", "/orders")).status == 500
    assert (await control(call, "GET", "faults")).json["numbers"] == [1, 2, 3]
    left = (await control(call, "DELETE", "faults/1")).json
    assert (left["numbers"], [one["operation"] for one in left["faults"]]) == (
        [2, 3],
        ["orders.get", "orders.list"],
    )
    assert [(await call("GET", "/orders")).status for _ in range(2)] == [500, 200]
    for gone in ("1", "4", "x", "-2", "2.0", ""):
        assert (await control(call, "DELETE", f"faults/{gone}")).status == 404
    assert len(call.sandbox.faults) == 2
    added = await control(call, "POST", "faults", {"kind": "drop"})
    assert added.json["number"] == 4, "a number is not given twice"


@pytest.mark.parametrize(
    "fields",
    [
        {"street": 5},
        {"status": None},
        {"add_ons": "gla"},
        {"add_ons": [1]},
        {"latitude": "north"},
        {"total_scanned_area": None},
        {"order_preferences": 4},
        {"deliveries": "x"},
    ],
)
async def test_an_order_that_could_not_be_answered_is_not_made(
    fields: dict[str, Any], call: Caller
) -> None:
    reply = await control(call, "POST", "orders", fields)
    assert (reply.status, len(call.sandbox.world.orders)) == (400, 0)
    assert next(iter(fields)) in reply.json["message"]
    assert (await call("GET", "/orders")).status == 200


async def test_the_ledger_is_read_without_the_key_in_it(call: Caller) -> None:
    call.sandbox.faults.add(call_fault())
    await call("POST", "/orders/draft", draft(external_id="E", info=call.sandbox.api_key))
    reply = await control(call, "GET", "ledger")
    (entry,) = reply.json["entries"]
    assert (entry["operation"], entry["committed"]) == ("drafts.create", True)
    assert entry["fault"]["kind"] == "delay"
    assert call.sandbox.api_key.encode() not in reply.content


def call_fault() -> Any:
    from cubicasa_async.sandbox import Fault

    return Fault("delay", seconds=0)


async def test_orders_are_made_and_moved(call: Caller) -> None:
    order = (await control(call, "POST", "orders", {"external_id": "E"})).json
    path = f"orders/{order['id']}"
    assert (await control(call, "POST", f"{path}/advance")).json["status"] == "Pending"
    assert (await control(call, "POST", f"{path}/advance")).json["status"] == "Ready"
    assert (await control(call, "POST", f"{path}/advance")).status == 400
    moved = await control(call, "PUT", f"{path}/status", {"status": "Fixing"})
    assert moved.json == {"id": order["id"], "status": "Fixing"}
    assert (await control(call, "POST", "orders/nowhere/advance")).status == 404
    assert (await control(call, "PUT", f"{path}/status", {})).status == 400


async def test_reading_state_and_reset(call: Caller) -> None:
    await call("POST", "/orders/draft", draft())
    assert (await control(call, "PUT", "reading", {"reading": "skipping"})).status == 200
    assert call.sandbox.reading is Reading.SKIPPING
    state = (await control(call, "GET", "state")).json
    assert (state["reading"], state["requests"], state["orders"]) == ("skipping", 1, {"Draft": 1})
    state = (await control(call, "POST", "reset")).json
    assert (state["requests"], state["orders"]) == (0, {})
    assert len(call.sandbox.ledger) == len(call.sandbox.world.orders) == 0


async def test_the_document_is_served(call: Caller) -> None:
    assert (await control(call, "GET", "openapi.json")).json == Contract.load().document


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "faults", {"kind": "explode"}),
        ("POST", "faults", []),
        ("POST", "orders", {"zip": "1"}),
        ("PUT", "reading", {"reading": "two_based"}),
        ("PUT", "reading", {}),
    ],
)
async def test_what_cannot_be_read_is_refused_plainly(
    method: str, path: str, body: Any, call: Caller
) -> None:
    reply = await control(call, method, path, body)
    assert reply.status == 400
    assert reply.json["message"]


async def test_broken_json_is_refused_and_an_unknown_control_lists_the_known(
    call: Caller,
) -> None:
    assert (await control(call, "POST", "faults", data=b"{")).status == 400
    reply = await control(call, "GET", "nothing")
    assert reply.status == 404
    assert "GET /_sandbox/ledger" in reply.json["message"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "reset"),
        ("POST", "faults"),
        ("DELETE", "faults"),
        ("DELETE", "faults/1"),
        ("PUT", "reading"),
        ("POST", "orders"),
        ("POST", "orders/x/advance"),
    ],
)
async def test_what_changes_something_wants_its_header(
    method: str, path: str, call: Caller
) -> None:
    call.sandbox.world.add_order()
    assert (await call(method, f"/_sandbox/{path}", {})).status == 403
    assert len(call.sandbox.world.orders) == 1


async def test_a_foreign_name_that_points_here_is_refused(call: Caller) -> None:
    port = call.sandbox.origin.rpartition(":")[2]
    for host, status in (("evil.example.test", 403), ("localhost", 200), ("127.0.0.1", 200)):
        reply = await call("GET", "/_sandbox/state", headers={"Host": f"{host}:{port}"})
        assert reply.status == status
