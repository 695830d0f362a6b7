from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cubicasa_async import AsyncCubiCasa
from cubicasa_async.config import Secret
from cubicasa_async.delivery.receiver import Receiver
from cubicasa_async.delivery.registration import WebhookSecrets
from cubicasa_async.errors import ConfigError, EchoMismatchError, InvalidInputError, Outcome
from cubicasa_async.resources.webhooks import shown_url
from cubicasa_async.sandbox import Fault, Sandbox

from .hooks import SECRETS, post, register, served
from .test_receiver import BODY, Shelf

CURRENT = SECRETS.current.reveal()
URL = SECRETS.url("https://hooks.example.test/cubicasa/")


def test_the_secret_is_the_last_step_of_the_path() -> None:
    assert f"https://hooks.example.test/cubicasa/{CURRENT}" == URL
    assert SECRETS.url("http://127.0.0.1:80") == f"http://127.0.0.1:80/{CURRENT}"


@pytest.mark.parametrize(
    "base",
    [
        "",
        "hooks.example.test",
        "ftp://x/y",
        "https://",
        "https://x/y?z=1",
        "https://x/#y",
        "http://[",
    ],
)
def test_a_base_that_is_no_url_is_refused(base: str) -> None:
    with pytest.raises(ConfigError):
        SECRETS.url(base)


@pytest.mark.parametrize("secret", ["", "short", "0123456789abcde/", "0123456789abcdé", " " * 20])
def test_a_secret_that_a_path_would_not_keep_is_refused_and_not_shown(secret: str) -> None:
    with pytest.raises(ConfigError) as caught:
        WebhookSecrets(secret)
    assert not secret.strip() or secret not in str(caught.value)


def test_fresh_secrets_differ_and_do_not_show_themselves() -> None:
    one, other = WebhookSecrets.fresh(), WebhookSecrets.fresh()
    assert one != other
    assert len(one.current.reveal()) == 43
    assert one.current.reveal() not in repr(one)
    assert one.accepts(one.url("https://x.test"))
    assert not one.accepts(other.url("https://x.test"))


def test_replaced_secrets_stay_valid_until_they_are_dropped() -> None:
    later = SECRETS.replaced_by(Secret("0123456789abcdef-newest"))
    assert later.url("https://x.test").endswith("-newest")
    for known in (SECRETS, later):
        assert later.accepts(known.url("https://x.test"))
    assert later.accepts(f"/{SECRETS.former[0].reveal()}")
    assert not WebhookSecrets(later.current).accepts(URL)


@given(st.text())
def test_nothing_but_the_secret_is_accepted(path: str) -> None:
    assert SECRETS.accepts(path) == (
        path.partition("?")[0].rstrip("/").rpartition("/")[2]
        in {CURRENT, SECRETS.former[0].reveal()}
    )


async def test_no_call_is_lost_while_the_secret_is_changed(sandbox: Sandbox) -> None:
    shelf = Shelf()
    fresh = SECRETS.replaced_by("0123456789abcdef-newest")
    async with served(Receiver(shelf, fresh)) as base:  # first the receiver, then the URL
        register(sandbox, SECRETS.url(base))
        sandbox.world.add_order(status="Ready")
        register(sandbox, fresh.url(base))
        sandbox.world.add_order(status="Ready")
        await sandbox.webhooks.settled()
        assert await post(WebhookSecrets.fresh().url(base), BODY) == 404
    assert [call.status for call in sandbox.webhooks.calls] == [200, 200]
    assert len(shelf.events) == 2


# What the server confirms


@pytest.mark.parametrize(
    ("echo", "words"),
    [
        ({"webhook_urls": []}, "webhook_urls lacks https://hooks.example.test/cubicasa/***"),
        ({"webhook_urls": [URL, URL]}, "webhook_urls has besides"),
        ({"webhook_triggers": ["moved_to_draft"]}, "webhook_triggers lacks moved_to_ready"),
    ],
)
async def test_another_echo_is_an_error_of_unknown_outcome_that_hides_the_secret(
    client: AsyncCubiCasa, sandbox: Sandbox, echo: dict[str, list[str]], words: str
) -> None:
    asked = {"webhook_urls": [URL], "webhook_triggers": ["moved_to_ready"]}
    sandbox.faults.add(Fault("body", operation="webhooks.update", body={**asked, **echo}))
    with pytest.raises(EchoMismatchError) as caught:
        await client.webhooks.update(**asked)  # type: ignore[arg-type] # two lists
    assert caught.value.outcome is Outcome.UNKNOWN
    assert words in str(caught.value)
    assert "not known" in str(caught.value)
    assert CURRENT not in str(caught.value)


async def test_a_url_that_is_none_is_refused_without_showing_it(client: AsyncCubiCasa) -> None:
    with pytest.raises(InvalidInputError) as caught:
        await client.webhooks.update(
            webhook_urls=["https://x.test", URL.removeprefix("https://")],
            webhook_triggers=["moved_to_ready"],
        )
    assert "entry 2" in str(caught.value)
    assert CURRENT not in str(caught.value)


async def test_what_is_in_force_shows_no_secret(client: AsyncCubiCasa) -> None:
    webhooks = await client.webhooks.update(webhook_urls=[URL], webhook_triggers=["moved_to_ready"])
    assert webhooks.webhook_urls == (URL,)
    assert CURRENT not in repr(webhooks)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (
            "https://me:pw@x.test:8443/short/0123456789abcdef?a=b",
            "https://x.test:8443/short/***?***",
        ),
        ("https://x.test", "https://x.test"),
        ("http://[", "***"),
    ],
)
def test_a_url_is_shown_without_what_may_be_secret(url: str, shown: str) -> None:
    assert shown_url(url) == shown
