from __future__ import annotations

import pytest

from cubicasa_async import AsyncCubiCasa
from cubicasa_async.sandbox import Fault, Sandbox

from ..browser import Page, click, shows, view

pytestmark = pytest.mark.asyncio(loop_scope="package")


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
    # Only what was pressed makes the page look: it goes on from there when it has seen its effect.
    await page.until(shows("#order-facts", "Pending"), patiently=True)
    assert sandbox.world.orders[0].status == "Pending"
    await page.until("document.activeElement.id === 'ready'", patiently=True)
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
    sandbox.world.add_order(status="Waiting for somebody to come and open the door")
    order = sandbox.world.add_order(status="Ready", street="A" * 60, external_id="E" * 60)
    sandbox.faults.add(Fault("drop", path="P" * 60))
    size = {"width": 360, "height": 740, "deviceScaleFactor": 1, "mobile": True}
    await page.send("Emulation.setDeviceMetricsOverride", **size)
    await page.send("Emulation.setTouchEmulationEnabled", enabled=True)
    try:
        for where in (f"orders/{order.id}", "orders", "webhooks", "ledger", "faults"):
            await view(page, where)
            await page.run("document.querySelectorAll('details').forEach((d) => (d.open = true))")
            assert await page.run("document.documentElement.scrollWidth") <= 360, where
            assert await page.run(TOO_SMALL) == [], where
            assert await page.run(BROKEN_WORDS) == [], where
        await page.run("document.getElementById('reset').style = 'min-height: 0; padding: 0'")
        assert len(await page.run(TOO_SMALL)) == 1, "control: a small button is seen"
        await page.run(
            "document.getElementById('reset').style = "
            "'overflow-wrap: anywhere; padding: 0; width: 1rem'"
        )
        assert len(await page.run(BROKEN_WORDS)) == 1, "control: a broken word is seen"
    finally:
        await page.send("Emulation.setTouchEmulationEnabled", enabled=False)
        await page.send("Emulation.clearDeviceMetricsOverride")


async def hidden(page: Page, count: int) -> list[str]:
    """Which of the next elements that the keyboard comes to are behind the footer."""
    await page.run("document.getElementById('order-title').focus(); scrollTo(0, 0)")
    found: list[str] = []
    for _ in range(count):
        await page.key("Tab")
        if not await page.run(SEEN):
            found.append(await page.run("document.activeElement.outerHTML"))
    return found


async def test_the_footer_hides_nothing_that_has_the_focus(sandbox: Sandbox, page: Page) -> None:
    order = sandbox.world.add_order(status="Ready")
    await view(page, f"orders/{order.id}")
    await page.until(shows("#order-title", order.street))
    await page.run(click("#edit"))
    await page.until("document.querySelectorAll('#done li').length > 0")
    size = {"width": 800, "height": 500, "deviceScaleFactor": 1, "mobile": False}
    await page.send("Emulation.setDeviceMetricsOverride", **size)
    try:
        await page.run("document.getElementById('done-panel').open = true")
        assert await hidden(page, 20) == []
        await page.run("document.documentElement.style.scrollPaddingBottom = ''")
        assert await hidden(page, 20), "control: what is behind the footer is found"
    finally:
        await page.send("Emulation.clearDeviceMetricsOverride")


async def test_all_that_can_be_used_has_a_name(sandbox: Sandbox, page: Page) -> None:
    order = sandbox.world.add_order(status="Ready", street="", city="", external_id="")
    sandbox.faults.add(Fault("drop"))
    for where in (f"orders/{order.id}", "webhooks", "ledger", "faults", "orders"):
        await view(page, where)
        await page.until(shows("#count-orders", "1"))
        await page.run("document.querySelectorAll('details').forEach((one) => (one.open = true))")
        tree = await page.send("Accessibility.getFullAXTree")
        used = [
            (one["role"]["value"], one.get("name", {}).get("value", "").strip())
            for one in tree["nodes"]
            if not one["ignored"] and one["role"]["value"] in USED
        ]
        assert len(used) > 8
        assert [role for role, name in used if not name] == [], where


USED = {
    "button",
    "checkbox",
    "combobox",
    "DisclosureTriangle",
    "image",
    "link",
    "searchbox",
    "spinbutton",
    "textbox",
}
TOO_SMALL = (
    "[...document.querySelectorAll('button, select, textarea, nav a, summary, input')]"
    ".filter((one) => one.checkVisibility() && one.type !== 'checkbox' "
    "&& one.getBoundingClientRect().height < 43).map((one) => one.outerHTML)"
)
BROKEN_WORDS = """
[...document.querySelectorAll('button, nav a, label')].filter((one) => {
  if (!one.checkVisibility()) return false;
  return [...one.childNodes].filter((node) => node.nodeType === 3).some((node) =>
    [...node.data.matchAll(/[A-Za-z]+/g)].some((word) => {
      const range = document.createRange();
      range.setStart(node, word.index);
      range.setEnd(node, word.index + word[0].length);
      return range.getClientRects().length > 1;
    }));
}).map((one) => one.outerHTML)
"""
SEEN = """
(() => {
  const one = document.activeElement;
  const { left, top, width, height } = one.getBoundingClientRect();
  const at = document.elementFromPoint(left + Math.min(width / 2, 20), top + height / 2);
  return at !== null && !at.closest("footer") === !one.closest("footer");
})()
"""
