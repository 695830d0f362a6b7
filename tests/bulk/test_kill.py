"""The command is killed at any moment and run again: each row is still made exactly once.

The sandbox runs here and its ledger decides; the command runs in a child, which gets SIGKILL.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import attrs
import pytest

from cubicasa_async.sandbox import Fault, Sandbox
from tests.support.canary import CANARY
from tests.support.commands import (
    COMMAND,
    FORGETFUL,
    NAIVE,
    Child,
    Result,
    environment,
    run,
    started,
)
from tests.support.listings import as_csv, made, once, states
from tests.support.waiting import until

logger = logging.getLogger(__name__)

CREATE = "drafts.create"
LOST = Fault("drop", phase="after_commit", operation=CREATE, every=10)
# So short a wait is sound here only: the sandbox carries a request out at once or not at all, and
# no proxy stands between that could still hold one when its client is dead.
SETTLE = "0.1"


@attrs.frozen
class Job:
    """A file of `count` rows to be imported into a sandbox that loses every tenth answer."""

    sandbox: Sandbox
    directory: Path
    count: int

    def write(self) -> None:
        (self.directory / "rows.csv").write_text(as_csv(self.count), encoding="utf-8")

    @property
    def journal(self) -> Path:
        return self.directory / "rows.csv.journal"

    def arguments(self, program: tuple[str, ...], *options: str) -> tuple[str, ...]:
        if program is NAIVE:
            return ("rows.csv",)
        return ("drafts", "import", "rows.csv", "--settle", SETTLE, *options)

    async def killed(
        self, moment: float, *options: str, program: tuple[str, ...] = COMMAND
    ) -> Result:
        """Run it until so many requests have come since its start, and kill it then.

        The fraction is a part of the time that a request takes, roughly.
        """
        begin = len(self.sandbox.ledger)
        # However late the kill comes, the run has not gone much further.
        barrier = Fault("stall", operation=CREATE, skip=int(moment) + 10)
        arguments = self.arguments(program, *options)
        async with started(
            *arguments,
            program=program,
            environ=environment(self.sandbox),
            cwd=self.directory,
        ) as child:
            self.sandbox.faults.add(barrier)
            await self._reached(child, begin + int(moment))
            await asyncio.sleep(moment % 1 / 200)
            if child.process.returncode is None:
                child.process.kill()
            result = await child.end()
        self.sandbox.faults.remove(max(self.sandbox.faults.in_force))
        return result

    async def _reached(self, child: Child, requests: int) -> None:
        def is_so() -> bool:
            return len(self.sandbox.ledger) >= requests or child.process.returncode is not None

        await until(is_so, pause=0)

    async def whole(self, *options: str, program: tuple[str, ...] = COMMAND) -> Result:
        """Run it to its end."""
        return await run(
            *self.arguments(program, *options),
            program=program,
            environ=environment(self.sandbox),
            cwd=self.directory,
        )

    def is_complete(self, last: Result) -> None:
        """What must hold when a run has come to its end, however often one was killed before."""
        assert (last.code, last.err.count("Error")) == (0, 0), last.err
        assert made(self.sandbox) == once(self.count)
        outcomes = last.summary["outcomes"]
        assert set(outcomes) <= {"created", "already there"}
        assert sum(outcomes.values()) == last.summary["rows"] == self.count
        assert last.summary["not reached"] == 0
        told = {row["external_id"]: [row["order_id"]] for row in last.rows}
        assert told == self.sandbox.ledger.by_external_id()
        assert set(states(self.journal).values()) <= {"created", "there"}


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(CANARY) as sandbox:
        sandbox.faults.add(LOST)
        yield sandbox


@pytest.fixture
def job(sandbox: Sandbox, tmp_path: Path) -> Job:
    job = Job(sandbox, tmp_path, 150)
    job.write()
    return job


# A run of 150 rows makes about 160 requests. Without a look only the journal stands between a kill
# and a second draft, so that it is what these test.
@pytest.mark.parametrize("look", ["--look", "--no-look"])
@pytest.mark.parametrize("part", [0.1, 0.7])
async def test_a_run_killed_at_any_moment_is_completed_by_the_next(
    job: Job, part: float, look: str
) -> None:
    moment = random.Random(f"{part}{look}").uniform(part, part + 0.2) * job.count
    killed = await job.killed(moment, look)
    assert killed.code == -9
    assert 0 < len(made(job.sandbox)) < job.count
    job.is_complete(await job.whole(look))


async def test_two_kills_in_a_row_do_no_harm_either(job: Job) -> None:
    moments = random.Random(2)
    for _ in range(2):
        killed = await job.killed(moments.uniform(10, 60), "--no-look")
        assert killed.code == -9
    assert len(made(job.sandbox)) < job.count
    job.is_complete(await job.whole("--no-look"))


class TestRowsUnderWayWhenItIsKilled:
    """Forty rows are answered; the next eight are carried out and their answers never come."""

    @pytest.fixture
    async def sandbox(self) -> AsyncIterator[Sandbox]:
        async with Sandbox(CANARY) as sandbox:
            sandbox.faults.add(Fault("stall", phase="after_commit", operation=CREATE, skip=40))
            yield sandbox

    async def killed_with_eight_under_way(self, job: Job, program: tuple[str, ...]) -> None:
        async with started(
            *job.arguments(program, "--no-look"),
            program=program,
            environ=environment(job.sandbox),
            cwd=job.directory,
        ) as child:
            await until(lambda: len(made(job.sandbox)) == 48)
            await until(lambda: len(child.output.splitlines()) == 40)
            child.process.kill()
            assert (await child.end()).code == -9
        job.sandbox.faults.clear()

    async def test_they_are_found_again(self, job: Job) -> None:
        await self.killed_with_eight_under_way(job, COMMAND)
        intents = list(states(job.journal).values()).count("intent")
        assert 8 <= intents <= 11 * 8, "those under way, and some that were next"
        last = await job.whole("--no-look")
        job.is_complete(last)
        notes = [row["message"] for row in last.rows]
        assert notes.count("made by an earlier run whose answer was lost") == 8

    async def test_control_a_journal_without_intents_makes_them_twice(self, job: Job) -> None:
        await self.killed_with_eight_under_way(job, FORGETFUL)
        await job.whole("--no-look", program=FORGETFUL)
        assert sorted(made(job.sandbox).values()) == [1] * 142 + [2] * 8
        with pytest.raises(AssertionError):
            job.is_complete(await job.whole("--no-look", program=FORGETFUL))


async def test_control_a_naive_client_makes_many_twice(job: Job) -> None:
    await job.killed(70, program=NAIVE)
    await job.whole(program=NAIVE)
    twice = [key for key, count in made(job.sandbox).items() if count > 1]
    assert len(twice) >= 60


@pytest.mark.soak
@pytest.mark.parametrize("number", range(50))
async def test_soak_fifty_random_moments(sandbox: Sandbox, tmp_path: Path, number: int) -> None:
    job = Job(sandbox, tmp_path, 500)
    job.write()
    chance = random.Random(number)
    look = chance.choice(["--look", "--no-look"])
    kills = chance.choice([1, 1, 2])
    ends: list[str] = []
    for _ in range(kills):
        end = await job.killed(chance.uniform(0, 560 / kills), look)
        ends.append(f"{len(made(sandbox))} drafts made, exit code {end.code}")
    job.is_complete(await job.whole(look))
    logger.info("%s, ended with %s; then all 500 made, none twice", look, ends)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(20))
async def test_soak_ten_thousand_rows_with_lost_answers_bursts_of_429_and_kills(
    tmp_path: Path, seed: int
) -> None:
    chance = random.Random(seed)
    async with Sandbox(CANARY) as sandbox:
        lost = Fault("drop", phase="after_commit", operation=CREATE, share=0.02)
        refused = Fault("status", status=429, retry_after="1", operation=CREATE, share=0.002)
        sandbox.faults.add(lost, refused)
        job = Job(sandbox, tmp_path, 10_000)
        job.write()
        ends: list[str] = []
        for _ in range(chance.choice([2, 3])):
            killed = await job.killed(chance.uniform(100, 3_000), "--concurrency", "20")
            assert killed.code == -9
            ends.append(f"{len(made(sandbox))} drafts made")
        job.is_complete(await job.whole("--concurrency", "20"))
        hits = Counter(hit.fault.kind for hit in sandbox.faults.hits)
        logger.info("killed with %s; then all 10,000, none twice; %s", ends, dict(hits))


@pytest.mark.soak
@pytest.mark.parametrize("number", range(50))
async def test_soak_control_the_naive_client_at_the_same_moments(
    sandbox: Sandbox, tmp_path: Path, number: int
) -> None:
    job = Job(sandbox, tmp_path, 500)
    job.write()
    await job.killed(random.Random(number).uniform(0, 560), program=NAIVE)
    await job.whole(program=NAIVE)
    counts = made(sandbox)
    twice = sum(count > 1 for count in counts.values())
    logger.info("naive: %d made, %d of them more than once", sum(counts.values()), twice)
    assert twice > 0
