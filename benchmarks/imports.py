"""Starting up: whole processes that import something and end."""

from __future__ import annotations

import subprocess
import sys

from benchmarks.measure import WALL, Figure, Slice, compare

AIOHTTP = "import aiohttp"
OURS = "import cubicasa_async"
CLIENT = "from cubicasa_async import AsyncCubiCasa"
HELP = "cubicasa --help"


def _process(*arguments: str) -> Slice:
    async def start_and_end() -> None:
        command = [sys.executable, *arguments]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)  # noqa: ASYNC221 # alone

    return start_and_end


async def run(base_url: str, *, quick: bool) -> list[Figure]:  # noqa: ARG001 # no server needed
    return [
        *await compare(
            (AIOHTTP, _process("-c", AIOHTTP)),
            {
                OURS: _process("-c", OURS),
                CLIENT: _process("-c", CLIENT),
                HELP: _process("-m", "cubicasa_async.cli", "--help"),
                "Python alone": _process("-c", ""),
            },
            rounds=3 if quick else 15,
            clock=WALL,
        )
    ]
