"""Servers in threads, and programs in processes of their own."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import AbstractAsyncContextManager, contextmanager
from pathlib import Path
from typing import Final, TypeVar

import attrs

from tests.support.raw_server import RawServer, Reply
from tests.support.waiting import until as anywhere_until

S = TypeVar("S")

ROOT: Final = Path(__file__).parents[2]
KEY: Final = "key-of-a-program"
_STRICT: Final = ["-W", "error", "-W", "ignore:This process:DeprecationWarning"]
"""Whatever is left open shows on stderr. The one exception: Python warns of any fork of threads."""

_PRELUDE: Final = """
import os, signal, sys, threading, time
from cubicasa_async import CubiCasa
from cubicasa_async.sync import import_drafts, portal
portal._PATIENCE = 600.0
signal.signal(signal.SIGINT, signal.default_int_handler)
client = CubiCasa.from_env()
def say(*words):
    print(*words, flush=True)
def child(work):
    process = os.fork()
    if process:
        assert os.waitpid(process, 0)[1] == 0
    else:
        work()
        sys.exit()
"""


@contextmanager
def hosted(server: AbstractAsyncContextManager[S]) -> Generator[S]:
    """A server on a loop of its own, in a thread."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield asyncio.run_coroutine_threadsafe(server.__aenter__(), loop).result()
        leaving = server.__aexit__(None, None, None)
        asyncio.run_coroutine_threadsafe(_wrapped(leaving), loop).result()
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _wrapped(awaitable: object) -> None:
    await awaitable  # type: ignore[misc] # what __aexit__ gave


class WatchedServer(RawServer):
    """A server of bare bytes that counts the connections that have ended."""

    def __init__(self, *replies: Reply) -> None:
        super().__init__(*replies)
        self.ended = 0

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await super()._serve(reader, writer)
        finally:
            self.ended += 1


class HoldingServer(WatchedServer):
    """One that holds the answer to its first request back until it is released."""

    def __init__(self, *replies: Reply) -> None:
        super().__init__(*replies)
        self._released = threading.Event()

    def release(self) -> None:
        """Answer, from any thread."""
        self._released.set()

    async def before(self, number: int) -> None:
        if number == 1:
            await anywhere_until(self._released.is_set)


def until(holds: Callable[[], object]) -> None:
    while not holds():
        time.sleep(0.002)


@attrs.frozen
class Ended:
    """What a program left behind."""

    code: int
    stdout: str
    stderr: str


class Program:
    """A program with a client of a server, running.

    Args:
        text: What it does; `client` and `say` are there.
        base_url: The server.
        **more: Values that it finds in its environment.
    """

    def __init__(self, text: str, base_url: str, **more: str) -> None:
        # Each is a process group, as a terminal would make it.
        self._process = subprocess.Popen(
            [sys.executable, *_STRICT, "-c", _PRELUDE + textwrap.dedent(text)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=_environment(CUBICASA_API_KEY=KEY, CUBICASA_BASE_URL=base_url, **more),
            start_new_session=True,
        )

    def press_ctrl_c(self) -> None:
        self.send("SIGINT")

    def send(self, name: str) -> None:
        """Send it a signal."""
        self._process.send_signal(signal.Signals[name])

    def line(self) -> str:
        """The next line that it says."""
        assert self._process.stdout is not None
        return self._process.stdout.readline()

    def go_on(self) -> None:
        """Give it a line to read."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()

    def end(self) -> Ended:
        """Wait for its end."""
        stdout, stderr = self._process.communicate()
        return Ended(self._process.returncode, stdout, stderr)


def _environment(**more: str) -> Mapping[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("CUBICASA_", "PYTHON"))}
    return {**kept, **more}


def said(*lines: object) -> Ended:
    """The end of a program that said just this and had nothing to complain of."""
    return Ended(0, "".join(f"{line}\n" for line in lines), "")
