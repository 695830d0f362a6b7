from __future__ import annotations

import contextlib
import inspect
import typing
import warnings
from collections.abc import AsyncIterator, Mapping
from typing import Any

import attrs
import pytest

from cubicasa_async import (
    AsyncCubiCasa,
    CombinedPdf,
    Effect,
    Evidence,
    Order,
    RequestOptions,
    Response,
)
from cubicasa_async.core.endpoint import Endpoint
from cubicasa_async.errors import (
    AnswerError,
    BadRequestError,
    ConfigError,
    ConnectError,
    CubiCasaError,
    DecodeError,
    EchoMismatchError,
    InferredPathWarning,
    InvalidInputError,
    NotFoundError,
    Outcome,
    RateLimitError,
)
from cubicasa_async.resources.index import ENDPOINTS
from cubicasa_async.sandbox import Fault, Kind, Phase, Sandbox
from tests.contract.cases import CASES, Case, make, method, scene
from tests.support.moments import VirtualTime

BY_OPERATION = {endpoint.operation: endpoint for endpoint in ENDPOINTS}
INFERRED = [one.operation for one in ENDPOINTS if one.evidence is Evidence.INFERRED]
KNOWN = [one.operation for one in ENDPOINTS if one.evidence is not Evidence.INFERRED]
PURCHASES = [one.operation for one in ENDPOINTS if one.effect is Effect.PURCHASE]
CREATES = [one.operation for one in ENDPOINTS if one.effect is Effect.CREATE]
WITH_BODY = [one.operation for one in ENDPOINTS if one.request is not None]


def accepted(*operations: str) -> dict[str, str]:
    """The setting that accepts inferred paths as they are."""
    return {name: BY_OPERATION[name].path for name in operations}


@pytest.fixture
async def sure(sandbox: Sandbox, moments: VirtualTime) -> AsyncIterator[AsyncCubiCasa]:
    """A client whose user has accepted all inferred paths."""
    async with AsyncCubiCasa(
        sandbox.api_key,
        base_url=sandbox.base_url,
        runtime=moments.runtime,
        paths=accepted(*INFERRED),
    ) as client:
        yield client


@pytest.fixture
def cases(sandbox: Sandbox) -> dict[str, Case]:
    found = scene(sandbox)
    return {operation: case.on(found) for operation, case in CASES.items()}


def nothing_was_sent(sandbox: Sandbox) -> bool:
    return len(sandbox.ledger) == 0


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
@pytest.mark.parametrize("operation", [*PURCHASES, *CREATES])
async def test_what_makes_a_second_thing_is_sent_again_only_after_a_refusal_and_never_if_it_costs(
    operation: str, fault: Fault, sandbox: Sandbox, sure: AsyncCubiCasa, cases: dict[str, Case]
) -> None:
    sandbox.faults.add(fault)
    options = RequestOptions(timeout=0.05) if fault.kind is Kind.STALL else None
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


# Local checks


def as_method(operation: str) -> tuple[set[str], set[str]]:
    """Names of all and of the required fields that an operation's method takes."""
    client = AsyncCubiCasa("key", base_url="http://localhost:1")
    called = method(client, operation)
    hints = typing.get_type_hints(called, include_extras=True)
    parameters = dict(inspect.signature(called).parameters)
    for name in ("options", *CASES[operation].ids):
        parameters.pop(name, None)
    names: set[str] = set()
    required: set[str] = set()
    for name, parameter in parameters.items():
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            (typed,) = typing.get_args(hints[name])
            names |= typed.__required_keys__ | typed.__optional_keys__
            required |= typed.__required_keys__
        elif not name.endswith("_id") or f"{{{name}}}" not in BY_OPERATION[operation].path:
            names.add(name)
            required |= {name} if parameter.default is parameter.empty else set()
    return names, required


def takes_keywords(operation: str) -> bool:
    called = method(AsyncCubiCasa("key", base_url="http://localhost:1"), operation)
    kinds = {parameter.kind for parameter in inspect.signature(called).parameters.values()}
    return inspect.Parameter.VAR_KEYWORD in kinds


def request_of(operation: str) -> Any:
    return BY_OPERATION[operation].request


@pytest.mark.parametrize("operation", WITH_BODY)
def test_a_methods_arguments_are_the_fields_of_its_request(operation: str) -> None:
    names, required = as_method(operation)
    fields = attrs.fields(request_of(operation))
    assert names == {field.name for field in fields}
    assert required == {field.name for field in fields if field.default is attrs.NOTHING}


async def refused(
    client: AsyncCubiCasa, operation: str, case: Case, fields: Mapping[str, Any]
) -> dict[str, str]:
    with pytest.raises(InvalidInputError) as caught:
        await make(client, operation, attrs.evolve(case, fields=fields))
    assert caught.value.outcome is Outcome.NOT_SENT
    return {fault.field: fault.message for fault in caught.value.field_errors}


