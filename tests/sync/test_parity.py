"""Both faces of the client have the same operations, and say the same of them."""

from __future__ import annotations

import inspect
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cubicasa_async import AsyncCubiCasa, CubiCasa, sync
from cubicasa_async import bulk as async_bulk
from cubicasa_async.core.paging import Pager
from cubicasa_async.resources.base import Resource
from cubicasa_async.sync import SyncPager, _generate
from cubicasa_async.sync.base import Twin
from tests.sync.support import ROOT

ASYNC = AsyncCubiCasa("key")
SYNC = CubiCasa("key")
TWIN: type = Twin  # of anything
GROUPS = sorted(name for name, value in vars(ASYNC).items() if isinstance(value, Resource))

NOT_FOR_SYNC = {"session"}
"""A session of the caller's belongs to an event loop of the caller's."""


def class_of(client: AsyncCubiCasa | CubiCasa, group: str) -> type:
    found: object = getattr(client, group)
    return type(found)


def public(cls: type) -> dict[str, Any]:
    return {
        name: value
        for name, value in inspect.getmembers_static(cls)
        if not name.startswith("_")
        and (isinstance(value, (property, classmethod)) or callable(value))
    }


OPERATIONS = [
    (group, name)
    for group in GROUPS
    for name in public(class_of(ASYNC, group))
    if name not in public(Resource)
]
OF_ITS_OWN_FORM = {"raw"}
"""It takes an operation of the client, so it says another type."""
OF_CLIENT = sorted(public(AsyncCubiCasa).keys() - OF_ITS_OWN_FORM)


def synchronous(annotation: object) -> object:
    """A return annotation as the synchronous face has it."""
    text = re.sub(r"\bPager\[", "SyncPager[", str(annotation))
    return re.sub(r"\bAsync(Generator|Iterator)\[", "Generator[", text)


def assert_alike(async_method: Callable[..., Any], sync_method: Callable[..., Any]) -> None:
    signature, twin = inspect.signature(async_method), inspect.signature(sync_method)
    wanted = [p for p in signature.parameters.values() if p.name not in NOT_FOR_SYNC]
    assert list(twin.parameters.values()) == wanted  # names, kinds, defaults and annotations
    assert twin.return_annotation == synchronous(signature.return_annotation)
    doc = inspect.getdoc(async_method)
    assert doc
    for words, others in _generate.WORDING.items():
        doc = doc.replace(words, others)
    assert inspect.getdoc(sync_method) == doc
    assert not inspect.iscoroutinefunction(sync_method)


def test_what_is_generated_is_up_to_date() -> None:
    assert _generate.TARGET.read_text(encoding="utf-8") == _generate.generate()


def test_it_is_generated_even_when_what_is_there_cannot_be_imported(tmp_path: Path) -> None:
    copy = tmp_path / "cubicasa_async"
    command = [sys.executable, str(copy / "sync" / "_generate.py")]
    shutil.copytree(ROOT / "cubicasa_async", copy)
    target = copy / "sync" / "resources.py"
    target.write_text("raise ImportError('out of date')\n", encoding="utf-8")
    subprocess.run(command, check=True, cwd=tmp_path)
    assert target.read_text(encoding="utf-8") == _generate.TARGET.read_text(encoding="utf-8")


def test_the_groups_are_the_same() -> None:
    assert [name for name in GROUPS if not hasattr(SYNC, name)] == []


@pytest.mark.parametrize("group", GROUPS)
def test_a_group_has_the_same_operations_and_description(group: str) -> None:
    of_async, of_sync = class_of(ASYNC, group), class_of(SYNC, group)
    names = {name for of, name in OPERATIONS if of == group}
    assert {name for name in public(of_sync) if name not in public(TWIN)} == names
    assert inspect.getdoc(of_sync) == inspect.getdoc(of_async)


@pytest.mark.parametrize(("group", "name"), OPERATIONS)
def test_an_operation_is_the_same(group: str, name: str) -> None:
    assert_alike(getattr(class_of(ASYNC, group), name), getattr(class_of(SYNC, group), name))


@pytest.mark.parametrize("name", OF_CLIENT)
def test_the_client_itself_is_the_same(name: str) -> None:
    of_async, of_sync = public(AsyncCubiCasa)[name], public(CubiCasa)[name]
    if isinstance(of_async, property):
        getters: tuple[Any, Any] = (of_async.fget, of_sync.fget)
        assert_alike(*getters)
    else:
        assert_alike(getattr(AsyncCubiCasa, name), getattr(CubiCasa, name))


@pytest.mark.parametrize("name", sorted(OF_ITS_OWN_FORM))
def test_what_takes_operations_takes_them_the_same_way(name: str) -> None:
    of_async, of_sync = (inspect.signature(getattr(cls, name)) for cls in (AsyncCubiCasa, CubiCasa))
    places = [
        [(p.name, p.kind, p.default) for p in s.parameters.values()] for s in (of_async, of_sync)
    ]
    assert places[0] == places[1]
    assert of_async.return_annotation == of_sync.return_annotation


def test_the_client_is_made_the_same_way() -> None:
    parameters = inspect.signature(AsyncCubiCasa).parameters.values()
    wanted = [p for p in parameters if p.name not in NOT_FOR_SYNC]
    assert list(inspect.signature(CubiCasa).parameters.values()) == wanted


def test_a_pager_has_the_same_parts() -> None:
    assert set(public(SyncPager)) - {"page"} == set(public(Pager))
    for name in ("items", "pages", "cursor"):
        assert inspect.getdoc(getattr(SyncPager, name)) == inspect.getdoc(getattr(Pager, name))


def test_an_import_is_the_same() -> None:
    signature = inspect.signature(async_bulk.import_drafts)
    twin = inspect.signature(sync.import_drafts)
    of_async, of_sync = list(signature.parameters.values()), list(twin.parameters.values())
    assert of_sync[0].annotation == "CubiCasa"
    assert str(of_async[1].annotation).startswith(f"{of_sync[1].annotation} | Async")
    assert of_sync[2:] == of_async[2:]
    assert twin.return_annotation == synchronous(signature.return_annotation)
    own = inspect.getdoc(sync.import_drafts) or ""
    shared = re.sub(r"The rows are read in the thread.*?\n\n", "", own, flags=re.DOTALL)
    assert shared == inspect.getdoc(async_bulk.import_drafts)
