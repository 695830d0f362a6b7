"""Every operation over a real connection, and what the server saw of it."""

from __future__ import annotations

import contextlib
import warnings
from typing import Any

import pytest

from cubicasa_async import (
    AsyncCubiCasa,
    CombinedPdf,
    Effect,
    Evidence,
    RequestOptions,
)
from cubicasa_async.core.endpoint import Endpoint
from cubicasa_async.errors import (
    AnswerError,
    ConfigError,
    ConnectError,
    CubiCasaError,
    DecodeError,
    EchoMismatchError,
    InferredPathWarning,
    NotFoundError,
    Outcome,
)
from cubicasa_async.resources.index import ENDPOINTS
from cubicasa_async.sandbox import Fault, Kind, Phase, Sandbox
from tests.contract.cases import (
    BY_OPERATION,
    CASES,
    INFERRED,
    WITH_BODY,
    Case,
    accepted,
    make,
    scene,
)
from tests.support.moments import VirtualTime

KNOWN = [one.operation for one in ENDPOINTS if one.evidence is not Evidence.INFERRED]
PURCHASES = [one.operation for one in ENDPOINTS if one.effect is Effect.PURCHASE]
CREATES = [one.operation for one in ENDPOINTS if one.effect is Effect.CREATE]


# Round trips


@pytest.mark.parametrize("operation", BY_OPERATION)
async def test_a_call_is_seen_as_it_should_be_and_answers_its_class(
    operation: str, sandbox: Sandbox, sure: AsyncCubiCasa, cases: dict[str, Case]
) -> None:
    case = cases[operation]
    answer = await make(sure, operation, case)
    for one in answer if case.many else [answer]:
        assert type(one) is case.answer
    assert not case.many or answer
    (entry,) = sandbox.ledger
    assert (entry.operation, entry.method, entry.path) == (operation, case.method, case.path)
    assert entry.body == case.body
    assert (entry.authorised, entry.status) == (True, 200)
    assert entry.committed == (BY_OPERATION[operation].effect is not Effect.READ)


def test_every_case_is_one_of_an_operation() -> None:
    assert set(CASES) == set(BY_OPERATION)
    assert len(BY_OPERATION) == len(ENDPOINTS)


async def test_what_a_case_sets_is_really_set(
    sandbox: Sandbox, sure: AsyncCubiCasa, cases: dict[str, Case]
) -> None:
    draft = await make(sure, "drafts.create", cases["drafts.create"])
    order = sandbox.world.order(draft.id)
    assert (order.postal_code, order.latitude, order.package_type) == ("00000", 44.5, "plus")
    assert draft.address.postal_code == "00000"
    assert draft.info.product.add_ons == ("gla", "express_sla")


# Inferred paths


@pytest.mark.parametrize("operation", INFERRED)
async def test_an_inferred_operation_warns_once_and_names_the_setting(
    operation: str, client: AsyncCubiCasa, cases: dict[str, Case]
) -> None:
    with pytest.warns(InferredPathWarning) as caught:
        await make(client, operation, cases[operation])
    (warning,) = caught
    assert f"paths={{{operation!r}: 'METHOD /path'}}" in str(warning.message)
    assert BY_OPERATION[operation].path in str(warning.message)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with contextlib.suppress(AnswerError):  # what was deleted cannot be so again
            await make(client, operation, cases[operation])


