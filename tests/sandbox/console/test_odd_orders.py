from __future__ import annotations

import json

import pytest

from cubicasa_async import AsyncCubiCasa
from cubicasa_async.sandbox import Fault, Sandbox

from ..browser import Page, PageError, click, fill, shows, view
from ..support import draft

pytestmark = pytest.mark.asyncio(loop_scope="package")


MARKUP = "<img src=x onerror='window.ran = 1'>\"<script>window.ran = 1</script>"


async def test_markup_in_any_field_is_shown_as_text(sandbox: Sandbox, page: Page) -> None:
    sandbox.world.webhook_urls = [f"http://127.0.0.1:9/{MARKUP}", "javascript:window.ran=1"]
    sandbox.world.webhook_triggers = ["moved_to_ready"]
    sandbox.webhooks.pause = 0
    texts = ("street", "suite", "city", "state", "country", "external_id", "info", "owner_email")
    order = sandbox.world.add_order(
        **dict.fromkeys((*texts, "package_type"), MARKUP), add_ons=[MARKUP], status="Ready"
    )
    sandbox.world.add_change_request(order, products=[MARKUP], text=MARKUP, img_urls=[MARKUP])
    sandbox.world.advance(order.id)
    sandbox.world.set_status(order.id, MARKUP)
    sandbox.faults.add(Fault("drop", path=MARKUP, times=1))
    sandbox.file_host.faults.add(Fault("status", html=MARKUP, status=500))
    await sandbox.webhooks.settled()
    async with AsyncCubiCasa(sandbox.api_key, base_url=sandbox.base_url) as client:
        await client.drafts.create(**draft(external_id=MARKUP))
    for where in (f"orders/{order.id}", "webhooks", "ledger", "faults", "orders"):
        await view(page, where)
        await page.run("document.querySelectorAll('details').forEach((one) => (one.open = true))")
        await page.until("document.querySelectorAll('main li').length > 0")
        inside = "main script, main img:not([src^='/_sandbox/console/preview/'])"
        assert await page.run(f"document.querySelectorAll({json.dumps(inside)}).length") == 0
    await page.until(shows("#rows", "<script>window.ran"))
    files = await page.run(
        "Promise.all(['svg', 'pdf', ''].map((kind) => fetch('/_sandbox/console/preview"
        f"/{order.id}/1/floor-0' + (kind && '.' + kind)).then((one) => one.text())))"
    )
    assert "<script" not in files[0] + files[2]
    with pytest.raises(PageError, match="TrustedHTML"):
        await page.run(f"document.body.innerHTML = {json.dumps(MARKUP)}")
    page.complaints.clear()  # the browser's own, about the policy
    assert await page.run("window.ran") is None


async def test_an_odd_order_can_be_read_chosen_and_moved(sandbox: Sandbox, page: Page) -> None:
    nowhere = sandbox.world.add_order(street="", city="", country="", status="")
    odd = sandbox.world.add_order(street="7 Harbour View", status="On Hold")
    await page.until(shows("#rows a", "no address"))
    await page.until(shows("#rows a .chip", "no status"))
    await page.run(fill("#choose [name=status]", "On Hold"))
    await page.until("document.querySelectorAll('#rows li').length === 1")
    await page.run(click("#rows a"))
    await page.until(shows("#unmoved", "given another"))
    await page.run(fill("#give [name=status]", "Failed, again"))
    await page.run("document.querySelector('#give').closest('details').open = true")
    await page.run("document.getElementById('give').requestSubmit()")
    await page.until(shows("#order-facts", "Failed, again"))
    assert odd.status == "Failed, again"
    await view(page, f"orders/{nowhere.id}")
    await page.until(shows("#order-title", "no address"))
    await view(page, "orders/nothing")
    await page.until(shows("#gone", "no such order"))


async def test_times_that_no_calendar_has_are_shown(sandbox: Sandbox, page: Page) -> None:
    order = sandbox.world.add_order(street="7 Harbour View")
    order.created_at = 1e300
    await page.until(shows("#rows", "at 1e+300 s"))
    assert await page.run(shows("#link", "Connected"))
