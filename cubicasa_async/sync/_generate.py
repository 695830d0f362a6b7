"""Writes `resources.py`, the synchronous face of all operations, from the async classes.

    python cubicasa_async/sync/_generate.py

It reads what `AsyncCubiCasa` has: its groups of operations (attributes that are Resources) and the
operations of its own. Life and settings of the client are written by hand, in `client.py`. Nothing
imports this at run time; it lies here because adding an endpoint includes running it.
"""

from __future__ import annotations

import ast
import builtins
import inspect
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Final, TypeVar

import attrs

if __name__ == "__main__":
    # What is to be written anew may be so much out of date that it cannot be imported.
    sys.path[0] = str(Path(__file__).parents[2])
    sys.modules["cubicasa_async.sync"] = _absent = ModuleType("cubicasa_async.sync")
    vars(_absent)["CubiCasa"] = None

from cubicasa_async.client import AsyncCubiCasa
from cubicasa_async.resources.base import Resource

TARGET: Final = Path(__file__).with_name("resources.py")

BY_HAND: Final = frozenset({"close", "raw"})
"""Operations of the client that `client.py` has."""

WORDING: Final = {"await it for one page": "ask it for one `page()`"}
"""What the docstrings of the synchronous face say otherwise."""

_WIDTH: Final = 100
_HEAD: Final = '''\
"""Operations of the synchronous client, one class per resource.

Generated from the async classes by `python cubicasa_async/sync/_generate.py`; not edited by hand.
"""

from __future__ import annotations

'''
_STREAMS: Final = frozenset({"AsyncGenerator", "AsyncIterator"})
_ASYNC_ONLY: Final = re.compile(r"\b(Async[IG]\w+|Awaitable|Coroutine|Pager)\b")

_Function = ast.FunctionDef | ast.AsyncFunctionDef


class UntranslatableError(Exception):
    """A method has a form that there is no synchronous counterpart for yet."""


def generate() -> str:
    """The text of `resources.py`.

    Raises:
        UntranslatableError: A method has a form that is not known here.
    """
    groups = {
        name: type(value)
        for name, value in vars(AsyncCubiCasa("not used")).items()
        if isinstance(value, Resource) and not name.startswith("_")
    }
    imports = Imports()
    classes = [twin_of(cls, imports) for cls in dict.fromkeys(groups.values())]
    classes.append(_operations(groups, imports))
    return "\n\n".join([_HEAD + imports.text(), *classes])


@attrs.frozen
class Imports:
    """What the generated module has to import, found where the async modules have it from."""

    _names: dict[str, set[str]] = attrs.field(factory=dict[str, set[str]])
    _variables: set[str] = attrs.field(factory=set[str])

    def add(self, module: str, name: str) -> None:
        """Import a name."""
        self._names.setdefault(module, set()).add(name)

    def follow(self, expression: ast.AST, module: ModuleType) -> None:
        """Import all that an expression of a module names."""
        for node in ast.walk(expression):
            if isinstance(node, ast.Name) and not hasattr(builtins, node.id):
                self._find(node.id, module)

    def _find(self, name: str, module: ModuleType) -> None:
        if isinstance(vars(module).get(name), TypeVar):
            self.add("typing", "TypeVar")
            self._variables.add(name)
        elif origin := _imported(module).get(name):
            self.add(origin, name)
        elif name in vars(module):
            self.add(module.__name__, name)
        else:
            raise UntranslatableError(f"{module.__name__} does not say where {name} comes from.")

    def text(self) -> str:
        """The lines that do it."""
        own = sorted(name for name in self._names if name.startswith("cubicasa_async"))
        foreign = sorted(self._names.keys() - own)
        blocks = ["".join(map(self._line, modules)) for modules in (foreign, own)]
        if self._variables:
            blocks.append("".join(f'{v} = TypeVar("{v}")\n' for v in sorted(self._variables)))
        return "\n".join(blocks)

    def _line(self, module: str) -> str:
        names = sorted(self._names[module], key=lambda name: (name[0].islower(), name.lower()))
        line = f"from {module} import {', '.join(names)}"
        if len(line) > _WIDTH:
            line = f"from {module} import (\n" + "".join(f"    {n},\n" for n in names) + ")"
        return f"{line}\n"


def _imported(module: ModuleType) -> dict[str, str]:
    """The names that a module imports, each with the module that it is from."""
    imports = [node for node in ast.walk(_tree(module)) if isinstance(node, ast.ImportFrom)]
    return {alias.name: node.module or "" for node in imports for alias in node.names}


