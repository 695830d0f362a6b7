from __future__ import annotations

import ssl
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cubicasa_async import Config, Environment, Priority, RequestOptions, Secret
from cubicasa_async.config import DEFAULTS, check_base_url
from cubicasa_async.errors import ConfigError, Outcome
from tests.support.canary import CANARY

HOST = "https://api.example.test/v3"


def refused(match: str, **settings: Any) -> None:
    key: dict[str, Any] = {"api_key": CANARY}
    with pytest.raises(ConfigError, match=match) as caught:
        Config.make(**(key | settings))
    assert caught.value.outcome is Outcome.NOT_SENT
    assert CANARY not in str(caught.value)


def test_production_is_the_default() -> None:
    assert str(Config.make(api_key=CANARY).base_url) == Environment.PRODUCTION.base_url


@pytest.mark.parametrize("environment", [*Environment, "production", "qa"])
def test_an_environment_names_a_base_url(environment: str) -> None:
    config = Config.make(api_key=CANARY, environment=environment)
    assert str(config.base_url) == Environment(environment).base_url
    assert config.base_url.scheme == "https"


def test_an_unknown_environment_is_refused_with_those_that_there_are() -> None:
    refused("no environment 'test'; known are production, qa", environment="test")


def test_an_environment_and_a_base_url_exclude_each_other() -> None:
    refused("either environment or base_url", environment="qa", base_url=HOST)


@pytest.mark.parametrize(
    ("given_url", "used"),
    [
        (HOST, HOST),
        (f" {HOST}/ ", HOST),
        (f"{HOST}//", HOST),
        ("https://api.example.test", "https://api.example.test"),
        ("https://api.example.test/a%2Fb", "https://api.example.test/a%2Fb"),
        ("http://127.0.0.1:8377/v3", "http://127.0.0.1:8377/v3"),
        ("http://localhost/v3", "http://localhost/v3"),
        ("http://api.localhost/v3", "http://api.localhost/v3"),
        ("http://[::1]:1/v3", "http://[::1]:1/v3"),
        ("HTTPS://API.example.test/v3", HOST),
    ],
)
def test_base_urls_that_the_key_may_be_sent_to(given_url: str, used: str) -> None:
    assert str(check_base_url(given_url)) == used


