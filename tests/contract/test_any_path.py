"""Calls of any path, with all that the other calls have."""

from __future__ import annotations

from typing import Any

import pytest

from cubicasa_async import (
    AsyncCubiCasa,
    Effect,
    Order,
    Response,
)
from cubicasa_async.errors import (
    BadRequestError,
    CubiCasaError,
    DecodeError,
    InvalidInputError,
    NotFoundError,
    RateLimitError,
)
from cubicasa_async.sandbox import Fault, Kind, Phase, Sandbox


def nothing_was_sent(sandbox: Sandbox) -> bool:
    return len(sandbox.ledger) == 0


async def test_any_path_can_be_called_and_read_into_any_class(
    sandbox: Sandbox, client: AsyncCubiCasa, ready: str
) -> None:
    plain: Response[Any] = await client.request("get", f"/orders/{ready}")
    assert (plain.status, plain.data["id"]) == (200, ready)
    read = await client.request("GET", f"/orders/{ready}", model=Order)
    assert type(read.data) is Order
    assert read.data.id == ready
    assert read.headers["content-type"] == "application/json"
    assert [entry.operation for entry in sandbox.ledger] == ["orders.get"] * 2


async def test_query_and_body_are_sent_as_given(sandbox: Sandbox, client: AsyncCubiCasa) -> None:
    await client.request("GET", "/orders", query=[("status", "Ready"), ("status", "a&b=ä")])
    await client.request("GET", "/orders", query={"limit": "3"})
    body = {"name": "Süd", "nested": {"list": [1, None]}}
    await client.request("POST", "/offices", body=body)
    assert [entry.path for entry in sandbox.ledger] == [
        "/orders?status=Ready&status=a%26b%3D%C3%A4",
        "/orders?limit=3",
        "/offices",
    ]
    assert sandbox.ledger[2].body == body


@pytest.mark.parametrize(
    ("verb", "effect", "repeated"),
    [
        ("GET", None, True),
        ("PUT", None, True),
        ("PATCH", None, True),
        ("DELETE", None, True),
        ("POST", None, False),
        ("POST", Effect.READ, True),
        ("POST", Effect.REPLACE, True),
        ("GET", Effect.PURCHASE, False),
    ],
)
async def test_a_call_of_any_path_is_repeated_by_its_effect(
    verb: str, effect: Effect | None, repeated: bool, sandbox: Sandbox, client: AsyncCubiCasa
) -> None:
    sandbox.faults.add(Fault(Kind.DROP, phase=Phase.AFTER_COMMIT))
    with pytest.raises(CubiCasaError):
        await client.request(verb, "/anything", effect=effect)
    assert len(sandbox.ledger) == (4 if repeated else 1)


async def test_an_answer_that_is_not_json_is_there_as_bytes(
    sandbox: Sandbox, client: AsyncCubiCasa, ready: str
) -> None:
    sandbox.world.combined_pdf_as_bytes = True
    answer: Response[Any] = await client.request("GET", f"/orders/{ready}/combined-pdf")
    assert answer.data is None
    assert answer.body.startswith(b"%PDF-")


async def test_a_web_page_is_no_answer(sandbox: Sandbox, client: AsyncCubiCasa) -> None:
    sandbox.faults.add(Fault(Kind.HTML))
    with pytest.raises(DecodeError, match="web page"):
        await client.request("GET", "/orders")


async def test_an_answer_that_does_not_fit_the_class_is_refused(
    sandbox: Sandbox, client: AsyncCubiCasa
) -> None:
    with pytest.raises(DecodeError) as caught:
        await client.request("GET", "/companies/info", model=Order)
    assert [problem.field for problem in caught.value.problems] == ["$.id"]


async def test_refusals_of_any_path_are_the_same_errors(
    sandbox: Sandbox, client: AsyncCubiCasa
) -> None:
    with pytest.raises(BadRequestError) as caught:
        await client.request("POST", "/offices", body={"nome": "South"})
    assert [fault.field for fault in caught.value.field_errors] == ["name"]
    with pytest.raises(NotFoundError):
        await client.request("GET", "/nothing")
    sandbox.faults.add(Fault(Kind.STATUS, status=429))
    with pytest.raises(RateLimitError):
        await client.request("GET", "/orders")


@pytest.mark.parametrize(
    ("verb", "path"),
    [
        ("GET", ""),
        ("GET", "orders"),
        ("GET", "https://example.test/orders"),
        ("GET", "/orders?limit=1"),
        ("GET", "/orders#x"),
        ("GET", "/orders/../companies/info"),
        ("GET", "/.."),
        ("GET", "/a b"),
        ("GET", "/ä"),
        ("GET", "/orders\r\nx: y"),
        ("GET", "/orders\n"),
        ("GET", "/\x00"),
        ("GET", "\\\\example.test"),
        ("TRACE", "/orders"),
        ("CONNECT", "/orders"),
        ("GET /x HTTP/1.1\r\n", "/orders"),
        ("", "/orders"),
    ],
)
async def test_a_path_or_method_that_would_become_another_call_is_not_sent(
    verb: str, path: str, sandbox: Sandbox, client: AsyncCubiCasa
) -> None:
    with pytest.raises(InvalidInputError):
        await client.request(verb, path)
    assert nothing_was_sent(sandbox)


async def test_a_path_of_two_slashes_stays_with_the_host(
    sandbox: Sandbox, client: AsyncCubiCasa
) -> None:
    with pytest.raises(NotFoundError):
        await client.request("GET", "//example.test/orders")
    assert sandbox.ledger[0].path == "//example.test/orders"
