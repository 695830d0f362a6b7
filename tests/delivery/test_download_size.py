"""Large files take no memory of their size."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

CHILD = """
import asyncio, re, sys
from pathlib import Path
import aiohttp
from cubicasa_async import AsyncCubiCasa
from tests.delivery.files import order_with
from cubicasa_async.delivery import Downloaded, download_assets

def peak():  # of this program alone; what getrusage tells includes the one that started it
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", status)[1]) / 1024

async def ours(url, directory):
    async with AsyncCubiCasa("key", base_url="http://127.0.0.1:1/x") as client:
        order = order_with(video_3d=[url])
        async for outcome in download_assets(client, order, directory, allow_private=True):
            assert isinstance(outcome, Downloaded), outcome
            return outcome.size

async def naive(url, directory):
    directory.mkdir(parents=True)
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return (directory / "video.mp4").write_bytes(await answer.read())

async def main(fetch, origin, directory):
    await fetch(f"{origin}/small.mp4", directory / "small")
    before = peak()
    size = await fetch(f"{origin}/large.mp4", directory / "large")
    print(size, peak() - before)

asyncio.run(main({"ours": ours, "naive": naive}[sys.argv[1]], sys.argv[2], Path(sys.argv[3])))
"""
HOST = """
import asyncio, sys
from cubicasa_async.sandbox import FileHost

async def main(size):
    host = FileHost()
    host.contents.sizes.update({"/large.mp4": size, "/small.mp4": 5_000_000})
    await host.start()
    print(host.origin, flush=True)
    await asyncio.Event().wait()

asyncio.run(main(int(sys.argv[1])))
"""


def grown(size: int, directory: Path, program: str = "ours") -> float:
    """MB by which the peak of a process grows with a file of so many bytes, after one of 5 MB."""
    host = [sys.executable, "-c", HOST, str(size)]
    with subprocess.Popen(host, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            origin = process.stdout.readline().strip()
            child = [sys.executable, "-c", CHILD, program, origin, str(directory)]
            told = subprocess.run(child, check=True, capture_output=True, text=True).stdout
        finally:
            process.kill()
    fetched, growth = told.split()
    assert int(fetched) == size
    return float(growth)


pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="peaks are read from /proc")


def test_a_file_of_50_mb_grows_the_process_by_less_than_10_mb(tmp_path: Path) -> None:
    assert grown(50_000_000, tmp_path) < 10


@pytest.mark.soak
def test_a_file_of_2_gb_grows_the_process_by_less_than_10_mb(tmp_path: Path) -> None:
    assert grown(2 * 1024**3, tmp_path) < 10


def test_control_one_that_is_read_whole_grows_it_by_its_size(tmp_path: Path) -> None:
    assert grown(50_000_000, tmp_path, "naive") > 25
