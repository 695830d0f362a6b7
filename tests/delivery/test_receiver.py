from __future__ import annotations

import asyncio
import gzip
import json
import logging
import sqlite3
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cubicasa_async.delivery.events import Event
from cubicasa_async.delivery.inbox import Inbox
from cubicasa_async.delivery.receiver import Headers, Receiver
from cubicasa_async.delivery.registration import hide_secrets
from cubicasa_async.errors import ConfigError, StoreError
from cubicasa_async.sandbox import Sandbox
from tests.support.waiting import until

from .hooks import SECRETS, post, register, served
from .test_events import SAMPLE

BODY = json.dumps(SAMPLE).encode()
CURRENT, FORMER = SECRETS.current.reveal(), SECRETS.former[0].reveal()
PATH = f"/hook/{CURRENT}"


class Shelf:
    """Keeps events in memory, or fails to."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.failure = failure
        self.events: list[Event] = []
        self.unreadable: list[bytes] = []

    async def put(self, event: Event, body: bytes) -> None:
        await asyncio.sleep(0)
        if self.failure is not None:
            raise self.failure
        self.events.append(event)

    async def put_unreadable(self, body: bytes, reason: str) -> None:
        if self.failure is not None:
            raise self.failure
        self.unreadable.append(body)


async def status(
    shelf: Shelf,
    method: str = "POST",
    path: str = PATH,
    headers: Mapping[str, str] | None = None,
    body: bytes = BODY,
    **settings: Any,
) -> int:
    receiver = Receiver(shelf, SECRETS, **settings)
    return (await receiver.receive(method, path, headers or {}, body)).status


@pytest.mark.parametrize(
    "path", [PATH, f"/hook/{FORMER}", f"{PATH}/", f"{PATH}?x=1", f"/{CURRENT}"]
)
async def test_an_event_is_answered_with_200_once_it_is_kept(path: str) -> None:
    shelf = Shelf()
    assert await status(shelf, path=path) == 200
    assert [event.order_id for event in shelf.events] == [SAMPLE["id"]]


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "/hook",
        "/hook/",
        f"{PATH}x",
        f"{PATH[:-1]}",
        f"{PATH}/more",
        f"/hook?secret={CURRENT}",
        PATH.upper(),
        "/hook/\ud800",
    ],
)
async def test_a_wrong_secret_is_a_404_whatever_else_the_call_is(path: str) -> None:
    shelf = Shelf()
    for method in ("POST", "GET"):
        assert await status(shelf, method, path) == 404
    assert not shelf.events


@pytest.mark.parametrize(
    ("expected", "call"),
    [
        (405, {"method": "GET"}),
        (405, {"method": "post"}),
        (413, {"headers": {"Content-Length": "65537"}}),
        (413, {"headers": {"CONTENT-LENGTH": "9" * 5000}}),
        (413, {"body": b" " * 65537}),
        (400, {"headers": {"Content-Length": "-1"}}),
        (400, {"headers": {"Content-Length": "²"}}),
        (415, {"headers": {"Content-Encoding": "gzip"}}),
        (411, {"body": b""}),
        (411, {"body": b"", "headers": {"Content-Length": "", "Transfer-Encoding": "chunked"}}),
        (400, {"body": b"", "headers": {"Content-Length": "0"}}),
        (400, {"headers": {"Content-Length": str(len(BODY) + 1)}}),
        (400, {"body": b"{}"}),
        (400, {"body": b"\xff"}),
    ],
)
async def test_what_is_no_call_of_a_webhook_is_refused(expected: int, call: dict[str, Any]) -> None:
    shelf = Shelf()
    assert await status(shelf, **call) == expected
    assert not shelf.events


async def test_what_is_no_event_but_knows_the_secret_is_kept_for_a_person() -> None:
    shelf = Shelf()
    assert await status(shelf, body=b"{}") == 400
    assert await status(shelf, path="/hook/guessed", body=b"[]") == 404
    assert shelf.unreadable == [b"{}"]


@pytest.mark.parametrize(
    "failure", [StoreError("The disk is full."), OSError(28), ZeroDivisionError()]
)
@pytest.mark.parametrize("body", [BODY, b"no event"])
async def test_what_cannot_be_kept_is_asked_for_again(
    failure: Exception, body: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    assert await status(Shelf(failure), body=body) == 503
    assert "could not be stored" in caplog.text


class TestAVerifier:
    """A check that the vendor does not offer yet."""

    async def test_is_given_what_came_and_decides(self) -> None:
        seen: list[tuple[Mapping[str, str], bytes]] = []

        def verify(headers: Mapping[str, str], body: bytes) -> bool:
            seen.append((headers, body))
            return headers["x-signature"] == "right"

        shelf = Shelf()
        assert await status(shelf, headers={"X-Signature": "right"}, verify=verify) == 200
        assert await status(shelf, headers={"X-Signature": "wrong"}, verify=verify) == 401
        assert seen[0] == ({"x-signature": "right"}, BODY)
        assert len(shelf.events) == 1

    async def test_may_be_asynchronous(self) -> None:
        async def verify(headers: Mapping[str, str], body: bytes) -> bool:
            await asyncio.sleep(0)
            return b"tour" in body

        assert await status(Shelf(), verify=verify) == 401

    async def test_that_fails_keeps_the_event_from_being_acknowledged(self) -> None:
        def verify(headers: Mapping[str, str], _: bytes) -> bool:
            return headers["missing"] == ""

        shelf = Shelf()
        assert await status(shelf, verify=verify) == 503
        assert not shelf.events

    async def test_is_not_asked_by_strangers(self) -> None:
        def verify(_: Mapping[str, str], __: bytes) -> bool:
            raise AssertionError("asked")

        assert await status(Shelf(), path="/hook/guessed", verify=verify) == 404


@given(st.text(), st.text(), st.dictionaries(st.text(), st.text()), st.binary())
async def test_any_call_is_answered(
    method: str, path: str, headers: dict[str, str], body: bytes
) -> None:
    for place in (path, PATH):
        for verb in (method, "POST"):
            assert 200 < await status(Shelf(), verb, place, headers, body) < 500


async def test_no_secret_means_that_somebody_else_checks_who_calls() -> None:
    shelf = Shelf()
    receiver = Receiver(shelf, None)
    assert (await receiver.receive("POST", "/any/thing", {}, BODY)).status == 200


def test_a_bound_that_lets_nothing_in_is_refused() -> None:
    with pytest.raises(ConfigError):
        Receiver(Shelf(), SECRETS, largest=0)
    with pytest.raises(ConfigError):
        Receiver(Shelf(), SECRETS, patience=0)


async def test_who_calls_is_not_kept_waiting_for_a_store_that_is_held_up(tmp_path: Path) -> None:
    place = tmp_path / "inbox.db"
    async with Inbox(place) as inbox:
        receiver = Receiver(inbox, SECRETS, patience=0.05)
        with closing(sqlite3.connect(place, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            assert (await receiver.receive("POST", PATH, {}, BODY)).status == 503
            other.execute("ROLLBACK")
            count = "SELECT count(*) FROM webhook_events"
            await until(lambda: other.execute(count).fetchone() == (1,))  # what was begun goes on


async def test_the_secret_never_shows_itself(caplog: pytest.LogCaptureFixture) -> None:
    receiver = Receiver(Shelf(StoreError("The disk is full.")), SECRETS)
    replies = [
        await receiver.receive(method, path, {}, body)
        for method in ("POST", "GET")
        for path in (PATH, "/hook/guessed")
        for body in (BODY, b"{}", b" " * 70000)
    ]
    shown = f"{replies} {receiver!r} {SECRETS!r} {caplog.text}"
    assert CURRENT not in shown
    assert FORMER not in shown


# Over aiohttp


@pytest.fixture
async def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
async def base(shelf: Shelf) -> AsyncIterator[str]:
    async with served(Receiver(shelf, SECRETS)) as base:
        yield base


async def test_aiohttp_serves_it(base: str, shelf: Shelf) -> None:
    url = SECRETS.url(base)
    assert await post(url, BODY) == 200
    assert await post(f"{base}/guessed", BODY) == 404
    assert await post(url, b"x") == 400
    assert await post(url, b" " * 70000) == 413
    assert len(shelf.events) == 1


async def test_a_body_without_a_length_is_bounded_too(base: str, shelf: Shelf) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b" " * 4096

    answer = 0
    with suppress(aiohttp.ClientError):  # it may be cut off before it has read its answer
        answer = await post(SECRETS.url(base), endless())  # type: ignore[arg-type] # a stream
    assert answer in {0, 413}
    assert not shelf.unreadable


async def test_a_bomb_is_not_unpacked(base: str, shelf: Shelf) -> None:
    bomb = gzip.compress(b" " * 10_000_000)
    assert await post(SECRETS.url(base), bomb, headers={"Content-Encoding": "gzip"}) == 415


async def test_a_caller_that_leaves_half_way_does_no_harm(base: str, shelf: Shelf) -> None:
    host, port = base.removeprefix("http://").partition("/")[0].split(":")
    for cut in (30, 90, 200):
        _, writer = await asyncio.open_connection(host, int(port))
        head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(BODY)}\r\n\r\n"
        writer.write((head.encode() + BODY)[:cut])
        await writer.drain()
        writer.close()
        await writer.wait_closed()
    assert await post(SECRETS.url(base), BODY) == 200
    assert len(shelf.events) == 1


async def test_the_sandbox_is_answered_only_when_the_event_is_on_disk(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    place = tmp_path / "inbox.db"
    async with Inbox(place) as inbox, served(Receiver(inbox, SECRETS)) as base:
        register(sandbox, SECRETS.url(base))
        order = sandbox.world.add_order(status="Ready")
        await sandbox.webhooks.settled()
    assert [call.status for call in sandbox.webhooks.calls] == [200]
    async with Inbox(place) as again:
        work = await again.take(1)
        assert work is not None
        assert work.entry.event.order_id == order.id


def heard(sandbox: Sandbox) -> list[int | None]:
    return [call.status for call in sandbox.webhooks.calls]


async def test_while_nothing_can_be_stored_the_three_attempts_are_used(sandbox: Sandbox) -> None:
    shelf = Shelf(StoreError("The disk is full."))
    async with served(Receiver(shelf, SECRETS)) as base:
        register(sandbox, SECRETS.url(base))
        sandbox.webhooks.pause = 3600.0
        sandbox.world.add_order(status="Ready")
        for attempt in (1, 2):
            await until(lambda attempt=attempt: heard(sandbox) == [503] * attempt)  # type: ignore[misc] # a default
            shelf.failure = None if attempt == 2 else shelf.failure
            sandbox.clock.advance(3600.0)
        await sandbox.webhooks.settled()
    assert heard(sandbox) == [503, 503, 200]
    assert len(shelf.events) == 1


async def test_control_an_answer_before_storing_loses_the_event(sandbox: Sandbox) -> None:
    shelf = Shelf(StoreError("The disk is full."))

    class Hasty(Receiver):
        async def accept(self, headers: Headers, body: bytes) -> Any:
            reply = await super().accept(headers, body)
            return type(reply)(200, "Stored, or so I hope.")

    async with served(Hasty(shelf, SECRETS)) as base:
        register(sandbox, SECRETS.url(base))
        sandbox.world.add_order(status="Ready")
        await sandbox.webhooks.settled()
    assert [call.status for call in sandbox.webhooks.calls] == [200]
    assert not shelf.events


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    """A logger that is not to show the secrets."""
    logger = logging.getLogger("test.access")
    hide_secrets(SECRETS, logger.name)
    yield logger
    logger.filters.clear()


def test_access_logs_do_not_show_the_secret(
    logger: logging.Logger, caplog: pytest.LogCaptureFixture
) -> None:
    logger.info('"POST %s HTTP/1.1" %d', PATH, 200)
    logger.info(f"POST {PATH}")  # noqa: G004 # as some servers do
    logger.warning("Not found: %s", {"path": f"/hook/{FORMER}"})
    assert len(caplog.records) == 3
    assert caplog.records[0].args == ("/hook/***", 200)
    assert CURRENT not in caplog.text
    assert FORMER not in caplog.text


class Atoms(dict[str, Any]):
    """Names of an access log as gunicorn has them: it answers to any."""

    def __getitem__(self, name: str) -> Any:
        return super().__getitem__(name) if name in self else "-"


def test_an_access_log_that_names_what_it_writes_is_written(
    logger: logging.Logger, caplog: pytest.LogCaptureFixture
) -> None:
    logger.info("%(r)s %(s)d %({x}i)s", Atoms(r=f"POST {PATH}", s=200))
    whole = {"status": 200}
    logger.info("%s", {"path": PATH, "paths": [f"/hook/{FORMER}"]}, extra={"whole": whole})
    assert vars(caplog.records[1])["whole"] is whole
    assert caplog.messages == [
        "POST /hook/*** 200 -",
        "{'path': '/hook/***', 'paths': ['/hook/***']}",
    ]
    named = caplog.records[0].args
    assert isinstance(named, Mapping)
    assert {name: named[name] for name in named} == {"r": "POST /hook/***", "s": 200}


@pytest.mark.parametrize("words", [f"nothing at {PATH}", "nothing"])
def test_a_traceback_is_written_whole_but_for_the_secret(
    logger: logging.Logger, caplog: pytest.LogCaptureFixture, words: str
) -> None:
    try:
        dict[str, str]()[words]
    except KeyError:
        logger.exception("It failed.")
    assert "test_receiver.py" in caplog.text
    assert f"KeyError: '{words.replace(CURRENT, '***')}'" in caplog.text
    assert CURRENT not in caplog.text


def test_a_record_whose_words_cannot_be_found_is_left_to_the_log(
    logger: logging.Logger, caplog: pytest.LogCaptureFixture
) -> None:
    words = iter([LookupError(), "shown"])

    class Moody:
        def __str__(self) -> str:
            if isinstance(found := next(words, "shown"), Exception):
                raise found
            return str(found)

    logger.info("%s", Moody())
    assert caplog.messages == ["shown"]


@given(st.lists(st.sampled_from(["{}", "%{:02x}", "%{:02X}", "%25{:02X}"]), min_size=len(CURRENT)))
def test_no_spelling_of_the_secret_in_a_url_is_shown(spellings: list[str]) -> None:
    spelt = [
        one.format(letter if one == "{}" else ord(letter))
        for one, letter in zip(spellings, CURRENT, strict=False)
    ]
    assert SECRETS.redact(f"POST /hook/{''.join(spelt)} 200") == "POST /hook/*** 200"
