"""From the webhook to the disk: what was delivered last lies there, byte for byte."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from cubicasa_async import Asset, AsyncCubiCasa
from cubicasa_async.sandbox import Sandbox
from tests.support.canary import CANARY
from tests.support.commands import environment, started
from tests.support.waiting import until

from .hooks import SECRETS, kept_port, register
from .test_every_delivery import FAULTS, live

SERVICE = ("-m", "tests.delivery.service")


async def assets_of_all(client: AsyncCubiCasa, sandbox: Sandbox) -> dict[str, tuple[Asset, ...]]:
    orders = [await client.orders.get(one.id) for one in sandbox.world.orders]
    return {order.id: order.assets() for order in orders}


def wrong(
    directory: Path, wanted: dict[str, tuple[Asset, ...]], sandbox: Sandbox
) -> Iterator[Path]:
    """Files that are not there, or are not what the server has."""
    return (
        path
        for order_id, assets in wanted.items()
        for asset in assets
        if asset.format != "link"
        for path in [directory / "files" / order_id / asset.name]
        if not path.exists()
        or path.read_bytes() != sandbox.file_host.content(urlsplit(asset.url).path)
    )


@asynccontextmanager
async def serving(sandbox: Sandbox, directory: Path, port: int) -> AsyncGenerator[None]:
    """The service, which is killed at the end."""
    async with started(
        *(str(port), SECRETS.current.reveal()),
        program=SERVICE,
        environ=environment(sandbox),
        cwd=directory,
    ) as child:
        await until(lambda: "Listening" in child.output, pause=0.02)
        yield


async def delivered(
    sandbox: Sandbox, directory: Path, *, count: int, kills: int, seed: int
) -> dict[str, tuple[Asset, ...]]:
    """Let orders live while the service is killed and started again, until all files are there."""
    chance = random.Random(seed)
    with kept_port() as port:
        register(sandbox, SECRETS.url(f"http://127.0.0.1:{port}/hook"))
        sandbox.webhooks.pause = 0.1
        sandbox.webhooks.faults.add(*FAULTS)
        sandbox.file_host.size = 2_000
        async with serving(sandbox, directory, port):
            life = asyncio.create_task(live(sandbox, count, seed, 0.3 + kills / 4))
            await asyncio.sleep(chance.uniform(0.3, 1.0))
        for _ in range(kills - 1):
            async with serving(sandbox, directory, port):
                await asyncio.sleep(chance.uniform(0.1, 1.0))
        async with (
            serving(sandbox, directory, port),
            AsyncCubiCasa(sandbox.api_key, base_url=sandbox.base_url) as client,
        ):
            await life
            await sandbox.webhooks.settled()
            wanted = await assets_of_all(client, sandbox)
            await until(lambda: not any(wrong(directory, wanted, sandbox)), pause=0.1)
    return wanted


async def test_what_was_delivered_last_is_on_the_disk_though_webhooks_go_wrong_and_all_is_killed(
    tmp_path: Path,
) -> None:
    async with Sandbox(CANARY) as sandbox:
        wanted = await delivered(sandbox, tmp_path, count=12, kills=2, seed=1)
        assert len(wanted) == 12
        assert all(wanted.values())
        assert not sandbox.file_host.saw_key


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(2))
async def test_soak_the_files_of_five_hundred_orders(
    sandbox: Sandbox, tmp_path: Path, seed: int
) -> None:
    wanted = await delivered(sandbox, tmp_path, count=500, kills=12, seed=seed)
    assert len(wanted) == 500
    assert not sandbox.file_host.saw_key


async def test_control_a_file_of_an_earlier_delivery_is_found_out(
    sandbox: Sandbox, client: AsyncCubiCasa, tmp_path: Path
) -> None:
    order = sandbox.world.add_order(status="Ready")
    (first,) = (await assets_of_all(client, sandbox)).values()
    for asset in first:
        path = tmp_path / "files" / order.id / asset.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(sandbox.file_host.content(urlsplit(asset.url).path))
    assert not any(wrong(tmp_path, {order.id: first}, sandbox))
    sandbox.world.set_status(order.id, "Ready", "products_2d")
    assert any(wrong(tmp_path, await assets_of_all(client, sandbox), sandbox))
