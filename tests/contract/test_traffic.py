"""What goes over the wire, held against the document: nothing else, nothing less."""

from __future__ import annotations

import json
from typing import Any, Final
from urllib.parse import parse_qsl

import aiohttp
import attrs
import pytest
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from cubicasa_async import AsyncCubiCasa
from cubicasa_async.core import checks, codec
from cubicasa_async.core.models import wire_names
from cubicasa_async.resources.index import ENDPOINTS
from cubicasa_async.sandbox import Contract, Sandbox
from tests.contract.cases import CASES, make, scene
from tests.contract.comparison import DEMANDED
from tests.sandbox.support import Caller

CONTRACT: Final = Contract.load()
REQUESTS: Final[dict[str, type[Any]]] = {
    one.operation: one.request for one in ENDPOINTS if one.request is not None
}


def described(operation: str) -> Any:
    one = CONTRACT.operations[operation]
    return CONTRACT.document["paths"][one.path][one.method.lower()]


def request_schema(operation: str) -> Any:
    body = described(operation)["requestBody"]
    return CONTRACT.inline(body["content"]["application/json"]["schema"])


def answer_schema(operation: str) -> Any:
    answer = described(operation)["responses"]["200"]
    return CONTRACT.inline(answer["content"]["application/json"]["schema"])


def closed(schema: Any) -> Any:
    """The schema as one that allows no property that it does not name."""
    if type(schema) is not dict:
        return schema
    node = {key: closed(part) for key, part in codec.as_mapping(schema).items()}
    return {**node, "additionalProperties": False} if "properties" in node else node


def validate(value: Any, schema: Any) -> None:
    checker = Draft202012Validator.FORMAT_CHECKER
    Draft202012Validator(closed(schema), format_checker=checker).validate(value)  # pyright: ignore[reportUnknownMemberType] # partly untyped


def read_query(operation: str, query: str) -> dict[str, Any]:
    """A query by the types that the document gives its parameters."""
    found: dict[str, Any] = {}
    kinds = {
        one["name"]: one["schema"]["type"]
        for one in described(operation).get("parameters", ())
        if one["in"] == "query"
    }
    for name, text in parse_qsl(query, strict_parsing=True):
        if kinds[name] == "array":
            found.setdefault(name, []).append(text)
        else:
            assert name not in found
            found[name] = int(text) if kinds[name] == "integer" else text
    return found


@pytest.mark.parametrize("operation", CASES)
async def test_every_request_and_its_answer_are_as_the_document_says(
    operation: str, sandbox: Sandbox, sure: AsyncCubiCasa
) -> None:
    await make(sure, operation, CASES[operation].on(scene(sandbox)))
    (entry,) = sandbox.ledger
    path, _, query = entry.path.partition("?")
    match = CONTRACT.match(entry.method, path)
    assert match.operation is not None
    assert match.operation.id == operation
    parts: dict[str, dict[str, Any]] = {"path": dict(match.values), "query": {}}
    parts["query"] = read_query(operation, query) if query else {}
    for parameter in described(operation).get("parameters", ()):
        said = parts[parameter["in"]]
        if parameter.get("required") or parameter["name"] in said:
            validate(said[parameter["name"]], parameter["schema"])
    if operation in REQUESTS:
        validate(entry.body, request_schema(operation))
    else:
        assert entry.body is None

    # The same request to the same state: the sandbox repeats itself exactly.
    sandbox.reset()
    scene(sandbox)
    async with aiohttp.ClientSession() as session:
        call = Caller(session, sandbox)
        data = None if entry.body is None else json.dumps(entry.body).encode()
        reply = await call(entry.method, entry.path, data=data)
    assert reply.status == 200
    assert reply.headers["Content-Type"] == "application/json"
    validate(reply.json, answer_schema(operation))


def invented(schema: Any, name: str) -> Any:
    """The fullest value that a schema allows."""
    kind = schema["type"] if isinstance(schema["type"], str) else schema["type"][0]
    if kind == "object":
        return {key: invented(part, key) for key, part in schema["properties"].items()}
    if kind == "array":
        return [invented(schema["items"], name)]
    if kind == "string":
        if "url" in name:
            return "https://files.example.test/1"
        return "ada@example.test" if "email" in name else "text"
    return {"number": 1.5, "boolean": True}[kind]


def sent(operation: str, body: dict[str, Any]) -> Any:
    """What the client sends if it is told what stands in a body."""
    request: Any = checks.from_wire(REQUESTS[operation], body, what="It")
    return codec.unstructure(request)


@pytest.mark.parametrize("operation", REQUESTS)
def test_the_fullest_body_of_the_document_can_be_said_and_is_sent_the_same(operation: str) -> None:
    full = invented(request_schema(operation), "")
    validate(full, request_schema(operation))
    assert sent(operation, full) == full


@pytest.mark.parametrize("operation", REQUESTS)
def test_the_least_body_of_the_document_can_be_said_too(operation: str) -> None:
    schema = request_schema(operation)
    cls = REQUESTS[operation]
    names = wire_names(cls)
    needed = {names[one.name] for one in attrs.fields(cls) if one.default is attrs.NOTHING}
    least = {name: invented(schema["properties"][name], name) for name in needed}
    validate(least, schema)
    assert sent(operation, least) == least


@pytest.mark.parametrize("operation", REQUESTS)
def test_every_null_that_the_document_allows_can_be_sent(operation: str) -> None:
    schema = request_schema(operation)
    full = invented(schema, "")
    for name, part in schema["properties"].items():
        if "null" in part["type"] and name not in DEMANDED.get(operation, ()):
            null = {**full, name: None}
            assert sent(operation, null) == null


@pytest.mark.parametrize(
    ("operation", "body"),
    [
        ("drafts.create", {}),
        ("offices.create", {"name": "South", "nome": "South"}),
        ("offices.create", {"name": None}),
        (
            "orders.redeliver",
            {"order_preferences": {"style_2d": {"style_template": "T-1"}}},
        ),
    ],
)
def test_control_a_body_that_is_not_as_the_document_says_is_seen(
    operation: str, body: dict[str, Any]
) -> None:
    with pytest.raises(ValidationError):
        validate(body, request_schema(operation))
