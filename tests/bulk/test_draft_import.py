from __future__ import annotations

import asyncio
import gc
import logging
import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest

import cubicasa_async
from cubicasa_async import AsyncCubiCasa
from cubicasa_async.bulk import (
    AlreadyThere,
    Created,
    Rejected,
    Row,
    RowOutcome,
    Skipped,
    Unknown,
    import_drafts,
)
from cubicasa_async.bulk.files.table import open_table
from cubicasa_async.errors import (
    AuthenticationError,
    ConfigError,
    ConnectError,
    DecodeError,
    FieldError,
    InvalidInputError,
    JobStoppedError,
    JournalError,
    Outcome,
    ServerError,
)
from cubicasa_async.sandbox import Fault, Reading, Sandbox
from tests.support.gate import Gate
from tests.support.listings import kinds, listing, listings, made, once, states, told
from tests.support.moments import VirtualTime
from tests.support.waiting import until

SAMPLE = Path(cubicasa_async.__file__).parent / "cli" / "sample" / "listings.csv"
CREATE = "drafts.create"


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "job.journal"


def ours() -> set[asyncio.Task[Any]]:
    """The tasks of this loop that are not the server's."""
    return {task for task in asyncio.all_tasks() if "RequestHandler" not in repr(task.get_coro())}


Failure = TypeVar("Failure", bound=Exception)


async def failed_with(
    kind: type[Failure], rows: AsyncIterator[RowOutcome]
) -> tuple[list[RowOutcome], Failure]:
    """The outcomes that were told before a job failed, and the error that it raised."""
    outcomes: list[RowOutcome] = []
    try:
        async for outcome in rows:
            outcomes.append(outcome)  # noqa: PERF401 # what came before the error is wanted
    except kind as error:
        return outcomes, error
    raise AssertionError(f"no {kind.__name__} was raised")


async def stopped_at(rows: AsyncIterator[RowOutcome]) -> tuple[list[RowOutcome], JobStoppedError]:
    return await failed_with(JobStoppedError, rows)


class TestTheSample:
    async def test_each_row_of_it_becomes_one_draft_or_is_named(
        self, client: AsyncCubiCasa, sandbox: Sandbox, journal: Path
    ) -> None:
        outcomes = await told(import_drafts(client, open_table(SAMPLE).rows(), journal=journal))
        assert kinds(outcomes) == {"created": 37, "skipped": 1, "rejected": 4}
        assert len(made(sandbox)) == 37
        assert set(made(sandbox).values()) == {1}
        [skipped] = [outcome for outcome in outcomes if isinstance(outcome, Skipped)]
        assert (skipped.key, skipped.line, skipped.note) == ("L-1001", 37, "the same as line 2")
        rejected = [outcome for outcome in outcomes if isinstance(outcome, Rejected)]
        assert not any(outcome.sent for outcome in rejected)
        faults = {(o.line, o.key): [fault.field for fault in o.field_errors] for o in rejected}
        assert faults == {
            (38, "L-1036"): ["street"],
            (39, "L-1037"): ["latitude"],
            (40, "L-1038"): ["owner_email"],
            (42, None): ["external_id"],
        }
        reasons = {outcome.line: outcome.message for outcome in rejected}
        assert reasons[38] == "street: is required"
        assert reasons[39] == "latitude: 139.739236 is not between -90 and 90"
        assert reasons[40] == "owner_email: 'not-an-email' is not an e-mail address"
        assert "could not be found again" in reasons[42]
        ids = sandbox.ledger.by_external_id()
        created = {o.key: [o.order_id] for o in outcomes if isinstance(o, Created)}
        assert created == ids

    async def test_the_second_run_creates_nothing(
        self, client: AsyncCubiCasa, sandbox: Sandbox, journal: Path
    ) -> None:
        first = await told(import_drafts(client, open_table(SAMPLE).rows(), journal=journal))
        sent = len(sandbox.ledger.of(CREATE))
        second = await told(import_drafts(client, open_table(SAMPLE).rows(), journal=journal))
        assert kinds(second) == {"already there": 37, "skipped": 1, "rejected": 4}
        assert len(sandbox.ledger.of(CREATE)) == sent == 37
        assert [(o.line, o.key, o.order_id) for o in first] == [
            (o.line, o.key, o.order_id) for o in second
        ]
        assert not any(o.note for o in second if isinstance(o, AlreadyThere))

    async def test_a_row_without_a_key_gets_one_from_its_address_if_asked(
        self, client: AsyncCubiCasa, sandbox: Sandbox, journal: Path
    ) -> None:
        for run in ("created", "already there"):
            rows = open_table(SAMPLE).rows()
            outcomes = await told(import_drafts(client, rows, journal=journal, derive_keys=True))
            assert kinds(outcomes)[run] == 38
            assert outcomes[40].key is not None
            assert outcomes[40].key.startswith("addr-")
        assert set(made(sandbox).values()) == {1}