@pytest.mark.parametrize("operation", WITH_BODY)
async def test_a_missing_field_is_named_and_nothing_is_sent(
    operation: str, sandbox: Sandbox, sure: AsyncCubiCasa, cases: dict[str, Case]
) -> None:
    case = cases[operation]
    for name in as_method(operation)[1]:
        left = {key: value for key, value in case.fields.items() if key != name}
        if takes_keywords(operation):
            assert await refused(sure, operation, case, left) == {name: "is required"}
        else:
            with pytest.raises(TypeError, match=name):
                await make(sure, operation, attrs.evolve(case, fields=left))
        null = {**case.fields, name: None}
        assert await refused(sure, operation, case, null) == {name: "is required"}
    assert nothing_was_sent(sandbox)


@pytest.mark.parametrize("operation", WITH_BODY)
async def test_a_misspelt_field_is_named_with_the_one_that_is_meant_and_nothing_is_sent(
    operation: str, sandbox: Sandbox, sure: AsyncCubiCasa, cases: dict[str, Case]
) -> None:
    case = cases[operation]
    for name in as_method(operation)[0]:
        more = {**case.fields, f"{name}x": "x"}
        if takes_keywords(operation):
            found = await refused(sure, operation, case, more)
            assert found == {f"{name}x": f"unknown field; did you mean {name!r}?"}
        else:
            with pytest.raises(TypeError, match=f"{name}x"):
                await make(sure, operation, attrs.evolve(case, fields=more))
    assert nothing_was_sent(sandbox)


@pytest.mark.parametrize("operation", WITH_BODY)
async def test_every_wrong_field_is_named_at_once_and_nothing_is_sent(
    operation: str, sandbox: Sandbox, sure: AsyncCubiCasa, cases: dict[str, Case]
) -> None:
    names = as_method(operation)[0]
    wrong = dict.fromkeys(names, object())
    found = await refused(sure, operation, cases[operation], wrong)
    assert set(found) == names
    assert nothing_was_sent(sandbox)


@pytest.mark.parametrize(
    ("operation", "fields"),
    [
        ("users.update", {}),
        ("orders.upgrade", {}),
        ("orders.upgrade", {"add_ons": []}),
        ("orders.list", {"status": [""]}),
        ("orders.list", {"status": []}),
        ("orders.list", {"status": 7}),
        ("users.get", {"email": "nobody"}),
        ("webhooks.update", {"webhook_urls": ["example.test/hook"], "webhook_triggers": []}),
        ("change_requests.create", {"products": [], "text": "x"}),
    ],
)
async def test_a_call_that_asks_for_nothing_or_nonsense_is_not_sent(
    operation: str,
    fields: dict[str, Any],
    sandbox: Sandbox,
    sure: AsyncCubiCasa,
    cases: dict[str, Case],
) -> None:
    assert await refused(sure, operation, cases[operation], fields)
    assert nothing_was_sent(sandbox)


@pytest.mark.parametrize("operation", [name for name, case in CASES.items() if case.ids])
@pytest.mark.parametrize("bad", ["", ".", "..", "a b", "a\nb", None])
async def test_an_identifier_that_is_none_is_not_sent(
    operation: str, bad: Any, sandbox: Sandbox, sure: AsyncCubiCasa, cases: dict[str, Case]
) -> None:
    case = cases[operation]
    for place in range(len(case.ids)):
        ids = (*case.ids[:place], bad, *case.ids[place + 1 :])
        with pytest.raises(InvalidInputError, match="identifier"):
            await make(sure, operation, attrs.evolve(case, ids=ids))
    assert nothing_was_sent(sandbox)


async def test_an_identifier_never_changes_the_path(sandbox: Sandbox, sure: AsyncCubiCasa) -> None:
    with pytest.raises(NotFoundError):
        await sure.orders.get("draft/../../companies?x=1#y")
    assert sandbox.ledger[0].operation == "orders.get"
    assert sandbox.ledger[0].path == "/orders/draft%2F..%2F..%2Fcompanies%3Fx%3D1%23y"


def test_passwords_do_not_show_themselves() -> None:
    for operation in ("users.create", "users.change_password"):
        cls = request_of(operation)
        secret = {name: "hunter2" for name in as_method(operation)[0] if "password" in name}
        others = {name: "x" for name in as_method(operation)[0] if "password" not in name}
        assert secret
        assert "hunter2" not in repr(cls(**secret, **others))


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


@pytest.fixture
def ready(sandbox: Sandbox) -> str:
    return sandbox.world.add_order(status="Ready").id


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


# Calls of any path


async def test_any_path_can_be_called_and_read_into_any_class(
    sandbox: Sandbox, client: AsyncCubiCasa, ready: str
) -> None:
    plain: Response[Any] = await client.request("get", f"/orders/{ready}")
    assert (plain.status, plain.data["id"]) == (200, ready)
    read = await client.request("GET", f"/orders/{ready}", model=Order)
    assert type(read.data) is Order
    assert read.data.id == ready
    assert read.headers["content-type"] == "application/json"
    assert [entry.operation for entry in sandbox.ledger] == ["orders.get"] * 2


