"""The client and the document of the sandbox say the same, and it would be seen if they did not."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any, Final, cast

import attrs
import pytest

from cubicasa_async.core import codec
from cubicasa_async.core.models import Model, Sparse
from cubicasa_async.core.values import OpenEnum
from cubicasa_async.delivery import Event
from cubicasa_async.resources.index import ENDPOINTS
from cubicasa_async.sandbox import Contract
from tests.contract.comparison import PLAIN_TEXT, differences

DOCUMENT: Final = Contract.load().document
SCHEMAS: Final[dict[str, Any]] = DOCUMENT["components"]["schemas"]

# What the client reads by hand: errors, the frame of a page, the combined PDF.
BY_HAND: Final = {"Problem", "ValidationError", "Pagination", "CombinedPdf", "Message"}

Step = str | int
Change = Callable[[Any], None]


def walk(node: Any, place: tuple[Step, ...] = ()) -> Iterator[tuple[tuple[Step, ...], Any]]:
    yield place, node
    for key, part in codec.as_mapping(node).items():
        yield from walk(part, (*place, key))


def removing(entry: str) -> Change:
    def change(node: Any) -> None:
        node.remove(entry)

    return change


def appending(entry: str) -> Change:
    def change(node: Any) -> None:
        node.append(entry)

    return change


def popping(key: str | int) -> Change:
    def change(node: Any) -> None:
        node.pop(key)

    return change


def renaming(key: str, other: str) -> Change:
    def change(node: Any) -> None:
        node[other] = node.pop(key)

    return change


def updating(fields: dict[str, Any]) -> Change:
    def change(node: Any) -> None:
        node.update(fields)

    return change


def changed(place: tuple[Step, ...], change: Change) -> dict[str, Any]:
    """The document with a change at a place; what leads there is a copy, the rest the same."""
    document = copy.copy(DOCUMENT)
    node: Any = document
    for step in place:
        node[step] = copy.copy(node[step])
        node = node[step]
    change(node)
    return document


def test_the_client_and_the_document_agree() -> None:
    assert differences(DOCUMENT) == []


def test_every_schema_of_the_document_is_used() -> None:
    used = {
        str(node["$ref"]).rpartition("/")[2]
        for _, node in walk(DOCUMENT)
        if "$ref" in codec.as_mapping(node)
    }
    used |= {"Message", "ValidationError"}  # in a list, where walk does not look
    assert set(SCHEMAS) <= used


def reached(cls: Any) -> Iterator[Any]:
    if attrs.has(cls):
        yield cls
        for field in attrs.fields(attrs.resolve_types(cls)):
            for part in (field.type, *getattr(field.type, "__args__", ())):
                if part is not cls:
                    yield from reached(part)


def subclasses(cls: type[Any]) -> Iterator[type[Any]]:
    for sub in type.__subclasses__(cls):
        if sub.__module__.startswith("cubicasa_async."):
            yield sub
            yield from subclasses(sub)


def test_every_class_of_an_answer_is_one_of_an_operations_answer_or_of_the_webhook() -> None:
    found = {cls.__name__ for one in ENDPOINTS for cls in reached(one.response)}
    found |= {cls.__name__ for cls in reached(Event)}
    assert {cls.__name__ for cls in subclasses(Model)} - {Sparse.__name__} <= found


def test_every_enumeration_is_compared() -> None:
    named = {
        frozenset(node["x-known-values"])
        for place, node in walk(DOCUMENT)
        if "x-known-values" in codec.as_mapping(node) and place[-1] not in PLAIN_TEXT
    }
    ours = [cls for cls in subclasses(OpenEnum) if cls.__module__.startswith("cubicasa_async.")]
    assert ours
    for enum in ours:
        values = {member.value for member in cast("type[OpenEnum]", enum)}
        assert any(one <= values for one in named), enum


# A difference is seen, wherever it is


def objects() -> list[tuple[Step, ...]]:
    """Where objects are described that the client has a class for."""
    return [
        ("components", "schemas", *place)
        for place, node in walk(SCHEMAS)
        if "properties" in codec.as_mapping(node) and place[-1] != "properties"
        if place[0] not in BY_HAND and not str(place[0]).endswith("Page")
    ]


def at(place: tuple[Step, ...]) -> Any:
    node: Any = DOCUMENT
    for step in place:
        node = node[step]
    return node


def named(place: tuple[Step, ...]) -> str:
    return ".".join(str(step) for step in place if step not in {"components", "properties"})


@pytest.mark.parametrize("place", objects(), ids=named)
def test_a_property_more_or_less_is_seen(place: tuple[Step, ...]) -> None:
    for key in at(place)["properties"]:
        renamed = changed((*place, "properties"), renaming(key, f"{key}_"))
        found = differences(renamed)
        assert any(f".{key}_: unknown to the client" in one for one in found)
        assert any(f".{key}: unknown to the document" in one for one in found)
    more = changed((*place, "properties"), updating({"new": {"type": "string"}}))
    assert any("new" in one for one in differences(more))


def values() -> list[tuple[Step, ...]]:
    return [
        place
        for place, node in walk(DOCUMENT)
        if "x-known-values" in codec.as_mapping(node)
        if not PLAIN_TEXT & set(map(str, place)) and "paths" not in place
    ]


@pytest.mark.parametrize("place", values(), ids=named)
def test_a_known_value_more_or_less_is_seen(place: tuple[Step, ...]) -> None:
    assert differences(changed((*place, "x-known-values"), appending("never seen")))
    assert differences(changed((*place, "x-known-values"), popping(-1)))


def operations() -> list[tuple[Step, ...]]:
    return [("paths", path, verb) for path, verbs in DOCUMENT["paths"].items() for verb in verbs]


@pytest.mark.parametrize("place", operations(), ids=lambda place: f"{place[2]} {place[1]}")
def test_another_operation_is_seen(place: tuple[Step, ...]) -> None:
    name, verb = at(place)["operationId"], str(place[2])
    for key, value in (
        ("operationId", "new.operation"),
        ("x-effect", "FREE"),
        ("x-evidence", "guessed"),
        ("x-path", "/elsewhere"),
    ):
        other = changed(place, updating({key: value}))
        found = differences(other)
        assert any(name in one for one in found), key
    assert differences(changed(place[:2], popping(verb)))
    assert differences(changed(place[:2], renaming(verb, "put")))


@pytest.mark.parametrize(
    ("place", "change", "message"),
    [
        (
            ("DraftBody", "required"),
            removing("owner_email"),
            "drafts.create request",
        ),
        (("DraftBody", "required"), appending("suite"), "drafts.update request"),
        (("Order", "required"), removing("id"), "orders.get answer: the client"),
        (
            ("DraftBody", "properties", "suite"),
            updating({"type": "string"}),
            "drafts.create request.suite: ['null']",
        ),
        (
            ("DraftBody", "properties", "latitude"),
            updating({"type": ["string", "null"]}),
            "drafts.create request.latitude: ['number']",
        ),
        (
            ("OrderInfo", "properties", "is_scan_order"),
            updating({"type": ["boolean", "string"]}),
            "orders.get answer.info.is_scan_order: ['string']",
        ),
        (
            ("OrderInfo", "properties", "model_id"),
            updating({"type": "object", "properties": {}}),
            "orders.get answer.info.model_id",
        ),
        (
            ("Product", "properties", "add_ons", "items"),
            updating({"type": ["string", "null"]}),
            "orders.list answer row.info.product.add_ons: ['null']",
        ),
        (
            ("Message", "properties"),
            updating({"deleted": {"type": "string"}}),
            "users.delete answer: the client reads nothing",
        ),
    ],
)
def test_another_type_or_need_is_seen(
    place: tuple[Step, ...], change: Change, message: str
) -> None:
    found = differences(changed(("components", "schemas", *place), change))
    assert any(one.startswith(message) for one in found), found


@pytest.mark.parametrize("name", ["limit", "offset", "status"])
def test_a_query_parameter_less_is_seen(name: str) -> None:
    def drop(node: Any) -> None:
        node[:] = [one for one in node if one["name"] != name]

    found = differences(changed(("paths", "/orders", "get", "parameters"), drop))
    assert any(one.startswith("orders.list: the query") for one in found)


def test_a_body_less_is_seen() -> None:
    found = differences(changed(("paths", "/offices", "post"), popping("requestBody")))
    assert found == ["offices.create request: one side has none"]
