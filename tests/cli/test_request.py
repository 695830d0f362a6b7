"""`cubicasa request`: any path, with the care that is due to what it does."""

from __future__ import annotations

from pathlib import Path

import pytest

from cubicasa_async.cli.any_path import Call
from cubicasa_async.core.endpoint import Effect
from cubicasa_async.resources.index import ENDPOINTS
from cubicasa_async.sandbox import Fault, Sandbox
from tests.support.commands import environment
from tests.support.typed import typed


def call(method: str, path: str, effect: str | None = None) -> Call:
    return Call.of(method, path, (), None, effect, {})


def test_a_known_operation_is_known_by_its_path() -> None:
    for one in ENDPOINTS:
        path = one.path.format(order_id="a-1", email="b@c", user_id="d", change_request_id="e")
        found = call(one.method.lower(), path)
        assert found.declared is one
        assert found.endpoint.effect is one.effect


@pytest.mark.parametrize(
    "path", ["/orders/x/post-purchase/", "//orders/x//post-purchase", "/orders/x/post%2Dpurchase"]
)
def test_a_purchase_is_known_however_its_path_is_spelt(path: str) -> None:
    found = call("POST", path)
    assert found.endpoint.effect is Effect.PURCHASE
    assert found.reason_to_ask == "This costs money"


@pytest.mark.parametrize(
    ("method", "path", "effect", "asks"),
    [
        ("GET", "/orders", None, False),
        ("PATCH", "/companies/webhook", None, False),
        ("POST", "/offices", None, False),
        ("POST", "/orders", None, True),
        ("DELETE", "/users/x", None, True),
        ("DELETE", "/anything", None, True),
        ("POST", "/anything", None, True),
        ("POST", "/anything", "read", False),
        ("PUT", "/anything", "purchase", True),
    ],
)
async def test_what_costs_or_may_cost_or_deletes_is_asked_about(
    sandbox: Sandbox, method: str, path: str, effect: str | None, asks: bool
) -> None:
    more = ("--effect", effect) if effect else ()
    result = await typed("request", method, path, *more, environ=environment(sandbox))
    assert (len(sandbox.ledger) == 0) is asks
    assert ("add --yes if it is meant" in result.err) is asks
    if asks:
        assert result.code == 2
        sent = await typed("request", method, path, *more, "--yes", environ=environment(sandbox))
        assert sent.code != 2
        assert len(sandbox.ledger) == 1


async def test_a_known_purchase_cannot_be_called_harmless(sandbox: Sandbox) -> None:
    arguments = ("request", "POST", "/orders/x/post-purchase", "--effect", "read", "--yes")
    result = await typed(*arguments, environ=environment(sandbox))
    assert result.code == 2
    assert "is orders.upgrade, whose effect is purchase" in result.err
    assert len(sandbox.ledger) == 0


async def test_query_body_and_answer(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.world.add_examples(3)
    arguments = ("request", "get", "/orders?limit=1", "--query", "offset=0", "-i")
    result = await typed(*arguments, environ=environment(sandbox))
    assert result.code == 0
    assert len(result.json[0]["items"]) == 1
    assert result.err.splitlines()[0] == "200"
    assert sandbox.ledger[0].path == "/orders?limit=1&offset=0"
    file = tmp_path / "body.json"
    file.write_text('{"name": "North"}')
    made = await typed(
        "request", "POST", "/offices", "--body", f"@{file}", environ=environment(sandbox)
    )
    assert made.code == 0
    assert sandbox.ledger[1].body == {"name": "North"}


async def test_a_dry_run_shows_it_and_sends_nothing(sandbox: Sandbox) -> None:
    arguments = ("request", "DELETE", "/users/x", "--dry-run")
    result = await typed(*arguments, environ=environment(sandbox))
    assert result.json == [
        {
            "type": "request",
            "method": "DELETE",
            "path": "/users/x",
            "base_url": sandbox.base_url,
            "body": None,
        }
    ]
    assert len(sandbox.ledger) == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("GET", "orders"), "must begin with /"),
        (("MOVE", "/orders"), "'MOVE' is none of"),
        (("POST", "/x", "--body", "[1]"), "--body is not a JSON object"),
        (("POST", "/x", "--body", "{"), "--body is not JSON"),
        (("POST", "/x", "--body", "@nowhere.json"), "cannot be read"),
        (("GET", "/x", "--query", "a"), "'a' is not of the form"),
    ],
)
async def test_what_cannot_be_called_ends_with_2(arguments: tuple[str, ...], says: str) -> None:
    result = await typed("request", *arguments, environ=environment(None))
    assert result.code == 2
    assert says in " ".join(result.err.split())


async def test_what_is_no_json_is_written_as_it_came(sandbox: Sandbox) -> None:
    order = sandbox.world.add_order(status="Ready").id
    sandbox.faults.add(
        Fault("status", status=200, body="%PDF-1.4", headers={"Content-Type": "text/plain"})
    )
    result = await typed(
        "request", "GET", f"/orders/{order}/combined-pdf", environ=environment(sandbox)
    )
    assert result.code == 0, result.err
    assert "%PDF-1.4" in result.out
