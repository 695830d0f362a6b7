from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import pytest
from jsonschema import Draft202012Validator

from cubicasa_async.sandbox import Contract

from .support import sample

CONTRACT = Contract.load()
ENDPOINTS = {
    "company.info": ("GET /companies/info", "observed", "READ"),
    "webhooks.delete": ("DELETE /companies/webhook", "inferred", "REPLACE"),
    "company.package": ("GET /companies/package", "inferred", "READ"),
    "company.send_merge_request": ("POST /companies/merge-request", "inferred", "CREATE"),
    "offices.list": ("GET /offices", "inferred", "READ"),
    "offices.create": ("POST /offices", "inferred", "CREATE"),
    "users.list": ("GET /users", "documented", "READ"),
    "users.create": ("POST /users", "documented", "CREATE"),
    "users.get": ("GET /users/{user_id}", "inferred", "READ"),
    "users.update": ("PATCH /users/{user_id}", "inferred", "REPLACE"),
    "users.change_password": ("POST /users/change-password", "documented", "REPLACE"),
    "users.send_password_reset": ("POST /users/reset-password", "documented", "CREATE"),
    "users.delete": ("DELETE /users/{user_id}", "documented", "REPLACE"),
    "orders.list": ("GET /orders", "documented", "READ"),
    "orders.upgrade": ("POST /orders/{order_id}/post-purchase", "documented", "PURCHASE"),
    "orders.redeliver": ("POST /orders/{order_id}/redeliver", "inferred", "CREATE"),
    "orders.get": ("GET /orders/{order_id}", "documented", "READ"),
    "orders.combined_pdf": ("GET /orders/{order_id}/combined-pdf", "observed", "READ"),
    "orders.create_redraw": ("POST /orders", "observed", "PURCHASE"),
    "change_requests.create": (
        "POST /orders/{order_id}/change-requests",
        "documented",
        "CREATE",
    ),
    "change_requests.list": ("GET /orders/{order_id}/change-requests", "inferred", "READ"),
    "change_requests.get": (
        "GET /orders/{order_id}/change-requests/{change_request_id}",
        "documented",
        "READ",
    ),
    "drafts.create": ("POST /orders/draft", "observed", "CREATE"),
    "drafts.update": ("PATCH /orders/draft/{order_id}", "documented", "REPLACE"),
    "drafts.delete": ("DELETE /orders/draft/{order_id}", "inferred", "REPLACE"),
    "gotoscan.create": ("POST /orders/gotoscan", "inferred", "PURCHASE"),
    "webhooks.update": ("PATCH /companies/webhook", "documented", "REPLACE"),
}


def nodes(value: object) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        node = cast("dict[str, Any]", value)
        yield node
        for part in node.values():
            yield from nodes(part)
    elif isinstance(value, list):
        for part in cast("list[object]", value):
            yield from nodes(part)


def schema(name: str) -> Draft202012Validator:
    return Draft202012Validator(CONTRACT.inline({"$ref": f"#/components/schemas/{name}"}))


def test_the_document_holds_the_27_endpoints_with_grade_and_effect() -> None:
    assert {
        name: (f"{one.method} {one.path}", one.evidence, one.effect)
        for name, one in CONTRACT.operations.items()
    } == ENDPOINTS


def test_enumerations_are_open() -> None:
    assert not [node for node in nodes(CONTRACT.document) if "enum" in node]
    assert any("x-known-values" in node for node in nodes(CONTRACT.document))


def test_every_reference_leads_somewhere() -> None:
    for node in nodes(CONTRACT.document):
        if "$ref" in node:
            assert CONTRACT.inline(node)


def test_every_schema_is_graded_and_valid() -> None:
    for name, one in CONTRACT.document["components"]["schemas"].items():
        assert one.get("x-evidence") in ("documented", "observed", "inferred"), name
        Draft202012Validator.check_schema(CONTRACT.inline(one))


@pytest.mark.parametrize(
    ("name", "of"),
    [
        ("07-list-all-users.response", "UserPage"),
        ("08-add-new-user.request", "UserBody"),
        ("08-add-new-user.response", "UserCreated"),
        ("11-change-user-password.request", "PasswordBody"),
        ("12-send-password-reset-link.request", "EmailBody"),
        ("15-upgrade-order.request", "UpgradeBody"),
        ("15-upgrade-order.response", "Order"),
        ("17-get-order.observed.response", "Order"),
        ("19-redraw-400.observed.response", "ValidationError"),
        ("20-add-change-request.request", "ChangeRequestBody"),
        ("20-add-change-request.response", "ChangeRequestCreated"),
        ("24-update-draft-order.request", "DraftBody"),
        ("24-update-draft-order.response", "Order"),
        ("27-update-company-webhooks.request", "WebhooksBody"),
        ("27-update-company-webhooks.response", "Webhooks"),
    ],
)
def test_the_known_bodies_are_valid_by_the_document(name: str, of: str) -> None:
    body = sample(name)
    schema(of).validate(body)  # pyright: ignore[reportUnknownMemberType] - partly untyped
    known = set(CONTRACT.document["components"]["schemas"][of]["properties"])
    assert set(body) <= known


@pytest.mark.parametrize(
    ("method", "path", "operation"),
    [
        ("GET", "/orders/abc", "orders.get"),
        ("POST", "/orders/draft", "drafts.create"),
        ("POST", "/orders/gotoscan", "gotoscan.create"),
        ("POST", "/users/change-password", "users.change_password"),
        ("GET", "/users/a%40b.test", "users.get"),
        ("GET", "/orders/draft", None),
        ("GET", "/orders/", None),
        ("GET", "/orders/{order_id}", "orders.get"),
        ("GET", "/nothing", None),
    ],
)
def test_a_path_that_stands_as_it_is_goes_before_a_template(
    method: str, path: str, operation: str | None
) -> None:
    found = CONTRACT.match(method, path).operation
    assert (found.id if found else None) == operation


def test_path_parameters_are_decoded() -> None:
    assert CONTRACT.match("GET", "/users/a%2Fb%40c.test").values == {"user_id": "a/b@c.test"}
