"""Several workers drain one job: each row is made exactly once, whoever is killed and when."""

from __future__ import annotations

import asyncio
import logging
import random
import re
import signal
import subprocess
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import attrs
import psycopg
import pytest

from cubicasa_async import AsyncCubiCasa
from cubicasa_async.bulk import AlreadyThere, Progress, RowOutcome, Unknown, import_drafts
from cubicasa_async.bulk.intake import Checked, check_rows
from cubicasa_async.bulk.journal.postgres import PostgresJournal
from cubicasa_async.bulk.journal.protocol import run_of
from cubicasa_async.errors import ConfigError, CubiCasaError, JobStoppedError
from cubicasa_async.sandbox import Fault, Sandbox
from tests.support.canary import CANARY
from tests.support.commands import Child, Result, environment, run, started
from tests.support.gate import Gate
from tests.support.listings import as_csv, kinds, listing, listings, made, once, told
from tests.support.waiting import until

logger = logging.getLogger(__name__)

CREATE = "drafts.create"
WORKER = ("-m", "tests.support.shared_worker")
NAIVE = ("-m", "tests.support.naive_shared_worker")
LEASE = 60.0
LIFELESS = """
UPDATE cubicasa_workers SET lease_until = clock_timestamp() - interval '1 second'
WHERE worker = %s
"""


async def let_lease_run_out(url: str, child: Child) -> None:
    """As if a worker that is dead or stopped had shown no sign of life for long.

    Those that live have a lease that they keep however slow the machine is.
    """

    def age(worker: int) -> None:
        with psycopg.connect(url) as db:
            db.execute(LIFELESS, (worker,))

    for number in re.findall(r"^worker (\d+)$", child.errors, re.MULTILINE):
        await asyncio.to_thread(age, int(number))


