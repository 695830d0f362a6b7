"""Every operation: what it sends, and what it makes of the answer."""

from __future__ import annotations

import warnings
from collections.abc import Awaitable, Callable
from typing import Any

import attrs
import pytest

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
    Page,
    User,
    Webhooks,
)
from cubicasa_async.errors import (
    DecodeError,
    EchoMismatchError,
    InferredPathWarning,
    InvalidInputError,
    Outcome,
)
from cubicasa_async.resources.index import ENDPOINTS
from tests.support.mocked import Answers, Asked
from tests.support.payloads import DRAFT, ORDER_ID, order, page

Make = Callable[[AsyncCubiCasa], Awaitable[Any]]

USER = {
    "id": "u",
    "email": "first@example.test",
    "name": None,
    "role": "Owner",
    "email_confirmed": True,
    "created_at": 1700000001.0,
}
HOOKS: Any = {
    "webhook_urls": ["https://example.test/hook", "https://example.test/hook-2"],
    "webhook_triggers": ["moved_to_ready", "moved_to_fixing"],
}
PLACE = {name: DRAFT[name] for name in ("street", "city", "country")}
STYLE = {"style_2d": {"add_info": "dark"}}


@attrs.frozen
class Case:
    """A call, what is to be sent for it, what is answered, and what that is read into."""

    make: Make
    sent: Asked
    answered: Any
    result: type


def case(
    make: Make, method: str, path: str, body: Any = None, *, answered: Any, result: type
) -> Case:
    return Case(make, Asked(method, path, body), answered, result)