class TestRows:
    @pytest.mark.parametrize("source", ["mappings", "rows", "generator", "async generator"])
    async def test_any_source_of_rows_will_do(
        self, client: AsyncCubiCasa, sandbox: Sandbox, journal: Path, source: str
    ) -> None:
        async def stream() -> AsyncIterator[dict[str, Any]]:
            for row in listings(3):
                await asyncio.sleep(0)
                yield row

        rows: Any = {
            "mappings": listings(3),
            "rows": [Row(line, values) for line, values in enumerate(listings(3), start=1)],
            "generator": (row for row in listings(3)),
            "async generator": stream(),
        }[source]
        outcomes = await told(import_drafts(client, rows, journal=journal))
        assert [(o.kind, o.line, o.key) for o in outcomes] == [
            ("created", n, f"E-{n}") for n in (1, 2, 3)
        ]
        assert made(sandbox) == once(3)

    async def test_no_rows_is_no_work(
        self, client: AsyncCubiCasa, sandbox: Sandbox, journal: Path
    ) -> None:
        assert await told(import_drafts(client, [], journal=journal)) == []
        assert len(sandbox.ledger) == 0

    async def test_a_row_with_problems_is_not_sent(
        self, client: AsyncCubiCasa, sandbox: Sandbox, journal: Path
    ) -> None:
        row = Row(9, listing(1), (FieldError("latitude", "it is not a number"),), {"lat": "x"})
        [outcome] = await told(import_drafts(client, [row], journal=journal))
        assert isinstance(outcome, Rejected)
        assert outcome.message == "latitude: it is not a number"
        assert outcome.cells == {"lat": "x"}
        assert made(sandbox) == {}

    async def test_a_misspelt_field_is_refused_before_anything_is_sent(
        self, client: AsyncCubiCasa, sandbox: Sandbox, journal: Path
    ) -> None:
        [outcome] = await told(import_drafts(client, [listing(1, lattitude=1.0)], journal=journal))
        assert "did you mean 'latitude'" in outcome.message
        assert made(sandbox) == {}

    async def test_a_repeat_that_says_something_else_is_refused_and_named(
        self, client: AsyncCubiCasa, sandbox: Sandbox, journal: Path
    ) -> None:
        rows = [listing(1), listing(2), listing(1, city="Elsewhere"), listing(1)]
        outcomes = await told(import_drafts(client, rows, journal=journal))
        assert [o.kind for o in outcomes] == ["created", "created", "rejected", "skipped"]
        assert outcomes[2].message == (
            "external_id: line 1 has the same one but says something else"
        )
        assert outcomes[3].note == "the same as line 1"
        assert made(sandbox) == once(2)

    async def test_a_row_changed_since_is_reported_and_its_draft_left_alone(
        self, client: AsyncCubiCasa, sandbox: Sandbox, journal: Path
    ) -> None:
        await told(import_drafts(client, listings(2), journal=journal))
        for _ in range(2):
            rows = [listing(1, info="new"), listing(2), listing(1, info="new")]
            outcomes = await told(import_drafts(client, rows, journal=journal))
            assert [o.kind for o in outcomes] == ["already there", "already there", "skipped"]
            assert outcomes[0].note == (
                "the row has changed since its draft was made; the draft was not changed"
            )
            assert outcomes[1].note == ""
        assert made(sandbox) == once(2)
        assert len(sandbox.ledger.of("drafts.update")) == 0

    @pytest.mark.parametrize(
        "settings", [{"concurrency": 0}, {"settle": -1.0}, {"settle": float("nan")}]
    )
    async def test_settings_that_cannot_work_are_refused(
        self, client: AsyncCubiCasa, journal: Path, settings: dict[str, Any]
    ) -> None:
        with pytest.raises(ConfigError):
            await told(import_drafts(client, listings(1), journal=journal, **settings))
        assert not journal.exists()


