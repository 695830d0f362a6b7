"""Drafts follow their rows, if that is asked for, as long as they are drafts."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from cubicasa_async import AsyncCubiCasa
from cubicasa_async.bulk import AlreadyThere, Rejected, Unknown, Updated, import_drafts
from cubicasa_async.bulk.journal.sqlite import SqliteJournal
from cubicasa_async.bulk.sending import VANISHED
from cubicasa_async.errors import JobStoppedError
from cubicasa_async.sandbox import Fault, Sandbox
from tests.support.listings import kinds, listing, listings, made, once, told
from tests.support.waiting import until

UPDATE = "drafts.update"


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "job.journal"


def changed(count: int, **fields: Any) -> list[dict[str, Any]]:
    return [listing(number, **fields) for number in range(1, count + 1)]


def cities(sandbox: Sandbox) -> set[str]:
    return {order.city for order in sandbox.world.orders}


def updates(sandbox: Sandbox) -> int:
    return len(sandbox.ledger.of(UPDATE))


async def test_rows_that_changed_change_their_drafts_and_no_others(
    client: AsyncCubiCasa, sandbox: Sandbox, journal: Path
) -> None:
    await told(import_drafts(client, listings(5), journal=journal))
    rows = [*listings(3), listing(4, city="Newtown"), listing(5, suite="12")]
    outcomes = await told(import_drafts(client, rows, journal=journal, update=True))
    assert [o.kind for o in outcomes] == ["already there"] * 3 + ["updated"] * 2
    assert updates(sandbox) == 2
    by_key = {order.external_id: order for order in sandbox.world.orders}
    assert (by_key["E-4"].city, by_key["E-5"].suite) == ("Newtown", "12")
    assert made(sandbox) == once(5)
    again = await told(import_drafts(client, rows, journal=journal, update=True))
    assert kinds(again) == {"already there": 5}
    assert not any(outcome.note for outcome in again)
    assert updates(sandbox) == 2


async def test_a_row_changed_back_changes_its_draft_back(
    client: AsyncCubiCasa, sandbox: Sandbox, journal: Path
) -> None:
    for city in ("Sampletown", "Newtown", "Sampletown"):
        await told(import_drafts(client, changed(1, city=city), journal=journal, update=True))
        assert cities(sandbox) == {city}


async def test_a_draft_that_was_there_before_follows_its_row_from_then_on(
    client: AsyncCubiCasa, sandbox: Sandbox, journal: Path
) -> None:
    sandbox.world.add_order(external_id="E-1", city="Oldtown")
    for city, kind, now in (
        ("Sampletown", "already there", "Oldtown"),
        ("Newtown", "updated", "Newtown"),
    ):
        rows = changed(1, city=city)
        [outcome] = await told(import_drafts(client, rows, journal=journal, update=True))
        assert outcome.kind == kind
        assert cities(sandbox) == {now}


@pytest.mark.parametrize("look_first", [True, False])
async def test_what_is_no_draft_any_more_is_reported_and_left_alone(
    client: AsyncCubiCasa, sandbox: Sandbox, journal: Path, look_first: bool
) -> None:
    first = await told(import_drafts(client, listings(2), journal=journal))
    sandbox.world.set_status(str(first[0].order_id), "Pending")
    outcomes = await told(
        import_drafts(
            client, changed(2, city="X"), journal=journal, update=True, look_first=look_first
        )
    )
    assert [o.kind for o in outcomes] == ["already there", "updated"]
    assert "is no draft any more (its status is Pending)" in outcomes[0].note
    assert updates(sandbox) == 1


async def test_an_order_that_became_somebody_elses_is_left_alone(
    client: AsyncCubiCasa, sandbox: Sandbox, journal: Path
) -> None:
    [first] = await told(import_drafts(client, listings(1), journal=journal))
    sandbox.world.order(str(first.order_id)).external_id = "theirs"
    rows = import_drafts(
        client, changed(1, city="X"), journal=journal, update=True, look_first=False
    )
    [outcome] = await told(rows)
    assert isinstance(outcome, AlreadyThere)
    assert "has the external_id 'theirs' now" in outcome.note
    assert updates(sandbox) == 0


async def test_an_order_deleted_since_is_reported(
    client: AsyncCubiCasa, sandbox: Sandbox, journal: Path
) -> None:
    [first] = await told(import_drafts(client, listings(1), journal=journal))
    sandbox.world.delete(str(first.order_id))
    for look in (True, False):
        [outcome] = await told(
            import_drafts(
                client, changed(1, city="X"), journal=journal, update=True, look_first=look
            )
        )
        assert isinstance(outcome, Unknown)
        assert outcome.note == VANISHED.format(order_id=first.order_id)
    assert updates(sandbox) == 0


async def test_a_lost_answer_is_repeated_at_once(
    client: AsyncCubiCasa, sandbox: Sandbox, journal: Path
) -> None:
    await told(import_drafts(client, listings(6), journal=journal))
    sandbox.faults.add(Fault("drop", phase="after_commit", operation=UPDATE, every=2, times=3))
    rows = import_drafts(client, changed(6, city="X"), journal=journal, update=True)
    assert kinds(await told(rows)) == {"updated": 6}
    assert cities(sandbox) == {"X"}


async def test_one_whose_effect_stays_unknown_is_repeated_by_the_next_run(
    client: AsyncCubiCasa, sandbox: Sandbox, journal: Path
) -> None:
    await told(import_drafts(client, listings(1), journal=journal))
    sandbox.faults.add(Fault("drop", phase="after_commit", operation=UPDATE))
    [outcome] = await told(
        import_drafts(client, changed(1, city="X"), journal=journal, update=True)
    )
    assert isinstance(outcome, Unknown)
    assert "Run the job again to repeat it" in outcome.note
    sandbox.faults.clear()
    for _ in range(2):  # without update it is said again and again, also of a row changed back
        [outcome] = await told(import_drafts(client, listings(1), journal=journal))
        assert isinstance(outcome, AlreadyThere)
        assert "a change of its draft was begun" in outcome.note
    assert cities(sandbox) == {"X"}
    [outcome] = await told(import_drafts(client, listings(1), journal=journal, update=True))
    assert isinstance(outcome, Updated)
    assert cities(sandbox) == {"Sampletown"}


async def interrupted(client: AsyncCubiCasa, sandbox: Sandbox, journal: Path) -> None:
    """A run is left when four changes are carried out and not answered; then rows change back."""
    await told(import_drafts(client, listings(4), journal=journal))
    sandbox.faults.add(Fault("stall", phase="after_commit", operation=UPDATE))
    running = import_drafts(client, changed(4, city="X"), journal=journal, update=True)
    waiting = asyncio.ensure_future(anext(running))
    await until(lambda: len(sandbox.ledger.committed(UPDATE)) == 4)
    waiting.cancel()
    await asyncio.wait([waiting])
    await running.aclose()
    sandbox.faults.clear()


async def test_an_interrupted_change_is_known_even_if_the_row_changes_back(
    client: AsyncCubiCasa, sandbox: Sandbox, journal: Path
) -> None:
    await interrupted(client, sandbox, journal)
    outcomes = await told(import_drafts(client, listings(4), journal=journal, update=True))
    assert kinds(outcomes) == {"updated": 4}
    assert cities(sandbox) == {"Sampletown"}


async def test_control_without_an_intent_the_draft_stays_wrong(
    client: AsyncCubiCasa, sandbox: Sandbox, journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def forget(self: SqliteJournal, key: str) -> None:
        del self, key

    monkeypatch.setattr(SqliteJournal, "intend_update", forget)
    await interrupted(client, sandbox, journal)
    outcomes = await told(import_drafts(client, listings(4), journal=journal, update=True))
    assert kinds(outcomes) == {"already there": 4}
    assert cities(sandbox) == {"X"}, "and the rows say Sampletown"


async def test_a_row_that_changed_while_its_create_was_in_doubt_is_changed_when_it_is_found(
    client: AsyncCubiCasa, sandbox: Sandbox, journal: Path
) -> None:
    sandbox.faults.add(Fault("stall", phase="after_commit", operation="drafts.create"))
    running = import_drafts(client, listings(1), journal=journal)
    waiting = asyncio.ensure_future(anext(running))
    await until(lambda: len(made(sandbox)) == 1)
    waiting.cancel()
    await asyncio.wait([waiting])
    await running.aclose()
    sandbox.faults.clear()
    [outcome] = await told(import_drafts(client, changed(1, city="X"), journal=journal))
    assert "the row has changed since its draft was made" in outcome.note
    [outcome] = await told(
        import_drafts(client, changed(1, city="X"), journal=journal, update=True)
    )
    assert isinstance(outcome, Updated), "a run between that changed nothing forgot nothing"
    assert cities(sandbox) == {"X"}
    assert made(sandbox) == once(1)


async def test_a_refused_change_is_rejected_and_tried_again_by_the_next_run(
    client: AsyncCubiCasa, sandbox: Sandbox, journal: Path
) -> None:
    await told(import_drafts(client, listings(3), journal=journal))
    body = {"validation_error": {"body_params": [{"loc": ["city"], "msg": "no such"}]}}
    sandbox.faults.add(Fault("status", operation=UPDATE, status=400, body=body, times=1))
    outcomes = await told(
        import_drafts(client, changed(3, city="X"), journal=journal, update=True, concurrency=1)
    )
    assert [o.kind for o in outcomes] == ["rejected", "updated", "updated"]
    refused = outcomes[0]
    assert isinstance(refused, Rejected)
    assert refused.order_id is not None
    assert "was not changed" in refused.message
    assert "city: no such" in refused.message
    again = await told(import_drafts(client, changed(3, city="X"), journal=journal, update=True))
    assert kinds(again) == {"updated": 1, "already there": 2}
    assert cities(sandbox) == {"X"}


async def test_a_refused_key_stops_the_job(
    client: AsyncCubiCasa, sandbox: Sandbox, journal: Path
) -> None:
    await told(import_drafts(client, listings(3), journal=journal))
    sandbox.faults.add(Fault("status", operation=UPDATE, status=401))
    with pytest.raises(JobStoppedError):
        await told(import_drafts(client, changed(3, city="X"), journal=journal, update=True))
    sandbox.faults.clear()
    again = await told(import_drafts(client, changed(3, city="X"), journal=journal, update=True))
    assert kinds(again) == {"updated": 3}


async def test_what_the_server_keeps_of_an_emptied_field_is_said(
    client: AsyncCubiCasa, sandbox: Sandbox, journal: Path
) -> None:
    await told(import_drafts(client, changed(1, suite="4B"), journal=journal))
    [outcome] = await told(import_drafts(client, listings(1), journal=journal, update=True))
    assert isinstance(outcome, Updated)
    assert outcome.note == "its draft still has suite '4B', which the row has not"
    sandbox.world.patch_clears = True
    rows = changed(1, city="X")
    [outcome] = await told(import_drafts(client, rows, journal=journal, update=True))
    assert outcome.note == ""
