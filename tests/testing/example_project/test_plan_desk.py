from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from plan_desk import Listing, PlanDesk

from cubicasa_async import AsyncCubiCasa, CubiCasaError, Outcome
from cubicasa_async.delivery import WebhookSecrets
from cubicasa_async.errors import WaitTimeoutError
from cubicasa_async.sandbox import Fault, Sandbox, WebhookFault

LISTING = Listing(
    "L-1001", "615 Bourbon St", "New Orleans", "United States", "photographer@example.com"
)


@pytest.fixture
def desk(cubicasa_client: AsyncCubiCasa, tmp_path: Path) -> PlanDesk:
    return PlanDesk(cubicasa_client, tmp_path, local_files=True)


@pytest.fixture
async def registered(desk: PlanDesk, cubicasa_client: AsyncCubiCasa) -> AsyncIterator[None]:
    """The service runs, and its URL is registered."""
    secrets = WebhookSecrets.fresh()
    runner = web.AppRunner(desk.app(secrets), shutdown_timeout=0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0]
    await cubicasa_client.webhooks.update(
        webhook_urls=[secrets.url(f"http://{host}:{port}/cubicasa")],
        webhook_triggers=["moved_to_ready"],
    )
    yield
    await runner.cleanup()


# Creating drafts


async def test_a_listing_is_ordered_once(cubicasa_sandbox: Sandbox, desk: PlanDesk) -> None:
    order_id = await desk.order_plan(LISTING)
    assert await desk.order_plan(LISTING) == order_id
    assert cubicasa_sandbox.ledger.by_external_id() == {"L-1001": [order_id]}
    assert cubicasa_sandbox.world.order(order_id).street == "615 Bourbon St"


async def test_a_lost_answer_makes_no_second_order(
    cubicasa_sandbox: Sandbox, desk: PlanDesk
) -> None:
    cubicasa_sandbox.faults.add(Fault("drop", phase="after_commit", operation="drafts.create"))
    order_id = await desk.order_plan(LISTING)
    assert cubicasa_sandbox.ledger.by_external_id() == {"L-1001": [order_id]}


async def test_a_request_that_was_lost_is_told_and_can_be_made_again(
    cubicasa_sandbox: Sandbox, desk: PlanDesk
) -> None:
    lost = Fault("drop", phase="after_read", operation="drafts.create", times=1)
    cubicasa_sandbox.faults.add(lost)
    with pytest.raises(CubiCasaError) as caught:
        await desk.order_plan(LISTING)
    assert caught.value.outcome is Outcome.UNKNOWN
    order_id = await desk.order_plan(LISTING)
    assert cubicasa_sandbox.ledger.by_external_id() == {"L-1001": [order_id]}


# Webhooks and files


@pytest.mark.usefixtures("registered")
async def test_plans_that_are_ready_are_put_on_disk(
    cubicasa_sandbox: Sandbox, desk: PlanDesk
) -> None:
    order_id = await desk.order_plan(LISTING)
    cubicasa_sandbox.world.set_status(order_id, "Ready")
    await cubicasa_sandbox.webhooks.settled()
    assert [call.status for call in cubicasa_sandbox.webhooks.calls] == [200]
    assert list((desk.folder / order_id).glob("*.pdf"))


@pytest.mark.usefixtures("registered")
async def test_a_call_that_did_not_come_through_is_made_again(
    cubicasa_sandbox: Sandbox, desk: PlanDesk
) -> None:
    order = cubicasa_sandbox.world.add_order(status="Pending")
    cubicasa_sandbox.webhooks.pause = 0
    cubicasa_sandbox.webhooks.faults.add(WebhookFault("fail", times=2))
    cubicasa_sandbox.world.advance(order.id)
    await cubicasa_sandbox.webhooks.settled()
    assert [call.status for call in cubicasa_sandbox.webhooks.calls] == [None, None, 200]
    assert list((desk.folder / order.id).glob("*.pdf"))


@pytest.mark.usefixtures("registered")
async def test_files_that_cannot_be_had_leave_the_event_to_be_told_again(
    cubicasa_sandbox: Sandbox, desk: PlanDesk
) -> None:
    order = cubicasa_sandbox.world.add_order(status="Pending")
    cubicasa_sandbox.webhooks.pause = 0
    cubicasa_sandbox.file_host.faults.add(Fault("status", status=404, path="*.pdf", times=1))
    cubicasa_sandbox.world.advance(order.id)
    await cubicasa_sandbox.webhooks.settled()
    assert [call.status for call in cubicasa_sandbox.webhooks.calls] == [503, 200]
    assert list((desk.folder / order.id).glob("*.pdf"))


# Time


async def test_a_day_of_waiting_takes_no_time(
    cubicasa_sandbox: Sandbox, cubicasa_client: AsyncCubiCasa
) -> None:
    order = cubicasa_sandbox.world.add_order(status="Pending")
    day = 24 * 3600.0
    with pytest.raises(WaitTimeoutError):
        await cubicasa_client.orders.wait_until(order.id, "Ready", deadline=day)
    assert cubicasa_sandbox.clock.ahead == pytest.approx(day, rel=0.01)
