from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from cubicasa_async.sandbox import Contract, Sandbox

from .support import DRAFT, Caller, draft, sample

CONTRACT = Contract.load()
NOBODY = "00000000-0000-4000-8000-000000000000"


def check(operation: str, status: int, body: Any) -> None:
    one = CONTRACT.operations[operation]
    item = CONTRACT.document["paths"][one.path][one.method.lower()]
    answer = CONTRACT.inline(item["responses"][str(status)])
    schema = answer["content"]["application/json"]["schema"]
    Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER).validate(body)  # pyright: ignore[reportUnknownMemberType] - partly untyped


@pytest.fixture
def requests(sandbox: Sandbox) -> dict[str, tuple[str, str, Any]]:
    """One good request for each operation."""
    world = sandbox.world
    draft_order, ready = world.add_order(), world.add_order(status="Ready")
    office = world.offices[0]
    user = world.add_user("a@example.test", role="User", office_id=office.id, password="old")
    leaver = world.add_user("b@example.test", role="User")
    fixing = world.add_order(status="Ready")
    request = world.add_change_request(fixing, products=["products_2d"], text="", img_urls=[])
    return {
        "company.info": ("GET", "/companies/info", None),
        "company.package": ("GET", "/companies/package", None),
        "company.send_merge_request": (
            "POST",
            "/companies/merge-request",
            {"email": "other@example.test"},
        ),
        "offices.list": ("GET", "/offices", None),
        "offices.create": ("POST", "/offices", {"name": "South"}),
        "users.list": ("GET", "/users", None),
        "users.create": (
            "POST",
            "/users",
            {**sample("08-add-new-user.request"), "office_id": office.id},
        ),
        "users.get": ("GET", "/users/a%40example.test", None),
        "users.update": ("PATCH", f"/users/{user.id}", {"name": "Ada", "role": "Manager"}),
        "users.change_password": (
            "POST",
            "/users/change-password",
            {"email": user.email, "old_password": "old", "new_password": "new"},
        ),
        "users.send_password_reset": ("POST", "/users/reset-password", {"email": user.email}),
        "users.delete": ("DELETE", f"/users/{leaver.id}", None),
        "orders.list": ("GET", "/orders", None),
        "orders.get": ("GET", f"/orders/{ready.id}", None),
        "orders.upgrade": (
            "POST",
            f"/orders/{ready.id}/post-purchase",
            sample("15-upgrade-order.request"),
        ),
        "orders.redeliver": ("POST", f"/orders/{ready.id}/redeliver", {"order_preferences": {}}),
        "orders.combined_pdf": ("GET", f"/orders/{ready.id}/combined-pdf", None),
        "orders.create_redraw": (
            "POST",
            "/orders",
            draft(info="Two floors", source=["https://files.example.test/1.pdf"]),
        ),
        "change_requests.create": (
            "POST",
            f"/orders/{ready.id}/change-requests",
            sample("20-add-change-request.request"),
        ),
        "change_requests.list": ("GET", f"/orders/{fixing.id}/change-requests", None),
        "change_requests.get": (
            "GET",
            f"/orders/{fixing.id}/change-requests/{request.id}",
            None,
        ),
        "drafts.create": ("POST", "/orders/draft", sample("24-update-draft-order.request")),
        "drafts.update": (
            "PATCH",
            f"/orders/draft/{draft_order.id}",
            sample("24-update-draft-order.request"),
        ),
        "drafts.delete": ("DELETE", f"/orders/draft/{draft_order.id}", None),
        "gotoscan.create": ("POST", "/orders/gotoscan", draft(client_name="Ada")),
        "webhooks.update": (
            "PATCH",
            "/companies/webhook",
            sample("27-update-company-webhooks.request"),
        ),
        "webhooks.delete": ("DELETE", "/companies/webhook", None),
    }


