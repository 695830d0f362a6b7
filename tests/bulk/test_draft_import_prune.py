"""Drafts whose row is gone are deleted: if asked for, if made here, if still drafts, if sure."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cubicasa_async import AsyncCubiCasa
from cubicasa_async.bulk import Kept, Row, RowOutcome, Unknown, import_drafts, pruning
from cubicasa_async.bulk.journal.sqlite import SqliteJournal
from cubicasa_async.errors import ConfigError, FieldError, InvalidInputError
from cubicasa_async.sandbox import Fault, Sandbox
from tests.support.listings import kinds, listing, listings, made, once, states, told
from tests.support.moments import VirtualTime
from tests.support.waiting import until

DELETE = "drafts.delete"


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "job.journal"


@pytest.fixture
async def client(sandbox: Sandbox, moments: VirtualTime) -> AsyncIterator[AsyncCubiCasa]:
    async with AsyncCubiCasa(
        sandbox.api_key,
        base_url=sandbox.base_url,
        runtime=moments.runtime,
        paths={DELETE: "DELETE /orders/draft/{order_id}"},  # confirmed, so it warns no more
    ) as client:
        yield client


def there(sandbox: Sandbox) -> set[str | None]:
    return {order.external_id for order in sandbox.world.orders}


def named(*numbers: int) -> set[str]:
    return {f"E-{number}" for number in numbers}


async def refused(rows: AsyncIterator[RowOutcome]) -> str:
    with pytest.raises(InvalidInputError) as caught:
        await told(rows)
    return str(caught.value)


async def test_drafts_whose_rows_are_gone_are_deleted_and_told_behind_the_rows(
    client: AsyncCubiCasa, sandbox: Sandbox, journal: Path
) -> None:
    first = await told(import_drafts(client, listings(5), journal=journal))
    rows = import_drafts(client, listings(3), journal=journal, prune=True)
    outcomes = [outcome async for outcome in rows]
    assert [o.kind for o in outcomes] == ["already there"] * 3 + ["deleted"] * 2
    assert {(o.key, o.line, o.order_id) for o in outcomes[3:]} == {
        (o.key, o.line, o.order_id) for o in first[3:]
    }
    assert there(sandbox) == named(1, 2, 3)
    again = await told(import_drafts(client, listings(3), journal=journal, prune=True))
    assert kinds(again) == {"already there": 3}
    assert len(sandbox.ledger.of(DELETE)) == 2


async def test_without_being_asked_nothing_is_deleted(
    client: AsyncCubiCasa, sandbox: Sandbox, journal: Path
) -> None:
    await told(import_drafts(client, listings(5), journal=journal))
    await told(import_drafts(client, listings(3), journal=journal, update=True))
    assert there(sandbox) == named(1, 2, 3, 4, 5)
    assert not sandbox.ledger.of(DELETE)


async def test_a_row_that_comes_back_is_made_again(
    client: AsyncCubiCasa, sandbox: Sandbox, journal: Path
) -> None:
    await told(import_drafts(client, listings(3), journal=journal))
    await told(import_drafts(client, listings(2), journal=journal, prune=True))
    for look in (False, True):
        outcomes = await told(
            import_drafts(client, listings(3), journal=journal, prune=True, look_first=look)
        )
        assert kinds(outcomes) == (
            {"already there": 3} if look else {"already there": 2, "created": 1}
        )
    assert there(sandbox) == named(1, 2, 3)
    assert made(sandbox) == {**once(2), "E-3": 2}


async def test_its_answer_may_get_lost_then_as_at_any_time(
    client: AsyncCubiCasa, sandbox: Sandbox, journal: Path
) -> None:
    await told(import_drafts(client, listings(3), journal=journal))
    await told(import_drafts(client, listings(2), journal=journal, prune=True))
    sandbox.faults.add(Fault("drop", operation="drafts.create", times=1))
    outcomes = await told(import_drafts(client, listings(3), journal=journal))
    assert kinds(outcomes) == {"already there": 2, "created": 1}
    assert there(sandbox) == named(1, 2, 3)


async def test_orders_that_this_job_did_not_make_are_left_alone(
    client: AsyncCubiCasa, sandbox: Sandbox, journal: Path
) -> None:
    sandbox.world.add_order(external_id="E-2")
    sandbox.world.add_order(external_id="theirs")
    first = await told(import_drafts(client, listings(3), journal=journal))
    assert kinds(first) == {"created": 2, "already there": 1}
    outcomes = await told(import_drafts(client, [listing(1)], journal=journal, prune=True))
    assert kinds(outcomes) == {"already there": 1, "deleted": 1}
    assert there(sandbox) == named(1, 2) | {"theirs"}


async def test_what_is_no_draft_any_more_is_kept_and_told(
    client: AsyncCubiCasa, sandbox: Sandbox, journal: Path
) -> None:
    first = await told(import_drafts(client, listings(4), journal=journal))
    sandbox.world.set_status(str(first[2].order_id), "Pending")
    sandbox.world.order(str(first[3].order_id)).external_id = "theirs"
    rows = import_drafts(client, listings(2), journal=journal, prune=True)
    outcomes = await told(rows)
    assert [o.kind for o in outcomes] == ["already there"] * 2 + ["kept"] * 2
    assert "is no draft any more (its status is Pending)" in outcomes[2].note
    assert "has the external_id 'theirs' now" in outcomes[3].note
    assert not sandbox.ledger.of(DELETE)
    assert len(sandbox.world.orders) == 4


async def test_one_that_is_gone_already_is_told_once(
    client: AsyncCubiCasa, sandbox: Sandbox, journal: Path
) -> None:
    first = await told(import_drafts(client, listings(2), journal=journal))
    sandbox.world.delete(str(first[1].order_id))
    for outcomes in (["already there", "deleted"], ["already there"]):
        rows = import_drafts(client, listings(1), journal=journal, prune=True)
        assert [o.kind for o in await told(rows)] == outcomes
    assert not sandbox.ledger.of(DELETE)


class TestAWrongInput:
    """What is not surely gone is not deleted."""

    @pytest.fixture(autouse=True)
    async def begun(self, client: AsyncCubiCasa, journal: Path) -> None:
        await told(import_drafts(client, listings(6), journal=journal))

    @pytest.fixture(autouse=True)
    def nothing_is_deleted(self, sandbox: Sandbox) -> Iterator[None]:
        yield
        assert there(sandbox) == named(*range(1, 7))
        assert not sandbox.ledger.of(DELETE)

    async def test_one_that_cannot_be_read_to_its_end(
        self, client: AsyncCubiCasa, journal: Path
    ) -> None:
        def rows() -> Iterator[dict[str, Any]]:
            yield from listings(3)
            raise InvalidInputError("rows.csv: the record that begins on line 5 is broken")

        message = await refused(import_drafts(client, rows(), journal=journal, prune=True))
        assert message == "rows.csv: the record that begins on line 5 is broken"

    async def test_one_that_somebody_stopped(self, client: AsyncCubiCasa, journal: Path) -> None:
        stop = asyncio.Event()

        def rows() -> Iterator[dict[str, Any]]:
            yield from listings(3)
            stop.set()

        await told(import_drafts(client, rows(), journal=journal, prune=True, stop=stop))

    async def test_an_empty_one(self, client: AsyncCubiCasa, journal: Path) -> None:
        message = await refused(import_drafts(client, [], journal=journal, prune=True))
        assert "The input has no valid row" in message

    async def test_one_with_more_missing_than_was_allowed(
        self, client: AsyncCubiCasa, journal: Path
    ) -> None:
        rows = import_drafts(client, listings(3), journal=journal, prune=True, prune_at_most=2)
        message = await refused(rows)
        assert "3 drafts of this job have no row any more" in message
        assert "Is the input complete?" in message

    async def test_one_whose_missing_rows_are_there_but_faulty(
        self, client: AsyncCubiCasa, journal: Path
    ) -> None:
        rows = [*listings(4), listing(5, city=""), listing(6, latitude=200.0)]
        outcomes = await told(import_drafts(client, rows, journal=journal, prune=True))
        assert kinds(outcomes) == {"already there": 4, "rejected": 2}

    @pytest.mark.parametrize("derive_keys", [True, False])
    async def test_one_with_a_row_that_has_no_readable_key(
        self, client: AsyncCubiCasa, journal: Path, derive_keys: bool
    ) -> None:
        unreadable = listing(6, city="")
        del unreadable["external_id"]
        problem = FieldError("external_id", "the text was damaged before it came here")
        rows = [Row(line, listing(line)) for line in range(1, 5)]
        message = await refused(
            import_drafts(
                client,
                [*rows, Row(9, unreadable, (problem,))],
                journal=journal,
                prune=True,
                derive_keys=derive_keys,
            )
        )
        assert "line 9 cannot be read as far as the external_id" in message

    async def test_a_limit_without_prune_is_an_error(
        self, client: AsyncCubiCasa, journal: Path
    ) -> None:
        for options in ({"prune_at_most": 1}, {"prune_at_most": -1, "prune": True}):
            with pytest.raises(ConfigError):
                await told(import_drafts(client, [], journal=journal, **options))  # type: ignore[arg-type] # by name


async def test_all_may_be_deleted_if_their_number_is_said(
    client: AsyncCubiCasa, sandbox: Sandbox, journal: Path
) -> None:
    await told(import_drafts(client, listings(3), journal=journal))
    outcomes = await told(import_drafts(client, [], journal=journal, prune=True, prune_at_most=3))
    assert kinds(outcomes) == {"deleted": 3}
    assert there(sandbox) == set()


class TestFaults:
    async def test_a_lost_answer_is_repeated_at_once(
        self, client: AsyncCubiCasa, sandbox: Sandbox, journal: Path
    ) -> None:
        await told(import_drafts(client, listings(6), journal=journal))
        sandbox.faults.add(Fault("drop", phase="after_commit", operation=DELETE, every=2, times=2))
        outcomes = await told(import_drafts(client, listings(1), journal=journal, prune=True))
        assert kinds(outcomes) == {"already there": 1, "deleted": 5}
        assert there(sandbox) == named(1)

    async def test_one_whose_effect_stays_unknown_is_settled_by_the_next_run(
        self, client: AsyncCubiCasa, sandbox: Sandbox, journal: Path
    ) -> None:
        await told(import_drafts(client, listings(2), journal=journal))
        sandbox.faults.add(Fault("status", status=500, phase="after_commit", operation=DELETE))
        outcomes = await told(import_drafts(client, listings(1), journal=journal, prune=True))
        # After the first attempt each repeat finds no draft, so even that is known.
        assert [o.kind for o in outcomes] == ["already there", "unknown"]
        assert isinstance(outcomes[1], Unknown)
        assert states(journal)["E-2"] == "deleting"
        sandbox.faults.clear()
        again = await told(import_drafts(client, listings(1), journal=journal, prune=True))
        assert [(o.kind, o.note) for o in again] == [
            ("already there", ""),
            ("deleted", "the server had it no more"),
        ]

    async def test_a_refusal_keeps_the_draft_and_says_why(
        self, client: AsyncCubiCasa, sandbox: Sandbox, journal: Path
    ) -> None:
        await told(import_drafts(client, listings(2), journal=journal))
        refusal = Fault("status", status=409, operation=DELETE, body={"message": "in use"}, times=1)
        sandbox.faults.add(refusal)
        outcomes = await told(import_drafts(client, listings(1), journal=journal, prune=True))
        assert isinstance(outcomes[1], Kept)
        assert "it was not deleted" in outcomes[1].note
        assert "in use" in outcomes[1].note
        again = await told(import_drafts(client, listings(2), journal=journal))
        assert kinds(again) == {"already there": 2}
        assert states(journal)["E-2"] == "created"

    async def left_while_deleting(
        self, client: AsyncCubiCasa, sandbox: Sandbox, journal: Path
    ) -> None:
        await told(import_drafts(client, listings(3), journal=journal))
        sandbox.faults.add(Fault("stall", phase="after_commit", operation=DELETE))
        running = import_drafts(client, listings(1), journal=journal, prune=True)
        assert (await anext(running)).kind == "already there"
        waiting = asyncio.ensure_future(anext(running))
        await until(lambda: len(sandbox.ledger.committed(DELETE)) == 2)
        waiting.cancel()
        await asyncio.wait([waiting])
        await running.aclose()
        sandbox.faults.clear()

    @pytest.mark.parametrize("look", [True, False])
    async def test_rows_that_come_back_after_a_crash_while_deleting_are_made_again(
        self, client: AsyncCubiCasa, sandbox: Sandbox, journal: Path, look: bool
    ) -> None:
        await self.left_while_deleting(client, sandbox, journal)
        rows = import_drafts(client, listings(3), journal=journal, look_first=look)
        assert kinds(await told(rows)) == {"already there": 1, "created": 2}
        assert there(sandbox) == named(1, 2, 3)
        assert len(sandbox.world.orders) == 3

    async def test_control_without_an_intent_they_are_lost(
        self,
        client: AsyncCubiCasa,
        sandbox: Sandbox,
        journal: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        async def forget(self: SqliteJournal, key: str) -> None:
            del self, key

        monkeypatch.setattr(SqliteJournal, "intend_delete", forget)
        await self.left_while_deleting(client, sandbox, journal)
        rows = import_drafts(client, listings(3), journal=journal)
        assert kinds(await told(rows)) == {"already there": 1, "unknown": 2}
        assert there(sandbox) == named(1)


class TestControls:
    """Without its guards a prune deletes what is not gone, and the tests above would see it."""

    async def test_faulty_rows_that_are_not_noted_lose_their_drafts(
        self,
        client: AsyncCubiCasa,
        sandbox: Sandbox,
        journal: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        async def forget(self: SqliteJournal, keys: Iterable[str]) -> None:
            del self, keys

        monkeypatch.setattr(SqliteJournal, "seen", forget)
        await told(import_drafts(client, listings(3), journal=journal))
        rows = [*listings(2), listing(3, city="")]
        outcomes = await told(import_drafts(client, rows, journal=journal, prune=True))
        assert kinds(outcomes) == {"already there": 2, "rejected": 1, "deleted": 1}
        assert there(sandbox) == named(1, 2)

    async def test_a_row_without_a_key_that_is_not_minded_loses_its_draft(
        self,
        client: AsyncCubiCasa,
        sandbox: Sandbox,
        journal: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        def believe(*_: object) -> None:
            pass

        monkeypatch.setattr(pruning, "refuse_doubtful", believe)
        await told(import_drafts(client, listings(3), journal=journal))
        rows = [*listings(2), {"street": "3 Example Street"}]
        outcomes = await told(import_drafts(client, rows, journal=journal, prune=True))
        assert kinds(outcomes) == {"already there": 2, "rejected": 1, "deleted": 1}
        assert there(sandbox) == named(1, 2)
