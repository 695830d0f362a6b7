from __future__ import annotations

import io
import json
from typing import Any

import pytest

from cubicasa_async.sandbox import Contract

from .support import DRAFT, Caller, draft, sample


async def test_missing_and_wrong_fields_come_in_the_observed_envelope(call: Caller) -> None:
    reply = await call("POST", "/orders", {"info": {"text": "nested"}})
    assert reply.status == 400
    found = reply.json["validation_error"]
    assert list(found) == ["body_params"]
    observed = sample("19-redraw-400.observed.response")["validation_error"]["body_params"]
    assert [{"loc": one["loc"], "msg": one["msg"]} for one in found["body_params"]] == observed
    assert found["body_params"][0]["type"] == "value_error.missing"


@pytest.mark.parametrize(
    ("fields", "loc", "msg"),
    [
        ({"street": 1}, ["street"], "str type expected"),
        ({"street": None}, ["street"], "none is not an allowed value"),
        ({"latitude": "48.1"}, ["latitude"], "value is not a valid float"),
        ({"latitude": True}, ["latitude"], "value is not a valid float"),
        ({"latitude": 91}, ["latitude"], "ensure this value is less than or equal to 90"),
        ({"longitude": -181}, ["longitude"], "ensure this value is greater than or equal to -180"),
        ({"add_ons": "gla"}, ["add_ons"], "value is not a valid list"),
        ({"add_ons": ["gla", 1]}, ["add_ons", 1], "str type expected"),
        ({"order_preferences": []}, ["order_preferences"], "value is not a valid dict"),
        (
            {"order_preferences": {"style_3d": {"include_basement": "yes"}}},
            ["order_preferences", "style_3d", "include_basement"],
            "value could not be parsed to a boolean",
        ),
    ],
)
async def test_each_fault_of_a_body_is_named_once(
    fields: dict[str, Any], loc: list[str | int], msg: str, call: Caller
) -> None:
    reply = await call("POST", "/orders/draft", draft(**fields))
    assert reply.status == 400
    (problem,) = reply.json["validation_error"]["body_params"]
    assert (problem["loc"], problem["msg"]) == (loc, msg)
    assert len(call.sandbox.world.orders) == 0


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"\xff",
        b"[]",
        b"null",
        b'"text"',
        b"{} {}",
        b'{"latitude": NaN}',
        json.dumps(DRAFT).encode()[:-1] + b', "latitude": 1e999}',
        b"[" * 100_000,
    ],
)
async def test_a_body_that_is_no_json_object_is_a_400(data: bytes, call: Caller) -> None:
    reply = await call("POST", "/orders/draft", data=data)
    assert reply.status == 400
    assert reply.json["validation_error"]["body_params"][0]["loc"] == ["__root__"]


async def test_unknown_keys_are_dropped_without_a_word(call: Caller) -> None:
    reply = await call("POST", "/orders/draft", draft(postcode="70130", lattitude=1.5))
    assert reply.status == 200
    assert reply.json["address"]["postalCode"] is None
    assert reply.json["address"]["latitude"] is None
    assert call.sandbox.ledger[0].body["postcode"] == "70130"


async def test_optional_fields_may_be_null(call: Caller) -> None:
    schema = Contract.load().document["components"]["schemas"]["DraftBody"]
    optional = dict.fromkeys(set(schema["properties"]) - set(schema["required"]))
    assert len(optional) == 10
    assert (await call("POST", "/orders/draft", draft(**optional))).status == 200


@pytest.mark.parametrize("query", ["limit=0", "limit=ten", "limit=", "offset=-1", "offset=1.5"])
async def test_a_wrong_query_is_named(query: str, call: Caller) -> None:
    reply = await call("GET", f"/orders?{query}")
    assert reply.status == 400
    (problem,) = reply.json["validation_error"]["query_params"]
    assert problem["loc"] == [query.partition("=")[0]]


async def test_an_unknown_path_is_a_page_in_html(call: Caller) -> None:
    reply = await call("GET", "/orders/a/b/c")
    assert reply.status == 404
    assert reply.headers["Content-Type"].startswith("text/html")
    assert call.sandbox.ledger[0].operation is None


async def test_a_wrong_method_is_a_405_that_names_the_right_ones(call: Caller) -> None:
    reply = await call("PUT", "/orders/draft")
    assert (reply.status, reply.headers["Allow"]) == (405, "POST")
    assert reply.json["message"]


async def test_a_body_beyond_a_megabyte_is_refused(call: Caller) -> None:
    reply = await call("POST", "/orders/draft", data=io.BytesIO(b" " * 2_000_000))
    assert reply.status == 413
    assert (await call("GET", "/orders")).status == 200


async def test_the_key_is_never_kept(call: Caller) -> None:
    key = call.sandbox.api_key
    await call("GET", f"/orders?api_key={key}")
    await call("POST", "/orders/draft", draft(info=f"my key is {key}"))
    await call("GET", f"/orders/{key}")
    assert key not in repr(list(call.sandbox.ledger))
    assert key not in json.dumps([entry.to_json() for entry in call.sandbox.ledger])
    assert key not in repr(call.sandbox)
    assert call.sandbox.world.orders[0].info == f"my key is {key}"


async def test_a_text_of_any_kind_comes_back_as_it_was(call: Caller) -> None:
    text = "Zoë 東京 \U0001f3e0 \u0000 \ud800"
    data = json.dumps(draft(external_id=text)).encode()
    reply = await call("POST", "/orders/draft", data=data)
    assert reply.json["info"]["external_id"] == text
    assert list(call.sandbox.ledger.by_external_id()) == [text]
