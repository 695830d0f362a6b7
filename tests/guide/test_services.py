"""The services that the guide shows, served: drafts are made, and deliveries arrive."""

from __future__ import annotations

import asyncio
import importlib
import os
import stat
import sys
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from cubicasa_async.delivery import Inbox
from cubicasa_async.sandbox import Fault, Order, Sandbox
from tests.guide.pages import blocks
from tests.guide.reader import Reader, listening_at
from tests.support.waiting import until
from tests.support.wsgi import django_application, serving
from tests.testing.support import run_pytest

SECRET = "0123456789abcdef-of-the-guide"
LISTING = {
    "number": "L-7",
    "street": "7 Main Street",
    "city": "Springfield",
    "country": "United States",
    "photographer": "photographer@example.com",
}
ROW = {
    "street": "1 Main Street",
    "city": "Springfield",
    "country": "United States",
    "owner_email": "photographer@example.com",
}


@pytest.fixture
def shown(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Imports a module that the guide shows, and forgets it afterwards."""
    before = set(sys.modules)

    def load(page: str, name: str) -> ModuleType:
        reader.export("CUBICASA_WEBHOOK_SECRET", SECRET)
        for block in blocks(page):
            if block.file is not None:
                reader.put(block)
        importlib.invalidate_caches()
        return importlib.import_module(name)

    yield load
    for name in set(sys.modules) - before:
        place = getattr(sys.modules[name], "__file__", None)
        if place is not None and Path(place).is_relative_to(reader.directory):
            del sys.modules[name]
    sys.modules.pop("plans", None)  # a package without a file


async def post(url: str, body: Any) -> tuple[int, Any]:
    async with aiohttp.ClientSession() as session, session.post(url, json=body) as answer:
        return answer.status, await answer.json()


async def makes_drafts(origin: str, sandbox: Sandbox) -> None:
    """A service of listings makes each once, and tells what it does not know."""
    status, made = await post(f"{origin}/listings", LISTING)
    assert (status, sandbox.ledger.by_external_id()) == (201, {"L-7": [made["order"]]})
    status, answer = await post(f"{origin}/listings", LISTING | {"photographer": "nobody"})
    assert (status, "NOT_SENT" in str(answer)) == (422, True)
    sandbox.faults.add(Fault("drop", phase="after_commit", operation="drafts.create"))
    status, answer = await post(f"{origin}/listings", LISTING | {"number": "L-8"})
    assert (status, "UNKNOWN" in str(answer)) == (504, True)
    assert len(sandbox.ledger.by_external_id()["L-8"]) == 1
    sandbox.faults.clear()


async def becomes_ready(sandbox: Sandbox, url: str) -> Order:
    """An order becomes Ready, and the URL is called and answers well."""
    sandbox.world.webhook_urls = [url]
    sandbox.world.webhook_triggers = ["moved_to_ready"]
    sandbox.webhooks.pause = 0.01
    sandbox.webhooks.patience = 120.0  # whoever answers, does so however slow the machine is
    order = sandbox.world.add_order(status="Ready")
    await sandbox.webhooks.settled()
    assert [call.status for call in sandbox.webhooks.calls] == [200]
    return order


async def delivers(sandbox: Sandbox, reader: Reader, url: str) -> None:
    """What becomes Ready lies in its folder soon."""
    order = await becomes_ready(sandbox, url)
    manifest = reader.directory / "plans" / order.id / "cubicasa-manifest.json"
    await until(lambda: manifest.exists() and len(list(manifest.parent.glob("*.pdf"))) > 0)


@asynccontextmanager
async def uvicorn_serving(app: Any) -> AsyncGenerator[str]:
    import uvicorn

    config = uvicorn.Config(app, port=0, lifespan="on", log_config=None, ws="none")
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    try:
        await until(lambda: server.started or task.done())
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        await task


async def test_fastapi(shown: Any, reader: Reader, sandbox: Sandbox) -> None:
    page = "howto/fastapi.md"
    await reader.follow(page)
    assert [words[:2] for words in reader.served] == [["uvicorn", "service:app"]]
    async with uvicorn_serving(shown(page, "service").app) as origin:
        await makes_drafts(origin, sandbox)
        (order_id,) = sandbox.ledger.by_external_id()["L-7"]
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{origin}/listings/L-7") as answer,
        ):
            assert await answer.json() == {"orders": [order_id]}
        await delivers(sandbox, reader, f"{origin}/cubicasa/{SECRET}")


async def test_flask(shown: Any, reader: Reader, sandbox: Sandbox) -> None:
    page = "howto/flask.md"
    await reader.follow(page)
    assert [words[0] for words in reader.served] == ["flask"]
    module = shown(page, "app")
    with module.client, module.webhooks, serving(module.app) as origin:
        await makes_drafts(origin, sandbox)
        await delivers(sandbox, reader, f"{origin}/cubicasa/{SECRET}")


def test_the_tests_of_the_flask_application_pass(tmp_path: Path) -> None:
    for block in blocks("howto/flask.md"):
        if block.file is not None:
            (tmp_path / block.file).write_text(block.text, encoding="utf-8")
    run = run_pytest(tmp_path, "-W", "error", plugins=())
    tests = {"test_a_listing_becomes_one_draft", "test_a_lost_answer_is_told"}
    assert run.named("PASSED") == run.outcomes.keys() == tests, run.text


async def test_django(shown: Any, reader: Reader, sandbox: Sandbox) -> None:
    page = "howto/django.md"
    await reader.follow(page)
    urls = shown(page, "plans.urls")
    views = sys.modules["plans.views"]
    with views.client, views.webhooks, serving(django_application(urls)) as origin:
        await makes_drafts(origin, sandbox)
        order = await becomes_ready(sandbox, f"{origin}/cubicasa/{SECRET}")
    async with Inbox("webhooks.inbox") as inbox:
        work = await inbox.take(1)
    assert work is not None
    assert work.order_id == order.id


async def test_aiohttp(shown: Any, reader: Reader, sandbox: Sandbox) -> None:
    reader.export("WITH_SANDBOX", "1")
    runner = web.AppRunner(shown("delivery.md", "receiver").app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        port = runner.addresses[0][1]
        await delivers(sandbox, reader, f"http://127.0.0.1:{port}/cubicasa/{SECRET}")
    finally:
        await runner.cleanup()


async def test_the_command_listens_and_delivers(reader: Reader, sandbox: Sandbox) -> None:
    await reader.follow("delivery.md")
    assert list(reader.directory.glob("files/*/*.pdf"))  # of the program that fetches plans
    assert all(len(found) == 1 for found in sandbox.ledger.by_external_id().values())
    url = f"http://{listening_at(reader.lasting['webhooks', 'listen'])}/cubicasa"
    assert url in str(calls_set(sandbox))
    secret = reader.environ["CUBICASA_WEBHOOK_SECRET"]
    await delivers(sandbox, reader, f"{url}/{secret}")


def calls_set(sandbox: Sandbox) -> list[object]:
    """Which URLs were registered, one after another."""
    return [entry.body["webhook_urls"] for entry in sandbox.ledger.of("webhooks.update")]


async def test_celery(shown: Any, reader: Reader, sandbox: Sandbox, postgres_url: str) -> None:
    page = "howto/celery.md"
    reader.export("CELERY_BROKER_URL", "memory://")
    reader.export("CUBICASA_JOURNALS", postgres_url)
    tasks = shown(page, "tasks")
    done: list[object] = []

    def work() -> None:
        # Celery has no types, so it is imported where they are not asked for.
        testing: Any = importlib.import_module("celery.contrib.testing.worker")
        signals: Any = importlib.import_module("celery.signals")
        state: Any = importlib.import_module("celery.worker.state")

        def leave_logging_alone(**_: object) -> None:
            """Celery sets up no logging of the whole process where somebody says that they do."""

        def note(result: object, **_: object) -> None:
            done.append(result)
            if len(done) == 3:
                state.should_stop = 0  # now, and not when it has waited for another task

        signals.task_success.connect(note)
        signals.setup_logging.connect(leave_logging_alone)
        try:
            with testing.start_worker(
                tasks.app, pool="solo", perform_ping_check=False, shutdown_timeout=240.0
            ):
                while len(done) < 3:
                    time.sleep(0.01)
        finally:
            signals.task_success.disconnect(note)
            signals.setup_logging.disconnect(leave_logging_alone)

    with tasks.client:
        for _ in range(3):  # as a queue does whose worker died, or whose sender asked again
            await reader.follow(page)
        await asyncio.to_thread(work)
        at_once = [{**ROW, "external_id": f"L-{number}"} for number in (1, 2, 3)] * 2
        made = await asyncio.gather(*(asyncio.to_thread(tasks.make_draft, row) for row in at_once))
    assert [words[0] for words in reader.served] == ["celery"] * 3
    drafts = sandbox.ledger.by_external_id()
    assert {name: len(found) for name, found in drafts.items()} == dict.fromkeys(drafts, 1)
    assert done == drafts["L-1001"] * 3
    assert made == [drafts[row["external_id"]][0] for row in at_once]


async def test_cron(reader: Reader, sandbox: Sandbox) -> None:
    await reader.follow("howto/cron.md")
    script = reader.directory / "nightly.sh"
    assert script.name in reader.texts[0]
    script.chmod(stat.S_IRWXU)
    for name in ("CUBICASA_API_KEY", "CUBICASA_BASE_URL"):
        with (reader.directory / "cubicasa.env").open("a") as file:
            file.write(f"{name}={reader.environ.pop(name)}\n")
    (listings,) = (one for one in blocks("imports.md") if one.file == "listings.csv")
    reader.put(listings)
    with (reader.directory / "listings.csv").open("a") as file:
        file.write("M-4,,Springfield,62701,United States,photographer@example.com\n")
    process = await asyncio.create_subprocess_exec(
        script, env=reader.environ, cwd=os.sep, stderr=asyncio.subprocess.PIPE
    )
    _, mail = await process.communicate()
    assert process.returncode == 1, mail
    assert b"cubicasa drafts import ended with 1" in mail
    assert b"orders mirror ended" not in mail
    drafts = sandbox.ledger.by_external_id()
    assert {name: len(found) for name, found in drafts.items()} == {"M-1": 1, "M-2": 1, "M-3": 1}
    assert (reader.directory / "orders.db").exists()