def _tree(module: ModuleType) -> ast.Module:
    return ast.parse(inspect.getsource(module))


def twin_of(cls: type[Resource], imports: Imports) -> str:
    """The text of the class that stands for a group of operations."""
    package, _, module = cls.__module__.rpartition(".")
    imports.add(package, module)
    imports.add("cubicasa_async.sync.base", "Twin")
    head = f"class {cls.__name__}(Twin[{module}.{cls.__name__}]):\n"
    methods = [_method(owner, node, imports) for owner, node in _public(cls, Resource)]
    return "\n".join([head + _docstring(cls, _definition(cls), 4), *methods])


def _operations(groups: dict[str, type[Resource]], imports: Imports) -> str:
    imports.add("cubicasa_async.client", "AsyncCubiCasa")
    imports.add("cubicasa_async.sync.portal", "Portal")
    doc = inspect.getdoc(AsyncCubiCasa) or ""
    described = re.search(r"^Attributes:\n(?: +.+\n)+", doc, re.MULTILINE)
    if described is None:
        raise UntranslatableError("AsyncCubiCasa does not describe its attributes.")
    head = [
        "class Operations:",
        '    """All that a synchronous client can do.',
        "",
        *(f"    {line}" for line in described[0].splitlines()),
        '    """',
        "",
        "    portal: Portal",
        "    asynchronous: AsyncCubiCasa",
        *(f"    {name}: {cls.__name__}" for name, cls in groups.items()),
        "",
        "    def _furnish(self, portal: Portal, asynchronous: AsyncCubiCasa) -> None:",
        "        self.portal = portal",
        "        self.asynchronous = asynchronous",
        *(
            f"        self.{name} = {cls.__name__}(portal, asynchronous.{name})"
            for name, cls in groups.items()
        ),
        "",
    ]
    methods = [
        _method(owner, node, imports)
        for owner, node in _public(AsyncCubiCasa, object)
        if _kind(node) != "plain" and node.name not in BY_HAND
    ]
    return "\n".join(["\n".join(head), *methods])


def _definition(cls: type) -> ast.ClassDef:
    for node in _tree(sys.modules[cls.__module__]).body:
        if isinstance(node, ast.ClassDef) and node.name == cls.__name__:
            return node
    raise UntranslatableError(f"{cls.__name__} is not defined at the top of its module.")


def _public(cls: type, base: type) -> Iterator[tuple[type, _Function]]:
    """Public methods of a class and its ancestors below `base`, each with the class it is from."""
    found: dict[str, type] = {}
    for owner in cls.__mro__[: cls.__mro__.index(base)]:
        for node in _definition(owner).body:
            if not isinstance(node, _Function) or node.name.startswith("_"):
                continue
            if found.setdefault(node.name, owner) is owner:  # overloads share a name
                yield owner, node


def _kind(node: _Function) -> str:
    """What it gives: a "result" to be awaited, a "pager", a "stream", or something "plain"."""
    returned = node.returns.value if isinstance(node.returns, ast.Subscript) else node.returns
    name = _text(returned) if returned else ""
    if name in _STREAMS:
        return "stream"
    if isinstance(node, ast.AsyncFunctionDef):
        return "result"
    return "pager" if name == "Pager" else "plain"


def _method(owner: type, node: _Function, imports: Imports) -> str:
    module = sys.modules[owner.__module__]
    decorators = [_text(decorator) for decorator in node.decorator_list]
    parameters = _parameters(node.args)
    if set(decorators) - {"overload", "property"} or _ASYNC_ONLY.search(", ".join(parameters)):
        raise UntranslatableError(f"{owner.__name__}.{node.name} is of a form not known here.")
    for expression in [*node.decorator_list, node.args]:
        imports.follow(expression, module)
    returned, head, first = _frame(node, imports, module)
    lines = [f"    @{decorator}" for decorator in decorators]
    if "overload" in decorators:
        lines += _Brackets(f"def {node.name}(", parameters, f") -> {returned}: ...").lines(4)
        return "\n".join(lines) + "\n"
    lines += _Brackets(f"def {node.name}(", parameters, f") -> {returned}:").lines(4)
    lines.append(_docstring(owner, node, 8).rstrip("\n"))
    target, arguments = f"self.asynchronous.{node.name}", _arguments(node.args)
    if "property" in decorators:
        lines.append(f"        return {target}")
    elif head.endswith("("):
        call = _Brackets(f"{target}(", arguments, ")")
        lines += _Brackets(head, [*first, call], ")").lines(8)
    else:
        lines += _Brackets(f"{head}{target}(", arguments, ")").lines(8)
    return "\n".join(lines) + "\n"