@pytest.mark.parametrize("operation", CONTRACT.operations)
async def test_every_operation_answers_200_in_its_shape_and_stands_in_the_ledger(
    operation: str, requests: dict[str, tuple[str, str, Any]], call: Caller
) -> None:
    method, path, body = requests[operation]
    reply = await call(method, path, body)
    assert reply.status == 200, reply.content
    check(operation, 200, reply.json)
    (entry,) = call.sandbox.ledger
    effect = CONTRACT.operations[operation].effect
    assert (entry.operation, entry.status, entry.authorised) == (operation, 200, True)
    assert entry.committed == (effect != "READ")
    assert bool(entry.created) == (effect in ("CREATE", "PURCHASE"))


@pytest.mark.parametrize("operation", CONTRACT.operations)
@pytest.mark.parametrize("key", ["", "wrong", "wröng"])
async def test_without_the_right_key_every_operation_answers_401_and_does_nothing(
    operation: str, key: str, requests: dict[str, tuple[str, str, Any]], call: Caller
) -> None:
    method, path, body = requests[operation]
    reply = await call(method, path, body, key=key)
    assert reply.status == 401
    check(operation, 401, reply.json)
    (entry,) = call.sandbox.ledger
    assert (entry.authorised, entry.committed) == (False, False)


@pytest.mark.parametrize(
    ("method", "path", "operation"),
    [
        ("GET", f"/orders/{NOBODY}", "orders.get"),
        ("POST", f"/orders/{NOBODY}/post-purchase", "orders.upgrade"),
        ("POST", f"/orders/{NOBODY}/redeliver", "orders.redeliver"),
        ("GET", f"/orders/{NOBODY}/combined-pdf", "orders.combined_pdf"),
        ("GET", f"/orders/{NOBODY}/change-requests", "change_requests.list"),
        ("GET", f"/orders/{NOBODY}/change-requests/{NOBODY}", "change_requests.get"),
        ("DELETE", f"/orders/draft/{NOBODY}", "drafts.delete"),
        ("GET", "/users/nobody%40example.test", "users.get"),
        ("DELETE", f"/users/{NOBODY}", "users.delete"),
    ],
)
async def test_an_unknown_id_is_a_404_in_json(
    method: str, path: str, operation: str, call: Caller
) -> None:
    reply = await call(method, path, {} if method == "POST" else None)
    assert reply.status == 404
    check(operation, 404, reply.json)


async def test_a_draft_has_the_documented_shape(call: Caller) -> None:
    order = (await call("POST", "/orders/draft", sample("24-update-draft-order.request"))).json
    documented = sample("24-update-draft-order.response")
    assert set(order) == set(documented)
    for part in ("info", "address"):
        assert set(order[part]) == set(documented[part])
    assert set(order["info"]["product"]) == set(documented["info"]["product"])
    assert order["delivery_assets"] is None
    info, address = order["info"], order["address"]
    assert (info["status"], info["add_info"]) == ("Draft", "Extra info")
    assert info["location"] == "615 Bourbon St A1 New Orleans"
    assert info["external_id"] == "R4ER93"
    assert address["postalCode"] == "70130"
    assert address["full_address"] == (
        "615 Bourbon St, New Orleans, Louisiana 70130, United States"
    )
    assert info["product"]["purchasable_add_ons"] == ["express_sla"]
    assert info["product"]["purchasable_package_types"] == ["plus"]


async def test_the_same_external_id_twice_makes_two_drafts(call: Caller) -> None:
    first = (await call("POST", "/orders/draft", draft(external_id="E-1"))).json["id"]
    second = (await call("POST", "/orders/draft", draft(external_id="E-1"))).json["id"]
    assert first != second
    assert call.sandbox.ledger.by_external_id() == {"E-1": [first, second]}


async def test_a_patch_keeps_what_is_left_out_unless_the_world_is_set_to_clear_it(
    call: Caller,
) -> None:
    order_id = (await call("POST", "/orders/draft", draft(suite="B2", external_id="E"))).json["id"]
    path = f"/orders/draft/{order_id}"
    kept = (await call("PATCH", path, draft(city="Elsewhere"))).json
    assert (kept["address"]["city"], kept["address"]["suite"]) == ("Elsewhere", "B2")
    call.sandbox.world.patch_clears = True
    cleared = (await call("PATCH", path, DRAFT)).json
    assert (cleared["address"]["suite"], cleared["info"]["external_id"]) == (None, None)


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
async def test_only_a_draft_can_be_changed_or_deleted(method: str, call: Caller) -> None:
    order = call.sandbox.world.add_order(status="Pending")
    reply = await call(method, f"/orders/draft/{order.id}", DRAFT if method == "PATCH" else None)
    assert reply.status == 409
    assert "Pending" in reply.json["message"]
    assert call.sandbox.world.orders[0] is order


