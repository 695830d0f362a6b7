"""The console in a real browser: one headless Chromium, reset between the tests."""

from __future__ import annotations

import json
import shlex
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web

from cubicasa_async import AsyncCubiCasa
from cubicasa_async.sandbox import Fault, Sandbox, WebhookFault

from .browser import Page, browsing, chromium
from .support import draft

PROGRAM = chromium()

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(PROGRAM is None, reason="there is no Chromium; set CHROMIUM to name one"),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def opened() -> AsyncIterator[tuple[Sandbox, Page]]:
    assert PROGRAM is not None
    async with Sandbox() as sandbox, browsing(PROGRAM) as page:
        yield sandbox, page


@pytest_asyncio.fixture(loop_scope="module")
async def sandbox(opened: tuple[Sandbox, Page]) -> Sandbox:
    sandbox, _ = opened
    sandbox.reset()
    return sandbox


@pytest_asyncio.fixture(loop_scope="module")
async def page(sandbox: Sandbox, opened: tuple[Sandbox, Page]) -> AsyncIterator[Page]:
    _, page = opened
    page.complaints.clear()
    page.requested.clear()
    await page.go("about:blank")
    await page.go(f"{sandbox.origin}/")
    await page.until(shows("#link", "Connected"))
    yield page
    assert page.complaints == []
    foreign = [url for url in page.requested if not url.startswith((sandbox.origin, "about:"))]
    assert foreign == [], "nothing comes from another place"


def shows(selector: str, text: str) -> str:
    return (
        f"[...document.querySelectorAll({json.dumps(selector)})]"
        f".some((one) => one.checkVisibility() && one.innerText.includes({json.dumps(text)}))"
    )


def click(selector: str) -> str:
    return f"document.querySelector({json.dumps(selector)}).click()"


def fill(selector: str, text: str) -> str:
    return (
        f"(() => {{ const one = document.querySelector({json.dumps(selector)}); "
        f"one.value = {json.dumps(text)}; "
        "one.dispatchEvent(new Event('input', {bubbles: true})); "
        "one.dispatchEvent(new Event('change', {bubbles: true})); })()"
    )


async def view(page: Page, where: str) -> None:
    await page.run(f"location.hash = '#/{where}'")
    await page.until(f"!document.getElementById('{where.split('/')[0]}').hidden")


async def test_an_order_goes_through_its_whole_life(sandbox: Sandbox, page: Page) -> None:
    await page.run(fill("#new-order [name=street]", "7 Harbour View"))
    await page.run(fill("#new-order [name=city]", "Sampletown"))
    await page.run("document.getElementById('new-order').requestSubmit()")
    await page.until(shows("#order-title", "7 Harbour View"))
    (order,) = sandbox.world.orders
    disabled = "['scan', 'ready', 'edit'].map((id) => document.getElementById(id).disabled)"
    assert await page.run(disabled) == [False, True, True]
    await page.run(click("#scan"))
    await page.until(shows("#order-facts", "Pending"))
    assert await page.run(disabled) == [True, False, True]
    await page.run(click("#ready"))
    await page.until(shows("#order-files", "floor-0.jpg"))
    assert await page.run(disabled) == [True, True, False]
    await page.run(fill("#product", "products_3d"))
    await page.run(click("#edit"))
    await page.until(shows("#order-changes", "delivered products_3d"))
    await page.run(fill("#change [name=text]", "The kitchen's door is missing"))
    await page.run("document.getElementById('change').requestSubmit()")
    await page.until(shows("#order-requests", "The kitchen's door is missing"))
    await page.until(shows("#rows", "Fixing"))
    moves = [(one.previous, one.current) for one in sandbox.world.changes]
    assert moves == [
        (None, "Draft"),
        ("Draft", "Pending"),
        ("Pending", "Ready"),
        ("Ready", "Ready"),
        ("Ready", "Fixing"),
    ]
    assert await page.run("document.querySelectorAll('#order-changes li').length") == len(moves)
    assert await page.run("document.getElementById('said').textContent") == (
        "The change was requested; the order is Fixing."
    )
    assert order.status == "Fixing"


