"""The recipes for FastAPI, Starlette, Flask and Django, run."""

from __future__ import annotations

import asyncio
import http.client
import importlib
import io
import multiprocessing
import os
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, ClassVar

import attrs
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cubicasa_async.delivery.asgi import asgi_app
from cubicasa_async.delivery.inbox import Inbox
from cubicasa_async.delivery.inbox_tables import State
from cubicasa_async.delivery.receiver import Receiver
from cubicasa_async.errors import ClientClosedError, ConfigError
from cubicasa_async.sandbox import Sandbox
from cubicasa_async.sync.webhooks import WebhookReceiver
from tests.support.wsgi import django_application, serving

from .hooks import SECRETS, register
from .test_receiver import BODY, PATH, Shelf


async def waiting(place: Path) -> int:
    async with Inbox(place) as inbox:
        return (await inbox.counts())[State.WAITING]


# ASGI


@asynccontextmanager
async def asked(app: Any) -> AsyncGenerator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=True)
    async with httpx.AsyncClient(transport=transport, base_url="http://hook.test") as client:
        yield client


@pytest.mark.parametrize("framework", ["fastapi", "starlette", "alone"])
async def test_it_mounts_as_an_asgi_application(framework: str) -> None:
    shelf = Shelf()
    app: Any = asgi_app(Receiver(shelf, SECRETS))
    if framework == "fastapi":
        from fastapi import FastAPI

        outer = FastAPI()
        outer.mount("/cubicasa", app)
        app = outer
    elif framework == "starlette":
        from starlette.applications import Starlette
        from starlette.routing import Mount

        app = Starlette(routes=[Mount("/cubicasa", app=app)])
    url = SECRETS.url("http://hook.test/cubicasa")
    async with asked(app) as client:
        good = await client.post(url, content=BODY)
        assert (good.status_code, good.text) == (200, "Stored.")
        assert (await client.get(url)).status_code == 405
        assert (await client.post(f"{url}x", content=BODY)).status_code == 404
        assert (await client.post(url, content=b"x")).status_code == 400
        assert (await client.post(url, content=b" " * 70_000)).status_code == 413
    assert len(shelf.events) == 1


async def run_asgi(scope: dict[str, Any], *messages: dict[str, Any]) -> list[dict[str, Any]]:
    sent: list[dict[str, Any]] = []
    left = list(messages)

    async def receive() -> dict[str, Any]:
        return left.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    await asgi_app(Receiver(Shelf(), SECRETS))(scope, receive, send)
    return sent


HTTP: dict[str, Any] = {"type": "http", "method": "POST", "path": PATH, "headers": []}


async def test_a_body_in_parts_is_put_together_and_bounded() -> None:
    parts = [{"type": "http.request", "body": bytes([byte]), "more_body": True} for byte in BODY]
    start, _ = await run_asgi(HTTP, *parts, {"type": "http.request"})
    assert start["status"] == 200
    endless = [{"type": "http.request", "body": b" " * 4096, "more_body": True}] * 17
    start, _ = await run_asgi(HTTP, *endless)
    assert start["status"] == 413


async def test_a_caller_that_leaves_is_not_answered() -> None:
    assert await run_asgi(HTTP, {"type": "http.disconnect"}) == []


