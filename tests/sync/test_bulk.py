from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cubicasa_async import CubiCasa
from cubicasa_async.bulk import AlreadyThere, Created, Deleted, Progress, Rejected, Updated
from cubicasa_async.errors import ConfigError, InferredPathWarning, JobStoppedError, JournalError
from cubicasa_async.sandbox import Fault, Sandbox
from cubicasa_async.sync import import_drafts
from tests.support.payloads import DRAFT


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "journal"


def rows(count: int) -> Iterator[dict[str, Any]]:
    return ({**DRAFT, "external_id": f"ROW-{number}"} for number in range(count))


def test_every_row_has_its_outcome(sandbox: Sandbox, twin: CubiCasa, journal: Path) -> None:
    given = [*rows(120), {**DRAFT, "city": "", "external_id": "BAD"}]
    outcomes = list(import_drafts(twin, given, journal=journal))
    assert sorted(outcome.line for outcome in outcomes) == list(range(1, 122))
    assert [o.key for o in outcomes if isinstance(o, Rejected)] == ["BAD"]
    assert sum(isinstance(outcome, Created) for outcome in outcomes) == 120
    assert {len(ids) for ids in sandbox.ledger.by_external_id().values()} == {1}
    again = list(import_drafts(twin, rows(120), journal=journal))
    assert {type(outcome) for outcome in again} == {AlreadyThere}


def test_no_rows(twin: CubiCasa, journal: Path) -> None:
    assert list(import_drafts(twin, [], journal=journal)) == []


def test_rows_are_read_in_the_thread_that_asks_for_outcomes(twin: CubiCasa, journal: Path) -> None:
    # As a database connection demands; this one would not work in another thread.
    database = sqlite3.connect(":memory:")
    database.execute("CREATE TABLE listing (number INTEGER)")
    database.executemany("INSERT INTO listing VALUES (?)", [(n,) for n in range(120)])
    found = database.execute("SELECT number FROM listing")
    given = ({**DRAFT, "external_id": f"ROW-{number}"} for (number,) in found)
    assert len(list(import_drafts(twin, given, journal=journal))) == 120
    database.close()


def test_reading_rows_may_use_the_same_client(
    sandbox: Sandbox, twin: CubiCasa, journal: Path
) -> None:
    sandbox.world.add_examples(80)
    given = ({**DRAFT, "external_id": f"COPY-{o.external_id}"} for o in twin.orders.list(limit=7))
    outcomes = list(import_drafts(twin, given, journal=journal))
    assert {outcome.key for outcome in outcomes} == {f"COPY-EXAMPLE-{n}" for n in range(1, 81)}


def test_rows_are_read_as_they_are_needed(twin: CubiCasa, journal: Path) -> None:
    read: list[int] = []

    def given() -> Iterator[dict[str, Any]]:
        for number, row in enumerate(rows(10_000)):
            read.append(number)
            yield row

    outcomes = import_drafts(twin, given(), journal=journal)
    assert read == []
    next(outcomes)
    assert 0 < len(read) <= 200
    outcomes.close()
    assert len(read) <= 200


def test_leaving_early_stops_the_job_and_frees_the_journal(
    sandbox: Sandbox, twin: CubiCasa, journal: Path
) -> None:
    for _ in import_drafts(twin, rows(300), journal=journal):
        break

    async def running() -> int:
        return len(asyncio.all_tasks()) - 1

    assert twin.portal.run(running()) == 0
    sent = len(sandbox.ledger.of("drafts.create"))
    assert sent < 300
    assert len(list(import_drafts(twin, rows(300), journal=journal, settle=0))) == 300
    assert {len(ids) for ids in sandbox.ledger.by_external_id().values()} == {1}


def test_an_error_of_the_rows_comes_behind_the_outcomes(
    sandbox: Sandbox, twin: CubiCasa, journal: Path
) -> None:
    class MineError(Exception):
        pass

    def given() -> Iterator[dict[str, Any]]:
        yield from rows(50)
        raise MineError

    outcomes: list[object] = []
    with pytest.raises(MineError):
        outcomes.extend(import_drafts(twin, given(), journal=journal))
    assert len(outcomes) == len(sandbox.ledger.by_external_id()) > 0
    assert len(list(import_drafts(twin, rows(50), journal=journal, settle=0))) == 50
    assert {len(ids) for ids in sandbox.ledger.by_external_id().values()} == {1}


def test_an_interrupt_of_the_rows_is_raised_at_once(twin: CubiCasa, journal: Path) -> None:
    def given() -> Iterator[dict[str, Any]]:
        yield from rows(50)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(import_drafts(twin, given(), journal=journal))
    assert len(list(import_drafts(twin, rows(50), journal=journal, settle=0))) == 50


def test_what_stops_a_job_is_raised(sandbox: Sandbox, twin: CubiCasa, journal: Path) -> None:
    sandbox.faults.add(Fault("status", status=401))
    with pytest.raises(JobStoppedError):
        list(import_drafts(twin, rows(3), journal=journal))
    with pytest.raises(ConfigError):
        list(import_drafts(twin, rows(3), journal=journal, concurrency=0))
    with pytest.raises(JournalError):
        list(import_drafts(twin, rows(3), journal=journal / "nowhere"))


def test_the_client_is_closed_by_another_thread(
    sandbox: Sandbox, twin: CubiCasa, journal: Path
) -> None:
    sandbox.faults.add(Fault("stall", operation="drafts.create", skip=100))  # until it is closed
    outcomes = import_drafts(twin, rows(300), journal=journal)
    next(outcomes)
    closing = threading.Thread(target=twin.close)
    closing.start()
    with pytest.raises(Exception, match="closed"):
        list(outcomes)
    closing.join()
    sandbox.faults.clear()
    with CubiCasa(sandbox.api_key, base_url=sandbox.base_url) as other:
        assert len(list(import_drafts(other, rows(300), journal=journal, settle=0))) == 300
    assert {len(ids) for ids in sandbox.ledger.by_external_id().values()} == {1}


def test_it_is_paused_by_an_event_and_tells_its_progress(
    sandbox: Sandbox, twin: CubiCasa, journal: Path
) -> None:
    stop = threading.Event()
    seen: list[Progress] = []
    told = 0
    for _ in import_drafts(twin, rows(300), journal=journal, stop=stop, progress=seen.append):
        told += 1
        stop.set()
    assert told == len(sandbox.ledger.by_external_id()) < 300
    assert seen[-1].outcomes == {"created": told}
    assert len(list(import_drafts(twin, rows(300), journal=journal, settle=0))) == 300
    assert {len(ids) for ids in sandbox.ledger.by_external_id().values()} == {1}


def test_drafts_follow_their_rows(sandbox: Sandbox, twin: CubiCasa, journal: Path) -> None:
    list(import_drafts(twin, rows(3), journal=journal))
    changed = [{**row, "city": "Newtown"} for row in rows(2)]
    with pytest.warns(InferredPathWarning):
        outcomes = list(import_drafts(twin, changed, journal=journal, update=True, prune=True))
    assert [type(outcome) for outcome in outcomes] == [Updated, Updated, Deleted]
    assert {order.city for order in sandbox.world.orders} == {"Newtown"}