class TestWhatTheServerHas:
    @pytest.mark.parametrize("reading", Reading)
    async def test_orders_there_before_are_not_made_again_whatever_their_status(
        self, client: AsyncCubiCasa, sandbox: Sandbox, journal: Path, reading: Reading
    ) -> None:
        sandbox.reading = reading
        ids: dict[str, str] = {}
        statuses = ("Draft", "Pending", "Ready", "Fixing", "New")
        for number in range(1, 301):
            status = statuses[number % 5]
            ids[f"E-{number}"] = sandbox.world.add_order(
                external_id=f"E-{number}", status=status
            ).id
        outcomes = await told(import_drafts(client, listings(310), journal=journal))
        assert kinds(outcomes) == {"already there": 300, "created": 10}
        assert {o.key: o.order_id for o in outcomes[:300]} == ids
        assert set(made(sandbox)) == {f"E-{n}" for n in range(301, 311)}

    async def test_without_a_look_only_the_journal_tells_what_is_there(
        self, client: AsyncCubiCasa, sandbox: Sandbox, journal: Path
    ) -> None:
        sandbox.world.add_order(external_id="E-1")
        for run in ("created", "already there"):
            rows = import_drafts(client, listings(2), journal=journal, look_first=False)
            assert kinds(await told(rows)) == {run: 2}
        assert made(sandbox) == once(2), "a draft of our own, beside the order there before"
        assert not sandbox.ledger.of("orders.list")

    async def test_an_order_deleted_since_is_reported_and_not_made_again(
        self, client: AsyncCubiCasa, sandbox: Sandbox, journal: Path
    ) -> None:
        first = await told(import_drafts(client, listings(3), journal=journal))
        sandbox.world.delete(str(first[1].order_id))
        second = await told(import_drafts(client, listings(3), journal=journal))
        assert [o.kind for o in second] == ["already there", "unknown", "already there"]
        assert second[1].order_id == first[1].order_id
        assert "lists no more; it was not made again" in second[1].note
        assert made(sandbox) == once(3)

    async def test_two_orders_of_one_key_are_named(
        self, client: AsyncCubiCasa, sandbox: Sandbox, journal: Path
    ) -> None:
        sandbox.faults.add(Fault("duplicate", operation=CREATE, times=1))
        await told(import_drafts(client, listings(1), journal=journal))
        [again] = await told(import_drafts(client, listings(1), journal=journal))
        assert made(sandbox) == {"E-1": 2}
        assert "the server lists 2 of them" in again.note
        assert all(order_id in again.note for order_id in sandbox.ledger.created(CREATE))

    async def test_an_answer_with_another_key_stops_the_job(
        self, client: AsyncCubiCasa, sandbox: Sandbox, journal: Path
    ) -> None:
        answer = {"id": "o-1", "info": {"external_id": "something else"}}
        sandbox.faults.add(Fault("body", operation=CREATE, body=answer, times=1))
        rows = import_drafts(client, listings(5), journal=journal, concurrency=1)
        outcomes, error = await stopped_at(rows)
        assert kinds(outcomes) == {"unknown": 1}
        assert error.outcome is Outcome.UNKNOWN
        assert "cannot be found again by it" in str(error)
        assert kinds(await told(import_drafts(client, listings(5), journal=journal))) == {
            "already there": 1,
            "created": 4,
        }
        assert made(sandbox) == once(5)


class TestARefusedRow:
    async def test_it_does_not_stop_the_others_and_the_next_run_tries_it_again(
        self, client: AsyncCubiCasa, sandbox: Sandbox, journal: Path
    ) -> None:
        envelope = {"validation_error": {"body_params": [{"loc": ["city"], "msg": "no such"}]}}
        sandbox.faults.add(
            Fault("status", operation=CREATE, status=400, body=envelope, skip=4, times=1)
        )
        rows = import_drafts(client, listings(10), journal=journal, concurrency=1)
        outcomes = await told(rows)
        assert [o.kind for o in outcomes] == ["created"] * 4 + ["rejected"] + ["created"] * 5
        refused = outcomes[4]
        assert isinstance(refused, Rejected)
        assert refused.sent
        assert refused.field_errors == (FieldError("city", "no such"),)
        assert refused.message == "city: no such"
        again = await told(import_drafts(client, listings(10), journal=journal))
        assert kinds(again) == {"already there": 9, "created": 1}
        assert made(sandbox) == once(10)

    async def test_without_field_errors_the_sentence_says_why(
        self, client: AsyncCubiCasa, sandbox: Sandbox, journal: Path
    ) -> None:
        body = {"message": "The owner is not a user of this company."}
        sandbox.faults.add(Fault("status", operation=CREATE, status=409, body=body))
        [outcome] = await told(import_drafts(client, listings(1), journal=journal))
        assert isinstance(outcome, Rejected)
        assert "not a user of this company" in outcome.message

    async def test_one_whose_lost_request_had_no_effect_is_rejected_when_it_is_sent_again(
        self, client: AsyncCubiCasa, sandbox: Sandbox, journal: Path
    ) -> None:
        sandbox.faults.add(
            Fault("drop", operation=CREATE, times=1),
            Fault("status", operation=CREATE, status=400, body={"message": "not now"}, skip=1),
        )
        [outcome] = await told(import_drafts(client, listings(1), journal=journal))
        assert isinstance(outcome, Rejected)
        assert "not now" in outcome.note
        sandbox.faults.clear()
        [outcome] = await told(import_drafts(client, listings(1), journal=journal))
        assert isinstance(outcome, Created)
        assert made(sandbox) == once(1)


