"""The command is killed at any moment and run again: no half file ever has a final name."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable
from pathlib import Path

import attrs
import pytest
from xxhash import xxh128

from cubicasa_async import AsyncCubiCasa
from cubicasa_async.core.file_names import MANIFEST, PARTS
from cubicasa_async.sandbox import Fault, Sandbox
from tests.delivery.files import FILES, download, former, on_disk, there
from tests.support.commands import COMMAND, environment, run, started
from tests.support.waiting import until

NAIVE = ("-m", "tests.support.naive_download")
SIZE = 4_000_000
SLOW = Fault("delay", phase="mid_body", seconds=0.1)


@attrs.frozen
class Job:
    """An order whose files come slowly, and the directory that they go to."""

    sandbox: Sandbox
    directory: Path
    order_id: str

    @property
    def place(self) -> Path:
        return self.directory / self.order_id

    def arguments(self, program: tuple[str, ...]) -> tuple[str | Path, ...]:
        if program is NAIVE:
            return (self.order_id, self.place)
        return ("assets", "download", self.order_id, "-d", self.directory, "--allow-private")

    async def killed(
        self,
        reached: Callable[[], object],
        program: tuple[str, ...] = COMMAND,
        *,
        later: float = 0.0,
    ) -> None:
        """Run it until something has come about, and kill it so many seconds later."""
        arguments = self.arguments(program)
        async with started(*arguments, program=program, environ=environment(self.sandbox)) as child:
            await until(lambda: reached() or child.process.returncode is not None, pause=0.001)
            await asyncio.sleep(later)
            if child.process.returncode is None:
                child.process.kill()
            await child.end()

    async def killed_at(self, moment: float) -> None:
        """Run it until so many files were asked for since its start, and kill it soon after."""
        fetches = self.sandbox.file_host.fetches
        wanted = len(fetches) + int(moment)
        await self.killed(lambda: len(fetches) >= wanted, later=moment % 1 / 10)

    def halves(self) -> set[str]:
        """Files that have begun to arrive, and have no final name yet."""
        return {path.name for path in (self.place / PARTS).glob("*.part")}

    def broken(self, *versions: dict[str, bytes]) -> list[str]:
        """Files under final names that are of no version that there ever was."""
        found = on_disk(self.place) if self.place.exists() else {}
        return [
            name
            for name, content in found.items()
            if content not in [version[name] for version in versions]
        ]


@pytest.fixture
def job(sandbox: Sandbox, tmp_path: Path) -> Job:
    sandbox.file_host.size = SIZE
    return Job(sandbox, tmp_path, sandbox.world.add_order(status="Ready").id)


async def killed_again_and_again(job: Job, client: AsyncCubiCasa, kills: int) -> None:
    moments = random.Random(kills)
    host = job.sandbox.file_host
    await download(client, job.order_id, job.place)
    first = await there(client, job.sandbox, job.order_id)
    job.sandbox.world.set_status(job.order_id, "Fixing")
    job.sandbox.world.set_status(job.order_id, "Ready")
    second = await there(client, job.sandbox, job.order_id)
    host.faults.add(Fault("stall", phase="mid_body"))
    await job.killed(job.halves)
    assert job.halves() != set()  # it was killed in the midst of it
    host.faults.clear()
    host.faults.add(SLOW)
    for _ in range(kills):
        assert job.broken(first, second) == []
        for name, content in former(job.place).items():
            assert content == first[name.replace(".v1", "")]
        await job.killed_at(moments.uniform(1, FILES))
    assert job.broken(first, second) == []
    host.faults.clear()
    last = await run(*job.arguments(COMMAND), program=COMMAND, environ=environment(job.sandbox))
    assert (last.code, last.err.count("Error")) == (0, 0), last.err
    assert on_disk(job.place) == second
    assert former(job.place) == {
        name.replace(".", ".v1.", 1): content for name, content in first.items()
    }
    entries = json.loads((job.place / MANIFEST).read_text())["files"]
    assert {name: entry["xxh128"] for name, entry in entries.items()} == {
        name: xxh128(content).hexdigest() for name, content in second.items()
    }
    for entry in entries.values():
        assert [version["xxh128"] for version in entry["former"]] == [
            xxh128(former(job.place)[version["name"]]).hexdigest() for version in entry["former"]
        ]
        assert len(entry["former"]) == 1
    assert not host.saw_key


async def test_killed_at_any_moment_it_leaves_only_whole_files_and_goes_on(
    job: Job, client: AsyncCubiCasa
) -> None:
    await killed_again_and_again(job, client, 3)


@pytest.mark.soak
async def test_killed_fifty_times_it_leaves_only_whole_files_and_goes_on(
    job: Job, client: AsyncCubiCasa
) -> None:
    await killed_again_and_again(job, client, 50)


async def test_control_a_loop_that_writes_to_final_names_leaves_half_files(
    job: Job, client: AsyncCubiCasa
) -> None:
    files = await there(client, job.sandbox, job.order_id)
    job.sandbox.file_host.faults.add(Fault("stall", phase="mid_body"))
    await job.killed(lambda: job.broken(files), NAIVE)
    assert job.broken(files) != []
    job.sandbox.file_host.faults.clear()
    await run(*job.arguments(NAIVE), program=NAIVE, environ=environment(job.sandbox))
    assert job.broken(files) != []  # for ever: what is there is taken for whole
