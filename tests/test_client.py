from __future__ import annotations

import warnings
from typing import Any

import pytest

from cubicasa_async import AsyncCubiCasa, Effect, Order, RequestOptions, Response, Runtime
from cubicasa_async.errors import (
    ConfigError,
    DecodeError,
    InferredPathWarning,
    InvalidInputError,
    NotFoundError,
    Outcome,
    ServerError,
)
from cubicasa_async.sandbox import Fault, Sandbox
from tests.support.canary import CANARY
from tests.support.payloads import DRAFT


def test_a_client_shows_where_it_points_and_whether_it_is_open() -> None:
    client = AsyncCubiCasa(CANARY, environment="qa")
    assert repr(client) == f"<AsyncCubiCasa of {client.config.base_url} (open)>"


def test_settings_that_cannot_work_are_refused_when_it_is_made() -> None:
    with pytest.raises(ConfigError):
        AsyncCubiCasa(CANARY, environment="nowhere")
    with pytest.raises(ConfigError, match="CUBICASA_API_KEY"):
        AsyncCubiCasa.from_env({})


async def test_a_client_from_the_environment_works(sandbox: Sandbox) -> None:
    environ = {"CUBICASA_API_KEY": CANARY, "CUBICASA_BASE_URL": sandbox.base_url}
    async with AsyncCubiCasa.from_env(environ, page_size=3) as client:
        await client.orders.list()
    assert sandbox.ledger[0].authorised
    assert sandbox.ledger[0].path == "/orders?limit=3&offset=0"


async def test_leaving_the_block_closes_it_also_after_an_error(sandbox: Sandbox) -> None:
    client = AsyncCubiCasa(CANARY, base_url=sandbox.base_url)
    with pytest.raises(NotFoundError):
        async with client:
            await client.orders.get("x")
    assert client.closed
    assert repr(client).endswith("(closed)>")


async def test_a_derived_client_has_other_defaults_and_the_same_pool(
    client: AsyncCubiCasa, sandbox: Sandbox
) -> None:
    sandbox.faults.add(Fault("status", status=503))
    derived = client.with_options(RequestOptions(retries=1)).with_options(
        RequestOptions(timeout=5.0)
    )
    assert type(derived) is AsyncCubiCasa
    with pytest.raises(ServerError) as caught:
        await derived.orders.get("x")
    assert len(caught.value.attempts) == 2
    with pytest.raises(ServerError) as caught:
        await derived.orders.get("x", options=RequestOptions(retries=0))
    assert len(caught.value.attempts) == 1
    await derived.close()
    assert client.closed


def test_the_sources_of_time_and_chance_can_be_seen() -> None:
    runtime = Runtime(jitter=float)
    assert AsyncCubiCasa(CANARY, runtime=runtime).runtime is runtime


async def test_any_path_can_be_called_and_its_answer_seen(
    client: AsyncCubiCasa, sandbox: Sandbox
) -> None:
    sandbox.world.add_examples(3)
    response: Response[Any] = await client.request("get", "/orders", query={"limit": "2"})
    assert response.status == 200
    assert len(response.data["items"]) == 2
    assert response.headers["content-type"].startswith("application/json")
    assert response.body.startswith(b"{")
    assert sandbox.ledger[0].path == "/orders?limit=2"


async def test_any_answer_can_be_read_into_a_class(client: AsyncCubiCasa, sandbox: Sandbox) -> None:
    made = sandbox.world.add_order(external_id="EXT-1")
    response = await client.request("GET", f"/orders/{made.id}", model=Order)
    assert response.data.external_id == "EXT-1"
    sandbox.faults.add(Fault("body", body={"id": 1}))
    with pytest.raises(DecodeError):
        await client.request("GET", f"/orders/{made.id}", model=Order)


async def test_a_post_of_ones_own_is_a_create_unless_said_otherwise(
    client: AsyncCubiCasa, sandbox: Sandbox
) -> None:
    sandbox.faults.add(Fault("drop", phase="after_commit"))
    for effect, requests in [(None, 1), (Effect.PURCHASE, 1), (Effect.REPLACE, 4)]:
        sandbox.ledger.clear()
        with pytest.raises(Exception, match="connection broke") as caught:
            await client.request("POST", "/orders/draft", body=DRAFT, effect=effect)
        assert len(sandbox.ledger) == requests
        assert getattr(caught.value, "outcome", None) is Outcome.UNKNOWN


@pytest.mark.parametrize(
    ("method", "path", "field"),
    [
        ("TRACE", "/orders", "method"),
        ("GET", "orders", "path"),
        ("GET", "/orders/../../x", "path"),
        ("GET", "/orders?x=1", "path"),
        ("GET", "/a b", "path"),
        ("GET", "https://other.test/", "path"),
        ("GET", "//other.test/", None),
    ],
)
async def test_a_call_of_ones_own_stays_below_the_base_url(
    method: str, path: str, field: str | None, client: AsyncCubiCasa, sandbox: Sandbox
) -> None:
    if field is None:
        with pytest.raises(NotFoundError):
            await client.request(method, path)
        assert len(sandbox.ledger) == 1
        return
    with pytest.raises(InvalidInputError) as caught:
        await client.request(method, path)
    assert [fault.field for fault in caught.value.field_errors] == [field]
    assert len(sandbox.ledger) == 0


async def test_a_body_of_ones_own_is_sent_as_it_is(client: AsyncCubiCasa, sandbox: Sandbox) -> None:
    body: dict[str, Any] = {**DRAFT, "postalCode": "00000"}
    response = await client.request("POST", "/orders/draft", body=body, model=Order)
    assert sandbox.ledger[0].body == body
    assert response.data.address is not None
    assert response.data.address.postal_code == "00000"


async def test_fields_that_are_not_known_here_can_be_added(
    client: AsyncCubiCasa, sandbox: Sandbox
) -> None:
    options = RequestOptions(extra_body={"brand_new": 7})
    await client.drafts.create(**DRAFT, options=options)
    assert sandbox.ledger[0].body == {**DRAFT, "brand_new": 7}


async def test_a_corrected_path_is_used_and_no_longer_warned_about(sandbox: Sandbox) -> None:
    async with AsyncCubiCasa(
        CANARY, base_url=sandbox.base_url, paths={"company.package": "GET /companies/info"}
    ) as client:
        await client.company.package()
    assert sandbox.ledger[0].path == "/companies/info"


async def test_an_inferred_path_works_and_warns_once_with_the_setting_that_corrects_it(
    client: AsyncCubiCasa, sandbox: Sandbox
) -> None:
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        await client.company.package()
        await client.company.package()
    assert len(warned) == 1
    assert issubclass(warned[0].category, InferredPathWarning)
    assert "paths={'company.package': " in str(warned[0].message)
    assert warned[0].filename == __file__
    assert len(sandbox.ledger) == 2


@pytest.mark.parametrize(
    ("paths", "reason"),
    [
        ({"nothing.there": "/x"}, "no operation 'nothing.there'"),
        ({"offices.list": "offices"}, "must look like"),
        ({"offices.list": "FETCH /offices"}, "must look like"),
        ({"offices.list": "/../offices"}, "must look like"),
        ({"users.get": "/users"}, "same variable parts"),
        ({"users.get": "/users/{id}"}, "same variable parts"),
    ],
)
def test_a_correction_that_cannot_work_is_refused(paths: dict[str, str], reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        AsyncCubiCasa(CANARY, paths=paths)