class TestLostAnswers:
    @pytest.mark.parametrize("concurrency", [1, 8])
    @pytest.mark.parametrize(
        "fault",
        [
            Fault("drop", phase="after_commit", operation=CREATE, every=3, times=8),
            Fault("drop", phase="after_read", operation=CREATE, every=3, times=8),
            Fault("reset", phase="mid_headers", operation=CREATE, every=3, times=8),
            Fault("cut", operation=CREATE, every=3, times=8),
            Fault("garbage", operation=CREATE, every=3, times=8),
            Fault("status", phase="after_commit", operation=CREATE, every=3, times=8, status=502),
            Fault("status", phase="after_read", operation=CREATE, every=3, times=8, status=504),
            Fault("html", phase="after_commit", operation=CREATE, every=3, times=8),
            Fault(
                "body", phase="after_commit", operation=CREATE, every=3, times=8, body={"ok": True}
            ),
            Fault(
                "body", phase="after_read", operation=CREATE, every=3, times=8, body={"id": None}
            ),
        ],
        ids=lambda fault: f"{fault.kind} {fault.phase}",
    )
    async def test_each_row_is_made_once_and_told_so(
        self,
        client: AsyncCubiCasa,
        sandbox: Sandbox,
        journal: Path,
        fault: Fault,
        concurrency: int,
    ) -> None:
        sandbox.faults.add(fault)
        rows = import_drafts(client, listings(25), journal=journal, concurrency=concurrency)
        outcomes = await told(rows)
        assert len(sandbox.faults.hits) == 8
        assert made(sandbox) == once(25)
        assert kinds(outcomes) == {"created": 25}
        ids = {key: ids[0] for key, ids in sandbox.ledger.by_external_id().items()}
        assert {o.key: o.order_id for o in outcomes} == ids
        assert set(states(journal).values()) == {"created"}

    async def test_a_row_found_by_looking_says_so(
        self, client: AsyncCubiCasa, sandbox: Sandbox, journal: Path
    ) -> None:
        sandbox.faults.add(Fault("drop", phase="after_commit", operation=CREATE, times=1))
        [outcome] = await told(import_drafts(client, listings(1), journal=journal))
        assert outcome.note == "its answer was lost; found on the server by its external_id"

    async def test_a_lost_effect_is_waited_for_before_looking(
        self, client: AsyncCubiCasa, sandbox: Sandbox, journal: Path, moments: VirtualTime
    ) -> None:
        sandbox.faults.add(Fault("drop", phase="after_commit", operation=CREATE, times=1))
        await told(import_drafts(client, listings(1), journal=journal, settle=42.0))
        assert moments.slept == [42.0]

    async def test_what_an_earlier_run_left_open_is_looked_up_even_without_a_look(
        self, client: AsyncCubiCasa, sandbox: Sandbox, journal: Path
    ) -> None:
        sandbox.faults.add(Fault("stall", phase="after_commit", operation=CREATE, skip=1))
        running = import_drafts(client, listings(6), journal=journal, look_first=False)
        await anext(running)
        await until(lambda: len(sandbox.ledger.committed(CREATE)) == 6)
        await running.aclose()
        sandbox.faults.clear()
        assert sorted(states(journal).values()) == ["created"] + ["intent"] * 5
        outcomes = await told(import_drafts(client, listings(6), journal=journal, look_first=False))
        assert kinds(outcomes) == {"already there": 6}
        notes = [outcome.note for outcome in outcomes if outcome.note]
        assert notes == ["made by an earlier run whose answer was lost"] * 5
        assert made(sandbox) == once(6)

    async def test_a_row_changed_while_it_was_in_doubt_is_reported(
        self, client: AsyncCubiCasa, sandbox: Sandbox, journal: Path
    ) -> None:
        sandbox.faults.add(Fault("stall", phase="after_commit", operation=CREATE))
        running = import_drafts(client, listings(1), journal=journal)
        waiting = asyncio.ensure_future(anext(running))
        await until(lambda: len(sandbox.ledger.committed(CREATE)) == 1)
        waiting.cancel()
        await asyncio.wait([waiting])
        await running.aclose()
        sandbox.faults.clear()
        [outcome] = await told(import_drafts(client, [listing(1, info="x")], journal=journal))
        assert isinstance(outcome, AlreadyThere)
        assert "the row has changed since its draft was made" in outcome.note


