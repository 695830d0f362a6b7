"""In what the client's declarations and the sandbox's document differ; both are made by hand."""

from __future__ import annotations

import functools
import inspect
import types
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final, Union, cast, get_args, get_origin, get_type_hints

import attrs

from cubicasa_async import AddOn, AsyncCubiCasa, PackageType, ProductType, Role, WebhookTrigger
from cubicasa_async.core.endpoint import Endpoint
from cubicasa_async.core.models import Sparse, other_names, wire_names
from cubicasa_async.core.values import OpenEnum, Unset
from cubicasa_async.delivery import Event
from tests.contract.cases import BY_OPERATION, method

# A server that gets these calls without these fields answers 200 and does nothing.
DEMANDED: Final = {
    "webhooks.update": {"webhook_urls", "webhook_triggers"},
    "orders.redeliver": {"order_preferences"},
}
# Rows of the list lack them (observed), and there is no class of its own for rows.
NOT_IN_ROWS: Final = {"orders.list": {"delivery_assets"}}
# Known to the document, and no enumeration: nothing follows from the values.
PLAIN_TEXT: Final = {"order_type"}
# Requests take any text; the enumerations name what is known.
IN_REQUESTS: Final[dict[str, type[OpenEnum]]] = {
    "role": Role,
    "package_type": PackageType,
    "add_ons": AddOn,
    "products": ProductType,
    "webhook_triggers": WebhookTrigger,
}
# Change requests are documented for these two; the third is a kind of delivery.
NARROWER: Final = {"products": {ProductType.TOUR.value}}

_JSON: Final[dict[Any, str]] = {
    str: "string",
    bool: "boolean",
    float: "number",
    datetime: "number",
    type(None): "null",
}
_CUSTOM: Final = "orders.combined_pdf"  # it has two forms and a reader of its own


def differences(document: dict[str, Any]) -> list[str]:
    """All of them, each with its place; empty if the two agree."""
    return list(_differences(document))


def _differences(document: dict[str, Any]) -> Iterator[str]:
    described = {
        item["operationId"]: (verb.upper(), item.get("x-path", path), item)
        for path, verbs in document["paths"].items()
        for verb, item in verbs.items()
    }
    for operation in described.keys() ^ BY_OPERATION.keys():
        where = "the client" if operation in described else "the document"
        yield f"{operation}: unknown to {where}"
    for operation in described.keys() & BY_OPERATION.keys():
        verb, path, item = described[operation]
        endpoint = BY_OPERATION[operation]
        ours = (endpoint.method, endpoint.path, endpoint.effect.name, endpoint.evidence.value)
        theirs = (verb, path, item["x-effect"], item["x-evidence"])
        if ours != theirs:
            yield f"{operation}: {ours} is {theirs}"
        yield from _query(operation, item)
        yield from _request(endpoint, item.get("requestBody"), document)
        yield from _answer(endpoint, item["responses"]["200"], document)
    told = document["webhooks"]["order_status"]["post"]["requestBody"]
    yield from _class(Event, _schema(told, document), "the webhook", answered=True)


def _schema(part: Any, document: Any) -> Any:
    return _inlined(part["content"]["application/json"]["schema"], document)


def _inlined(node: Any, document: Any) -> Any:
    """With references replaced by what they point to."""
    if isinstance(node, dict):
        fields = cast("dict[str, Any]", node)
        if "$ref" in fields:
            name = fields["$ref"].removeprefix("#/components/schemas/")
            return _inlined(document["components"]["schemas"][name], document)
        return {key: _inlined(part, document) for key, part in fields.items()}
    return node


_CLIENT: Final = AsyncCubiCasa("key", base_url="http://localhost:1")
_hints = functools.cache(get_type_hints)


@functools.cache
def _arguments(operation: str) -> set[str]:
    return set(inspect.signature(method(_CLIENT, operation)).parameters)


def _query(operation: str, item: Any) -> Iterator[str]:
    theirs = {one["name"] for one in item.get("parameters", ()) if one["in"] == "query"}
    ours = _arguments(operation)
    if "limit" in theirs | ours:
        ours = {"offset", *ours} - {"cursor", "strict", "window", "options", "order_id"}
        if ours != theirs:
            yield f"{operation}: the query is {sorted(ours)} and {sorted(theirs)}"
    elif theirs:
        yield f"{operation}: the query {sorted(theirs)} is unknown to the client"


