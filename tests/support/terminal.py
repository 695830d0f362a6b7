"""The command on a terminal of its own."""

from __future__ import annotations

import asyncio
import fcntl
import os
import pty
import re
import struct
import sys
import termios
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

_STYLE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


async def on_a_terminal(
    *arguments: str,
    environ: Mapping[str, str],
    cwd: Path,
    typed: str = "",
    replies: Sequence[tuple[str, str | Callable[[], object]]] = (),
    columns: int = 120,
) -> tuple[int, str]:
    """Run the command on a terminal; gives its exit code and all text that came to the screen.

    `typed` is what a person types, from the beginning on; `replies` are words on the screen and
    what is typed or called once they are there, one after the other.
    """
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    os.set_blocking(ours, False)
    seen: list[bytes] = []
    waiting = list(replies)
    closed = asyncio.Event()

    def read() -> None:
        try:
            text = os.read(ours, 65536)
        except OSError:  # the other side has closed, and all that it wrote was read
            text = b""
        seen.append(text)
        if not text:
            loop.remove_reader(ours)
            closed.set()
        if waiting and waiting[0][0] in b"".join(seen).decode(errors="replace"):
            _, reply = waiting.pop(0)
            if isinstance(reply, str):
                os.write(ours, reply.encode())
            else:
                reply()

    loop = asyncio.get_running_loop()
    loop.add_reader(ours, read)
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "cubicasa_async.cli",
            *arguments,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env={**environ, "TERM": "xterm"},
            cwd=cwd,
        )
        os.write(ours, typed.encode())
        code = await process.wait()
        os.close(theirs)
        await closed.wait()
    finally:
        loop.remove_reader(ours)
        os.close(ours)
    return code, _STYLE.sub("", b"".join(seen).decode()).replace("\r\n", "\n")
