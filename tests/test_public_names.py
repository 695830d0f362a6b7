"""The promised names are there, and what they lead to can be imported from where they are."""

from __future__ import annotations

import ast
import enum
import importlib
import inspect
import pkgutil
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

import cubicasa_async
from cubicasa_async import AsyncCubiCasa, Effect, _public
from cubicasa_async.core.values import Unset
from cubicasa_async.resources.base import Resource
from cubicasa_async.resources.index import ENDPOINTS

PROMISED = {
    "company": {"info", "package", "send_merge_request"},
    "offices": {"list", "create"},
    "users": {
        "list",
        "create",
        "get",
        "update",
        "change_password",
        "send_password_reset",
        "delete",
    },
    "orders": {"list", "get", "upgrade", "redeliver", "combined_pdf", "create_redraw"},
    "change_requests": {"create", "list", "get"},
    "drafts": {"create", "update", "delete"},
    "gotoscan": {"create"},
    "webhooks": {"update", "delete"},
}


MADE_OF_OPERATIONS = {"orders": {"find_by_external_id", "wait_until"}}


def with_all() -> Iterator[Any]:
    for info in pkgutil.walk_packages(cubicasa_async.__path__, "cubicasa_async."):
        if not info.name.endswith("__main__"):
            module = importlib.import_module(info.name)
            if hasattr(module, "__all__"):
                yield module
    yield cubicasa_async


MODULES = {module.__name__: module for module in with_all()}


def by_kind(name: str) -> tuple[int, str]:
    """Constants first, then classes, then all others."""
    kind = 0 if name.isupper() and len(name) > 1 else 1 if name[:1].isupper() else 2
    return kind, name


@pytest.mark.parametrize("name", MODULES)
def test_public_names_are_sorted_unique_and_there(name: str) -> None:
    module = MODULES[name]
    names = list(module.__all__)
    assert names == sorted(set(names), key=by_kind)
    assert [one for one in names if not hasattr(module, one)] == []


def test_all_that_the_package_imports_for_its_users_is_public() -> None:
    tree = ast.parse(Path(_public.__file__).read_text(encoding="utf-8"))
    imported = {
        alias.asname or alias.name
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and node.module != "__future__"
        for alias in node.names
    }
    assert imported == set(cubicasa_async.__all__)


def reachable(annotation: Any, seen: set[Any]) -> set[Any]:
    """The classes of ours that a type leads to, by its parts and by the fields of classes."""
    if annotation in seen:
        return seen
    if inspect.isclass(annotation) and typing.get_origin(annotation) is None:
        if not annotation.__module__.startswith("cubicasa_async"):
            return seen
        seen.add(annotation)
        if attrs.has(annotation):
            for part in typing.get_type_hints(annotation).values():
                reachable(part, seen)
        return seen
    for part in typing.get_args(annotation):
        reachable(part, seen)
    return seen


def test_every_class_that_an_answer_leads_to_can_be_imported_from_the_top() -> None:
    found: set[Any] = set()
    for endpoint in ENDPOINTS:
        reachable(endpoint.response, found)
    public = {getattr(cubicasa_async, name) for name in cubicasa_async.__all__ if name[0] != "_"}
    public -= {cubicasa_async.UNSET}
    assert {cls.__name__ for cls in found - public} == set()


def test_control_a_class_deep_in_an_answer_is_reached() -> None:
    found: set[Any] = set()
    reachable(cubicasa_async.Order, found)
    assert {cubicasa_async.AddOn, cubicasa_async.Tour, cubicasa_async.Address} <= found
    assert all(issubclass(cls, enum.Enum) or attrs.has(cls) for cls in found)


@pytest.mark.parametrize("attribute", PROMISED)
def test_the_promised_methods_are_there_and_take_options(attribute: str) -> None:
    resource = getattr(AsyncCubiCasa("key"), attribute)
    assert isinstance(resource, Resource)
    for name in PROMISED[attribute] | MADE_OF_OPERATIONS.get(attribute, set()):
        parameters = inspect.signature(getattr(resource, name)).parameters
        options = parameters["options"]
        assert options.kind is inspect.Parameter.KEYWORD_ONLY, name
        assert options.default is None, name


def test_every_operation_is_a_method_of_its_name() -> None:
    named = {endpoint.operation for endpoint in ENDPOINTS}
    assert named == {f"{group}.{name}" for group, names in PROMISED.items() for name in names}
    assert len(named) == len(ENDPOINTS) == 27


def test_what_repeats_are_harmless_follows_the_method_except_where_it_is_declared() -> None:
    for endpoint in ENDPOINTS:
        if endpoint.method == "GET":
            assert endpoint.effect is Effect.READ, endpoint.operation
        else:
            assert endpoint.effect is not Effect.READ, endpoint.operation
    bought = {one.operation for one in ENDPOINTS if one.effect is Effect.PURCHASE}
    assert bought == {"orders.upgrade", "orders.create_redraw", "gotoscan.create"}


def test_every_public_thing_has_a_docstring() -> None:
    for name in cubicasa_async.__all__:
        value = getattr(cubicasa_async, name)
        if inspect.isclass(value) and value is not Unset:
            assert inspect.getdoc(value), name
    for attribute, names in PROMISED.items():
        resource = getattr(AsyncCubiCasa("key"), attribute)
        for name in names:
            assert "Raises:" in (getattr(resource, name).__doc__ or ""), f"{attribute}.{name}"