CASES: dict[str, Case] = {
    "company.info": case(
        lambda c: c.company.info(),
        "GET",
        "/companies/info",
        answered={"profile": {"name": "A", "email": "a@example.test"}, "more": 1},
        result=Company,
    ),
    "company.package": case(
        lambda c: c.company.package(),
        "GET",
        "/companies/package",
        answered={"package_type": "base", "add_ons": []},
        result=CompanyPackage,
    ),
    "company.send_merge_request": case(
        lambda c: c.company.send_merge_request(email="b@example.test"),
        "POST",
        "/companies/merge-request",
        {"email": "b@example.test"},
        answered={"message": "sent"},
        result=Message,
    ),
    "offices.list": case(
        lambda c: c.offices.list(limit=3),
        "GET",
        "/offices?limit=3&offset=0",
        answered=page([{"id": "o", "name": "Head office"}]),
        result=Page,
    ),
    "offices.create": case(
        lambda c: c.offices.create(name="Branch"),
        "POST",
        "/offices",
        {"name": "Branch"},
        answered={"id": "o", "name": "Branch"},
        result=Office,
    ),
    "users.list": case(
        lambda c: c.users.list(),
        "GET",
        "/users?limit=50&offset=0",
        answered=page([USER], limit=0),
        result=Page,
    ),
    "users.create": case(
        lambda c: c.users.create(email="n@example.test", role="User", office_id="o"),
        "POST",
        "/users",
        {"email": "n@example.test", "role": "User", "office_id": "o"},
        answered={"id": "u", "email": "n@example.test", "role": "User", "message": "invited"},
        result=NewUser,
    ),
    "users.get": case(
        lambda c: c.users.get("first+x@example.test"),
        "GET",
        "/users/first%2Bx%40example.test",
        answered=USER,
        result=User,
    ),
    "users.update": case(
        lambda c: c.users.update("u", name=None, role="Manager"),
        "PATCH",
        "/users/u",
        {"name": None, "role": "Manager"},
        answered=USER,
        result=User,
    ),
    "users.change_password": case(
        lambda c: c.users.change_password(email="a@b.test", old_password="o", new_password="n"),
        "POST",
        "/users/change-password",
        {"email": "a@b.test", "old_password": "o", "new_password": "n"},
        answered={"message": "changed"},
        result=Message,
    ),
    "users.send_password_reset": case(
        lambda c: c.users.send_password_reset("a@b.test"),
        "POST",
        "/users/reset-password",
        {"email": "a@b.test"},
        answered={"message": "sent"},
        result=Message,
    ),
    "users.delete": case(
        lambda c: c.users.delete("u"),
        "DELETE",
        "/users/u",
        answered={"message": "deleted"},
        result=type(None),
    ),
    "orders.list": case(
        lambda c: c.orders.list(status=["Ready", "Fixing"], limit=20),
        "GET",
        "/orders?limit=20&offset=0&status=Ready&status=Fixing",
        answered=page([order()]),
        result=Page,
    ),
    "orders.upgrade": case(
        lambda c: c.orders.upgrade(ORDER_ID, add_ons=["gla"]),
        "POST",
        f"/orders/{ORDER_ID}/post-purchase",
        {"package_type": None, "add_ons": ["gla"]},
        answered=order(),
        result=Order,
    ),
    "orders.redeliver": case(
        lambda c: c.orders.redeliver(ORDER_ID, order_preferences=STYLE),
        "POST",
        f"/orders/{ORDER_ID}/redeliver",
        {"order_preferences": STYLE},
        answered=order(),
        result=Order,
    ),
    "orders.get": case(
        lambda c: c.orders.get(ORDER_ID),
        "GET",
        f"/orders/{ORDER_ID}",
        answered=order(),
        result=Order,
    ),
    "orders.combined_pdf": case(
        lambda c: c.orders.combined_pdf(ORDER_ID),
        "GET",
        f"/orders/{ORDER_ID}/combined-pdf",
        answered=b"%PDF-1.7 ... %%EOF",
        result=CombinedPdf,
    ),
    "orders.create_redraw": case(
        lambda c: c.orders.create_redraw(**PLACE, source=["https://example.test/plan.pdf"]),
        "POST",
        "/orders",
        {**PLACE, "source": ["https://example.test/plan.pdf"]},
        answered=order(),
        result=Order,
    ),
    "change_requests.create": case(
        lambda c: c.change_requests.create(ORDER_ID, products=["products_2d"], text="A wall."),
        "POST",
        f"/orders/{ORDER_ID}/change-requests",
        {"products": ["products_2d"], "text": "A wall."},
        answered={"id": "c", "message": "sent"},
        result=ChangeRequestReceipt,
    ),
    "change_requests.list": case(
        lambda c: c.change_requests.list(ORDER_ID),
        "GET",
        f"/orders/{ORDER_ID}/change-requests?limit=50&offset=0",
        answered=page([{"id": "c", "products": ["products_4d"]}]),
        result=Page,
    ),
    "change_requests.get": case(
        lambda c: c.change_requests.get(ORDER_ID, "c"),
        "GET",
        f"/orders/{ORDER_ID}/change-requests/c",
        answered={"id": "c", "text": "A wall.", "created_at": 1700000001.5},
        result=ChangeRequest,
    ),
    "drafts.create": case(
        lambda c: c.drafts.create(**DRAFT, postal_code="00000", latitude=44),
        "POST",
        "/orders/draft",
        {**DRAFT, "postalCode": "00000", "latitude": 44.0},
        answered=order(),
        result=Order,
    ),
    "drafts.update": case(
        lambda c: c.drafts.update(ORDER_ID, **DRAFT, order_preferences=STYLE),
        "PATCH",
        f"/orders/draft/{ORDER_ID}",
        {**DRAFT, "order_preferences": STYLE},
        answered=order(),
        result=Order,
    ),
    "drafts.delete": case(
        lambda c: c.drafts.delete(ORDER_ID),
        "DELETE",
        f"/orders/draft/{ORDER_ID}",
        answered=b"",
        result=type(None),
    ),
    "gotoscan.create": case(
        lambda c: c.gotoscan.create(**PLACE, client_email="s@example.test"),
        "POST",
        "/orders/gotoscan",
        {**PLACE, "client_email": "s@example.test"},
        answered=order(),
        result=Order,
    ),
    "webhooks.update": case(
        lambda c: c.webhooks.update(**HOOKS),
        "PATCH",
        "/companies/webhook",
        HOOKS,
        answered=HOOKS,
        result=Webhooks,
    ),
    "webhooks.delete": case(
        lambda c: c.webhooks.delete(),
        "DELETE",
        "/companies/webhook",
        answered={"message": "deleted"},
        result=type(None),
    ),
}


def test_every_operation_has_its_case() -> None:
    assert CASES.keys() == {endpoint.operation for endpoint in ENDPOINTS}


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: endpoint.operation)
async def test_an_operation_sends_its_request_and_reads_its_answer(
    endpoint: Any, mocked_client: AsyncCubiCasa, answers: Answers
) -> None:
    one = CASES[endpoint.operation]
    answers.give(one.sent.method, one.answered)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        result = await one.make(mocked_client)
    assert answers.asked == [one.sent]
    assert type(result) is one.result
    inferred = [one for one in warned if one.category is InferredPathWarning]
    assert bool(inferred) == (endpoint.evidence is Evidence.INFERRED)


