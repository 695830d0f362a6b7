"""The fixtures under each way to run a test; in strict mode."""

from __future__ import annotations

import asyncio
import unittest
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from cubicasa_async import AsyncCubiCasa, CubiCasa
from cubicasa_async.sandbox import Sandbox

DRAFT: dict[str, Any] = {
    "street": "1 Example Street",
    "city": "Sampletown",
    "country": "United States",
    "owner_email": "owner@example.test",
}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def create(client: AsyncCubiCasa) -> str:
    return (await client.drafts.create(**DRAFT)).id


@pytest.mark.asyncio
async def test_asyncio(cubicasa_sandbox: Sandbox, cubicasa_client: AsyncCubiCasa) -> None:
    order_id = await create(cubicasa_client)
    assert cubicasa_sandbox.ledger.created("drafts.create") == [order_id]


@pytest.mark.asyncio(loop_scope="module")
async def test_asyncio_on_a_lasting_loop(
    cubicasa_sandbox: Sandbox, cubicasa_client: AsyncCubiCasa
) -> None:
    order_id = await create(cubicasa_client)
    assert cubicasa_sandbox.ledger.created("drafts.create") == [order_id]


@pytest.mark.anyio
async def test_anyio(cubicasa_sandbox: Sandbox, cubicasa_client: AsyncCubiCasa) -> None:
    order_id = await create(cubicasa_client)
    assert cubicasa_sandbox.ledger.created("drafts.create") == [order_id]


def test_several_loops(cubicasa_sandbox: Sandbox, cubicasa_client: AsyncCubiCasa) -> None:
    ids = [asyncio.run(create(cubicasa_client)) for _ in range(2)]
    assert cubicasa_sandbox.ledger.created("drafts.create") == ids


def test_synchronous(cubicasa_sandbox: Sandbox, sync_cubicasa_client: CubiCasa) -> None:
    order = sync_cubicasa_client.drafts.create(**DRAFT)
    assert cubicasa_sandbox.ledger.created("drafts.create") == [order.id]


def test_from_env(cubicasa_sandbox: Sandbox, cubicasa_env: Mapping[str, str]) -> None:
    with CubiCasa.from_env() as client:
        assert str(client.config.base_url) == cubicasa_env["CUBICASA_BASE_URL"]
        order = client.drafts.create(**DRAFT)
    assert cubicasa_sandbox.ledger.created("drafts.create") == [order.id]


@pytest.fixture(scope="session")
def lasting(cubicasa_variables: Mapping[str, str]) -> Iterator[CubiCasa]:
    with CubiCasa(
        cubicasa_variables["CUBICASA_API_KEY"], base_url=cubicasa_variables["CUBICASA_BASE_URL"]
    ) as client:
        yield client


@pytest.mark.parametrize("number", range(2))
def test_what_lasts(cubicasa_sandbox: Sandbox, lasting: CubiCasa, number: int) -> None:
    order = lasting.drafts.create(**DRAFT)
    assert cubicasa_sandbox.ledger.created("drafts.create") == [order.id]


class TestCase(unittest.TestCase):
    @pytest.fixture(autouse=True)
    def furnish(self, cubicasa_sandbox: Sandbox, sync_cubicasa_client: CubiCasa) -> None:
        self.sandbox, self.client = cubicasa_sandbox, sync_cubicasa_client

    def test_unittest(self) -> None:
        order = self.client.drafts.create(**DRAFT)
        assert self.sandbox.ledger.created("drafts.create") == [order.id]


class TestCaseOfItsOwnLoop(unittest.IsolatedAsyncioTestCase):
    @pytest.fixture(autouse=True)
    def furnish(self, cubicasa_sandbox: Sandbox, cubicasa_client: AsyncCubiCasa) -> None:
        self.sandbox, self.client = cubicasa_sandbox, cubicasa_client

    async def test_unittest_on_its_own_loop(self) -> None:
        order_id = await create(self.client)
        assert self.sandbox.ledger.created("drafts.create") == [order_id]