def _request(endpoint: Endpoint[Any], part: Any, document: Any) -> Iterator[str]:
    place = f"{endpoint.operation} request"
    if (part is None) != (endpoint.request is None):
        yield f"{place}: one side has none"
    elif endpoint.request is not None:
        schema = _schema(part, document)
        yield from _class(endpoint.request, schema, place)
        fields = attrs.fields(endpoint.request)
        names = wire_names(endpoint.request)
        ours = {names[field.name] for field in fields if field.default is attrs.NOTHING}
        theirs = {*schema.get("required", ()), *DEMANDED.get(endpoint.operation, ())}
        if ours != theirs:
            yield f"{place}: required are {sorted(ours)} and {sorted(theirs)}"


def _answer(endpoint: Endpoint[Any], part: Any, document: Any) -> Iterator[str]:
    place = f"{endpoint.operation} answer"
    schema = _schema(part, document)
    if endpoint.operation == _CUSTOM:
        return
    if "pagination" in schema["properties"]:
        place, schema = f"{place} row", schema["properties"]["items"]["items"]
    if endpoint.response is None:
        if set(schema["properties"]) != {"message"}:
            yield f"{place}: the client reads nothing of {sorted(schema['properties'])}"
        return
    yield from _class(
        endpoint.response, schema, place, answered=True, absent=NOT_IN_ROWS.get(endpoint.operation)
    )


def _class(
    cls: Any,
    schema: Any,
    place: str,
    *,
    answered: bool = False,
    absent: set[str] | None = None,
) -> Iterator[str]:
    hints = _hints(cls)
    names = wire_names(cls)
    by_key = {key: hints[name] for name, key in names.items()}
    by_key |= {other: by_key[key] for other, key in other_names(cls).items()}
    for key in absent or ():
        del by_key[key]
    properties = schema.get("properties", {})
    for key in by_key.keys() ^ properties.keys():
        where = "the client" if key in properties else "the document"
        yield f"{place}.{key}: unknown to {where}"
    for key in by_key.keys() & properties.keys():
        yield from _value(by_key[key], properties[key], f"{place}.{key}", answered, cls)
    if answered:
        needed = {names[one.name] for one in attrs.fields(cls) if one.default is attrs.NOTHING}
        if missing := needed - set(schema.get("required", ())):
            yield f"{place}: the client relies on {sorted(missing)}, the document does not"


def _value(hint: Any, schema: Any, place: str, answered: bool, owner: type) -> Iterator[str]:
    kinds = _parts(hint)
    if Any in kinds:
        return
    theirs = {schema["type"]} if isinstance(schema["type"], str) else set(schema["type"])
    ours = {_kind(kind) for kind in kinds}
    if not issubclass(owner, Sparse):  # which reads every kind of nothing
        surplus = theirs - ours if answered else ours - theirs
        if surplus:
            yield f"{place}: {sorted(surplus)} is not for both"
    for kind in kinds:
        if get_origin(kind) is tuple:
            if "array" not in theirs:
                yield f"{place}: a list is unknown to the document"
            elif get_args(kind)[0] is not Any:
                yield from _value(get_args(kind)[0], schema["items"], place, answered, type(None))
                return
        elif attrs.has(kind):
            yield from _class(kind, schema, place, answered=answered)
    if not any(attrs.has(kind) for kind in kinds) and "properties" in schema:
        yield f"{place}: an object is unknown to the client"
    yield from _known_values(kinds, schema, place, answered)


def _known_values(kinds: list[Any], schema: Any, place: str, answered: bool) -> Iterator[str]:
    key = place.rpartition(".")[2]
    enums = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, OpenEnum)]
    enum = enums[0] if enums else None if answered else IN_REQUESTS.get(key)
    if key in PLAIN_TEXT:
        return
    ours = {member.value for member in enum or ()} - NARROWER.get(key, set())
    theirs = set(schema.get("x-known-values", ()))
    if ours != theirs:
        yield f"{place}: the known values are {sorted(ours)} and {sorted(theirs)}"


@functools.cache
def _parts(hint: Any) -> list[Any]:
    union = get_origin(hint) in {Union, types.UnionType}
    return [part for part in (get_args(hint) if union else [hint]) if part is not Unset]


@functools.cache
def _kind(hint: Any) -> str:
    if get_origin(hint) is tuple:
        return "array"
    if attrs.has(hint):
        return "object"
    return "string" if issubclass(hint, str) else _JSON[hint]
