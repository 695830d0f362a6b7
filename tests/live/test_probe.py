from __future__ import annotations

import warnings
from typing import Any

import pytest

from cubicasa_async import AsyncCubiCasa, Effect
from cubicasa_async.live import MOST_CALLS, Verdict, probe
from cubicasa_async.live.probe import TRIES
from cubicasa_async.resources.index import ENDPOINTS
from cubicasa_async.sandbox import Fault, Sandbox
from tests.live.support import Restless, row, the
from tests.support.canary import CANARY

INFERRED_READS = sorted(
    one.operation
    for one in ENDPOINTS
    if one.effect is Effect.READ and one.evidence.value == "inferred"
)
PAGE = "<!doctype html><title>404 Not Found</title>"


async def test_a_service_as_expected_refutes_nothing(
    sandbox: Sandbox, client: AsyncCubiCasa
) -> None:
    sandbox.world.add_examples(30)
    report = await probe(client)
    verdicts = {finding.verdict for finding in report.findings}
    assert verdicts == {Verdict.CONFIRMED, Verdict.SETTLED, Verdict.OPEN}
    still_open = [one.fact for one in report.findings if one.verdict is Verdict.OPEN]
    assert still_open == ["the most records that a page may have"]


@pytest.mark.parametrize("orders", [0, 1, 30, 250])
async def test_only_reads_are_called_and_no_more_than_announced(
    sandbox: Sandbox, client: AsyncCubiCasa, orders: int
) -> None:
    sandbox.world.add_examples(orders)
    report = await probe(client)
    assert {entry.method for entry in sandbox.ledger} == {"GET"}
    reads = {one.operation for one in ENDPOINTS if one.effect is Effect.READ}
    assert {entry.operation for entry in sandbox.ledger} <= reads
    assert not sandbox.ledger.committed()
    assert len(sandbox.ledger) == report.calls <= MOST_CALLS


async def test_the_most_calls_are_made_where_nothing_keeps_still_and_no_more() -> None:
    async with (
        Restless(range(1000), api_key=CANARY) as sandbox,
        AsyncCubiCasa(sandbox.api_key, base_url=sandbox.base_url) as client,
    ):
        sandbox.world.add_examples(30)
        report = await probe(client)
        assert len(sandbox.ledger) == report.calls == MOST_CALLS


async def test_a_failing_service_is_not_called_more_often_than_announced(
    sandbox: Sandbox, client: AsyncCubiCasa
) -> None:
    sandbox.world.add_examples(30)
    sandbox.faults.add(Fault("status"))
    report = await probe(client)
    assert len(sandbox.ledger) == report.calls * TRIES
    assert report.calls <= MOST_CALLS
    assert {finding.verdict for finding in report.findings} == {Verdict.OPEN}


@pytest.mark.parametrize("operation", INFERRED_READS)
@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "status", "status": 404, "html": PAGE},
        {"kind": "status", "status": 405},
        {"kind": "html"},
    ],
    ids=["404 web page", "405", "200 web page"],
)
async def test_an_inferred_path_that_is_not_there_is_refuted(
    sandbox: Sandbox, client: AsyncCubiCasa, operation: str, fault: dict[str, Any]
) -> None:
    sandbox.world.add_examples(3)
    sandbox.faults.add(Fault.from_json({**fault, "operation": operation}))
    report = await probe(client)
    assert the(report, f"{operation} is").verdict is Verdict.REFUTED
    others = [one for one in INFERRED_READS if one != operation]
    assert {the(report, f"{one} is").verdict for one in others} == {Verdict.CONFIRMED}


@pytest.mark.parametrize(
    ("operation", "verdict"),
    [
        ("offices.list", Verdict.REFUTED),
        ("company.package", Verdict.REFUTED),
        ("users.get", Verdict.OPEN),
        ("change_requests.list", Verdict.OPEN),
    ],
)
async def test_a_404_without_a_page_says_nothing_where_an_id_stands_in_the_path(
    sandbox: Sandbox, client: AsyncCubiCasa, operation: str, verdict: Verdict
) -> None:
    sandbox.world.add_examples(3)
    sandbox.faults.add(Fault("status", status=404, operation=operation))
    assert the(await probe(client), f"{operation} is").verdict is verdict


@pytest.mark.parametrize("status", [401, 403, 429, 500, 503])
async def test_a_refusal_for_another_reason_says_nothing_of_a_path(
    sandbox: Sandbox, client: AsyncCubiCasa, status: int
) -> None:
    sandbox.faults.add(Fault("status", status=status, html=PAGE, operation="offices.list"))
    finding = the(await probe(client), "offices.list is")
    assert finding.verdict is Verdict.OPEN
    assert str(status) in finding.seen


async def test_paths_are_asked_for_as_they_were_corrected(sandbox: Sandbox) -> None:
    paths = {"offices.list": "/companies/offices", "company.package": "POST /companies/package"}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        async with AsyncCubiCasa(CANARY, base_url=sandbox.base_url, paths=paths) as client:
            report = await probe(client)
    offices, package = the(report, "offices.list is"), the(report, "company.package is")
    assert offices.fact == "offices.list is GET /companies/offices"
    assert offices.verdict is Verdict.REFUTED
    assert package.verdict is Verdict.OPEN
    assert package.seen == "POST was not called, as it may change things"
    assert {entry.method for entry in sandbox.ledger} == {"GET"}