class Waits(VirtualTime):
    """Time in which something happens during one wait, counted from 1."""

    def __init__(self, number: int, happen: Callable[[], Awaitable[object]]) -> None:
        super().__init__()
        self._number = number
        self._happen = happen

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds)
        if len(self.slept) == self._number:
            await self._happen()


class TestLateEffects:
    """A request takes effect after its connection is gone and the client has given it up."""

    @pytest.fixture
    def late(self, sandbox: Sandbox) -> Callable[[], Awaitable[object]]:
        """Lets the third request take effect."""
        gate = Gate(sandbox)
        sandbox.faults.add(gate.fault(operation=CREATE, skip=2, times=1, client_leaves=True))

        async def take_effect() -> None:
            gate.open()
            await until(lambda: sandbox.ledger.of(CREATE)[2].committed)

        return take_effect

    async def test_within_the_time_allowed_for_it_there_is_one_draft(
        self, sandbox: Sandbox, journal: Path, late: Callable[[], Awaitable[object]]
    ) -> None:
        moments = Waits(1, late)
        async with AsyncCubiCasa(
            sandbox.api_key, base_url=sandbox.base_url, runtime=moments.runtime
        ) as client:
            outcomes = await told(import_drafts(client, listings(5), journal=journal, settle=8.0))
        assert moments.slept == [8.0]
        assert kinds(outcomes) == {"created": 5}
        assert made(sandbox) == once(5)

    async def test_after_the_row_was_sent_again_both_are_reported(
        self, sandbox: Sandbox, journal: Path, late: Callable[[], Awaitable[object]]
    ) -> None:
        moments = Waits(2, late)
        async with AsyncCubiCasa(
            sandbox.api_key, base_url=sandbox.base_url, runtime=moments.runtime
        ) as client:
            outcomes = await told(import_drafts(client, listings(5), journal=journal, settle=8.0))
        assert moments.slept == [8.0, 8.0]
        assert kinds(outcomes) == {"created": 4, "unknown": 1}
        [unknown] = [outcome for outcome in outcomes if isinstance(outcome, Unknown)]
        twice = {key: ids for key, ids in sandbox.ledger.by_external_id().items() if len(ids) > 1}
        assert set(twice) == {unknown.key}
        assert all(order_id in unknown.note for ids in twice.values() for order_id in ids)
        assert "delete all but one" in unknown.note

    async def test_after_the_end_of_the_run_the_next_one_reports_both(
        self,
        client: AsyncCubiCasa,
        sandbox: Sandbox,
        journal: Path,
        late: Callable[[], Awaitable[object]],
    ) -> None:
        await told(import_drafts(client, listings(5), journal=journal, settle=0.0))
        assert made(sandbox) == once(5)
        await late()
        assert sorted(made(sandbox).values()) == [1, 1, 1, 1, 2]
        again = await told(import_drafts(client, listings(5), journal=journal, settle=0.0))
        [unknown] = [outcome for outcome in again if isinstance(outcome, Unknown)]
        assert "the server lists 2 orders" in unknown.note
        assert "delete all but one" in unknown.note