async def test_a_deleted_draft_is_gone(call: Caller) -> None:
    order = call.sandbox.world.add_order()
    assert (await call("DELETE", f"/orders/draft/{order.id}")).status == 200
    assert (await call("GET", f"/orders/{order.id}")).status == 404
    assert (await call("DELETE", f"/orders/draft/{order.id}")).status == 404


async def test_a_list_row_has_no_files_and_a_detail_call_has(call: Caller) -> None:
    order = call.sandbox.world.add_order(status="Ready", add_ons=["gla"])
    (row,) = (await call("GET", "/orders")).json["items"]
    assert "delivery_assets" not in row
    detail = (await call("GET", f"/orders/{order.id}")).json
    assert detail["delivery_assets"]["listing_floorplans"]["jpg_urls"]
    assert {name: detail[name] for name in row} == row


async def test_status_may_be_repeated(call: Caller) -> None:
    for status in ("Draft", "Pending", "Ready", "Pending"):
        call.sandbox.world.add_order(status=status)
    page = (await call("GET", "/orders?status=Pending&status=Ready&limit=2")).json
    assert [row["info"]["status"] for row in page["items"]] == ["Pending", "Ready"]
    assert page["pagination"]["has_more"] is True
    assert (await call("GET", "/orders?status=Nonsense")).json["items"] == []


async def test_a_change_request_moves_the_order_to_fixing_and_delivery_ends_it(
    call: Caller,
) -> None:
    order = call.sandbox.world.add_order(status="Ready")
    path = f"/orders/{order.id}/change-requests"
    before = (await call("GET", f"/orders/{order.id}")).json
    body = sample("20-add-change-request.request")
    made = (await call("POST", path, body)).json
    assert (await call("GET", f"/orders/{order.id}")).json["info"]["status"] == "Fixing"
    one = (await call("GET", f"{path}/{made['id']}")).json
    assert {name: one[name] for name in body} == body
    assert [item["id"] for item in (await call("GET", path)).json["items"]] == [made["id"]]
    assert call.sandbox.world.advance(order.id) == "Ready"
    assert (await call("GET", f"{path}/{made['id']}")).json["status"] == "done"
    after = (await call("GET", f"/orders/{order.id}")).json
    assert after["info"]["first_delivered_at"] == before["info"]["first_delivered_at"]
    assert after["delivery_assets"] != before["delivery_assets"]


async def test_a_change_request_wants_a_delivered_order(call: Caller) -> None:
    order = call.sandbox.world.add_order()
    reply = await call(
        "POST", f"/orders/{order.id}/change-requests", sample("20-add-change-request.request")
    )
    assert reply.status == 409


async def test_a_repeated_upgrade_is_a_second_purchase(call: Caller) -> None:
    order = call.sandbox.world.add_order(status="Ready", package_type="base")
    path = f"/orders/{order.id}/post-purchase"
    body = {"package_type": None, "add_ons": ["gla"]}
    await call("POST", path, body)
    upgraded = (await call("POST", path, body)).json
    assert upgraded["info"]["product"]["add_ons"] == ["gla"]
    assert upgraded["info"]["product"]["package_type"] == "base"
    assert len(call.sandbox.world.purchases) == 2
    await call("POST", path, {"package_type": None, "add_ons": []})
    assert len(call.sandbox.world.purchases) == 2
    assert [entry.committed for entry in call.sandbox.ledger] == [True, True, False]


