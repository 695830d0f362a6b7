"""Downloading an order of 200 files of 1 MB, 8 at a time, against a loop that writes chunks.

Here client and server share all cores, as what is received is hashed and written in threads.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Generator
from functools import partial
from pathlib import Path

import aiohttp

from benchmarks.measure import (
    WALL,
    Figure,
    Growth,
    all_cores,
    compare,
    own_peak,
    settle_memory,
)
from benchmarks.server import PREFIX, order
from cubicasa_async import AsyncCubiCasa, Order
from cubicasa_async.core import codec
from cubicasa_async.delivery import Downloaded, download_assets
from cubicasa_async.sandbox import FileHost

TITLE = "download 200 files of 1 MB, 8 at a time"
FILES = 200
SIZE = 1_000_000
LARGE = 2 * 1024**3
AT_ONCE = 8
_CHUNK = 1 << 16
_VIDEO = "/video.mp4"


async def run(base_url: str, *, quick: bool) -> list[Figure]:  # noqa: ARG001 # it has its own server
    found: list[Figure] = []
    with all_cores(), tempfile.TemporaryDirectory() as scratch:
        found += await _throughput(Path(scratch) / "files", rounds=3 if quick else 10)
        if not quick:
            small, large = _peak(LARGE // 10), _peak(LARGE)
            found.append(Growth("cubicasa_async, one file of 2 GB", small, large))
    return found


async def _throughput(directory: Path, *, rounds: int) -> list[Figure]:
    with running(SIZE) as (origin, _):
        async with (
            aiohttp.ClientSession() as session,
            AsyncCubiCasa("bench", base_url=origin + PREFIX) as client,
        ):
            found = await client.orders.get("files")
            urls = [asset.url for asset in found.assets()]

            async def bare() -> None:
                directory.mkdir()  # noqa: ASYNC240 # a local one
                left = iter(enumerate(urls))

                async def work() -> None:
                    for number, url in left:
                        async with session.get(url) as answer:
                            with (directory / f"{number}.pdf").open("wb") as file:
                                async for chunk in answer.content.iter_chunked(_CHUNK):
                                    file.write(chunk)

                await asyncio.gather(*(work() for _ in range(AT_ONCE)))
                shutil.rmtree(directory)

            async def ours(*, durable: bool) -> None:
                done = 0
                async for outcome in download_assets(
                    client,
                    found,
                    directory,
                    concurrency=AT_ONCE,
                    durable=durable,
                    allow_private=True,
                ):
                    done += isinstance(outcome, Downloaded)
                assert done == FILES
                shutil.rmtree(directory)

            ratios = await compare(
                ("aiohttp, chunks into files", bare),
                {
                    "cubicasa_async": partial(ours, durable=False),
                    "cubicasa_async, durable=True": partial(ours, durable=True),
                },
                rounds=rounds,
                clock=WALL,
            )
            return [*ratios]


def _peak(size: int) -> float:
    """Peak resident size in MB of a process that downloads one file of so many bytes."""
    with running(size) as (_, host), tempfile.TemporaryDirectory() as directory:
        command = [sys.executable, "-m", "benchmarks.downloads", "fetch", host, directory]
        return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


async def fetch(host: str, directory: str) -> None:
    value = {"id": "video", "delivery_assets": {"video_3d": [host + _VIDEO]}}
    video = codec.structure(value, Order)
    async with AsyncCubiCasa("bench", base_url=host + PREFIX) as client:
        async for outcome in download_assets(client, video, directory, allow_private=True):
            assert isinstance(outcome, Downloaded)
    print(own_peak())


@contextlib.contextmanager
def running(size: int) -> Generator[tuple[str, str]]:
    """Origins of a server of prepared files, and of one that makes a file of so many bytes."""
    command = [sys.executable, "-m", "benchmarks.downloads", "serve", str(size)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            prepared, made = process.stdout.readline().split()
            yield prepared, made
        finally:
            process.kill()


class Files(asyncio.Protocol):
    """Answers a GET below /file with a file, and any other with an order of 200 files."""

    def __init__(self, answers: dict[bool, bytes]) -> None:
        self._answers = answers
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            is_file = re.match(rb"GET /file", self._buffer) is not None
            self._buffer = self._buffer[end + 4 :]
            self._transport.write(self._answers[is_file])


def _answer(body: bytes, kind: str, etag: str) -> bytes:
    lines = ("HTTP/1.1 200 OK", f"Content-Type: {kind}", f"Content-Length: {len(body)}")
    return ("\r\n".join((*lines, f'ETag: "{etag}"')) + "\r\n\r\n").encode() + body


async def serve(size: int) -> None:
    answers: dict[bool, bytes] = {}
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Files(answers), "127.0.0.1", 0)
    origin = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    urls = [f"{origin}/file/{number}.pdf" for number in range(FILES)]
    delivered = {**order(0), "delivery_assets": {"listing_floorplans": {"pdf_urls": urls}}}
    answers[False] = _answer(json.dumps(delivered).encode(), "application/json", "order")
    answers[True] = _answer(b"%PDF-1.4\n".ljust(SIZE, b"."), "application/pdf", "file")
    host = FileHost()
    host.contents.sizes[_VIDEO] = size
    await host.start()
    print(origin, host.origin, flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    settle_memory()
    with contextlib.suppress(KeyboardInterrupt):  # at the terminal it is meant for the parent
        match sys.argv[1:]:
            case ["serve", size]:
                asyncio.run(serve(int(size)))
            case ["fetch", host, directory]:
                asyncio.run(fetch(host, directory))
            case _:
                sys.exit("Run this as: python -m benchmarks downloads")
