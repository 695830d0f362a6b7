"""How the package is built: who may import whom, and what importing it does."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import cubicasa_async

PACKAGE = "cubicasa_async"
ROOT = Path(cubicasa_async.__file__).parent
LONGEST = 420

BASE = {"outcome", "errors", "config", "core"}
LIBRARY = BASE | {"resources", "client", "_version"}
MAY_IMPORT: dict[str, set[str]] = {
    "_version": set(),
    "outcome": set(),
    "errors": {"outcome"},
    "config": {"errors", "core"},
    "core": {"errors", "config"},
    "resources": BASE,
    "client": BASE | {"resources", "_version"},
    "store": {"errors", "core"},
    "bulk": LIBRARY | {"store"},
    "delivery": LIBRARY | {"store"},
    "live": LIBRARY,
    "sync": LIBRARY | {"bulk", "delivery"},
    "testing": LIBRARY | {"sync", "sandbox"},
    "cli": LIBRARY | {"bulk", "delivery", "live", "store", "sync", "sandbox"},
    "sandbox": set(),
    "__init__": {"_version", "_public"},
    "_public": LIBRARY | {"sync"},
}
"""Which other rooms each room may import, itself aside."""


def modules() -> Iterator[tuple[str, Path]]:
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        yield ".".join(parts), path


def room(module: str) -> str:
    return module.split(".")[0]


class AtRunTime(ast.NodeTransformer):
    """Takes out what is imported for type checkers only."""

    def visit_If(self, node: ast.If) -> ast.AST | None:  # named by ast
        only_typing = isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        return None if only_typing else self.generic_visit(node)


def imports(module: str, source: str, *, at_run_time: bool = False) -> set[str]:
    """The modules of the package that a module imports, named from the package on."""
    package = module.split(".")[:-1]
    found: set[str] = set()
    tree: ast.AST = ast.parse(source)
    for node in ast.walk(AtRunTime().visit(tree) if at_run_time else tree):
        if isinstance(node, ast.Import):
            named = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module.split(".") if node.module else []
            if node.level:
                base = [PACKAGE, *package[: len(package) - node.level + 1], *base]
            # What is imported from a package may be a module of it.
            named = [".".join([*base, alias.name]) for alias in node.names]
        else:
            continue
        found |= {name.removeprefix(f"{PACKAGE}.") for name in named if name.startswith(PACKAGE)}
    return found


def breaches(module: str, source: str) -> list[str]:
    allowed = MAY_IMPORT[room(module)] | {room(module)}
    return [
        f"{module} imports {imported}"
        for imported in sorted(imports(module, source))
        if imported != PACKAGE and room(imported) not in allowed
    ]


SOURCES = {module: path.read_text(encoding="utf-8") for module, path in modules()}


def test_every_room_has_its_place() -> None:
    assert {room(module) for module in SOURCES} <= MAY_IMPORT.keys()


@pytest.mark.parametrize("module", SOURCES)
def test_imports_go_one_way(module: str) -> None:
    assert breaches(module, SOURCES[module]) == []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("core.wire", "from cubicasa_async.resources.orders import Order"),
        ("core.wire", "from ..client import AsyncCubiCasa"),
        ("core.wire", "def late():\n    import cubicasa_async.bulk.journal.protocol"),
        ("resources.orders", "from cubicasa_async import client"),
        ("sandbox.server", "from cubicasa_async.errors import Outcome"),
        ("sandbox.server", "from .. import core"),
        ("errors", "from cubicasa_async.core import codec"),
    ],
)
def test_control_an_import_the_other_way_is_seen(module: str, source: str) -> None:
    assert breaches(module, source)


def test_within_a_room_nothing_imports_in_a_circle() -> None:
    graph = {
        module: {
            imported if imported in SOURCES else imported.rpartition(".")[0]
            for imported in imports(module, source, at_run_time=True)
        }
        & SOURCES.keys() - {module}
        for module, source in SOURCES.items()
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as exc:
        pytest.fail(f"imported in a circle: {exc.args[1]}")


def test_no_module_is_two_rooms() -> None:
    long = {
        module: len(source.splitlines())
        for module, source in SOURCES.items()
        if len(source.splitlines()) > LONGEST and "generated" not in source[:300].lower()
    }
    assert long == {}


def test_every_module_says_what_it_is() -> None:
    assert [module for module, source in SOURCES.items() if not _docstring(source)] == []


def _docstring(source: str) -> str | None:
    return ast.get_docstring(ast.parse(source))


def in_a_child(code: str) -> str:
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT.parent,
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr == ""
    return ended.stdout.strip()


NO_SOCKET = """
import asyncio, socket, ssl, sys, threading
def refuse(*args, **kwargs):
    raise AssertionError("a socket was opened")
socket.socket = socket.create_connection = socket.getaddrinfo = refuse
"""


def test_importing_opens_no_socket_starts_no_thread_and_needs_no_extra() -> None:
    extras = (
        "{'click', 'rich', 'jsonschema', 'filelock', 'xxhash', 'charset_normalizer', 'sqlite3', "
        "'openpyxl', 'sqlalchemy', 'aiosqlite', 'psycopg', 'pyarrow'}"
    )
    code = f"""{NO_SOCKET}
before = threading.active_count()
from cubicasa_async import AsyncCubiCasa
assert threading.active_count() == before
print(sorted({extras} & set(sys.modules)))
"""
    assert in_a_child(code) == "[]"


def test_control_an_extra_that_is_imported_is_seen() -> None:
    assert in_a_child("import sys, click; print('click' in sys.modules)") == "True"


def test_importing_does_not_read_the_environment_for_a_key() -> None:
    code = """
import os
os.environ.clear()
import cubicasa_async
cubicasa_async.AsyncCubiCasa("key")
print("fine")
"""
    assert in_a_child(code) == "fine"