async def test_what_a_client_does_appears_by_itself(sandbox: Sandbox, page: Page) -> None:
    async with AsyncCubiCasa(sandbox.api_key, base_url=sandbox.base_url) as client:
        made = await client.drafts.create(**draft(external_id="ERP-77"))
        await page.until(shows("#rows", "ERP-77"))
        await view(page, f"orders/{made.id}")
        await page.until(shows("#order-ledger", "POST /orders/draft"))
        sandbox.world.delete(made.id)
        await page.until(shows("#no-orders", "No orders"))
        await page.until("document.getElementById('order').hidden")


async def test_every_drawn_file_is_one_that_a_browser_can_show(
    sandbox: Sandbox, page: Page
) -> None:
    order = sandbox.world.add_order(status="Ready")
    paths = [f"/{order.id}/1/floor-1.{kind}" for kind in ("png", "jpg", "svg")]
    widths = await page.run(
        "Promise.all(" + json.dumps(paths) + ".map(async (path) => { const one = new Image(); "
        "one.src = '/_sandbox/console/preview' + path; "
        "await one.decode(); return [one.naturalWidth, one.naturalHeight]; }))"
    )
    assert widths == [[384, 304]] * 3
    await view(page, f"orders/{order.id}")
    await page.until(
        "[...document.querySelectorAll('#order-files img')].length === 6 && "
        "[...document.querySelectorAll('#order-files img')]"
        ".every((one) => one.alt && (one.loading = 'eager') && one.naturalWidth === 384)"
    )


async def test_webhook_calls_are_seen_with_attempts_and_answers(
    sandbox: Sandbox, page: Page
) -> None:
    statuses = [500, 200]

    async def answer(request: web.BaseRequest) -> web.Response:
        return web.Response(status=statuses.pop(0))

    runner = web.ServerRunner(web.Server(answer), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        sandbox.webhooks.pause = 0.01
        await view(page, "webhooks")
        url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
        await page.run(fill("#register [name=urls]", url))
        await page.run("document.getElementById('register').requestSubmit()")
        await page.until(shows("#registered", url))
        sandbox.world.add_order()
        await sandbox.webhooks.settled()
        await page.until(shows("#calls", "attempt 2 200"))
        assert await page.run(shows("#calls", "attempt 1 500"))
    finally:
        await runner.cleanup()


async def test_faults_are_set_seen_and_cleared(sandbox: Sandbox, page: Page) -> None:
    await view(page, "faults")
    await page.run(click("#common button"))
    await page.until(shows("#fault-list", "drafts.create"))
    await page.run(fill("#add-fault [name=kind]", "status"))
    await page.run(fill("#add-fault [name=status]", "500"))
    await page.run(fill("#add-fault [name=operation]", "orders.*"))
    await page.run("document.getElementById('add-fault').requestSubmit()")
    await page.until(shows("#fault-list", "status 500"))
    lost, failing = sandbox.faults
    assert (lost.kind, lost.phase, lost.operation) == ("drop", "after_commit", "drafts.create")
    assert (failing.kind, failing.status, failing.operation) == ("status", 500, "orders.*")
    await page.run(fill("#add-fault [name=kind]", "delay"))
    await page.run(fill("#add-fault [name=status]", ""))
    await page.run("document.getElementById('add-fault').requestSubmit()")
    await page.until(shows("#failed", "needs seconds"))
    (complaint,) = page.complaints
    assert "400" in complaint
    page.complaints.clear()
    await page.run(click("#clear"))
    await page.until(shows("#in-force", "In force: 0"))
    assert len(sandbox.faults) == 0


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
                exec(line[1], {"sandbox": sandbox, "Fault": Fault, "WebhookFault": WebhookFault})  # noqa: S102 - what the page offers
        assert facts_of(sandbox) == expected


def facts_of(sandbox: Sandbox) -> Any:
    return (
        [(one.previous, one.current, one.product) for one in sandbox.world.changes],
        [(one.text, one.products) for one in sandbox.world.change_requests],
        sandbox.clock.ahead,
        [fault.to_json() for fault in sandbox.webhooks.faults],
    )


async def run_curl(line: str) -> bytes:
    """Do what curl would do, read as a shell reads it."""
    words = iter(shlex.split(line)[1:])
    method, headers, body, url = "GET", dict[str, str](), None, ""
    for word in words:
        match word:
            case "-X":
                method = next(words)
            case "-H":
                name, _, value = next(words).partition(": ")
                headers[name] = value
            case "-d":
                body = next(words)
            case _:
                url = word
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, url, headers=headers, data=body) as response,
    ):
        assert response.status == 200, await response.text()
        return await response.read()


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
            await eval(python.removeprefix("await "), {"client": client})  # noqa: S307 - what the page offers
        hidden = await page.run(
            "import('/_sandbox/console/lines.js').then((lines) => lines.requestLines("
            "{api_key: null, base_url: 'http://x'}, {method: 'GET', path: '/orders'}).curl)"
        )
        assert hidden == "curl -H \"api-key: $CUBICASA_API_KEY\" 'http://x/orders'"
        again = [(one.method, one.path, one.body, one.authorised) for one in sandbox.ledger]
        assert again[2:] == [asked[0], asked[0], asked[1], asked[1]]


