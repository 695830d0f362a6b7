"""What is wrong with a request is said before anything is sent."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Mapping
from typing import Any

import attrs
import pytest

from cubicasa_async import (
    AsyncCubiCasa,
)
from cubicasa_async.errors import (
    InvalidInputError,
    NotFoundError,
    Outcome,
)
from cubicasa_async.sandbox import Sandbox
from tests.contract.cases import (
    BY_OPERATION,
    CASES,
    WITH_BODY,
    Case,
    make,
    method,
)


def nothing_was_sent(sandbox: Sandbox) -> bool:
    return len(sandbox.ledger) == 0


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


async def test_what_may_not_be_null_is_refused_as_null(
    client: AsyncCubiCasa, sandbox: Sandbox
) -> None:
    with pytest.raises(InvalidInputError) as caught:
        await client.users.update("x", role=None, office_id=None)  # type: ignore[arg-type] # what is tested
    assert [str(fault) for fault in caught.value.field_errors] == [
        "role: must not be null",
        "office_id: must not be null",
    ]
    assert not sandbox.ledger
