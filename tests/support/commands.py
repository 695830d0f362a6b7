"""The command, and controls of it, in child processes."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO, Any

import attrs

import cubicasa_async
from cubicasa_async.sandbox import Sandbox
from tests.support.warm import WarmProcess, can_be_warm, started_warm

COMMAND = ("-m", "cubicasa_async.cli")
FORGETFUL = ("-m", "tests.support.forgetful_command")
NAIVE = ("-m", "tests.support.naive_import")
_ROOT = str(Path(cubicasa_async.__file__).parent.parent)


def environment(sandbox: Sandbox | None, **more: str) -> dict[str, str]:
    """The variables of a child that talks to this sandbox."""
    # Output that is not buffered hides what a user would meet.
    dropped = ("CUBICASA_", "PYTHONUNBUFFERED")
    ours = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    ours |= {"PYTHONPATH": _ROOT, "COLUMNS": "120", "PYTHONUTF8": "1"}
    if sandbox is not None:
        ours |= {"CUBICASA_API_KEY": sandbox.api_key, "CUBICASA_BASE_URL": sandbox.base_url}
    return {**ours, **more}


@attrs.frozen
class Result:
    """How a child ended. A negative code is the signal that ended it."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> list[dict[str, Any]]:
        """Standard output as JSON lines."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def summary(self) -> dict[str, Any]:
        """The last of the JSON lines of an import."""
        last = self.json[-1]
        assert last["type"] == "summary", last
        return last

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The other JSON lines of an import."""
        return self.json[:-1]


@attrs.frozen
class Child:
    """A running child. Its output goes to files, so that it never waits for a reader."""

    process: asyncio.subprocess.Process | WarmProcess
    out: IO[bytes]
    err: IO[bytes]
    key: str | None

    @property
    def output(self) -> str:
        """What it has written to standard output so far."""
        return _content(self.out)

    @property
    def errors(self) -> str:
        """What it has written to standard error so far."""
        return _content(self.err)

    async def end(self) -> Result:
        """Wait for its end. Whatever it did, it has not shown the key."""
        code = await self.process.wait()
        result = Result(code, self.output, _content(self.err))
        assert self.key is None or self.key not in result.out + result.err
        return result


def _content(file: IO[bytes]) -> str:
    # Seeking would move the place at which the child writes.
    return os.pread(file.fileno(), os.fstat(file.fileno()).st_size, 0).decode()


@asynccontextmanager
async def started(
    *arguments: str | Path,
    program: tuple[str, ...] = COMMAND,
    environ: Mapping[str, str],
    cwd: Path | None = None,
) -> AsyncGenerator[Child]:
    """Start a child; it is killed at the end if it still runs."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process: asyncio.subprocess.Process | WarmProcess
        if can_be_warm(program, environ, usual=environment(None)):
            process = await started_warm(
                program[1], *arguments, environ=environ, cwd=cwd, stdout=out, stderr=err
            )
        else:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *program,
                *arguments,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                env=dict(environ),
                cwd=cwd,
            )
        try:
            yield Child(process, out, err, environ.get("CUBICASA_API_KEY"))
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()


async def run(
    *arguments: str | Path,
    program: tuple[str, ...] = COMMAND,
    environ: Mapping[str, str],
    cwd: Path | None = None,
) -> Result:
    """Run a child to its end."""
    async with started(*arguments, program=program, environ=environ, cwd=cwd) as child:
        return await child.end()
