"""Somebody who does what a page says, block by block, in a directory of their own."""

from __future__ import annotations

import ast
import asyncio
import contextlib
import inspect
import io
import os
import re
import runpy
import shlex
import signal
import sqlite3
import sys
import tomllib
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager, closing
from pathlib import Path
from typing import Any, Final

import pytest

from cubicasa_async.sandbox import Sandbox
from tests.guide.pages import ROOT, Block, blocks
from tests.support.commands import Child, Result, environment, run, started
from tests.support.waiting import until

SERVERS: Final = {"uvicorn", "flask", "celery"}
"""Programs of others that serve what a page shows; the tests of these pages stand for them."""

USUAL: Final = "127.0.0.1:8378"
"""Where `webhooks listen` listens if no port is given."""

_LASTING: Final = {("sandbox",), ("webhooks", "listen"), ("webhooks", "handle")}
_READY: Final = re.compile(r"Ctrl-C ends it|^Listening on|^Handling events", re.MULTILINE)
# Without git+, as pip before 24.1 takes no such URL, and that is what Python 3.11 comes with.
_INSTALL: Final = re.compile(r"cubicasa-async\[([a-z,]+)\] @ file:///path/to/your/clone")


class Reader:
    """Does what a page says.

    Args:
        directory: Where it is done.
        sandbox: What the commands and programs talk to, unless the page starts one.
        patch: Sets the environment of programs, which run in this process.

    Attributes:
        environ: The environment of the commands.
        served: The commands of `SERVERS` that were read.
        texts: What was shown as an example only.
        lasting: What runs until the page is left, by its first words.
    """

    def __init__(self, directory: Path, sandbox: Sandbox, patch: pytest.MonkeyPatch) -> None:
        self.directory = directory
        self.environ: dict[str, str] = environment(sandbox)
        self.served: list[list[str]] = []
        self.texts: list[str] = []
        self.lasting: dict[tuple[str, ...], Child] = {}
        self._patch = patch
        self._cells: dict[str, Any] = {}
        self._kernel = asyncio.Runner()
        self._stack = AsyncExitStack()
        commands = directory / "bin"
        commands.mkdir()
        command = commands / "cubicasa"
        command.write_text(f'#!/bin/sh\nexec {sys.executable} -m cubicasa_async.cli "$@"\n')
        command.chmod(0o755)
        self.export("PATH", f"{commands}{os.pathsep}{os.environ['PATH']}")
        for name in ("CUBICASA_API_KEY", "CUBICASA_BASE_URL"):
            self.export(name, self.environ[name])
        patch.setenv("WITH_SANDBOX", "")  # also what a page exports is gone afterwards
        patch.chdir(directory)
        patch.setattr(sys, "path", [str(directory), *sys.path])

    async def close(self) -> None:
        """End what lasts."""
        for child in self.lasting.values():
            child.process.send_signal(signal.SIGINT)
        await self._stack.aclose()
        await asyncio.to_thread(self._kernel.close)

    async def leave(self, *name: str) -> None:
        """End one that lasts, and wait for its end."""
        child = self.lasting.pop(name)
        child.process.send_signal(signal.SIGINT)
        await child.process.wait()

    def export(self, name: str, value: str) -> None:
        """Set a variable for all that follows."""
        self.environ[name] = value
        self._patch.setenv(name, value)

    def put(self, block: Block) -> None:
        """Put a block into its file."""
        assert block.file is not None
        place = self.directory / block.file
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(block.text, encoding="utf-8")

    async def follow(self, page: str) -> None:
        """Do all that a page says."""
        for block in blocks(page):
            await self.do(block)

    async def do(self, block: Block) -> None:
        """Do what a block says."""
        if block.file is not None:
            self.put(block)
            return
        match block.language:
            case "python":
                await self._run_program(block)
            case "console":
                for line in block.text.splitlines():
                    await self._run_command(line)
            case "sql":
                await self._ask_mirror(block)
            case "text":
                self.texts.append(block.text.strip())
            case _:
                raise AssertionError(f"{block}: nobody runs a block of {block.language!r}.")

    async def _run_program(self, block: Block) -> None:
        """A program, in a thread of its own: it may block, and has its own event loop."""
        program = self.directory / "program.py"
        program.write_text(block.text, encoding="utf-8")
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            if block.page == "howto/notebook.md":
                await asyncio.to_thread(self._run_cell, block.text)
            else:
                await asyncio.to_thread(runpy.run_path, str(program), run_name="__main__")
        assert err.getvalue() == "", block

    def _run_cell(self, text: str) -> None:
        """A cell of a notebook: its names stay, and it may await."""
        code = compile(text, "cell", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        result = eval(code, self._cells)  # noqa: S307 # the page's own
        if inspect.isawaitable(result):
            self._kernel.run(_awaited(result))

    async def _run_command(self, line: str) -> None:
        assert line.startswith("$ "), line
        words = shlex.split(line.removeprefix("$ "))
        match words:
            case ["cubicasa", *arguments]:
                await self.run(*(self._where_it_is(one) for one in arguments))
            case ["export", *_]:
                await self._export(line)
            case ["chmod", "+x", file]:
                (self.directory / file).chmod(0o755)
            case ["python", "-m", "pip", "install", what]:
                _check_extras(what)
            case [program, *_] if program in SERVERS:
                self.served.append(words)
            case _:
                raise AssertionError(f"Nobody runs {line!r}.")

    async def run(self, *arguments: str) -> Result | None:
        """Run our command; what lasts is begun, and has no result yet."""
        for name in (arguments[:1], arguments[:2]):
            if name in _LASTING:
                await self._begin(arguments, name)
                return None
        result = await run(*arguments, environ=self.environ, cwd=self.directory)
        assert result.code == 0, (arguments, result.code, result.out, result.err)
        return result

    def _where_it_is(self, argument: str) -> str:
        """The usual port is not asked for here, since several tests may run at once."""
        listening = self.lasting.get(("webhooks", "listen"))
        if listening is None or USUAL not in argument:
            return argument
        return argument.replace(USUAL, listening_at(listening))

    async def _begin(self, arguments: tuple[str, ...], name: tuple[str, ...]) -> None:
        port = [] if name == ("webhooks", "handle") else ["--port", "0"]
        # Who starts a sandbox has no key yet.
        environ = environment(None) if name == ("sandbox",) else self.environ
        child = await self._stack.enter_async_context(
            started(*arguments, *port, environ=environ, cwd=self.directory)
        )
        self.lasting[name] = child
        await until(lambda: _READY.search(child.output + child.errors) or _ended(child))
        for line in child.output.splitlines():
            if line.strip().startswith("export "):
                await self._export(f"$ {line.strip()}")

    async def _export(self, line: str) -> None:
        name, _, value = line.removeprefix("$ export ").partition("=")
        if value.startswith("$(cubicasa "):
            words = shlex.split(value.removeprefix("$(").removesuffix(")"))
            result = await run(*words[1:], environ=self.environ, cwd=self.directory)
            assert result.code == 0, result.err
            value = result.out.strip()
        self.export(name, value)

    async def _ask_mirror(self, block: Block) -> None:
        place = self.directory / "orders.db"
        if not place.exists():
            await self.run("orders", "mirror", place.name)
        with closing(sqlite3.connect(place)) as mirror:
            mirror.execute(block.text).fetchall()


def listening_at(child: Child) -> str:
    """Where `webhooks listen` listens: the address and the port."""
    return child.errors.partition("Listening on http://")[2].partition("/")[0]


@asynccontextmanager
async def reading(
    directory: Path, sandbox: Sandbox, patch: pytest.MonkeyPatch
) -> AsyncGenerator[Reader]:
    """A reader for one page."""
    reader = Reader(directory, sandbox, patch)
    try:
        yield reader
    finally:
        await reader.close()


async def _awaited(value: Any) -> Any:
    return await value


def _ended(child: Child) -> bool:
    assert child.process.returncode is None, child.errors
    return False


def _check_extras(requirement: str) -> None:
    wanted = _INSTALL.fullmatch(requirement)
    assert wanted, requirement
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert set(wanted[1].split(",")) <= set(project["optional-dependencies"])
