from __future__ import annotations

import json

import aiohttp
import pytest
from aiohttp import web

from cubicasa_async import AsyncCubiCasa
from cubicasa_async.sandbox import Fault, Sandbox, WebhookFault

from ..browser import LOOK, Page, click, fill, shows, view
from ..support import draft, until
from .lines import run_curl

pytestmark = pytest.mark.asyncio(loop_scope="package")


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
    await page.until(
        "document.getElementById('said').textContent === "
        "'The change was requested; the order is Fixing.'"
    )
    assert order.status == "Fixing"


async def test_what_a_client_does_appears_by_itself(sandbox: Sandbox, page: Page) -> None:
    async with AsyncCubiCasa(sandbox.api_key, base_url=sandbox.base_url) as client:
        made = await client.drafts.create(**draft(external_id="ERP-77"))
        await page.until(shows("#rows", "ERP-77"), patiently=True)
        await view(page, f"orders/{made.id}")
        await page.until(shows("#order-ledger", "POST /orders/draft"))
        sandbox.world.delete(made.id)
        await page.until(shows("#no-orders", "No orders"), patiently=True)
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
        "[...document.querySelectorAll('#order-files img')].length === 8 && "
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


async def test_the_form_of_the_webhooks_begins_with_what_is_registered(
    sandbox: Sandbox, page: Page
) -> None:
    sandbox.world.webhook_urls, sandbox.world.webhook_triggers = (
        ["http://x.test/"],
        ["moved_to_ready"],
    )
    await view(page, "webhooks")
    await page.until(shows("#registered", "http://x.test/"))
    await page.run(click("#registering summary"))
    await page.until("document.querySelector('#register [name=urls]').value === 'http://x.test/'")
    checked = "[...document.querySelectorAll('#triggers :checked')].map((one) => one.value)"
    assert await page.run(checked) == ["moved_to_ready"]


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
    await until(lambda: page.complaints)
    (complaint,) = page.complaints
    assert "400" in complaint
    page.complaints.clear()
    await page.run(click("#clear"))
    await page.until(shows("#in-force", "In force: 0"))
    assert len(sandbox.faults) == 0


async def test_one_fault_is_taken_away_by_keyboard(sandbox: Sandbox, page: Page) -> None:
    sandbox.faults.add(*(Fault("drop", path=f"/{name}", times=1) for name in "abc"))
    sandbox.file_host.faults.add(Fault("cut"))
    sandbox.webhooks.faults.add(WebhookFault("lose"))
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientError):
            await session.post(f"{sandbox.base_url}/a")
    await view(page, "faults")
    await page.until(shows("#fault-list li:first-child", "spent"))
    await page.run("document.querySelectorAll('#fault-list button')[1].focus()")
    await page.key("Enter", "\r")
    await page.until(shows("#in-force", "In force: 4"), patiently=True)
    assert [fault.path for fault in sandbox.faults] == ["/a", "/c"]
    await page.until("document.activeElement.ariaLabel?.includes('/c')", patiently=True)
    for left in (3, 2):
        await page.run(click("#fault-list li:nth-child(3) button"))
        await page.until(f"document.querySelectorAll('#fault-list li').length === {left}")
    assert (len(sandbox.file_host.faults), len(sandbox.webhooks.faults)) == (0, 0)
    await page.until("document.querySelectorAll('#done li').length === 3")
    lines = await page.run(
        "[...document.querySelectorAll('#done li')].reverse()"
        ".map((one) => [...one.querySelectorAll('[data-text]')].map((two) => two.dataset.text))"
    )
    sandbox.faults.clear()
    sandbox.faults.add(Fault("drop"), Fault("reset"))
    exec(lines[0][1], {"sandbox": sandbox})  # noqa: S102 # what the page offers
    assert [fault.kind for fault in sandbox.faults] == ["drop"]
    sandbox.faults.add(Fault("stall"))
    assert await run_curl(lines[0][0].replace("faults/2", "faults/3"))
    assert [fault.kind for fault in sandbox.faults] == ["drop"]


async def test_many_orders_are_shown_bit_by_bit(sandbox: Sandbox, page: Page) -> None:
    sandbox.world.add_examples(250)
    for number in (100, 200):
        await page.until(shows("#how-many", f"The newest {number} of 250."))
        assert await page.run("document.querySelectorAll('#rows li').length") == number
        await page.run(click("#more"))
    await page.until("document.querySelectorAll('#rows li').length === 250")
    await page.until("document.getElementById('more-orders').hidden")


async def test_it_says_when_the_sandbox_does_not_answer_and_comes_back(
    sandbox: Sandbox, page: Page
) -> None:
    sandbox.faults.add(Fault("refuse", seconds=60, times=1))
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientError):
            await session.get(f"{sandbox.base_url}/orders")
    await page.run(LOOK)
    await page.until(shows("#link", "does not answer"), patiently=True)
    sandbox.recover()
    await page.run(LOOK)
    await page.until(shows("#link", "Connected"), patiently=True)
    page.complaints.clear()  # the browser's own: connection refused