@pytest.mark.parametrize("operation", KNOWN)
async def test_a_known_operation_does_not_warn(
    operation: str, client: AsyncCubiCasa, cases: dict[str, Case]
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        await make(client, operation, cases[operation])


@pytest.mark.parametrize(
    ("operation", "correction", "verb", "path"),
    [
        ("offices.list", "GET /companies/offices", "GET", "/companies/offices?limit=50&offset=0"),
        ("offices.list", "/company/offices", "GET", "/company/offices?limit=50&offset=0"),
        ("users.update", "PUT /people/{user_id}", "PUT", "/people/{user}"),
        ("users.get", "/users/by-email/{email}", "GET", "/users/by-email/a%2Bb%40example.test"),
        ("orders.get", "/v/{order_id}/order", "GET", "/v/{ready}/order"),
        (
            "change_requests.get",
            "/changes/{change_request_id}/of/{order_id}",
            "GET",
            "/changes/{change}/of/{fixing}",
        ),
    ],
)
async def test_a_corrected_path_is_the_one_that_is_called(
    operation: str, correction: str, verb: str, path: str, sandbox: Sandbox
) -> None:
    found = scene(sandbox)
    async with AsyncCubiCasa(
        sandbox.api_key, base_url=sandbox.base_url, paths={operation: correction}
    ) as client:
        with pytest.raises(NotFoundError):
            await make(client, operation, CASES[operation].on(found))
    (entry,) = sandbox.ledger
    assert (entry.method, entry.path) == (verb, path.format_map(found))


@pytest.mark.parametrize(
    "paths",
    [
        {"offices.lists": "/offices"},
        {"offices.list": ""},
        {"offices.list": "offices"},
        {"offices.list": "get /offices"},
        {"offices.list": "FETCH /offices"},
        {"offices.list": "GET  /offices"},
        {"offices.list": "GET /offices?limit=1"},
        {"offices.list": "/offices#top"},
        {"offices.list": "/../offices"},
        {"offices.list": "/a b"},
        {"offices.list": "/offices\r\nHost: other"},
        {"offices.list": "https://example.test/offices"},
        {"offices.list": "/offices/{office_id}"},
        {"offices.list": "/offices/{}"},
        {"offices.list": "/offices/{"},
        {"offices.list": "/offices/}"},
        {"offices.list": "/offices/{{x}}"},
        {"users.get": "/users"},
        {"users.get": "/users/{user_id}"},
        {"users.get": "/users/{email}/{}"},
        {"users.get": "/users/{email}/{email.x}"},
        {"change_requests.get": "/orders/{order_id}"},
    ],
    ids=str,
)
def test_a_correction_that_cannot_work_is_refused_when_the_client_is_made(
    paths: dict[str, str],
) -> None:
    with pytest.raises(ConfigError, match="paths"):
        AsyncCubiCasa("key", base_url="http://localhost:1", paths=paths)


@pytest.mark.parametrize("operation", WITH_BODY)
async def test_extra_body_reaches_the_wire(
    operation: str, sandbox: Sandbox, sure: AsyncCubiCasa, cases: dict[str, Case]
) -> None:
    case = cases[operation]
    await make(sure, operation, case, RequestOptions(extra_body={"new_field": [1]}))
    assert sandbox.ledger[0].body == {**case.body, "new_field": [1]}


# Repeats


@pytest.mark.parametrize(
    "fault",
    [
        Fault(Kind.STATUS, status=429, retry_after="0"),
        Fault(Kind.STATUS, status=503),
        Fault(Kind.STATUS, status=500, phase=Phase.AFTER_COMMIT),
        Fault(Kind.DROP, phase=Phase.AFTER_COMMIT),
        Fault(Kind.DROP, phase=Phase.BEFORE_READ),
        Fault(Kind.STALL, phase=Phase.AFTER_COMMIT),
    ],
    ids=lambda fault: f"{fault.kind}{fault.status}-{fault.phase}",
)
@pytest.mark.usefixtures("leaps")
@pytest.mark.parametrize("operation", [*PURCHASES, *CREATES])
async def test_what_makes_a_second_thing_is_sent_again_only_after_a_refusal_and_never_if_it_costs(
    operation: str, fault: Fault, sandbox: Sandbox, sure: AsyncCubiCasa, cases: dict[str, Case]
) -> None:
    sandbox.faults.add(fault)
    options = RequestOptions(timeout=20.0) if fault.kind is Kind.STALL else None
    with pytest.raises(CubiCasaError) as caught:
        await make(sure, operation, cases[operation], options)
    refused = fault.kind is Kind.STATUS and fault.status in {429, 503}
    repeated = refused and operation in CREATES
    assert len(sandbox.ledger.of(operation)) == (4 if repeated else 1)
    assert caught.value.outcome is (Outcome.REFUSED if refused else Outcome.UNKNOWN)


@pytest.mark.parametrize("operation", [*PURCHASES, *CREATES])
async def test_what_could_not_be_sent_may_be_tried_again(
    operation: str, moments: VirtualTime, cases: dict[str, Case]
) -> None:
    async with AsyncCubiCasa(
        "key",
        base_url="http://127.0.0.1:1/api",
        runtime=moments.runtime,
        paths=accepted(*INFERRED),
    ) as client:
        with pytest.raises(ConnectError) as caught:
            await make(client, operation, cases[operation])
    assert caught.value.outcome is Outcome.NOT_SENT
    assert len(caught.value.attempts) == 4


# What a server confirms


@pytest.mark.parametrize(
    "echo",
    [
        {"webhook_urls": [], "webhook_triggers": []},
        {"webhook_urls": ["https://example.test/hook"], "webhook_triggers": ["moved_to_ready"]},
        {
            "webhook_urls": ["https://example.test/other"],
            "webhook_triggers": ["moved_to_ready", "moved_to_fixing"],
        },
    ],
)
async def test_webhooks_that_were_not_set_as_asked_are_no_success(
    echo: dict[str, Any], sandbox: Sandbox, client: AsyncCubiCasa, cases: dict[str, Case]
) -> None:
    sandbox.faults.add(Fault(Kind.BODY, operation="webhooks.update", body=echo))
    with pytest.raises(EchoMismatchError) as caught:
        await make(client, "webhooks.update", cases["webhooks.update"])
    assert caught.value.outcome is Outcome.UNKNOWN


async def test_an_echo_in_another_order_is_the_same(
    sandbox: Sandbox, client: AsyncCubiCasa, cases: dict[str, Case]
) -> None:
    case = cases["webhooks.update"]
    echo = {name: value[::-1] for name, value in case.body.items()}
    sandbox.faults.add(Fault(Kind.BODY, body=echo))
    answer = await make(client, "webhooks.update", case)
    assert list(answer.webhook_triggers) == echo["webhook_triggers"]


async def test_an_echo_without_what_was_asked_is_no_success(
    sandbox: Sandbox, client: AsyncCubiCasa, cases: dict[str, Case]
) -> None:
    sandbox.faults.add(Fault(Kind.BODY, body={}))
    with pytest.raises(DecodeError) as caught:
        await make(client, "webhooks.update", cases["webhooks.update"])
    assert {problem.field for problem in caught.value.problems} == {
        "$.webhook_urls",
        "$.webhook_triggers",
    }


# The combined PDF


async def test_a_combined_pdf_comes_as_itself(
    sandbox: Sandbox, client: AsyncCubiCasa, ready: str
) -> None:
    sandbox.world.combined_pdf_as_bytes = True
    pdf = await client.orders.combined_pdf(ready)
    assert pdf.content is not None
    assert pdf.content.startswith(b"%PDF-")
    assert pdf.url is None


@pytest.mark.parametrize("key", ["url", "download_url", "pdf_url"])
async def test_a_combined_pdf_comes_by_its_url(
    key: str, sandbox: Sandbox, client: AsyncCubiCasa, ready: str
) -> None:
    sandbox.faults.add(Fault(Kind.BODY, body={key: "https://files.example.test/all.pdf"}))
    pdf = await client.orders.combined_pdf(ready)
    assert pdf == CombinedPdf(url="https://files.example.test/all.pdf")


@pytest.mark.parametrize(
    "fault",
    [
        Fault(Kind.BODY, body={"link": "https://files.example.test/all.pdf"}),
        Fault(Kind.BODY, body={"url": None, "pdf_url": ""}),
        Fault(Kind.BODY, body={"url": 7}),
        Fault(Kind.BODY, body=["https://files.example.test/all.pdf"]),
        Fault(Kind.BODY, body="%PDF-1.4"),
        Fault(Kind.HTML),
    ],
    ids=lambda fault: f"{fault.kind}{fault.body}",
)
async def test_a_combined_pdf_that_is_neither_is_refused(
    fault: Fault, sandbox: Sandbox, client: AsyncCubiCasa, ready: str
) -> None:
    sandbox.faults.add(fault)
    with pytest.raises(DecodeError):
        await client.orders.combined_pdf(ready)


async def test_a_combined_pdf_that_is_not_ready_is_a_refusal(
    sandbox: Sandbox, client: AsyncCubiCasa
) -> None:
    with pytest.raises(AnswerError) as caught:
        await client.orders.combined_pdf(sandbox.world.add_order().id)
    assert caught.value.status == 409


def test_the_declarations_are_complete() -> None:
    for endpoint in ENDPOINTS:
        assert isinstance(endpoint, Endpoint)
        assert endpoint.path.startswith("/")
        assert (endpoint.request is None) == (CASES[endpoint.operation].body is None)