async def test_query_and_body_are_sent_as_given(sandbox: Sandbox, client: AsyncCubiCasa) -> None:
    await client.request("GET", "/orders", query=[("status", "Ready"), ("status", "a&b=ä")])
    await client.request("GET", "/orders", query={"limit": "3"})
    body = {"name": "Süd", "nested": {"list": [1, None]}}
    await client.request("POST", "/offices", body=body)
    assert [entry.path for entry in sandbox.ledger] == [
        "/orders?status=Ready&status=a%26b%3D%C3%A4",
        "/orders?limit=3",
        "/offices",
    ]
    assert sandbox.ledger[2].body == body


@pytest.mark.parametrize(
    ("verb", "effect", "repeated"),
    [
        ("GET", None, True),
        ("PUT", None, True),
        ("PATCH", None, True),
        ("DELETE", None, True),
        ("POST", None, False),
        ("POST", Effect.READ, True),
        ("POST", Effect.REPLACE, True),
        ("GET", Effect.PURCHASE, False),
    ],
)
async def test_a_call_of_any_path_is_repeated_by_its_effect(
    verb: str, effect: Effect | None, repeated: bool, sandbox: Sandbox, client: AsyncCubiCasa
) -> None:
    sandbox.faults.add(Fault(Kind.DROP, phase=Phase.AFTER_COMMIT))
    with pytest.raises(CubiCasaError):
        await client.request(verb, "/anything", effect=effect)
    assert len(sandbox.ledger) == (4 if repeated else 1)


async def test_an_answer_that_is_not_json_is_there_as_bytes(
    sandbox: Sandbox, client: AsyncCubiCasa, ready: str
) -> None:
    sandbox.world.combined_pdf_as_bytes = True
    answer: Response[Any] = await client.request("GET", f"/orders/{ready}/combined-pdf")
    assert answer.data is None
    assert answer.body.startswith(b"%PDF-")


async def test_a_web_page_is_no_answer(sandbox: Sandbox, client: AsyncCubiCasa) -> None:
    sandbox.faults.add(Fault(Kind.HTML))
    with pytest.raises(DecodeError, match="web page"):
        await client.request("GET", "/orders")


async def test_an_answer_that_does_not_fit_the_class_is_refused(
    sandbox: Sandbox, client: AsyncCubiCasa
) -> None:
    with pytest.raises(DecodeError) as caught:
        await client.request("GET", "/companies/info", model=Order)
    assert [problem.field for problem in caught.value.problems] == ["$.id"]


async def test_refusals_of_any_path_are_the_same_errors(
    sandbox: Sandbox, client: AsyncCubiCasa
) -> None:
    with pytest.raises(BadRequestError) as caught:
        await client.request("POST", "/offices", body={"nome": "South"})
    assert [fault.field for fault in caught.value.field_errors] == ["name"]
    with pytest.raises(NotFoundError):
        await client.request("GET", "/nothing")
    sandbox.faults.add(Fault(Kind.STATUS, status=429))
    with pytest.raises(RateLimitError):
        await client.request("GET", "/orders")


@pytest.mark.parametrize(
    ("verb", "path"),
    [
        ("GET", ""),
        ("GET", "orders"),
        ("GET", "https://example.test/orders"),
        ("GET", "/orders?limit=1"),
        ("GET", "/orders#x"),
        ("GET", "/orders/../companies/info"),
        ("GET", "/.."),
        ("GET", "/a b"),
        ("GET", "/ä"),
        ("GET", "/orders\r\nx: y"),
        ("GET", "/orders\n"),
        ("GET", "/\x00"),
        ("GET", "\\\\example.test"),
        ("TRACE", "/orders"),
        ("CONNECT", "/orders"),
        ("GET /x HTTP/1.1\r\n", "/orders"),
        ("", "/orders"),
    ],
)
async def test_a_path_or_method_that_would_become_another_call_is_not_sent(
    verb: str, path: str, sandbox: Sandbox, client: AsyncCubiCasa
) -> None:
    with pytest.raises(InvalidInputError):
        await client.request(verb, path)
    assert nothing_was_sent(sandbox)


async def test_a_path_of_two_slashes_stays_with_the_host(
    sandbox: Sandbox, client: AsyncCubiCasa
) -> None:
    with pytest.raises(NotFoundError):
        await client.request("GET", "//example.test/orders")
    assert sandbox.ledger[0].path == "//example.test/orders"


def test_the_declarations_are_complete() -> None:
    for endpoint in ENDPOINTS:
        assert isinstance(endpoint, Endpoint)
        assert endpoint.path.startswith("/")
        assert (endpoint.request is None) == (CASES[endpoint.operation].body is None)