async def test_it_lives_and_ends_with_its_server() -> None:
    sent = await run_asgi(
        {"type": "lifespan"}, {"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}
    )
    assert [one["type"] for one in sent] == [
        "lifespan.startup.complete",
        "lifespan.shutdown.complete",
    ]


async def test_a_websocket_is_refused() -> None:
    assert await run_asgi({"type": "websocket"}) == [{"type": "websocket.close", "code": 1003}]


@given(st.lists(st.tuples(st.binary(), st.binary())), st.text(), st.binary())
async def test_any_head_is_answered(
    headers: list[tuple[bytes, bytes]], path: str, body: bytes
) -> None:
    for place in (path, PATH):
        scope = {**HTTP, "path": place, "headers": headers}
        start, _ = await run_asgi(scope, {"type": "http.request", "body": body})
        assert 200 < start["status"] < 500


# WSGI


def flask_app(webhooks: WebhookReceiver) -> Any:
    from flask import Flask, request

    app = Flask("hooks")

    @app.post("/cubicasa/<secret>")
    def cubicasa(secret: str) -> Any:  # pyright: ignore[reportUnusedFunction] # Flask calls it
        reply = webhooks.receive(request.method, request.path, request.headers, request.stream)
        return reply.text, reply.status, dict(reply.headers)

    return app


def django_app(webhooks: WebhookReceiver) -> Any:
    # Django has no types, so it is imported where they are not asked for.
    http, urls, csrf = (
        importlib.import_module(f"django.{one}")
        for one in ("http", "urls", "views.decorators.csrf")
    )

    def cubicasa(request: Any, secret: str) -> Any:
        reply = webhooks.receive(request.method, request.path, request.headers, request)
        return http.HttpResponse(reply.text, status=reply.status, headers=reply.headers)

    class Urls:
        urlpatterns: ClassVar = [urls.path("cubicasa/<str:secret>", csrf.csrf_exempt(cubicasa))]

    return django_application(Urls)


@attrs.define
class Tap:
    """A WSGI application in front of another; counts what is read of bodies."""

    app: Any
    read: int = 0

    def __call__(self, environ: Any, start_response: Any) -> Any:
        environ["wsgi.input"] = _Tapped(environ["wsgi.input"], self)
        return self.app(environ, start_response)


class _Tapped(io.RawIOBase):
    def __init__(self, stream: Any, tap: Tap) -> None:
        self._stream, self._tap = stream, tap

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        part = self._stream.read(len(buffer))
        self._tap.read += len(part)
        buffer[: len(part)] = part
        return len(part)


def call(origin: str, path: str, head: str, body: bytes) -> tuple[int, str]:
    """Send a call whose head says what it likes about its body; the status and text."""
    host, port = origin.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(f"POST {path} HTTP/1.1\r\nHost: x\r\n{head}\r\n\r\n".encode())
        with suppress(OSError):  # it may be cut off once it is answered
            connection.sendall(body)
            connection.shutdown(socket.SHUT_WR)
        response = http.client.HTTPResponse(connection)
        response.begin()
        return response.status, response.read().decode()


def chunked(body: bytes) -> bytes:
    return b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)


CHUNKED = "Transfer-Encoding: chunked"


@pytest.mark.parametrize("make", [flask_app, django_app])
def test_a_wsgi_application_reads_nothing_of_a_stranger_and_no_more_than_the_bound(
    make: Any, tmp_path: Path
) -> None:
    place = tmp_path / "inbox.db"
    with WebhookReceiver(place, SECRETS) as webhooks:
        tap = Tap(make(webhooks))
        path = f"/cubicasa/{SECRETS.current.reveal()}"
        with serving(tap) as origin:
            for head, body in (
                ("Content-Length: 1000000", b" "),
                (CHUNKED, chunked(b" " * 100_000)),
            ):
                assert call(origin, "/cubicasa/guessed", head, body)[0] == 404
            assert call(origin, path, "Content-Length: 1000000", b" ")[0] == 413
            assert tap.read == 0
            status, _ = call(origin, path, CHUNKED, chunked(b" " * 100_000))
            assert status == (413 if make is flask_app else 411)
            assert tap.read <= 65_537
        assert webhooks.receive("POST", PATH, {}, BODY).status == 200
    assert asyncio.run(dead(place)) == 0


