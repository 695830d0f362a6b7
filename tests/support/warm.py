"""Python processes that begin where the imports are done.

Most of the time of a short command goes into imports. A warm process makes them once and forks for
each command, which then runs and ends as any other. Run as a program, this module is that warm
process.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import functools
import gc
import importlib
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Final

IMPORTS: Final = (
    "aiosqlite",
    "cubicasa_async.bulk",
    "cubicasa_async.cli.app",
    "cubicasa_async.cli.operations",
    "cubicasa_async.cli.output",
    "cubicasa_async.sandbox",
    "cubicasa_async.sync",
    "rich.table",
    "sqlalchemy.ext.asyncio",
)
_LONGEST: Final = 1 << 20


def _settings(environ: Mapping[str, str]) -> dict[str, str]:
    """What Python itself reads, and only as it starts."""
    return {name: value for name, value in environ.items() if name.startswith("PYTHON")}


def can_be_warm(
    program: Sequence[str], environ: Mapping[str, str], *, usual: Mapping[str, str]
) -> bool:
    """Whether a fork does as well: of a module, on Linux, with the usual settings of Python."""
    of_module = len(program) == 2 and program[0] == "-m"
    return sys.platform == "linux" and of_module and _settings(environ) == _settings(usual)


class WarmProcess:
    """A command that runs, with what is used of `asyncio.subprocess.Process`.

    Attributes:
        returncode: How it ended, as `subprocess` says it; None as long as it runs.
        pid: Its number.
    """

    def __init__(self, pid: int, news: asyncio.StreamReader, line: asyncio.StreamWriter) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._ending = asyncio.create_task(self._end(news, line))

    async def _end(self, news: asyncio.StreamReader, line: asyncio.StreamWriter) -> int:
        self.returncode = os.waitstatus_to_exitcode(int(await news.readline()))
        line.close()
        await line.wait_closed()
        return self.returncode

    async def wait(self) -> int:
        """Wait for its end."""
        return await asyncio.shield(self._ending)

    def send_signal(self, number: int) -> None:
        """Send it a signal, if it still runs."""
        if self.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)


class _Warm:
    """The warm process of some settings, as its users see it."""

    def __init__(self, settings: tuple[tuple[str, str], ...]) -> None:
        self._line, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        kept = {name: value for name, value in os.environ.items() if not _settings({name: value})}
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.support.warm", str(theirs.fileno())],
                env={**kept, **dict(settings)},
                cwd=Path(__file__).parents[2],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        atexit.register(self._close)

    def _close(self) -> None:
        self._line.close()
        self._process.wait()

    async def start(self, request: Mapping[str, Any], files: Sequence[IO[bytes]]) -> WarmProcess:
        ours, theirs = socket.socketpair()
        with theirs:
            fds = [theirs.fileno(), *(file.fileno() for file in files)]
            socket.send_fds(self._line, [json.dumps(request).encode()], fds)
        news, line = await asyncio.open_connection(sock=ours)
        return WarmProcess(int(await news.readline()), news, line)


@functools.cache
def _warm(settings: tuple[tuple[str, str], ...]) -> _Warm:
    return _Warm(settings)


async def started_warm(
    module: str,
    *arguments: str | Path,
    environ: Mapping[str, str],
    cwd: Path | None,
    stdout: IO[bytes],
    stderr: IO[bytes],
) -> WarmProcess:
    """Start a module as `python -m` would, with nothing to read."""
    request = {
        "module": module,
        "arguments": list(map(str, arguments)),
        "environ": dict(environ),
        "cwd": str(cwd or Path.cwd()),
    }
    settings = tuple(sorted(_settings(environ).items()))
    return await _warm(settings).start(request, [stdout, stderr])


def _serve(line: socket.socket) -> dict[str, Any]:
    """Fork for each request; comes back in the forks, with what they are to do."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        data, fds, _, _ = socket.recv_fds(line, _LONGEST, 3)
        if not data:
            sys.exit()
        if os.fork() == 0:
            break
        for fd in fds:
            os.close(fd)
    # What is forked here waits for the command, so that its end can be told.
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    line.close()
    news, out, err = fds
    command = os.fork()
    if command:
        os.write(news, b"%d\n" % command)
        _, status = os.waitpid(command, 0)
        with contextlib.suppress(BrokenPipeError):
            os.write(news, b"%d\n" % status)
        os._exit(0)
    os.close(news)
    for fd, place in ((out, 1), (err, 2)):
        os.dup2(fd, place)
        os.close(fd)
    request: dict[str, Any] = json.loads(data)
    os.environ.clear()
    os.environ.update(request["environ"])
    os.chdir(request["cwd"])
    sys.path[0] = request["cwd"]
    return request


if __name__ == "__main__":
    for name in IMPORTS:
        with contextlib.suppress(ImportError):  # whoever needs it will say so
            importlib.import_module(name)
    gc.freeze()  # what is never looked at by the collector stays shared with the forks
    work = _serve(socket.socket(fileno=int(sys.argv[1])))
    sys.argv[1:] = work["arguments"]
    runpy.run_module(work["module"], run_name="__main__", alter_sys=True)