def _frame(node: _Function, imports: Imports, module: ModuleType) -> tuple[str, str, Sequence[str]]:
    """The annotation of the result, and what is written before the call to get it."""
    if node.returns is None:
        raise UntranslatableError(f"{node.name} does not say what it returns.")
    kind, returned = _kind(node), node.returns
    if isinstance(returned, ast.Subscript) and kind in {"pager", "stream"}:
        items = returned.slice
        returned = items.elts[0] if isinstance(items, ast.Tuple) else items
    text = _text(returned)
    if _ASYNC_ONLY.search(text):
        raise UntranslatableError(f"{node.name} returns {text}, which is not known here.")
    imports.follow(returned, module)
    if kind == "pager":
        imports.add("cubicasa_async.sync.paging", "SyncPager")
        return f"SyncPager[{text}]", "return SyncPager(", ["self.portal"]
    if kind == "stream":
        imports.add("collections.abc", "Generator")
        return f"Generator[{text}]", "return self.portal.iterate(", []
    give = "" if text == "None" else "return "
    return text, f"{give}self.portal.run(" if kind == "result" else give, []


def _parameters(signature: ast.arguments) -> list[str]:
    """The parameters as written in a definition."""
    places = [*signature.posonlyargs, *signature.args]
    missing = len(places) - len(signature.defaults)
    defaults: list[ast.expr | None] = [*([None] * missing), *signature.defaults]
    texts = [_parameter(arg, default) for arg, default in zip(places, defaults, strict=True)]
    if signature.posonlyargs:
        texts.insert(len(signature.posonlyargs), "/")
    if signature.vararg:
        texts.append(f"*{_parameter(signature.vararg, None)}")
    elif signature.kwonlyargs:
        texts.append("*")
    texts += map(_parameter, signature.kwonlyargs, signature.kw_defaults)
    if signature.kwarg:
        texts.append(f"**{_parameter(signature.kwarg, None)}")
    return texts


def _parameter(arg: ast.arg, default: ast.expr | None) -> str:
    annotation = f": {_text(arg.annotation)}" if arg.annotation else ""
    if default is None:
        return arg.arg + annotation
    return f"{arg.arg}{annotation} = {_text(default)}"


def _arguments(signature: ast.arguments) -> list[str]:
    """The same parameters, passed on."""
    return [
        *(arg.arg for arg in [*signature.posonlyargs, *signature.args][1:]),
        *([f"*{signature.vararg.arg}"] if signature.vararg else []),
        *(f"{arg.arg}={arg.arg}" for arg in signature.kwonlyargs),
        *([f"**{signature.kwarg.arg}"] if signature.kwarg else []),
    ]


@attrs.frozen
class _Brackets:
    """Something in brackets, which the formatter puts on as few lines as it can."""

    head: str
    items: Sequence[str | _Brackets]
    tail: str

    def __str__(self) -> str:
        return f"{self.head}{', '.join(map(str, self.items))}{self.tail}"

    def lines(self, indent: int) -> list[str]:
        margin, inner = " " * indent, f"{' ' * indent}    {', '.join(map(str, self.items))}"
        if len(margin + str(self)) <= _WIDTH:
            return [f"{margin}{self}"]
        if len(inner) <= _WIDTH:
            return [margin + self.head, inner, margin + self.tail]
        lines: list[str] = []
        for item in self.items:
            if isinstance(item, _Brackets):
                lines += item.lines(indent + 4)
                lines[-1] += "," if len(self.items) > 1 else ""
            else:
                lines.append(f"{margin}    {item},")
        return [margin + self.head, *lines, margin + self.tail]


def _text(node: ast.AST) -> str:
    text = ast.unparse(node)
    return text if '"' in text else text.replace("'", '"')


def _docstring(owner: type, node: ast.ClassDef | _Function, indent: int) -> str:
    expression = node.body[0]
    if not isinstance(expression, ast.Expr):
        raise UntranslatableError(f"{owner.__name__}.{node.name} has no docstring.")
    source = inspect.getsource(sys.modules[owner.__module__])
    text = ast.get_source_segment(source, expression.value) or ""
    for words, others in WORDING.items():
        text = text.replace(words, others)
    if re.search(r"\b(await|async)\b", text):
        raise UntranslatableError(
            f"The docstring of {owner.__name__}.{node.name} speaks of waiting; see WORDING."
        )
    return f"{' ' * indent}{text}\n"


if __name__ == "__main__":
    TARGET.write_text(generate(), encoding="utf-8")