async def test_a_line_is_copied(sandbox: Sandbox, page: Page) -> None:
    permissions = ["clipboardReadWrite", "clipboardSanitizedWrite"]
    await page.send("Browser.grantPermissions", origin=sandbox.origin, permissions=permissions)
    await page.run(click("[data-copy='base-url']"))
    await page.until(shows("#said", "Copied."))
    assert await page.run("navigator.clipboard.readText()") == sandbox.base_url


async def test_it_can_be_used_by_keyboard_alone(sandbox: Sandbox, page: Page) -> None:
    sandbox.world.add_order(street="7 Harbour View")
    await page.until(shows("#rows", "7 Harbour View"))

    async def tab_to(test: str) -> None:
        for _ in range(40):
            await page.key("Tab")
            if await page.run(f"((one) => {test})(document.activeElement)"):
                assert await page.run(
                    "getComputedStyle(document.activeElement).outlineStyle !== 'none'"
                ), "one sees where one is"
                return
        raise AssertionError(f"never reached: {test}")

    await page.key("Tab")
    assert await page.run("document.activeElement.className") == "skip"
    await tab_to("one.closest('#rows') !== null")
    await page.key("Enter", "\r")
    await page.until("document.activeElement.id === 'order-title'")
    await tab_to("one.id === 'scan'")
    await page.key(" ", " ")
    await page.until(shows("#order-facts", "Pending"))
    assert sandbox.world.orders[0].status == "Pending"
    await page.run("document.getElementById('reset').focus()")
    await page.key("Enter", "\r")
    await page.until("document.getElementById('sure').open")
    await page.key("Escape")
    await page.until("!document.getElementById('sure').open")
    assert len(sandbox.world.orders) == 1, "escape begins nothing anew"


async def test_focus_and_what_is_unfolded_stay_while_the_page_goes_on(
    sandbox: Sandbox, page: Page
) -> None:
    async with AsyncCubiCasa(sandbox.api_key, base_url=sandbox.base_url) as client:
        await client.orders.list(limit=5)
        await view(page, "ledger")
        await page.until(shows("#entries", "GET /orders"))
        await page.run(click("#entries summary"))
        await page.run("document.querySelector('#entries button').focus()")
        await client.company.info()
        await page.until(shows("#entries", "GET /companies/info"))
    assert await page.run("document.activeElement.textContent") == "Copy as curl"
    assert await page.run(
        "[...document.querySelectorAll('#entries details')].map((d) => d.open)"
    ) == [
        False,
        True,
    ]


async def test_a_phone_shows_all_of_it_within_its_width(sandbox: Sandbox, page: Page) -> None:
    order = sandbox.world.add_order(status="Ready", street="A" * 60, external_id="E" * 60)
    size = {"width": 360, "height": 740, "deviceScaleFactor": 1, "mobile": True}
    await page.send("Emulation.setDeviceMetricsOverride", **size)
    try:
        for where in (f"orders/{order.id}", "orders", "webhooks", "ledger", "faults"):
            await view(page, where)
            await page.run("document.querySelectorAll('details').forEach((d) => (d.open = true))")
            assert await page.run("document.documentElement.scrollWidth") <= 360, where
    finally:
        await page.send("Emulation.clearDeviceMetricsOverride")


async def test_it_says_when_the_sandbox_does_not_answer_and_comes_back(
    sandbox: Sandbox, page: Page
) -> None:
    sandbox.faults.add(Fault("refuse", seconds=60, times=1))
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientError):
            await session.get(f"{sandbox.base_url}/orders")
    await page.until(shows("#link", "does not answer"))
    sandbox.recover()
    await page.run("document.dispatchEvent(new Event('visibilitychange'))")
    await page.until(shows("#link", "Connected"))
    page.complaints.clear()  # the browser's own: connection refused
