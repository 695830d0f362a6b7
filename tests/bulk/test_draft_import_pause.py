"""A job that is asked to end finishes what is under way, and can be taken up again."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cubicasa_async import AsyncCubiCasa
from cubicasa_async.bulk import Progress, RowOutcome, import_drafts
from cubicasa_async.sandbox import Fault, Sandbox
from tests.support.gate import Gate
from tests.support.listings import kinds, listings, made, once, states, told
from tests.support.moments import VirtualTime
from tests.support.waiting import until

CREATE = "drafts.create"


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "job.journal"


@pytest.mark.parametrize("kind", [asyncio.Event, threading.Event])
async def test_what_is_under_way_is_finished_and_nothing_more_is_begun(
    client: AsyncCubiCasa, sandbox: Sandbox, journal: Path, kind: type[Any]
) -> None:
    stop = kind()
    outcomes: list[RowOutcome] = []
    async for outcome in import_drafts(client, listings(200), journal=journal, stop=stop):
        outcomes.append(outcome)
        if len(outcomes) == 20:
            stop.set()
    assert 20 <= len(outcomes) <= 20 + 8 * 8, "those under way, being noted and told by then"
    assert kinds(outcomes) == {"created": len(made(sandbox))}
    assert set(states(journal).values()) == {"created", "new"}, "nothing is in doubt"
    again = await told(import_drafts(client, listings(200), journal=journal))
    assert kinds(again) == {"already there": len(outcomes), "created": 200 - len(outcomes)}
    assert made(sandbox) == once(200)


async def test_what_was_lost_before_is_told_as_unknown_and_settled_by_the_next_run(
    client: AsyncCubiCasa, sandbox: Sandbox, journal: Path
) -> None:
    stop = asyncio.Event()
    sandbox.faults.add(Fault("drop", phase="after_commit", operation=CREATE, times=2))
    outcomes: list[RowOutcome] = []
    async for outcome in import_drafts(client, listings(100), journal=journal, stop=stop):
        outcomes.append(outcome)
        stop.set()
    assert kinds(outcomes)["unknown"] == 2
    assert len(sandbox.ledger.of("orders.list")) == 2, "no look after the stop"
    again = await told(import_drafts(client, listings(100), journal=journal))
    assert set(kinds(again)) == {"already there", "created"}
    assert made(sandbox) == once(100)


async def test_one_that_is_asked_before_it_begins_sends_nothing(
    client: AsyncCubiCasa, sandbox: Sandbox, journal: Path
) -> None:
    stop = asyncio.Event()
    stop.set()
    assert await told(import_drafts(client, listings(9), journal=journal, stop=stop)) == []
    assert len(sandbox.ledger) == 0


async def test_a_look_that_takes_long_is_not_waited_for(
    client: AsyncCubiCasa, sandbox: Sandbox, journal: Path
) -> None:
    stop = asyncio.Event()
    sandbox.faults.add(Fault("stall", operation="orders.list"))

    def rows() -> Iterator[dict[str, Any]]:
        asyncio.get_running_loop().call_later(0.05, stop.set)
        yield from listings(50)

    assert await told(import_drafts(client, rows(), journal=journal, stop=stop)) == []
    assert not sandbox.ledger.of(CREATE)


async def test_progress_is_told_with_what_became_of_rows(
    client: AsyncCubiCasa, sandbox: Sandbox, journal: Path
) -> None:
    seen: list[Progress] = []
    gate = Gate(sandbox)
    sandbox.faults.add(
        Fault("status", operation=CREATE, status=429, retry_after="7", times=3),
        gate.fault(operation=CREATE, times=1, skip=3),
    )

    def see(progress: Progress) -> None:
        seen.append(progress)
        if progress.phase == "sending":
            gate.open()

    rows = [*listings(30), {"street": "no key"}]
    outcomes = await told(import_drafts(client, rows, journal=journal, progress=see))
    assert kinds(outcomes) == {"created": 30, "rejected": 1}
    assert seen[0].phase == "looking"
    assert seen[0].outcomes == {}
    assert "sending" in {progress.phase for progress in seen}
    last = seen[-1]
    assert (last.phase, last.read) == ("ended", 31)
    assert last.outcomes == {"created": 30, "rejected": 1}
    assert last.retries >= 3
    assert last.elapsed >= 7.0
    assert [p.read for p in seen] == sorted(p.read for p in seen)
    with pytest.raises(AttributeError):
        last.read = 0  # type: ignore[misc] # it is frozen


async def test_a_rate_limit_that_is_waited_for_is_told(sandbox: Sandbox, journal: Path) -> None:
    seen: list[Progress] = []

    class Patient(VirtualTime):
        async def sleep(self, seconds: float) -> None:
            await until(lambda: seen[-1].waiting > 0)
            await super().sleep(seconds)

    moments = Patient()
    sandbox.faults.add(Fault("status", operation=CREATE, status=429, retry_after="7", times=1))
    async with AsyncCubiCasa(
        sandbox.api_key, base_url=sandbox.base_url, runtime=moments.runtime
    ) as client:
        await told(import_drafts(client, listings(1), journal=journal, progress=seen.append))
    assert {progress.waiting for progress in seen} == {0.0, 7.0}
    assert seen[-1].waiting == 0.0
    assert seen[-1].retries == 1


async def test_a_callback_that_fails_ends_the_job_with_its_error(
    client: AsyncCubiCasa, sandbox: Sandbox, journal: Path
) -> None:
    class MineError(Exception):
        pass

    def fail(_: Progress) -> None:
        raise MineError

    with pytest.raises(MineError):
        await told(import_drafts(client, listings(500), journal=journal, progress=fail))
    assert len(made(sandbox)) < 500
