from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import attrs
import pytest
from aiohttp import web
from jsonschema import Draft202012Validator

from cubicasa_async.sandbox import Contract, Sandbox, WebhookFault

from .support import Caller, until


@attrs.define
class Hook:
    """A webhook that writes down what it is told, and answers as it is told to."""

    url: str = ""
    told: list[dict[str, Any]] = attrs.field(factory=list[dict[str, Any]])
    statuses: list[int] = attrs.field(factory=list[int])
    headers: list[dict[str, str]] = attrs.field(factory=list[dict[str, str]])

    async def handle(self, request: web.BaseRequest) -> web.Response:
        self.told.append(await _json(request))
        self.headers.append({name.lower(): value for name, value in request.headers.items()})
        status = self.statuses.pop(0) if self.statuses else 200
        return web.Response(status=status, headers={"Location": "/elsewhere"})

    @property
    def order_ids(self) -> list[str]:
        return [one["id"] for one in self.told]


async def _json(request: web.BaseRequest) -> dict[str, Any]:
    assert request.method == "POST"
    body: dict[str, Any] = await request.json()
    return body


@pytest.fixture
async def hook() -> AsyncIterator[Hook]:
    hook = Hook()
    runner = web.ServerRunner(web.Server(hook.handle), shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    hook.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    yield hook
    await runner.cleanup()
    await asyncio.sleep(0)


@pytest.fixture
def registered(sandbox: Sandbox, hook: Hook) -> Sandbox:
    sandbox.world.webhook_urls = [hook.url]
    sandbox.world.webhook_triggers = [
        f"moved_to_{status}" for status in ("draft", "pending", "ready", "fixing")
    ]
    sandbox.webhooks.pause = 0.01
    return sandbox


async def test_each_change_of_status_is_told_as_documented(registered: Sandbox, hook: Hook) -> None:
    world = registered.world
    order = world.add_order()
    await registered.webhooks.settled()
    for _ in range(2):
        world.advance(order.id)
        await registered.webhooks.settled()
    world.set_status(order.id, "Fixing")
    await registered.webhooks.settled()
    world.advance(order.id)
    await registered.webhooks.settled()
    world.set_status(order.id, "Ready", "products_3d")
    await registered.webhooks.settled()
    moves = [(one["previous_status"], one["current_status"]) for one in hook.told]
    assert moves == [
        (None, "Draft"),
        ("Draft", "Pending"),
        ("Pending", "Ready"),
        ("Ready", "Fixing"),
        ("Fixing", "Ready"),
        ("Ready", "Ready"),
    ]
    assert hook.told[2] == {
        "id": order.id,
        "current_status": "Ready",
        "previous_status": "Pending",
        "model_id": order.model_id,
        "product_type": "products_2d",
        "delivery_type": "new",
    }
    assert hook.told[5]["product_type"] == "products_3d"
    told = Contract.load().document["webhooks"]["order_status"]["post"]["requestBody"]
    schema = told["content"]["application/json"]["schema"]
    validator: Any = Draft202012Validator(schema)
    assert [validator.is_valid(one) for one in hook.told] == [True] * 6
    assert {frozenset(one) for one in hook.told} == {frozenset(schema["properties"])}
    assert hook.headers[0]["content-type"] == "application/json"
    assert "api-key" not in hook.headers[0]


async def test_only_registered_triggers_and_urls_are_called(
    registered: Sandbox, hook: Hook
) -> None:
    world = registered.world
    world.webhook_triggers = ["moved_to_ready"]
    order = world.add_order()
    world.advance(order.id)
    world.advance(order.id)
    await registered.webhooks.settled()
    assert [one["current_status"] for one in hook.told] == ["Ready"]
    world.webhook_urls = []
    world.set_status(order.id, "Ready")
    await registered.webhooks.settled()
    assert len(hook.told) == 1


async def test_what_is_registered_over_the_api_is_called(
    sandbox: Sandbox, hook: Hook, call: Caller
) -> None:
    await call(
        "PATCH",
        "/companies/webhook",
        {"webhook_urls": [hook.url, f"{hook.url}-2"], "webhook_triggers": ["moved_to_ready"]},
    )
    sandbox.world.add_order(status="Ready")
    await sandbox.webhooks.settled()
    assert len(hook.told) == 2
    await call("DELETE", "/companies/webhook")
    sandbox.world.add_order(status="Ready")
    await sandbox.webhooks.settled()
    assert len(hook.told) == 2


async def test_each_product_is_delivered_and_told_by_itself(
    registered: Sandbox, hook: Hook
) -> None:
    world = registered.world
    order = world.add_order(status="Ready")
    world.add_change_request(
        order, products=["products_2d", "products_3d"], text="The door.", img_urls=[]
    )
    world.advance(order.id)
    await registered.webhooks.settled()
    assert [(one.number, one.product, one.previous) for one in world.deliveries] == [
        (1, "products_2d", "Pending"),
        (2, "products_2d", "Fixing"),
        (3, "products_3d", "Fixing"),
    ]
    ready = [one["product_type"] for one in hook.told if one["current_status"] == "Ready"]
    assert sorted(ready) == ["products_2d", "products_2d", "products_3d"]
    assert {request.status for request in world.change_requests} == {"done"}


@pytest.mark.parametrize("refusal", [500, 404, 201, 302])
async def test_a_call_that_is_not_acknowledged_is_tried_three_times(
    registered: Sandbox, hook: Hook, refusal: int
) -> None:
    hook.statuses = [refusal] * 9
    registered.world.add_order()
    await registered.webhooks.settled()
    assert [call.attempt for call in registered.webhooks.calls] == [1, 2, 3]
    assert [call.status for call in registered.webhooks.calls] == [refusal] * 3
    assert len(hook.told) == 3


async def test_a_call_that_is_acknowledged_at_last_is_not_tried_again(
    registered: Sandbox, hook: Hook
) -> None:
    hook.statuses = [503]
    registered.world.add_order()
    await registered.webhooks.settled()
    assert [call.status for call in registered.webhooks.calls] == [503, 200]


async def test_nobody_there_is_no_acknowledgement(sandbox: Sandbox) -> None:
    sandbox.world.webhook_urls = ["http://127.0.0.1:1/", "no url"]
    sandbox.world.webhook_triggers = ["moved_to_draft"]
    sandbox.webhooks.pause = 0
    sandbox.world.add_order()
    await sandbox.webhooks.settled()
    assert [call.status for call in sandbox.webhooks.calls] == [None] * 6


class TestFaults:
    """What goes wrong with webhooks."""

    async def test_a_lost_event_is_never_told(self, registered: Sandbox, hook: Hook) -> None:
        registered.webhooks.faults.add(WebhookFault("lose", skip=1, times=1))
        orders = [registered.world.add_order() for _ in range(3)]
        await registered.webhooks.settled()
        assert sorted(hook.order_ids) == sorted([orders[0].id, orders[2].id])

    async def test_a_failed_attempt_counts(self, registered: Sandbox, hook: Hook) -> None:
        registered.webhooks.faults.add(WebhookFault("fail", times=2))
        registered.world.add_order()
        await registered.webhooks.settled()
        assert len(hook.told) == 1
        registered.webhooks.faults.add(WebhookFault("fail", times=3))
        registered.world.add_order()
        await registered.webhooks.settled()
        assert len(hook.told) == 1

    async def test_an_unheard_answer_makes_it_come_again(
        self, registered: Sandbox, hook: Hook
    ) -> None:
        registered.webhooks.faults.add(WebhookFault("unheard", times=1))
        order = registered.world.add_order()
        await registered.webhooks.settled()
        assert hook.order_ids == [order.id] * 2

    async def test_a_double_comes_twice(self, registered: Sandbox, hook: Hook) -> None:
        registered.webhooks.faults.add(WebhookFault("duplicate"))
        order = registered.world.add_order()
        await registered.webhooks.settled()
        assert hook.order_ids == [order.id] * 2

    async def test_a_delayed_one_is_overtaken(self, registered: Sandbox, hook: Hook) -> None:
        registered.webhooks.faults.add(WebhookFault("delay", times=1, seconds=3600))
        orders = [registered.world.add_order() for _ in range(2)]
        await until(lambda: hook.told)
        registered.clock.advance(3600)
        await registered.webhooks.settled()
        assert hook.order_ids == [orders[1].id, orders[0].id]

    async def test_a_reordered_one_goes_behind_the_next(
        self, registered: Sandbox, hook: Hook
    ) -> None:
        registered.webhooks.faults.add(WebhookFault("reorder", times=1, seconds=30))
        first = registered.world.add_order()
        await asyncio.sleep(0.02)
        assert not hook.told
        second = registered.world.add_order()
        await registered.webhooks.settled()
        called = [call.body["id"] for call in registered.webhooks.calls]
        assert called == hook.order_ids == [second.id, first.id]

    async def test_a_reordered_one_that_stays_the_last_is_told_after_all(
        self, registered: Sandbox, hook: Hook
    ) -> None:
        registered.webhooks.faults.add(WebhookFault("reorder", seconds=0.02))
        order = registered.world.add_order()
        await registered.webhooks.settled()
        assert hook.order_ids == [order.id]

    async def test_they_hit_what_matches_only(self, registered: Sandbox, hook: Hook) -> None:
        order = registered.world.add_order()
        await registered.webhooks.settled()
        registered.webhooks.faults.add(
            WebhookFault("lose", order_id=order.id), WebhookFault("lose", product="products_3d")
        )
        registered.world.set_status(order.id, "Pending")
        other = registered.world.add_order(status="Ready")
        registered.world.set_status(other.id, "Ready", "products_3d")
        await registered.webhooks.settled()
        assert sorted(hook.order_ids) == sorted([order.id, other.id])

    async def test_chance_follows_the_seed(self, registered: Sandbox, hook: Hook) -> None:
        runs: list[list[bool]] = []
        for _ in range(2):
            registered.webhooks.faults.clear()
            registered.webhooks.faults.add(WebhookFault("lose", share=0.5))
            orders = [registered.world.add_order() for _ in range(20)]
            await registered.webhooks.settled()
            lost = {one.body["id"] for one in registered.webhooks.calls if one.fault == "lose"}
            runs.append([order.id in lost for order in orders])
        assert runs[0] == runs[1]
        assert set(runs[0]) == {True, False}

    @pytest.mark.parametrize(
        "wrong",
        [
            {"kind": "explode"},
            {},
            {"kind": "lose", "share": 2},
            {"kind": "lose", "times": 0},
            {"kind": "delay", "seconds": -1},
            {"kind": "delay", "seconds": True},
            {"kind": "lose", "wrong": 1},
        ],
    )
    def test_what_does_not_fit_together_is_refused(self, wrong: dict[str, Any]) -> None:
        with pytest.raises(ValueError):
            WebhookFault.from_json(wrong)


async def test_the_control_interface_shows_and_sets(
    sandbox: Sandbox, hook: Hook, call: Caller
) -> None:
    by_hand = {"x-sandbox": "1"}
    place = "/_sandbox/webhooks"
    sandbox.world.webhook_urls = [hook.url]
    sandbox.world.webhook_triggers = ["moved_to_ready"]
    shown = await call("PUT", place, {"pause": 0.01, "attempts": 2}, headers=by_hand)
    assert (shown.json["pause"], shown.json["attempts"]) == (0.01, 2)
    for wrong in ({"pause": -1}, {"attempts": 0}, {"pause": 10**400}, {"speed": 1}, {"pause": "1"}):
        assert (await call("PUT", place, wrong, headers=by_hand)).status == 400
    fault = {"kind": "unheard", "times": 1}
    assert (await call("POST", f"{place}/faults", fault, headers=by_hand)).status == 200
    order = sandbox.world.add_order(status="Pending")
    wish = {"status": "Ready", "products": ["tour"]}
    await call("PUT", f"/_sandbox/orders/{order.id}/status", wish, headers=by_hand)
    await sandbox.webhooks.settled()
    state = (await call("GET", place)).json
    assert [(one["attempt"], one["status"], one["fault"]) for one in state["calls"]] == [
        (1, None, "unheard"),
        (2, 200, None),
    ]
    assert state["calls"][0]["body"]["product_type"] == "tour"
    assert (len(state["faults"]), state["numbers"]) == (1, [1])
    assert (await call("DELETE", f"{place}/faults/2", headers=by_hand)).status == 404
    assert (await call("DELETE", f"{place}/faults", headers=by_hand)).json["faults"] == []
    wrong_products = {"status": "Ready", "products": "tour"}
    refused = await call(
        "PUT", f"/_sandbox/orders/{order.id}/status", wrong_products, headers=by_hand
    )
    assert refused.status == 400


async def test_a_reset_and_a_close_end_what_is_under_way(sandbox: Sandbox, hook: Hook) -> None:
    sandbox.world.webhook_urls = [hook.url]
    sandbox.world.webhook_triggers = ["moved_to_draft"]
    sandbox.webhooks.faults.add(WebhookFault("delay", seconds=3600))
    sandbox.world.add_order()
    await asyncio.sleep(0)
    sandbox.reset()
    await sandbox.webhooks.settled()
    assert len(sandbox.webhooks.faults) == 0
    sandbox.world.webhook_urls = [hook.url]
    sandbox.world.webhook_triggers = ["moved_to_draft"]
    hook.statuses = [500] * 3
    sandbox.webhooks.pause = 3600
    sandbox.world.add_order()
    await until(lambda: hook.told)
    await sandbox.close()
    await sandbox.webhooks.settled()
    assert len(hook.told) == 1
