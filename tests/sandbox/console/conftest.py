"""The console in a real browser: one headless Chromium, reset between the tests."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from cubicasa_async.sandbox import Sandbox

from ..browser import Page, browsing, chromium, shows


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def opened() -> AsyncIterator[tuple[Sandbox, Page]]:
    program = chromium()
    if program is None:
        pytest.skip("there is no Chromium; set CHROMIUM to name one")
    async with Sandbox() as sandbox, browsing(program) as page:
        yield sandbox, page


@pytest_asyncio.fixture(loop_scope="package")
async def sandbox(opened: tuple[Sandbox, Page]) -> Sandbox:
    sandbox, _ = opened
    sandbox.reset()
    sandbox.webhooks.patience = 120.0
    return sandbox


@pytest_asyncio.fixture(loop_scope="package")
async def page(sandbox: Sandbox, opened: tuple[Sandbox, Page]) -> AsyncIterator[Page]:
    _, page = opened
    await page.go("about:blank")
    page.complaints.clear()
    page.requested.clear()
    await page.go(f"{sandbox.origin}/")
    await page.until(shows("#link", "Connected"))
    yield page
    assert page.complaints == []
    foreign = [url for url in page.requested if not url.startswith((sandbox.origin, "about:"))]
    assert foreign == [], "nothing comes from another place"