class TestFaultsOfAllRows:
    async def test_a_wrong_key_stops_the_job_before_anything_is_sent(
        self, sandbox: Sandbox, moments: VirtualTime, journal: Path
    ) -> None:
        async with AsyncCubiCasa(
            "wrong", base_url=sandbox.base_url, runtime=moments.runtime
        ) as client:
            outcomes, error = await stopped_at(import_drafts(client, listings(9), journal=journal))
        assert outcomes == []
        assert error.outcome is Outcome.REFUSED
        assert isinstance(error.__cause__, AuthenticationError)
        assert error.outcome is error.__cause__.outcome
        assert len(sandbox.ledger) == 1

    @pytest.mark.parametrize("concurrency", [1, 8])
    async def test_a_key_revoked_on_the_way_stops_it_and_the_next_run_goes_on(
        self, client: AsyncCubiCasa, sandbox: Sandbox, journal: Path, concurrency: int
    ) -> None:
        sandbox.faults.add(Fault("status", operation=CREATE, status=401, skip=20))
        outcomes, error = await stopped_at(
            import_drafts(client, listings(100), journal=journal, concurrency=concurrency)
        )
        assert isinstance(error.__cause__, AuthenticationError)
        assert kinds(outcomes) == {"created": 20}
        assert len(sandbox.ledger.of(CREATE)) <= 20 + concurrency
        sandbox.faults.clear()
        again = await told(import_drafts(client, listings(100), journal=journal))
        assert kinds(again) == {"already there": 20, "created": 80}
        assert made(sandbox) == once(100)

    async def test_one_refusal_of_all_is_enough_to_begin_no_more(
        self, client: AsyncCubiCasa, sandbox: Sandbox, journal: Path
    ) -> None:
        sandbox.faults.add(Fault("status", operation=CREATE, status=403, skip=20, times=1))
        outcomes, error = await stopped_at(import_drafts(client, listings(100), journal=journal))
        sent = len(sandbox.ledger.of(CREATE))
        assert 21 <= sent <= 20 + 8
        assert kinds(outcomes) == {"created": sent - 1}
        assert error.outcome is Outcome.REFUSED

    async def test_an_unreachable_host_stops_it_in_bounded_time(
        self, moments: VirtualTime, journal: Path
    ) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            address = f"http://127.0.0.1:{taken.getsockname()[1]}/api"
            async with AsyncCubiCasa("k", base_url=address, runtime=moments.runtime) as client:
                outcomes, error = await stopped_at(
                    import_drafts(client, listings(9), journal=journal)
                )
        assert outcomes == []
        assert error.outcome is Outcome.NOT_SENT
        assert isinstance(error.__cause__, ConnectError)
        assert sum(moments.slept) <= 600

    async def test_a_web_page_instead_of_the_list_stops_it(
        self, client: AsyncCubiCasa, sandbox: Sandbox, journal: Path
    ) -> None:
        sandbox.faults.add(Fault("html", operation="orders.list"))
        outcomes, error = await stopped_at(import_drafts(client, listings(9), journal=journal))
        assert outcomes == []
        assert isinstance(error.__cause__, DecodeError)
        assert "with a web page" in str(error)
        assert not sandbox.ledger.of(CREATE)

    @pytest.mark.parametrize(
        "fault",
        [
            Fault("status", operation=CREATE, status=500),
            Fault("html", operation=CREATE),
            Fault("body", phase="after_read", operation=CREATE, body={"message": "fine"}),
            Fault("drop", operation=CREATE),
        ],
        ids=lambda fault: str(fault.kind),
    )
    async def test_creates_that_always_fail_are_told_as_unknown_after_three_tries(
        self, client: AsyncCubiCasa, sandbox: Sandbox, journal: Path, fault: Fault
    ) -> None:
        sandbox.faults.add(fault)
        outcomes = await told(import_drafts(client, listings(20), journal=journal))
        assert kinds(outcomes) == {"unknown": 20}
        assert all("Run the job again to settle it" in outcome.note for outcome in outcomes)
        assert len(sandbox.ledger.of(CREATE)) == 3 * 20
        sandbox.faults.clear()
        again = await told(import_drafts(client, listings(20), journal=journal))
        assert kinds(again) == {"created": 20}
        assert made(sandbox) == once(20)

    @pytest.mark.parametrize("phase", ["after_read", "after_commit"])
    async def test_a_hundred_lost_answers_in_a_row_stop_it(
        self, client: AsyncCubiCasa, sandbox: Sandbox, journal: Path, phase: str
    ) -> None:
        sandbox.faults.add(Fault("status", operation=CREATE, status=500, phase=phase))
        outcomes, error = await stopped_at(import_drafts(client, listings(400), journal=journal))
        assert isinstance(error.__cause__, ServerError)
        assert error.outcome is Outcome.UNKNOWN
        sent = len(sandbox.ledger.of(CREATE))
        assert 100 <= sent < 100 + 8
        assert kinds(outcomes) == {"unknown": sent}
        sandbox.faults.clear()
        again = await told(import_drafts(client, listings(400), journal=journal))
        assert kinds(again)["created"] + kinds(again)["already there"] == 400
        assert made(sandbox) == once(400)

    @pytest.mark.parametrize("status", [429, 503])
    async def test_bursts_of_refusals_for_now_are_ridden_out(
        self,
        client: AsyncCubiCasa,
        sandbox: Sandbox,
        journal: Path,
        moments: VirtualTime,
        status: int,
    ) -> None:
        sandbox.faults.add(
            Fault("status", operation=CREATE, status=status, retry_after="7", every=3),
            Fault("status", operation="orders.list", status=status, retry_after="11", times=1),
        )
        outcomes = await told(import_drafts(client, listings(40), journal=journal))
        assert kinds(outcomes) == {"created": 40}
        assert made(sandbox) == once(40)
        assert {7.0, 11.0} <= set(moments.slept)

    async def test_a_rate_limit_that_does_not_end_stops_it_and_says_when_to_come_back(
        self, client: AsyncCubiCasa, sandbox: Sandbox, journal: Path, moments: VirtualTime
    ) -> None:
        sandbox.faults.add(Fault("status", operation=CREATE, status=429, retry_after="3600"))
        outcomes, error = await stopped_at(import_drafts(client, listings(40), journal=journal))
        assert outcomes == []
        assert error.retry_at is not None
        assert (error.retry_at - moments.utcnow()).total_seconds() == 3600
        shown = re.search(r"Run it again from (.*) UTC on\.", error.message)
        assert shown is not None
        late = datetime.fromisoformat(f"{shown[1]}+00:00") - error.retry_at
        assert timedelta() < late <= timedelta(seconds=1)
        assert set(states(journal).values()) == {"new"}