@pytest.fixture
def quiet() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InferredPathWarning)
        yield


REFUSED: dict[str, tuple[Make, str]] = {
    "status that is blank": (lambda c: c.orders.list(status=[" "]), "status"),
    "no status at all": (lambda c: c.orders.list(status=[]), "status"),
    "upgrade that asks for nothing": (lambda c: c.orders.upgrade("x"), "add_ons"),
    "redelivery without preferences": (
        lambda c: c.orders.redeliver("x", order_preferences=None),  # type: ignore[arg-type] # wrong on purpose
        "order_preferences",
    ),
    "redraw without source": (
        lambda c: c.orders.create_redraw(**PLACE, source=[]),
        "source",
    ),
    "change without products": (
        lambda c: c.change_requests.create("x", products=[], text="A wall."),
        "products",
    ),
    "draft without id": (lambda c: c.drafts.delete(""), "order_id"),
    "user without address": (lambda c: c.users.get("nobody"), "email"),
    "user changed in nothing": (lambda c: c.users.update("u"), ""),
    "office without name": (lambda c: c.offices.create(name=" "), "name"),
    "hook that is no URL": (
        lambda c: c.webhooks.update(webhook_urls=["example.test"], webhook_triggers=[]),
        "webhook_urls",
    ),
    "hook with a space": (
        lambda c: c.webhooks.update(webhook_urls=["https://h.test/a b"], webhook_triggers=[]),
        "webhook_urls",
    ),
    "hook with a tab": (
        lambda c: c.webhooks.update(webhook_urls=["https://h.test/a\tb"], webhook_triggers=[]),
        "webhook_urls",
    ),
    "hook given twice": (
        lambda c: c.webhooks.update(webhook_urls=["https://h.test/"] * 2, webhook_triggers=[]),
        "webhook_urls",
    ),
    "trigger given twice": (
        lambda c: c.webhooks.update(webhook_urls=[], webhook_triggers=["moved_to_ready"] * 2),
        "webhook_triggers",
    ),
    "part of a path that goes up": (lambda c: c.orders.get(".."), "order_id"),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_what_cannot_be_meant_is_refused_and_not_sent(
    name: str, mocked_client: AsyncCubiCasa, answers: Answers
) -> None:
    make, field = REFUSED[name]
    with pytest.raises(InvalidInputError) as caught:
        await make(mocked_client)
    assert [fault.field for fault in caught.value.field_errors] == [field]
    assert caught.value.outcome is Outcome.NOT_SENT
    assert answers.asked == []


@pytest.mark.parametrize("key", ["url", "download_url", "pdf_url"])
async def test_a_combined_pdf_may_be_named_by_its_url(
    key: str, mocked_client: AsyncCubiCasa, answers: Answers
) -> None:
    answers.give("GET", {key: "https://files.test/x.pdf"})
    found = await mocked_client.orders.combined_pdf("x")
    assert found == CombinedPdf(url="https://files.test/x.pdf")


@pytest.mark.parametrize("answered", [{}, {"url": ""}, {"url": 7}, [], b"<html>", b"not a PDF"])
async def test_a_combined_pdf_that_is_none_is_an_error(
    answered: Any, mocked_client: AsyncCubiCasa, answers: Answers
) -> None:
    answers.give("GET", answered)
    with pytest.raises(DecodeError):
        await mocked_client.orders.combined_pdf("x")


async def test_webhooks_may_be_confirmed_in_another_order(
    mocked_client: AsyncCubiCasa, answers: Answers
) -> None:
    turned = {name: values[::-1] for name, values in HOOKS.items()}
    answers.give("PATCH", turned)
    assert (await mocked_client.webhooks.update(**HOOKS)).webhook_urls == (*turned["webhook_urls"],)


@pytest.mark.parametrize("name", HOOKS)
async def test_webhooks_that_the_server_ignored_are_an_error(
    name: str, mocked_client: AsyncCubiCasa, answers: Answers
) -> None:
    answers.give("PATCH", {**HOOKS, name: []})
    with pytest.raises(EchoMismatchError, match=f"{name} lacks") as caught:
        await mocked_client.webhooks.update(**HOOKS)
    assert caught.value.outcome is Outcome.UNKNOWN


async def test_a_user_keeps_a_role_that_is_not_listed(
    mocked_client: AsyncCubiCasa, answers: Answers, quiet: None
) -> None:
    answers.give("GET", USER)
    user = await mocked_client.users.get("first@example.test")
    assert user.role == "Owner"
    assert user.role is not None
    assert not user.role.is_known