async def test_a_redelivery_takes_the_style_and_delivers_again(call: Caller) -> None:
    order = call.sandbox.world.add_order(status="Ready")
    first = (await call("GET", f"/orders/{order.id}")).json
    style = {"order_preferences": {"style_2d": {"style_template_id": "T-1"}}}
    again = (await call("POST", f"/orders/{order.id}/redeliver", style)).json
    assert again["info"]["style_template"] == "T-1"
    assert again["delivery_assets"] != first["delivery_assets"]
    assert len(call.sandbox.world.redeliveries) == 1


async def test_the_combined_pdf_comes_by_url_or_itself(call: Caller) -> None:
    order = call.sandbox.world.add_order(status="Ready")
    path = f"/orders/{order.id}/combined-pdf"
    assert (await call("GET", path)).json["url"].startswith(call.sandbox.file_host.origin)
    call.sandbox.world.combined_pdf_as_bytes = True
    reply = await call("GET", path)
    assert reply.headers["Content-Type"] == "application/pdf"
    assert reply.content.startswith(b"%PDF-")
    assert reply.content.rstrip().endswith(b"%%EOF")


async def test_the_combined_pdf_is_drawn_from_the_order(call: Caller) -> None:
    world = call.sandbox.world
    world.combined_pdf_as_bytes = True
    seen: set[bytes] = set()
    for street in ("7 Harbour View", "8 Harbour View"):
        order = world.add_order(status="Ready", street=street)
        path = f"/orders/{order.id}/combined-pdf"
        pdf = (await call("GET", path)).content
        assert pdf == (await call("GET", path)).content
        assert pdf.count(b"/Type /Page ") == 2, "a page for each floor"
        assert pdf.count(f"({street}, Sampletown)".encode()) == 2
        assert len(pdf) < 20_000
        seen.add(pdf)
    assert len(seen) == 2
    never = world.add_order(status="Fixing")
    assert (await call("GET", f"/orders/{never.id}/combined-pdf")).content.count(b"/Page ") == 2
    world.combined_pdf_as_bytes = False
    url = (await call("GET", f"/orders/{never.id}/combined-pdf")).json["url"]
    assert f"/{never.id}/" in url, "no two orders have the same file"


async def test_a_user_lives(call: Caller) -> None:
    world = call.sandbox.world
    office = (await call("POST", "/offices", {"name": "South"})).json
    body = {"email": "new@example.test", "role": "User", "office_id": office["id"]}
    made = (await call("POST", "/users", body)).json
    assert "invitation" in made["message"]
    assert [mail.to for mail in world.mails] == ["new@example.test"]
    assert (await call("POST", "/users", body)).status == 409
    assert (await call("POST", "/users", {**body, "email": "x", "office_id": "y"})).status == 404
    await call("PATCH", f"/users/{made['id']}", {"name": "Ada", "unknown": 1})
    person = (await call("GET", "/users/new%40example.test")).json
    assert (person["name"], person["surname"], person["role"]) == ("Ada", None, "User")
    order = world.add_order(owner_email="new@example.test")
    await call("DELETE", f"/users/{made['id']}")
    assert (await call("GET", "/users/new%40example.test")).status == 404
    assert world.order(order.id).owner_email is None


async def test_a_password_changes_only_with_the_old_one(call: Caller) -> None:
    user = call.sandbox.world.add_user("a@example.test", role="User", password="old")
    body = sample("11-change-user-password.request") | {"email": user.email}
    assert (await call("POST", "/users/change-password", body)).status == 403
    good = body | {"old_password": "old"}
    assert (await call("POST", "/users/change-password", good)).status == 200
    assert user.password == body["new_password"]
    assert "old" not in repr(user)


async def test_webhooks_echo_and_ignore_other_keys(call: Caller) -> None:
    body = sample("27-update-company-webhooks.request")
    assert (await call("PATCH", "/companies/webhook", body)).json == body
    wrong = {"urls": ["https://example.test/other"], "triggers": []}
    assert (await call("PATCH", "/companies/webhook", wrong)).json == body
    assert [entry.committed for entry in call.sandbox.ledger] == [True, False]
    await call("DELETE", "/companies/webhook")
    assert call.sandbox.world.webhook_urls == []