@attrs.frozen
class Team:
    """Workers in processes of their own, on one journal."""

    sandbox: Sandbox
    url: str
    count: int
    program: tuple[str, ...] = WORKER

    def arguments(self, part: tuple[int, int] | None = None) -> tuple[str, ...]:
        first, last = part or (1, self.count)
        return (self.url, str(LEASE), str(first), str(last))

    async def with_kills(self, chance: random.Random, *, workers: int, kills: int) -> list[Result]:
        """Run workers of which some are killed at random moments and started again."""
        async with asyncio.TaskGroup() as group:
            running = [
                group.create_task(self._one(random.Random(chance.random()), kills))
                for _ in range(workers)
            ]
        return [task.result() for task in running]

    async def _one(self, chance: random.Random, kills: int) -> Result:
        for _ in range(kills):
            async with self._started() as child:
                begin = len(self.sandbox.ledger)
                moment = begin + chance.randint(1, self.count // (kills + 1))

                def reached(child: Child = child, moment: int = moment) -> bool:
                    ended = child.process.returncode is not None
                    return len(self.sandbox.ledger) >= moment or ended

                await until(reached, pause=0.001)
                if child.process.returncode is None:
                    child.process.kill()
                await child.end()
                await let_lease_run_out(self.url, child)
        return await self.whole()

    def _started(self) -> Any:
        return started(*self.arguments(), program=self.program, environ=environment(self.sandbox))

    async def whole(self, part: tuple[int, int] | None = None) -> Result:
        """Run one worker to its end."""
        return await run(
            *self.arguments(part), program=self.program, environ=environment(self.sandbox)
        )

    def is_complete(self, ends: Iterable[Result]) -> None:
        """What must hold when the last workers have come to their end."""
        assert made(self.sandbox) == once(self.count)
        ledger = self.sandbox.ledger.by_external_id()
        for end in ends:
            assert (end.code, end.err.count("Error")) == (0, 0), end.err
            assert end.json[-1] == {"type": "summary"}
            outcomes = end.json[:-1]
            assert {row["outcome"] for row in outcomes} <= {"created", "already there"}
            reported = {row["external_id"]: [row["order_id"]] for row in outcomes}
            assert reported == ledger
            assert len(outcomes) == self.count
        with psycopg.connect(self.url) as db:
            states = db.execute("SELECT state, count(*) FROM cubicasa_drafts GROUP BY 1").fetchall()
        assert {state for state, _ in states} <= {"created", "there"}
        assert sum(count for _, count in states) == self.count


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(CANARY) as sandbox:
        sandbox.faults.add(Fault("drop", phase="after_commit", operation=CREATE, every=10))
        sandbox.faults.add(Fault("status", status=429, retry_after="1", operation=CREATE, every=60))
        yield sandbox


async def test_three_workers_each_killed_make_each_row_once(
    sandbox: Sandbox, postgres_url: str
) -> None:
    team = Team(sandbox, postgres_url, 150)
    team.is_complete(await team.with_kills(random.Random(1), workers=3, kills=1))


async def test_control_a_naive_table_makes_many_twice(sandbox: Sandbox, postgres_url: str) -> None:
    with psycopg.connect(postgres_url) as db:
        db.execute("CREATE TABLE naive (key text PRIMARY KEY, done boolean)")
    team = Team(sandbox, postgres_url, 150, NAIVE)
    gate = Gate(sandbox)
    sandbox.faults.add(gate.fault(operation=CREATE))
    running = asyncio.create_task(team.with_kills(random.Random(1), workers=3, kills=1))
    # Each takes the first eight rows, and none has an answer before there are three times as many.
    await until(lambda: len(sandbox.ledger.of(CREATE)) >= 3 * 8)
    gate.open()
    ends = await running
    twice = [key for key, count in made(sandbox).items() if count > 1]
    assert len(twice) >= 8
    with pytest.raises(AssertionError):
        team.is_complete(ends)


@pytest.fixture
async def calm() -> AsyncIterator[Sandbox]:
    """A server without faults."""
    async with Sandbox(CANARY) as sandbox:
        yield sandbox


@pytest.fixture
async def caller(calm: Sandbox) -> AsyncIterator[AsyncCubiCasa]:
    async with AsyncCubiCasa(calm.api_key, base_url=calm.base_url) as client:
        yield client


async def stopped_at(
    running: AsyncIterator[RowOutcome],
) -> tuple[list[RowOutcome], CubiCasaError | None]:
    """What was told before an error, and that."""
    outcomes: list[RowOutcome] = []
    try:
        async for outcome in running:
            outcomes.append(outcome)  # noqa: PERF401 # those before the error are wanted
    except CubiCasaError as exc:
        return outcomes, exc
    return outcomes, None


async def test_workers_with_files_of_their_own_report_their_own_rows(
    calm: Sandbox, caller: AsyncCubiCasa, postgres_url: str
) -> None:
    rows = listings(60)
    parts = [rows[:40], rows[20:]]
    first, second = await asyncio.gather(
        *(told(import_drafts(caller, part, journal=postgres_url)) for part in parts)
    )
    assert made(calm) == once(60)
    for outcomes, part in ((first, parts[0]), (second, parts[1])):
        # A worker also tells of rows that it made for the other one.
        keys = Counter(outcome.key for outcome in outcomes)
        assert set(keys.values()) == {1}
        assert set(keys) >= {row["external_id"] for row in part}
    everything = [*first, *second]
    assert kinds(everything)["created"] == 60
    notes = {o.note for o in everything if isinstance(o, AlreadyThere)}
    assert notes <= {"made by another worker of this job"}


async def test_a_worker_without_rows_finishes_what_another_one_left(
    calm: Sandbox, caller: AsyncCubiCasa, postgres_url: str
) -> None:
    stop = asyncio.Event()
    left: list[RowOutcome] = []
    running = import_drafts(caller, listings(80), journal=postgres_url, concurrency=2, stop=stop)
    async for outcome in running:
        left.append(outcome)
        stop.set()
    assert 0 < len(left) < 80
    assert set(kinds(left)) == {"created"}
    rest = await told(import_drafts(caller, (), journal=postgres_url))
    assert kinds(rest) == {"created": 80 - len(left)}
    assert made(calm) == once(80)


@asynccontextmanager
async def holding(url: str, target: str, count: int) -> AsyncGenerator[None]:
    """Another worker that has taken rows, and is silent for an hour."""
    journal = PostgresJournal(url, lease=3600.0)
    async with run_of(journal, target=target, now=lambda: 0.0):
        rows = check_rows(listings(count))
        await journal.add([row.entry async for row in rows if isinstance(row, Checked)])
        assert len(await journal.take(count)) == count
        yield


async def test_waiting_for_rows_of_another_worker_is_told_and_until_when(
    calm: Sandbox, caller: AsyncCubiCasa, postgres_url: str
) -> None:
    snapshots: list[Progress] = []
    async with holding(postgres_url, calm.base_url, 3):
        running = asyncio.create_task(
            told(
                import_drafts(caller, listings(5), journal=postgres_url, progress=snapshots.append)
            )
        )
        await until(lambda: bool(snapshots) and snapshots[-1].phase == "waiting")
        soon, late = (caller.runtime.utcnow() + timedelta(minutes=m) for m in (50, 60))
        assert soon < (snapshots[-1].until or soon) <= late
        assert {"looking", "sending"} >= {s.phase for s in snapshots if s.until is None}
    outcomes = await running
    assert made(calm) == once(5)
    assert kinds(outcomes) == {"created": 5}
    assert (snapshots[-1].phase, snapshots[-1].until) == ("ended", None)


async def test_the_command_says_that_it_waits_and_the_status_says_for_whom(
    calm: Sandbox, postgres_url: str, tmp_path: Path
) -> None:
    (tmp_path / "rows.csv").write_text(as_csv(5))
    arguments = ("drafts", "import", "rows.csv", "--journal", postgres_url, "--lease", "7200")
    async with started(*arguments, environ=environment(calm), cwd=tmp_path) as child:
        async with holding(postgres_url, calm.base_url, 3):
            await until(lambda: '"waiting"' in child.output)
            status = await run("drafts", "status", postgres_url, environ=environment(None))
        result = await child.end()
    [waits] = [row for row in result.rows if row["type"] == "waiting"]
    assert "Waiting for rows of another worker." in result.err
    leases = status.json[0]["leases"]
    assert [lease["rows"] for lease in leases] == [3, 0]
    held, own = (datetime.fromisoformat(lease["until"]) for lease in leases)
    assert abs(datetime.fromisoformat(waits["until"]) - held) < timedelta(minutes=30)
    assert own - held > timedelta(minutes=30), "it was asked for two hours"
    assert (result.code, made(calm)) == (0, once(5))


async def test_a_row_that_the_server_refuses_is_sent_once_and_told_by_all(
    calm: Sandbox, caller: AsyncCubiCasa, postgres_url: str
) -> None:
    calm.faults.add(
        Fault("status", status=400, operation=CREATE, times=1, body={"detail": "no such city"})
    )
    reports = await asyncio.gather(
        *(told(import_drafts(caller, listings(1), journal=postgres_url)) for _ in range(2))
    )
    assert [kinds(report) for report in reports] == [{"rejected": 1}] * 2
    assert len(calm.ledger.of(CREATE)) == 1
    again = await told(import_drafts(caller, listings(1), journal=postgres_url))
    assert kinds(again) == {"created": 1}


async def test_a_worker_whose_key_is_refused_leaves_its_rows_to_the_others(
    calm: Sandbox, caller: AsyncCubiCasa, postgres_url: str
) -> None:
    calm.faults.add(Fault("status", status=401, operation=CREATE, skip=5, times=1))
    outcomes, error = await stopped_at(import_drafts(caller, listings(40), journal=postgres_url))
    assert isinstance(error, JobStoppedError)
    assert set(kinds(outcomes)) == {"created"}
    rest = await told(import_drafts(caller, (), journal=postgres_url))
    assert kinds(rest) == {"created": 40 - len(outcomes)}
    assert made(calm) == once(40)


async def test_orders_that_were_there_before_the_job_are_not_made_again(
    calm: Sandbox, caller: AsyncCubiCasa, postgres_url: str
) -> None:
    order = await caller.drafts.create(**listing(3))
    outcomes = await told(import_drafts(caller, listings(5), journal=postgres_url))
    assert kinds(outcomes) == {"created": 4, "already there": 1}
    assert outcomes[2].order_id == order.id
    again = await told(import_drafts(caller, listings(5), journal=postgres_url))
    assert kinds(again) == {"already there": 5}
    assert made(calm) == once(5)


@pytest.mark.parametrize("wish", ["update", "prune"])
async def test_what_needs_all_rows_is_refused(
    caller: AsyncCubiCasa, postgres_url: str, wish: str
) -> None:
    options: dict[str, Any] = {wish: True}
    with pytest.raises(ConfigError, match="can neither update nor prune"):
        await told(import_drafts(caller, listings(1), journal=postgres_url, **options))


def is_asleep(child: Child) -> bool:
    """Whether a sleepy worker stands still because of its signal."""
    if "asleep" not in child.errors:
        return False
    number = child.process.pid
    if (status := Path(f"/proc/{number}/stat")).exists():
        return status.read_text(encoding="utf-8").rpartition(")")[2].split()[0] == "T"
    asked = ["ps", "-o", "state=", "-p", str(number)]  # not on Linux
    told_ = subprocess.run(asked, capture_output=True, text=True, check=False)
    return told_.stdout.startswith("T")


class TestAWorkerThatIsStoppedByItsSystem:
    """It has made an intent durable; another one takes the row over, looks, and sends it."""

    async def overtaken(self, team: Team, caller: AsyncCubiCasa, moment: str) -> Result:
        """How a worker ends that was stopped around its look at the clock, with its row under way.

        It goes on when another one has made the draft.
        """
        arguments = (moment, *team.arguments())
        program, environ = ("-m", "tests.support.sleepy_worker"), environment(team.sandbox)
        async with started(*arguments, program=program, environ=environ) as child:
            await until(lambda: child.process.returncode is not None or is_asleep(child))
            assert child.process.returncode is None, child.errors
            await let_lease_run_out(team.url, child)
            outcomes = await told(import_drafts(caller, listings(1), journal=team.url, settle=0.1))
            assert kinds(outcomes) == {"created": 1}
            child.process.send_signal(signal.SIGCONT)
            return await child.end()

    async def test_before_it_looks_it_does_not_send(
        self, calm: Sandbox, caller: AsyncCubiCasa, postgres_url: str
    ) -> None:
        ended = await self.overtaken(Team(calm, postgres_url, 1), caller, "before")
        assert ended.code == 1
        assert "showed no sign of life" in ended.err
        assert made(calm) == once(1)

    async def test_behind_it_a_second_draft_is_possible_and_is_never_hidden(
        self, calm: Sandbox, caller: AsyncCubiCasa, postgres_url: str
    ) -> None:
        ended = await self.overtaken(Team(calm, postgres_url, 1), caller, "after")
        assert made(calm) == {"E-1": 2}
        [row] = ended.json[:1]
        assert row["outcome"] == "unknown"
        assert "another worker of this job took the row over" in row["message"]
        await self.is_told(calm, caller, postgres_url)

    async def test_within_a_transaction_it_holds_nothing_back_from_the_others(
        self, calm: Sandbox, caller: AsyncCubiCasa, postgres_url: str
    ) -> None:
        ended = await self.overtaken(Team(calm, postgres_url, 1), caller, "within")
        assert ended.code == 1
        assert "Nothing is sent without it" in ended.err
        await self.is_told(calm, caller, postgres_url)

    async def is_told(self, calm: Sandbox, caller: AsyncCubiCasa, postgres_url: str) -> None:
        """Its request had an effect besides the other worker's, and each later run says so."""
        assert made(calm) == {"E-1": 2}
        for _ in range(2):
            [outcome] = await told(
                import_drafts(caller, listings(1), journal=postgres_url, settle=0.1)
            )
            assert isinstance(outcome, Unknown)
            assert "lists 2 orders" in outcome.note
            assert all(order in outcome.note for order in calm.ledger.by_external_id()["E-1"])
        assert made(calm) == {"E-1": 2}


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(20))
async def test_soak_three_workers_killed_again_and_again(postgres_url: str, seed: int) -> None:
    async with Sandbox(CANARY) as sandbox:
        sandbox.faults.add(Fault("drop", phase="after_commit", operation=CREATE, share=0.1))
        sandbox.faults.add(
            Fault("status", status=429, retry_after="1", operation=CREATE, share=0.01)
        )
        team = Team(sandbox, postgres_url, 3000)
        ends = await team.with_kills(random.Random(seed), workers=3, kills=2)
        team.is_complete(ends)
        made_by = [Counter(row["outcome"] for row in end.json[:-1]) for end in ends]
        logger.info("3,000 rows, 6 kills, %d requests: %s", len(sandbox.ledger), made_by)
