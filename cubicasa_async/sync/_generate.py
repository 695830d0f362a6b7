"""Writes `resources.py`, the synchronous face of all operations, from the async classes.

    python -m cubicasa_async.sync._generate

It reads what `AsyncCubiCasa` has: its groups of operations (attributes that are Resources) and its
own operations. Life and settings of the client are written by hand, in `client.py`. It lies here
and not among the tests because it is part of adding an endpoint, not of checking it; nothing
imports it at run time.
"""

from __future__ import annotations

import ast
import builtins
import inspect
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Final, TypeVar

import attrs

from cubicasa_async.client import AsyncCubiCasa
from cubicasa_async.resources.base import Resource

TARGET: Final = Path(__file__).with_name("resources.py")
LIFE: Final = frozenset({"close"})
"""Operations of the client that are written by hand."""

WORDING: Final = {
    "await it for one page": "ask it for one `page()`",
    "`async with`": "`with`",
    "async for ": "for ",
    "await ": "",
}
"""What is said otherwise in the docstrings of the synchronous face."""

_WIDTH: Final = 100
_HEAD: Final = '''\
"""Operations of the synchronous client, one class per resource.

Generated from the async classes by `python -m cubicasa_async.sync._generate`; do not edit.
"""

from __future__ import annotations

'''
_RETURNS: Final = {"Pager": "SyncPager", "AsyncGenerator": "Generator", "AsyncIterator": "Generator"}
_Function = ast.FunctionDef | ast.AsyncFunctionDef


class CannotTranslateError(Exception):
    """An async method has a form that has no synchronous counterpart here yet."""


@attrs.define
class _Imports:
    """Where the names come from that the annotations use."""

    modules: dict[str, set[str]] = attrs.field(factory=dict[str, set[str]])
    plain: set[str] = attrs.field(factory=set[str])
    variables: set[str] = attrs.field(factory=set[str])

    def add(self, module: str, name: str) -> None:
        self.modules.setdefault(module, set()).add(name)

    def take(self, annotation: ast.AST, owner: type) -> None:
        """Import what an annotation or a default names, from where its module has it."""
        for node in ast.walk(annotation):
            if isinstance(node, ast.Name):
                self._take_name(node.id, sys.modules[owner.__module__])

    def _take_name(self, name: str, module: object) -> None:
        value = vars(module).get(name)
        if isinstance(value, TypeVar):
            self.variables.add(name)
            self.add("typing", "TypeVar")
            return
        for node in ast.walk(ast.parse(inspect.getsource(module))):  # type: ignore[arg-type] # it is a module
            if isinstance(node, ast.ImportFrom) and node.module:
                for alias in node.names:
                    if (alias.asname or alias.name) == name and alias.asname in (None, name):
                        self.add(node.module, name)
                        return
            elif isinstance(node, ast.Import) and name in {alias.name for alias in node.names}:
                self.plain.add(name)
                return
        if value is not None and not hasattr(builtins, name):
            self.add(module.__name__, name)  # type: ignore[attr-defined] # it is a module
        elif not hasattr(builtins, name):
            raise CannotTranslateError(f"{name} is not known in {module}")
