"""What one test does to the sandbox, and what the next one finds."""

from __future__ import annotations

import asyncio
import threading
import time
from contextlib import suppress
from typing import Any

import pytest

from cubicasa_async import CubiCasa, CubiCasaError
from cubicasa_async.sandbox import Fault, Reading, Sandbox, WebhookFault
from cubicasa_async.sandbox.files import Habits

addresses: list[tuple[str, str, str]] = []
late: list[threading.Thread] = []
DRAFT: dict[str, Any] = {
    "street": "1 Example Street",
    "city": "Sampletown",
    "country": "United States",
    "owner_email": "owner@example.test",
}


def test_spoils_it(cubicasa_sandbox: Sandbox, sync_cubicasa_client: CubiCasa) -> None:
    sandbox = cubicasa_sandbox
    addresses.append((sandbox.base_url, sandbox.file_host.origin, sandbox.api_key))
    sandbox.world.add_examples(5)
    sandbox.world.webhook_urls = ["http://127.0.0.1:9/"]
    sandbox.world.patch_clears = True
    sandbox.reading, sandbox.max_limit = Reading.SKIPPING, 3
    sandbox.webhooks.pause, sandbox.webhooks.attempts, sandbox.webhooks.patience = 9, 9, 9
    sandbox.webhooks.faults.add(WebhookFault("lose"))
    sandbox.file_host.size = 1
    sandbox.file_host.habits.signed_for = 1.0
    sandbox.file_host.faults.add(Fault("drop"))
    sandbox.clock.advance(1e9)
    sandbox.faults.add(Fault("delay", seconds=0.2, operation="drafts.create"))
    late.append(threading.Thread(target=create_unless_cut, args=(sync_cubicasa_client,)))
    late[0].start()
    while not sandbox.faults.hits:
        time.sleep(0.001)
    sandbox.faults.add(Fault("drop"))


def create(client: CubiCasa) -> None:
    with pytest.raises(CubiCasaError):
        client.drafts.create(**DRAFT)


def create_unless_cut(client: CubiCasa) -> None:
    with suppress(CubiCasaError):
        client.drafts.create(**DRAFT)


def test_finds_it_as_new(cubicasa_sandbox: Sandbox) -> None:
    late[0].join()
    sandbox, fresh = cubicasa_sandbox, Sandbox()
    time.sleep(0.3)  # when what was delayed would be done
    for made, new in (
        (sandbox, fresh),
        (sandbox.world, fresh.world),
        (sandbox.webhooks, fresh.webhooks),
        (sandbox.file_host, fresh.file_host),
    ):
        assert said(made) == said(new)
    assert len(sandbox.ledger) == len(sandbox.world.orders) == len(sandbox.faults) == 0
    assert len(sandbox.webhooks.faults) == len(sandbox.file_host.faults) == 0
    assert sandbox.file_host.habits == Habits()
    begun = time.time()
    assert begun <= sandbox.clock() <= time.time()


def said(part: object) -> dict[str, object]:
    """What is said of it in plain values."""
    plain = int | float | str | None
    own = ("api_key", "asset_base", "_last_time", "_loop", "on_key")
    said = {name: value for name, value in vars(part).items() if name not in own}
    return {name: value for name, value in said.items() if isinstance(value, plain)}


def test_finds_it_at_the_same_address(cubicasa_sandbox: Sandbox) -> None:
    sandbox = cubicasa_sandbox
    assert addresses == [(sandbox.base_url, sandbox.file_host.origin, sandbox.api_key)]


def test_cannot_close_it(cubicasa_sandbox: Sandbox) -> None:
    with pytest.raises(RuntimeError, match=r"cannot be closed.*Fault"):
        asyncio.run(cubicasa_sandbox.close())
    with pytest.raises(RuntimeError, match=r"runs already.*Sandbox\(\)"):
        asyncio.run(cubicasa_sandbox.start())


def test_takes_it_down(cubicasa_sandbox: Sandbox, sync_cubicasa_client: CubiCasa) -> None:
    cubicasa_sandbox.faults.add(Fault("refuse", seconds=3600))
    create(sync_cubicasa_client)


def test_finds_it_up_again(sync_cubicasa_client: CubiCasa) -> None:
    assert sync_cubicasa_client.orders.list().page().items == ()
