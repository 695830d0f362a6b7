"""One good call of each operation: what is said, what must be sent, what comes back."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any, Final

import attrs

from cubicasa_async import (
    AsyncCubiCasa,
    ChangeRequest,
    ChangeRequestReceipt,
    CombinedPdf,
    Company,
    CompanyPackage,
    Evidence,
    Message,
    NewUser,
    Office,
    Order,
    OrderPreferences,
    PackageType,
    RequestOptions,
    Role,
    Style3D,
    User,
    Video,
    Webhooks,
    WebhookTrigger,
)
from cubicasa_async.resources.index import ENDPOINTS
from cubicasa_async.sandbox import Sandbox

BY_OPERATION: Final = {endpoint.operation: endpoint for endpoint in ENDPOINTS}
INFERRED: Final = [one.operation for one in ENDPOINTS if one.evidence is Evidence.INFERRED]
WITH_BODY: Final = [one.operation for one in ENDPOINTS if one.request is not None]

PROPERTY: Final[dict[str, Any]] = {
    "street": "1 Example Street",
    "city": "Sampletown",
    "country": "United States",
}
DRAFT: Final[dict[str, Any]] = {**PROPERTY, "owner_email": "owner@example.test"}
PAGE: Final = "limit=50&offset=0"


@attrs.frozen
class Case:
    """One call.

    Attributes:
        answer: The class of what comes back, or of each entry of a list.
        method: The HTTP method that must be seen.
        path: The path that must be seen; `{name}` stands for something of the scene.
        ids: What of the scene is named in the path, as the method's first arguments.
        fields: What is said besides; a text `{name}` stands for something of the scene.
        body: The JSON body that must be seen.
        many: Whether it is a list.
    """

    answer: type[Any]
    method: str
    path: str
    ids: tuple[str, ...] = ()
    fields: Mapping[str, Any] = attrs.field(factory=dict[str, Any])
    body: Any = None
    many: bool = False

    def on(self, scene: Mapping[str, str]) -> Case:
        """The case with what the scene holds put in."""
        return attrs.evolve(
            self,
            path=self.path.format_map(scene),
            ids=tuple(scene[name] for name in self.ids),
            fields={name: _filled(value, scene) for name, value in self.fields.items()},
            body=None
            if self.body is None
            else {name: _filled(value, scene) for name, value in self.body.items()},
        )


def _filled(value: Any, scene: Mapping[str, str]) -> Any:
    return value.format_map(scene) if isinstance(value, str) else value


CASES: Final[Mapping[str, Case]] = {
    "company.info": Case(Company, "GET", "/companies/info"),
    "company.package": Case(CompanyPackage, "GET", "/companies/package"),
    "company.send_merge_request": Case(
        Message,
        "POST",
        "/companies/merge-request",
        fields={"email": "other@example.test", "message": None},
        body={"email": "other@example.test", "message": None},
    ),
    "offices.list": Case(Office, "GET", f"/offices?{PAGE}", many=True),
    "offices.create": Case(
        Office, "POST", "/offices", fields={"name": "South"}, body={"name": "South"}
    ),
    "users.list": Case(User, "GET", f"/users?{PAGE}", many=True),
    "users.create": Case(
        NewUser,
        "POST",
        "/users",
        fields={"email": "new@example.test", "role": Role.USER, "office_id": "{office}"},
        body={"email": "new@example.test", "role": "User", "office_id": "{office}"},
    ),
    "users.get": Case(
        User, "GET", "/users/a%2Bb%40example.test", fields={"email": "a+b@example.test"}
    ),
    "users.update": Case(
        User,
        "PATCH",
        "/users/{user}",
        ids=("user",),
        fields={"name": "Ada", "surname": None},
        body={"name": "Ada", "surname": None},
    ),
    "users.change_password": Case(
        Message,
        "POST",
        "/users/change-password",
        fields={"email": "a+b@example.test", "old_password": "old", "new_password": "new"},
        body={"email": "a+b@example.test", "old_password": "old", "new_password": "new"},
    ),
    "users.send_password_reset": Case(
        Message,
        "POST",
        "/users/reset-password",
        fields={"email": "a+b@example.test"},
        body={"email": "a+b@example.test"},
    ),
    "users.delete": Case(type(None), "DELETE", "/users/{user}", ids=("user",)),
    "orders.list": Case(
        Order,
        "GET",
        f"/orders?{PAGE}&status=Ready&status=Draft",
        fields={"status": ["Ready", "Draft"]},
        many=True,
    ),
    "orders.upgrade": Case(
        Order,
        "POST",
        "/orders/{ready}/post-purchase",
        ids=("ready",),
        fields={"add_ons": ["gla"]},
        body={"package_type": None, "add_ons": ["gla"]},
    ),
    "orders.redeliver": Case(
        Order,
        "POST",
        "/orders/{ready}/redeliver",
        ids=("ready",),
        fields={"order_preferences": {"style_2d": {"style_template_id": "T-1"}}},
        body={"order_preferences": {"style_2d": {"style_template_id": "T-1"}}},
    ),
    "orders.get": Case(Order, "GET", "/orders/{ready}", ids=("ready",)),
    "orders.combined_pdf": Case(CombinedPdf, "GET", "/orders/{ready}/combined-pdf", ids=("ready",)),
    "orders.create_redraw": Case(
        Order,
        "POST",
        "/orders",
        fields={**PROPERTY, "source": ["https://files.example.test/1.pdf"], "postal_code": "00000"},
        body={**PROPERTY, "source": ["https://files.example.test/1.pdf"], "postalCode": "00000"},
    ),
    "change_requests.create": Case(
        ChangeRequestReceipt,
        "POST",
        "/orders/{ready}/change-requests",
        ids=("ready",),
        fields={"products": ["products_2d"], "text": "The door is missing."},
        body={"products": ["products_2d"], "text": "The door is missing."},
    ),
    "change_requests.list": Case(
        ChangeRequest,
        "GET",
        f"/orders/{{fixing}}/change-requests?{PAGE}",
        ids=("fixing",),
        many=True,
    ),
    "change_requests.get": Case(
        ChangeRequest,
        "GET",
        "/orders/{fixing}/change-requests/{change}",
        ids=("fixing", "change"),
    ),
    "drafts.create": Case(
        Order,
        "POST",
        "/orders/draft",
        fields={
            **DRAFT,
            "postal_code": "00000",
            "suite": None,
            "latitude": 44.5,
            "package_type": PackageType.PLUS,
            "add_ons": ("gla", "express_sla"),
            "order_preferences": OrderPreferences(
                style_2d=None, style_3d=Style3D(video=Video(speed="slow"), include_basement=False)
            ),
        },
        body={
            **DRAFT,
            "postalCode": "00000",
            "suite": None,
            "latitude": 44.5,
            "package_type": "plus",
            "add_ons": ["gla", "express_sla"],
            "order_preferences": {
                "style_2d": None,
                "style_3d": {"video": {"speed": "slow"}, "include_basement": False},
            },
        },
    ),
    "drafts.update": Case(
        Order,
        "PATCH",
        "/orders/draft/{draft}",
        ids=("draft",),
        fields={**DRAFT, "external_id": None, "postal_code": None},
        body={**DRAFT, "external_id": None, "postalCode": None},
    ),
    "drafts.delete": Case(type(None), "DELETE", "/orders/draft/{draft}", ids=("draft",)),
    "gotoscan.create": Case(
        Order,
        "POST",
        "/orders/gotoscan",
        fields={**PROPERTY, "client_name": "Ada", "client_email": "ada@example.test"},
        body={**PROPERTY, "client_name": "Ada", "client_email": "ada@example.test"},
    ),
    "webhooks.update": Case(
        Webhooks,
        "PATCH",
        "/companies/webhook",
        fields={
            "webhook_urls": ["https://example.test/hook"],
            "webhook_triggers": [WebhookTrigger.MOVED_TO_READY, "moved_to_fixing"],
        },
        body={
            "webhook_urls": ["https://example.test/hook"],
            "webhook_triggers": ["moved_to_ready", "moved_to_fixing"],
        },
    ),
    "webhooks.delete": Case(type(None), "DELETE", "/companies/webhook"),
}


def accepted(*operations: str) -> dict[str, str]:
    """The setting that accepts inferred paths as they are."""
    return {name: BY_OPERATION[name].path for name in operations}


def scene(sandbox: Sandbox) -> dict[str, str]:
    """What the cases are about, put into a sandbox; ids by name."""
    world = sandbox.world
    user = world.add_user("a+b@example.test", role="User", password="old")
    fixing = world.add_order(status="Ready")
    change = world.add_change_request(fixing, products=["products_2d"], text="", img_urls=[])
    return {
        "office": world.offices[0].id,
        "user": user.id,
        "draft": world.add_order().id,
        "ready": world.add_order(status="Ready", add_ons=["gla"]).id,
        "fixing": fixing.id,
        "change": change.id,
    }


def method(client: AsyncCubiCasa, operation: str) -> Any:
    """The client's method of an operation: they have the same name."""
    return functools.reduce(getattr, operation.split("."), client)


async def make(
    client: AsyncCubiCasa, operation: str, case: Case, options: RequestOptions | None = None
) -> Any:
    """Make a call; of a list, all entries."""
    called = method(client, operation)(*case.ids, **case.fields, options=options)
    return [entry async for entry in called] if case.many else await called