@pytest.mark.parametrize(
    ("given_url", "reason"),
    [
        ("", "must look like"),
        ("api.example.test/v3", "must look like"),
        ("/v3", "must look like"),
        ("https://", "must look like"),
        ("https:///v3", "must look like"),
        ("ftp://api.example.test/v3", "must look like"),
        ("file:///etc/passwd", "must look like"),
        ("https://api.example.test:99999/v3", "must look like"),
        ("https://[::1/v3", "must look like"),
        ("https://user@api.example.test/v3", "neither credentials"),
        ("https://:secret@api.example.test/v3", "neither credentials"),
        (f"{HOST}?x=1", "neither credentials nor a query"),
        (f"{HOST}#x", "neither credentials nor a query"),
        ("http://api.example.test/v3", "must be https"),
        ("http://localhost.example.test/v3", "must be https"),
        ("http://10.0.0.1/v3", "must be https"),
        ("http://127.0.0.1.example.test/v3", "must be https"),
    ],
)
def test_base_urls_that_it_may_not_be_sent_to(given_url: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        check_base_url(given_url)


@given(st.text() | st.text().map(lambda text: f"http://{text}"))
def test_any_text_is_a_safe_base_url_or_refused(text: str) -> None:
    try:
        url = check_base_url(text)
    except ConfigError:
        return
    assert url.host
    assert url.scheme == "https" or url.host.endswith("localhost") or url.host[0] in "1:"


@pytest.mark.parametrize("key", ["", "  ", "\n"])
def test_an_empty_key_is_refused(key: str) -> None:
    refused("The api key is empty", api_key=key)


@pytest.mark.parametrize("key", ["a\r\nX: 1", "a\x00", "schlüssel", "a\u2028b"])
def test_a_key_that_no_header_can_hold_is_refused_and_not_shown(key: str) -> None:
    with pytest.raises(ConfigError, match="it is not shown") as caught:
        Config.make(api_key=key)
    assert key not in str(caught.value)


def test_blanks_around_a_key_are_not_part_of_it() -> None:
    for key in (f" {CANARY}\n", Secret(CANARY)):
        assert Config.make(api_key=key).api_key == Secret(CANARY)


@pytest.mark.parametrize(
    "settings",
    [
        {"concurrency": 0},
        {"page_size": 0},
        {"max_response_bytes": 0},
        {"connect_timeout": 0.0},
        {"connect_timeout": float("nan")},
    ],
)
def test_settings_that_cannot_work_are_refused(settings: dict[str, Any]) -> None:
    refused(next(iter(settings)), **settings)


def test_tls_verification_cannot_be_switched_off() -> None:
    refused("TLS verification cannot be switched off", ssl=False)
    context = ssl.create_default_context()
    assert Config.make(api_key=CANARY, ssl=context).ssl is context


def test_settings_come_from_three_variables() -> None:
    config = Config.from_env({"CUBICASA_API_KEY": CANARY, "CUBICASA_ENVIRONMENT": "qa"})
    assert config.api_key == Secret(CANARY)
    assert str(config.base_url) == Environment.QA.base_url
    config = Config.from_env({"CUBICASA_API_KEY": CANARY, "CUBICASA_BASE_URL": HOST}, page_size=7)
    assert str(config.base_url) == HOST
    assert config.page_size == 7


def test_an_empty_variable_counts_as_not_set() -> None:
    config = Config.from_env(
        {"CUBICASA_API_KEY": CANARY, "CUBICASA_ENVIRONMENT": "", "CUBICASA_BASE_URL": ""}
    )
    assert str(config.base_url) == Environment.PRODUCTION.base_url


@pytest.mark.parametrize("environ", [{}, {"CUBICASA_API_KEY": " "}])
def test_a_missing_key_is_named(environ: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="set the environment variable CUBICASA_API_KEY"):
        Config.from_env(environ)


def test_the_environment_is_read_when_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUBICASA_API_KEY", CANARY)
    monkeypatch.setenv("CUBICASA_BASE_URL", HOST)
    monkeypatch.delenv("CUBICASA_ENVIRONMENT", raising=False)
    assert str(Config.from_env().base_url) == HOST


def test_options_are_completed_by_the_clients_and_those_by_the_defaults() -> None:
    config = Config.make(api_key=CANARY, options=RequestOptions(timeout=5.0, headers={"A": "1"}))
    assert config.options.timeout == 5.0
    assert config.options.deadline == DEFAULTS.deadline == 60.0
    mine = RequestOptions(retries=0, headers={"B": "2"}, priority=Priority.BULK)
    both = mine.over(config.options)
    assert (both.timeout, both.deadline, both.retries) == (5.0, 60.0, 0)
    assert both.priority is Priority.BULK
    assert both.headers == {"A": "1", "B": "2"}
    assert config.options.headers == {"A": "1"}


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"timeout": 0.0}, "timeout must be a number of seconds above 0"),
        ({"timeout": float("nan")}, "timeout must be"),
        ({"deadline": -1.0}, "deadline must be"),
        ({"retries": -1}, "retries must be 0 or more"),
        ({"headers": {"X": "a\r\nb"}}, "characters that HTTP does not allow"),
        ({"headers": {"X\n": "a"}}, "characters that HTTP does not allow"),
        ({"headers": {"X": "ä"}}, "characters that HTTP does not allow"),
        ({"headers": {"Transfer-Encoding": "chunked"}}, "set by the client itself"),
    ],
)
def test_options_that_cannot_work_are_refused(options: dict[str, Any], reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        RequestOptions(**options)


@pytest.mark.parametrize("name", ["", "a b", "a:b", "a(b)"])
def test_a_header_name_is_a_token(name: str) -> None:
    with pytest.raises(ConfigError, match="does not allow"):
        RequestOptions(headers={name: "x"})


@pytest.mark.parametrize("name", ["content-type", "Content-Type", "accept-encoding"])
def test_what_the_client_must_know_of_a_body_is_not_the_users_to_say(name: str) -> None:
    with pytest.raises(ConfigError, match="set by the client itself"):
        RequestOptions(headers={name: "x"})


def test_settings_do_not_show_the_key_nor_a_proxys_password() -> None:
    config = Config.make(api_key=CANARY, proxy="http://user:password@proxy.test:1")
    for text in (repr(config), str(config), f"{config}"):
        assert CANARY not in text
        assert "password" not in text
