from __future__ import annotations

import json
from typing import Any

import pytest

from cubicasa_async import AsyncCubiCasa
from cubicasa_async.sandbox import Fault, Sandbox, WebhookFault

from ..browser import Page, click, fill, shows, view
from ..support import draft
from .lines import run_curl

pytestmark = pytest.mark.asyncio(loop_scope="package")


async def test_the_lines_do_what_the_page_did(sandbox: Sandbox, page: Page) -> None:
    order = sandbox.world.add_order(status="Ready")
    await view(page, f"orders/{order.id}")
    await page.until(shows("#order-title", order.street))
    await page.run(fill("#change [name=text]", 'It\'s "wrong" \\ here; $HOME\n\u00e9'))
    await page.run("document.getElementById('change').requestSubmit()")
    await page.until(shows("#rows", "Fixing"))
    await page.run(click("#ready"))
    await page.until(shows("#order-changes li", "delivered"))
    await page.run(click("[data-seconds='3600']"))
    await view(page, "faults")
    await page.run(click("#common button:last-child"))
    await page.until("document.querySelectorAll('#done li').length === 4")
    lines = await page.run(
        "[...document.querySelectorAll('#done li')].reverse()"
        ".map((one) => [...one.querySelectorAll('[data-text]')].map((two) => two.dataset.text))"
    )
    expected = facts_of(sandbox)
    for language in (0, 1):
        sandbox.reset()
        again = sandbox.world.add_order(status="Ready")
        assert again.id == order.id
        for line in lines:
            if language == 0:
                await run_curl(line[0])
            else:
                exec(line[1], {"sandbox": sandbox, "Fault": Fault, "WebhookFault": WebhookFault})  # noqa: S102 # what the page offers
        assert facts_of(sandbox) == expected


def facts_of(sandbox: Sandbox) -> Any:
    return (
        [(one.previous, one.current, one.product) for one in sandbox.world.changes],
        [(one.text, one.products) for one in sandbox.world.change_requests],
        sandbox.clock.ahead,
        [fault.to_json() for fault in sandbox.webhooks.faults],
    )


async def test_the_lines_of_the_ledger_ask_the_api_the_same(sandbox: Sandbox, page: Page) -> None:
    body = draft(external_id="O'Hara", latitude=1.5, suite=None)
    async with AsyncCubiCasa(sandbox.api_key, base_url=sandbox.base_url) as client:
        await client.request("POST", "/orders/draft", body=body)
        await client.orders.list(status=["Draft", "Ready"], limit=5)
        await view(page, "ledger")
        await page.until("document.querySelectorAll('#entries li').length === 2")
        lines = await page.run(
            "[...document.querySelectorAll('#entries li')].reverse()"
            ".map((one) => [...one.querySelectorAll('[data-text]')].map((two) => two.dataset.text))"
        )
        asked = [(one.method, one.path, one.body, one.authorised) for one in sandbox.ledger]
        for curl, python in lines:
            await run_curl(curl)
            await eval(python.removeprefix("await "), {"client": client})  # noqa: S307 # what the page offers
        hidden = await page.run(
            "import('/_sandbox/console/lines.js').then((lines) => lines.requestLines("
            "{api_key: null, base_url: 'http://x'}, {method: 'GET', path: '/orders'}).curl)"
        )
        assert hidden == "curl -H \"api-key: $CUBICASA_API_KEY\" 'http://x/orders'"
        again = [(one.method, one.path, one.body, one.authorised) for one in sandbox.ledger]
        assert again[2:] == [asked[0], asked[0], asked[1], asked[1]]


async def test_the_lines_hold_a_path_with_marks_in_it(sandbox: Sandbox, page: Page) -> None:
    entry = {"method": "GET", "path": "/orders?status=a?b&status={c}", "body": None}
    facts = {"api_key": "k", "base_url": sandbox.base_url}
    lines = await page.run(
        "import('/_sandbox/console/lines.js').then((lines) => lines.requestLines("
        f"{json.dumps(facts)}, {json.dumps(entry)}))"
    )
    assert lines["python"] == (
        'await client.request("GET", "/orders", query=[("status", "a?b"), ("status", "{c}")])'
    )
    assert " -g " in lines["curl"], "for curl brackets are a pattern"


async def test_a_line_is_copied(sandbox: Sandbox, page: Page) -> None:
    permissions = ["clipboardReadWrite", "clipboardSanitizedWrite"]
    await page.send("Browser.grantPermissions", origin=sandbox.origin, permissions=permissions)
    await page.run(click("[data-copy='base-url']"))
    await page.until(shows("#said", "Copied."))
    assert await page.run("navigator.clipboard.readText()") == sandbox.base_url