@pytest.mark.parametrize("make", [flask_app, django_app])
def test_a_body_that_a_wsgi_server_does_not_read_whole_is_no_dead_letter(
    make: Any, tmp_path: Path
) -> None:
    place = tmp_path / "inbox.db"
    with WebhookReceiver(place, SECRETS) as webhooks, serving(make(webhooks)) as origin:
        path = f"/cubicasa/{SECRETS.current.reveal()}"
        assert call(origin, path, f"Content-Length: {len(BODY) + 1}", BODY)[0] == 400
        status, text = call(origin, path, CHUNKED, chunked(BODY))
        if make is flask_app:
            assert status == 200
        else:
            assert (status, "without a Content-Length" in text) == (411, True)
        assert webhooks.receive("POST", PATH, {}, BODY).status == 200
    assert asyncio.run(dead(place)) == 0


async def dead(place: Path) -> int:
    async with Inbox(place) as inbox:
        return len(await inbox.dead.list())


def test_a_stream_is_read_up_to_the_bound_and_may_fail(tmp_path: Path) -> None:
    with WebhookReceiver(tmp_path / "inbox.db", SECRETS, largest=len(BODY)) as webhooks:
        for body, status in ((BODY, 200), (BODY + b" ", 413), (b" " * 100_000, 413)):
            stream = io.BytesIO(body)
            assert webhooks.receive("POST", PATH, {}, stream).status == status
            assert stream.tell() <= len(BODY) + 1
        assert webhooks.receive("POST", PATH, {}, _Broken()).status == 400


class _Broken:
    def read(self, size: int, /) -> bytes:
        raise OSError(size)


@pytest.mark.parametrize("make", [flask_app, django_app])
async def test_a_wsgi_application_keeps_what_the_sandbox_tells(
    make: Any, sandbox: Sandbox, tmp_path: Path
) -> None:
    place = tmp_path / "inbox.db"
    with WebhookReceiver(place, SECRETS) as webhooks, serving(make(webhooks)) as origin:
        base = f"{origin}/cubicasa"
        register(sandbox, SECRETS.url(base), f"{base}/guessed")
        for _ in range(10):
            sandbox.world.add_order(status="Ready")
        await sandbox.webhooks.settled()
    answers = [(SECRETS.accepts(call.url), call.status) for call in sandbox.webhooks.calls]
    assert sorted(answers) == [(False, 404)] * 30 + [(True, 200)] * 10
    assert await waiting(place) == 10


def test_a_wsgi_receiver_that_is_closed_says_so(tmp_path: Path) -> None:
    webhooks = WebhookReceiver(tmp_path / "inbox.db", SECRETS)
    assert webhooks.receive("POST", PATH, {}, BODY).status == 200
    webhooks.close()
    webhooks.close()
    with pytest.raises(ClientClosedError):
        webhooks.receive("POST", PATH, {}, BODY)


def test_a_target_that_cannot_be_one_is_refused_at_once() -> None:
    with pytest.raises(ConfigError):
        WebhookReceiver("mysql://localhost/x", SECRETS)


def test_an_inbox_that_cannot_be_opened_asks_for_the_event_again(tmp_path: Path) -> None:
    with WebhookReceiver(tmp_path / "missing" / "inbox.db", SECRETS) as webhooks:
        assert webhooks.receive("POST", PATH, {}, BODY).status == 503
        (tmp_path / "missing").mkdir()
        assert webhooks.receive("POST", PATH, {}, BODY).status == 200


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_server_that_forks_after_its_first_call_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    # A log file that another thread is writing to at the fork is locked in the child for ever.
    caplog.set_level("CRITICAL")
    place = tmp_path / "inbox.db"
    with WebhookReceiver(place, SECRETS) as webhooks:
        assert webhooks.receive("POST", PATH, {}, BODY).status == 200
        child = multiprocessing.get_context("fork").Process(
            target=_receive_in_child, args=(webhooks,)
        )
        child.start()
        child.join()
        assert child.exitcode == 0
        assert webhooks.receive("POST", PATH, {}, BODY.replace(b"2d", b"3d")).status == 200
    assert asyncio.run(waiting(place)) == 3


def _receive_in_child(webhooks: WebhookReceiver) -> None:
    body = BODY.replace(b"products_2d", b"tour")
    os._exit(0 if webhooks.receive("POST", PATH, {}, body).status == 200 else 1)