async def test_what_is_new_is_named_by_its_place(sandbox: Sandbox, client: AsyncCubiCasa) -> None:
    sandbox.world.add_examples(1)
    body = row(
        status="Archived", colour="red", delivery_assets={"tour": ["x"], "cad_files": {"dwg": "u"}}
    )
    body["info"]["product"]["add_ons"] = ["gla", "drone"]
    sandbox.faults.add(Fault("body", operation="orders.get", body=body))
    sandbox.faults.add(Fault("body", operation="company.package", body={"plan": "gold"}))
    finding = the(await probe(client), "this library knows")
    assert finding.verdict is Verdict.NEW
    assert set(finding.seen.split("; ")) == {
        "field company.package.plan",
        "field orders.get.colour",
        "value 'Archived' of orders.get.info.status",
        "value 'drone' of orders.get.info.product.add_ons",
        "field orders.get.delivery_assets.tour in another shape",
        "orders.get.delivery_assets.cad_files is an object of dwg",
    }


async def test_an_answer_of_another_shape_is_refuted_with_its_place(
    sandbox: Sandbox, client: AsyncCubiCasa
) -> None:
    sandbox.world.add_examples(1)
    body = row()
    body["address"]["postalCode"] = 70130
    sandbox.faults.add(Fault("body", operation="orders.get", body=body))
    sandbox.faults.add(Fault("body", operation="offices.list", body=[{"id": "1"}]))
    report = await probe(client)
    orders, offices = the(report, "orders.get answers"), the(report, "offices.list answers")
    assert orders.verdict is offices.verdict is Verdict.REFUTED
    assert orders.seen == "$.address.postalCode: expected text, found a whole number"
    assert "$.items: expected a list" in offices.seen
    assert the(report, "orders.get is").verdict is Verdict.CONFIRMED


async def test_the_files_of_a_ready_order_are_looked_at_too(
    sandbox: Sandbox, client: AsyncCubiCasa
) -> None:
    ready = sandbox.world.add_order(status="Ready")
    newest = sandbox.world.add_order(status="Draft")
    await probe(client)
    gets = [entry.path for entry in sandbox.ledger.of("orders.get")]
    assert gets == [f"/orders/{newest.id}", f"/orders/{ready.id}"]
    (pdf,) = sandbox.ledger.of("orders.combined_pdf")
    assert ready.id in pdf.path


@pytest.mark.parametrize(
    ("limit", "orders", "verdict", "words"),
    [
        (100, 120, Verdict.SETTLED, "it is 100"),
        (50, 120, Verdict.SETTLED, "it is 50"),
        (300, 220, Verdict.SETTLED, "it is 200 or more"),
        (100, 30, Verdict.OPEN, "it is 30 or more"),
    ],
)
async def test_how_large_pages_may_be(
    sandbox: Sandbox, client: AsyncCubiCasa, limit: int, orders: int, verdict: Verdict, words: str
) -> None:
    sandbox.max_limit = limit
    sandbox.world.add_examples(orders)
    finding = the(await probe(client), "the most records")
    assert finding.verdict is verdict
    assert finding.seen.endswith(words)


@pytest.mark.parametrize(
    ("as_bytes", "words"), [(True, "it came as it is"), (False, "JSON names its URL as url")]
)
async def test_in_which_shape_the_combined_pdf_comes(
    sandbox: Sandbox, client: AsyncCubiCasa, as_bytes: bool, words: str
) -> None:
    sandbox.world.combined_pdf_as_bytes = as_bytes
    sandbox.world.add_order(status="Ready")
    report = await probe(client)
    assert the(report, "the combined PDF comes").seen == words
    assert the(report, "orders.combined_pdf is").verdict is Verdict.CONFIRMED
    assert sandbox.file_host.fetches == []


async def test_a_key_that_the_server_echoes_is_not_shown(
    sandbox: Sandbox, client: AsyncCubiCasa
) -> None:
    sandbox.world.add_order(status="Ready")
    body = {**row(status=CANARY), f"key-{CANARY}": 1}
    sandbox.faults.add(Fault("body", operation="orders.*", path="/orders/?*", body=body))
    refusal = {"message": f"the key {CANARY} may not do this"}
    sandbox.faults.add(Fault("status", status=403, operation="offices.list", body=refusal))
    report = await probe(client)
    assert CANARY not in repr(report)
    assert "***" in the(report, "this library knows").seen
    assert "***" in the(report, "offices.list is").seen


async def test_findings_hold_no_data_of_persons(sandbox: Sandbox, client: AsyncCubiCasa) -> None:
    sandbox.world.add_examples(30)
    shown = repr(await probe(client))
    for private in ("manager@sandbox.test", "Sandbox Company", "Example Street", "EXAMPLE-"):
        assert private not in shown