class TestLeavingEarly:
    async def test_a_consumer_that_stops_leaves_no_task_and_loses_nothing(
        self, client: AsyncCubiCasa, sandbox: Sandbox, journal: Path
    ) -> None:
        before = ours()
        running = import_drafts(client, listings(200), journal=journal)
        for _ in range(5):
            await anext(running)
        await running.aclose()
        assert ours() == before
        assert 5 <= len(made(sandbox)) < 200
        again = await told(import_drafts(client, listings(200), journal=journal))
        assert kinds(again)["created"] + kinds(again)["already there"] == 200
        assert made(sandbox) == once(200)

    async def test_one_that_stops_while_requests_are_under_way_leaves_rows_to_be_settled(
        self, client: AsyncCubiCasa, sandbox: Sandbox, journal: Path
    ) -> None:
        before = ours()
        sandbox.faults.add(Fault("stall", phase="after_commit", operation=CREATE, skip=10))
        running = import_drafts(client, listings(50), journal=journal, concurrency=4)
        for _ in range(10):
            await anext(running)
        await until(lambda: len(sandbox.ledger.committed(CREATE)) == 14)
        await running.aclose()
        assert ours() == before
        intents = list(states(journal).values()).count("intent")
        assert 4 <= intents <= 11 * 4, "those under way, and some that are next"
        sandbox.faults.clear()
        again = await told(import_drafts(client, listings(50), journal=journal))
        assert kinds(again) == {"already there": 14, "created": 36}
        assert made(sandbox) == once(50)

    async def test_leaving_a_job_that_has_failed_meanwhile_is_quiet(
        self,
        client: AsyncCubiCasa,
        sandbox: Sandbox,
        journal: Path,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        sandbox.faults.add(Fault("status", operation=CREATE, status=401, skip=2))
        before = ours()
        running = import_drafts(client, listings(50), journal=journal, concurrency=4)
        await anext(running)
        await until(lambda: ours() == before)
        await running.aclose()
        del running
        gc.collect()
        assert [r for r in caplog.records if r.levelno >= logging.WARNING] == []


class TestASourceThatFails:
    @pytest.mark.parametrize("error", [RuntimeError("disk gone"), InvalidInputError("line 121")])
    async def test_its_error_reaches_the_caller_after_what_was_under_way(
        self, client: AsyncCubiCasa, sandbox: Sandbox, journal: Path, error: Exception
    ) -> None:
        def rows() -> Iterator[dict[str, Any]]:
            yield from listings(120)
            raise error

        outcomes, raised = await failed_with(
            type(error), import_drafts(client, rows(), journal=journal)
        )
        assert raised is error
        assert kinds(outcomes) == {"created": len(made(sandbox))}
        assert len(made(sandbox)) >= 100 - 6 * 8, "what was next is not begun any more"
        assert set(states(journal).values()) <= {"created", "new"}
        again = await told(import_drafts(client, listings(120), journal=journal))
        assert kinds(again)["created"] + kinds(again)["already there"] == 120
        assert made(sandbox) == once(120)

    async def test_one_that_was_cancelled_elsewhere_does_not_end_the_job_as_if_done(
        self, client: AsyncCubiCasa, journal: Path
    ) -> None:
        async def rows() -> AsyncIterator[dict[str, Any]]:
            for row in listings(60):
                yield row
            raise asyncio.CancelledError

        outcomes, error = await stopped_at(import_drafts(client, rows(), journal=journal))
        assert set(kinds(outcomes)) == {"created"}
        assert len(outcomes) <= 50
        assert "was cancelled" in str(error)

    async def test_a_row_that_is_no_row_is_an_error(
        self, client: AsyncCubiCasa, sandbox: Sandbox, journal: Path
    ) -> None:
        rows: Any = ["not a row"]
        with pytest.raises(AttributeError):
            await told(import_drafts(client, rows, journal=journal))
        assert made(sandbox) == {}


class TestBounds:
    @pytest.mark.parametrize("concurrency", [1, 3, 8])
    async def test_no_more_than_asked_for_are_under_way(
        self, client: AsyncCubiCasa, sandbox: Sandbox, journal: Path, concurrency: int
    ) -> None:
        sandbox.faults.add(Fault("stall", operation=CREATE))
        running = import_drafts(client, listings(100), journal=journal, concurrency=concurrency)
        waiting = asyncio.ensure_future(anext(running))
        await until(lambda: len(sandbox.ledger.of(CREATE)) >= concurrency)
        await asyncio.sleep(0.1)
        assert len(sandbox.ledger.of(CREATE)) == concurrency
        waiting.cancel()
        await asyncio.wait([waiting])
        await running.aclose()

    async def test_an_intent_is_on_disk_before_its_request_leaves(
        self, client: AsyncCubiCasa, sandbox: Sandbox, journal: Path
    ) -> None:
        sandbox.faults.add(Fault("stall", phase="before_read", operation=CREATE))
        running = import_drafts(client, listings(100), journal=journal, concurrency=4)
        waiting = asyncio.ensure_future(anext(running))
        await until(lambda: len(sandbox.ledger.of(CREATE)) >= 4)
        intents = list(states(journal).values()).count("intent")
        assert 4 <= intents <= 11 * 4, "those under way, and some that are next"
        waiting.cancel()
        await asyncio.wait([waiting])
        await running.aclose()

    async def test_the_source_is_read_only_as_fast_as_rows_are_sent(
        self, client: AsyncCubiCasa, sandbox: Sandbox, journal: Path
    ) -> None:
        read = 0

        def rows() -> Iterator[dict[str, Any]]:
            nonlocal read
            for row in listings(1000):
                read += 1
                yield row

        sandbox.faults.add(Fault("stall", operation=CREATE, skip=60))
        running = import_drafts(client, rows(), journal=journal, concurrency=4)
        for _ in range(60):
            await anext(running)
        await until(lambda: len(sandbox.ledger.of(CREATE)) == 64)
        await asyncio.sleep(0.05)
        assert read <= 150, "rows are taken in fifties, one of them ahead"
        await running.aclose()

    async def test_a_slow_consumer_holds_the_sending_back(
        self, client: AsyncCubiCasa, sandbox: Sandbox, journal: Path
    ) -> None:
        running = import_drafts(client, listings(300), journal=journal, concurrency=2)
        await anext(running)
        await asyncio.sleep(0.3)
        assert len(made(sandbox)) <= 1 + 22 * 2, "told, ended, being noted and under way"
        await running.aclose()


class TestTheJournal:
    async def test_two_runs_at_once_are_refused(self, client: AsyncCubiCasa, journal: Path) -> None:
        running = import_drafts(client, listings(100), journal=journal)
        await anext(running)
        with pytest.raises(JournalError, match="is in use by another run"):
            await told(import_drafts(client, listings(100), journal=journal))
        await running.aclose()

    async def test_a_journal_of_another_server_is_refused(
        self, client: AsyncCubiCasa, sandbox: Sandbox, journal: Path
    ) -> None:
        await told(import_drafts(client, listings(1), journal=journal))
        async with (
            Sandbox(sandbox.api_key) as other,
            AsyncCubiCasa(other.api_key, base_url=other.base_url) as stranger,
        ):
            with pytest.raises(JournalError, match="belongs to a job against"):
                await told(import_drafts(stranger, listings(1), journal=journal))
            assert len(other.ledger) == 0

    async def test_the_key_is_not_in_it(
        self, client: AsyncCubiCasa, sandbox: Sandbox, journal: Path
    ) -> None:
        echo = {"message": f"You sent {sandbox.api_key}."}
        sandbox.faults.add(Fault("status", operation=CREATE, status=400, body=echo, every=2))
        outcomes = await told(import_drafts(client, listings(6), journal=journal))
        assert kinds(outcomes) == {"created": 3, "rejected": 3}
        assert sandbox.api_key not in repr(outcomes)
        for file in journal.parent.iterdir():
            assert sandbox.api_key.encode() not in file.read_bytes()
