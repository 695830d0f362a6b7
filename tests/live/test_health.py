from __future__ import annotations

import ssl
from collections.abc import Iterable

import pytest

from cubicasa_async import AsyncCubiCasa
from cubicasa_async.config import Config
from cubicasa_async.errors import AuthenticationError, ConnectError, CubiCasaError
from cubicasa_async.live import Check, reach, settings, versions
from cubicasa_async.sandbox import Fault, Sandbox
from tests.support.canary import CANARY
from tests.support.moments import VirtualTime


def named(checks: Iterable[Check], name: str) -> Check:
    (found,) = (check for check in checks if check.name == name)
    return found


async def reached(base_url: str, key: str = CANARY) -> list[Check]:
    async with AsyncCubiCasa(key, base_url=base_url) as client:
        return await reach(client)


async def test_a_service_that_answers_has_no_fault(sandbox: Sandbox) -> None:
    checks = await reached(sandbox.base_url)
    assert [check.name for check in checks] == ["service", "clock"]
    assert not any(check.fault for check in checks)
    assert [(entry.method, entry.operation) for entry in sandbox.ledger] == [("GET", "orders.list")]


async def test_a_wrong_key_is_said_and_not_shown(sandbox: Sandbox) -> None:
    check = named(await reached(sandbox.base_url, "wrong-0815"), "service")
    assert isinstance(check.error, AuthenticationError)
    assert "api key was refused" in check.fault
    assert "CUBICASA_API_KEY" in check.advice
    assert "wrong-0815" not in repr(check)


async def test_a_host_that_is_not_there_is_said(unused_tcp_port: int) -> None:
    (check,) = await reached(f"http://127.0.0.1:{unused_tcp_port}/api/integrate/v3")
    assert isinstance(check.error, ConnectError)
    assert check.value == "not reached"
    assert "proxy" in check.advice


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Fault("html"), "web page"),
        (Fault("status", status=404, html="<h1>Not Found</h1>"), "404"),
        (Fault("redirect", location="https://login.example.test/"), "redirects"),
        (Fault("body", body={"hello": "world"}), "not with a list of orders"),
    ],
    ids=["web page", "404", "redirect", "other JSON"],
)
async def test_another_service_than_expected_is_said(
    sandbox: Sandbox, fault: Fault, words: str
) -> None:
    sandbox.faults.add(fault)
    check = named(await reached(sandbox.base_url), "service")
    assert words in check.fault
    assert check.advice.startswith("Check the base URL")
    assert check.error is not None


@pytest.mark.parametrize("status", [403, 429, 500, 502, 503])
async def test_each_refusal_has_an_advice_and_is_asked_for_once(
    sandbox: Sandbox, status: int
) -> None:
    sandbox.faults.add(Fault("status", status=status))
    check = named(await reached(sandbox.base_url), "service")
    assert check.value == f"answered {status}"
    assert isinstance(check.error, CubiCasaError)
    assert check.advice
    assert len(sandbox.ledger) == 1


async def test_a_connection_that_breaks_is_said(sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault("drop"))
    (check,) = await reached(sandbox.base_url)
    assert check.fault
    assert check.advice


@pytest.mark.parametrize(
    ("date", "value", "wrong"),
    [
        ("Thu, 01 Jan 2026 00:00:00 GMT", "as the service's", False),
        ("Thu, 01 Jan 2026 00:00:30 GMT", "30 s behind the service", False),
        ("Wed, 31 Dec 2025 23:00:00 GMT", "3600 s ahead of the service", True),
        ("Thu, 01 Jan 2026 00:02:00 GMT", "120 s behind the service", True),
    ],
)
async def test_a_wrong_clock_is_told_from_the_answer(
    sandbox: Sandbox,
    client: AsyncCubiCasa,
    moments: VirtualTime,
    date: str,
    value: str,
    wrong: bool,
) -> None:
    assert moments.now == 0
    empty = {"pagination": {"has_more": False}, "items": list[str]()}
    sandbox.faults.add(Fault("body", body=empty, headers={"Date": date}))
    checks = await reach(client)
    assert not named(checks, "service").fault
    assert named(checks, "clock").value == value
    assert bool(named(checks, "clock").fault) is wrong
    assert bool(named(checks, "clock").advice) is wrong


async def test_the_clock_is_told_from_a_refusal_too(sandbox: Sandbox) -> None:
    sandbox.faults.add(
        Fault("status", status=403, headers={"Date": "Thu, 01 Jan 2015 00:00:00 GMT"})
    )
    assert named(await reached(sandbox.base_url), "clock").fault


def test_settings_are_told_without_secrets() -> None:
    config = Config.make(
        api_key=CANARY, environment="qa", proxy="http://user:proxy-secret@proxy.example.test:3128"
    )
    found = {check.name: check.value for check in settings(config, {})}
    assert found["base URL"] == "https://qa-customers.cubi.casa/api/integrate/v3"
    assert found["environment"] == "qa"
    assert found["proxy"] == "http://proxy.example.test:3128"
    assert found["TLS"].startswith("certificates are verified (OpenSSL")
    assert CANARY not in str(found)
    assert "proxy-secret" not in str(found)


def test_variables_that_have_no_effect_are_named_but_not_shown() -> None:
    config = Config.make(api_key=CANARY)
    environ = {"HTTPS_PROXY": "http://user:proxy-secret@proxy.example.test"}
    check = named(settings(config, environ), "proxy")
    assert check.value == "none; HTTPS_PROXY is set and has no effect"
    assert not check.fault


def test_a_context_that_verifies_nothing_is_a_fault() -> None:
    context = ssl.create_default_context()
    assert not named(settings(Config.make(api_key=CANARY, ssl=context), {}), "TLS").fault
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    assert named(settings(Config.make(api_key=CANARY, ssl=context), {}), "TLS").fault


def test_the_versions_that_run_are_told() -> None:
    names = [check.name for check in versions()]
    assert names == ["python", "cubicasa_async", "aiohttp", "attrs", "cattrs", "msgspec"]
    assert all(check.value[0].isdigit() for check in versions())
