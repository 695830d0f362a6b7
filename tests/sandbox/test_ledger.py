from __future__ import annotations

from cubicasa_async.sandbox import Ledger, Sandbox

from .support import Caller, draft


async def test_requests_stand_in_the_order_of_arrival(call: Caller) -> None:
    await call("POST", "/orders/draft", draft(external_id="A"))
    await call("GET", "/orders?limit=1")
    await call("POST", "/orders/draft", {})
    ledger = call.sandbox.ledger
    assert [entry.number for entry in ledger] == [1, 2, 3]
    assert [entry.operation for entry in ledger] == [
        "drafts.create",
        "orders.list",
        "drafts.create",
    ]
    assert [entry.status for entry in ledger] == [200, 200, 400]
    assert [entry.committed for entry in ledger] == [True, False, False]
    assert ledger[1].path == "/orders?limit=1"
    assert [entry.number for entry in ledger.of("drafts.create")] == [1, 3]
    assert [entry.number for entry in ledger.committed()] == [1]
    assert ledger.committed("orders.list") == []
    assert [entry.number for entry in ledger[1:]] == [2, 3]
    assert ledger[0].time <= ledger[1].time <= ledger[2].time


async def test_created_ids_and_doubles_are_told(call: Caller) -> None:
    for external_id in ("A", "B", "A", None):
        await call("POST", "/orders/draft", draft(external_id=external_id))
    await call("POST", "/orders/draft", draft())
    newest_first = [order.id for order in call.sandbox.world.orders]
    made = newest_first[::-1]
    ledger = call.sandbox.ledger
    assert ledger.created("drafts.create") == made
    assert ledger.by_external_id() == {"A": [made[0], made[2]], "B": [made[1]]}


async def test_the_control_interface_is_never_counted(call: Caller) -> None:
    await call("GET", "/_sandbox/state")
    assert len(call.sandbox.ledger) == 0


async def test_the_ledger_stays_readable_after_the_close() -> None:
    async with Sandbox() as sandbox:
        pass
    assert isinstance(sandbox.ledger, Ledger)
    assert list(sandbox.ledger) == []
