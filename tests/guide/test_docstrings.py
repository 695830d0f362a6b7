"""The programs that docstrings show, and the reference with them, run as they stand."""

from __future__ import annotations

import ast
import asyncio
import importlib
import inspect
import re
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import attrs
import pytest

from cubicasa_async import AsyncCubiCasa, CubiCasa, sync
from cubicasa_async.bulk import Mirror, mirror_orders
from cubicasa_async.bulk.stats import read_stats, write_page
from cubicasa_async.delivery import Inbox, Receiver, WebhookSecrets, asgi_app
from cubicasa_async.delivery.waits import OrderSignals
from cubicasa_async.sandbox import Sandbox
from cubicasa_async.sync.webhooks import WebhookReceiver
from tests.guide.pages import ROOT
from tests.testing.support import ASYNCIO, run_pytest

PACKAGE: Final = ROOT / "cubicasa_async"
NOT_A_PROGRAM: Final = {"errors.py"}  # a tree, which another test compares with the classes
TESTS: Final = {"testing/__init__.py"}  # they need the plugin
_SHOWN: Final = re.compile(r"::\n\n((?:(?: {4}.*)?\n)+)")


@attrs.frozen
class Snippet:
    """A program in a docstring."""

    module: str
    number: int
    text: str

    def __str__(self) -> str:
        return f"{self.module}:{self.number}"


def docstrings(path: Path) -> list[str]:
    """The docstrings of a module, in their order."""
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    return [
        f"{text}\n"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, documented) and (text := ast.get_docstring(node))
    ]


def snippets_of(path: Path) -> Iterator[Snippet]:
    """The programs of a module, in their order."""
    module = path.relative_to(PACKAGE).as_posix()
    found = [match[1] for text in docstrings(path) for match in _SHOWN.finditer(text)]
    for number, text in enumerate(found):
        yield Snippet(module, number, textwrap.dedent(text))


SNIPPETS: Final = [
    snippet
    for path in sorted(PACKAGE.rglob("*.py"))
    for snippet in snippets_of(path)
    if snippet.module not in NOT_A_PROGRAM
]


@pytest.fixture
async def names(
    sandbox: Sandbox, client: AsyncCubiCasa, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> dict[str, Any]:
    """What stands for what a snippet leaves to its reader."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WEBHOOK_SECRET", "a-secret-for-the-tests-only")
    sandbox.world.add_examples(8)
    order = sandbox.world.add_order(status="Ready")
    _ = [one async for one in mirror_orders(client, "orders.db")]

    def made(kind: Callable[..., Any]) -> Callable[..., Any]:
        def make(api_key: str) -> Any:
            return kind(sandbox.api_key, base_url=sandbox.base_url)

        return make

    return {
        "AsyncCubiCasa": made(AsyncCubiCasa),
        "CubiCasa": made(CubiCasa),
        "order_id": order.id,
        "Mirror": Mirror,
        "read_stats": read_stats,
        "write_page": write_page,
        "Path": Path,
        "OrderSignals": OrderSignals,
        "receiver": Receiver(Inbox("events.inbox"), WebhookSecrets.fresh()),
        "asgi_app": asgi_app,
        "WebhookReceiver": WebhookReceiver,
        "WebhookSecrets": WebhookSecrets,
        "os": importlib.import_module("os"),
        "FastAPI": importlib.import_module("fastapi").FastAPI,
        "app": importlib.import_module("flask").Flask(__name__),
        "HttpRequest": importlib.import_module("django.http").HttpRequest,
        "HttpResponse": importlib.import_module("django.http").HttpResponse,
    }


def waits(text: str) -> bool:
    return re.search(r"\b(?:await|async)\b", text) is not None


async def run_snippet(text: str, names: dict[str, Any], sandbox: Sandbox) -> None:
    code = compile(text, "docstring", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    if waits(text):
        async with AsyncCubiCasa(sandbox.api_key, base_url=sandbox.base_url) as client:
            result = eval(code, {**names, "client": client})  # noqa: S307 # our own
            if inspect.isawaitable(result):
                await result
        return
    with CubiCasa(sandbox.api_key, base_url=sandbox.base_url) as client:
        await asyncio.to_thread(eval, code, {**names, "client": client})


@pytest.mark.parametrize("snippet", [one for one in SNIPPETS if one.module not in TESTS], ids=str)
async def test_what_a_docstring_shows_works(
    snippet: Snippet, names: dict[str, Any], sandbox: Sandbox
) -> None:
    if snippet.module.startswith("sync/"):
        names["Mirror"] = sync.Mirror
    await run_snippet(snippet.text, names, sandbox)


def test_the_tests_that_the_plugin_shows_pass(tmp_path: Path) -> None:
    whole, part = (one.text for one in SNIPPETS if one.module in TESTS)
    (tmp_path / "test_whole.py").write_text(whole, encoding="utf-8")
    body = textwrap.indent(part, "    ")
    (tmp_path / "test_part.py").write_text(
        f"from cubicasa_async.sandbox import Fault\n\ndef test_part(cubicasa_sandbox):\n{body}",
        encoding="utf-8",
    )
    run = run_pytest(tmp_path, plugins=(ASYNCIO,))
    tests = {"test_a_lost_answer_is_unknown", "test_part"}
    assert run.named("PASSED") == run.outcomes.keys() == tests, run.text


async def test_control_what_does_not_work_is_noticed(
    names: dict[str, Any], sandbox: Sandbox
) -> None:
    (shown,) = (one.text for one in SNIPPETS if str(one) == "client.py:1")
    assert "client.orders.get" in shown
    with pytest.raises(AttributeError):
        await run_snippet(shown.replace("orders.get", "orders.fetch"), names, sandbox)
