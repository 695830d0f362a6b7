from __future__ import annotations

import inspect
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cubicasa_async import CubiCasa, bulk, sync
from cubicasa_async.bulk import NewOrder, Progress, UnchangedOrder
from cubicasa_async.bulk.stats import read_stats
from cubicasa_async.errors import (
    ClientClosedError,
    ConfigError,
    CubiCasaError,
    JobStoppedError,
    StoreError,
)
from cubicasa_async.sandbox import Fault, Sandbox
from cubicasa_async.sync import (
    Mirror,
    find_by_address,
    find_by_external_id,
    find_twins,
    mirror_orders,
)

TWINS: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "find_by_address": (find_by_address, bulk.find_by_address),
    "find_by_external_id": (find_by_external_id, bulk.find_by_external_id),
    "find_twins": (find_twins, bulk.find_twins),
    "mirror_orders": (mirror_orders, bulk.mirror_orders),
}


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "orders.db"


def test_a_mirror_is_made_kept_current_and_read(
    sandbox: Sandbox, twin: CubiCasa, store: Path
) -> None:
    sandbox.world.add_examples(60)
    made = {order.id for order in sandbox.world.orders}
    seen: list[Progress] = []
    outcomes = list(mirror_orders(twin, store, progress=seen.append))
    assert {one.order_id for one in outcomes if isinstance(one, NewOrder)} == made
    assert seen[-1].phase == "ended"
    assert {type(one) for one in mirror_orders(twin, store)} == {UnchangedOrder}
    with Mirror(store) as mirror:
        assert {order.id for order in mirror.orders()} == made
        assert {order.id for order in mirror.orders(status="Draft")} < made
        assert mirror.portal.run(read_stats(mirror.asynchronous)).orders == len(made)


def test_leaving_early_frees_the_mirror(sandbox: Sandbox, twin: CubiCasa, store: Path) -> None:
    sandbox.world.add_examples(60)
    made = {order.id for order in sandbox.world.orders}
    for _ in mirror_orders(twin, store):
        break
    assert {one.order_id for one in mirror_orders(twin, store)} == made
    with Mirror(store) as mirror:
        for _ in mirror.orders():
            break
        assert {order.id for order in mirror.orders()} == made


def test_what_is_wrong_is_raised(sandbox: Sandbox, twin: CubiCasa, store: Path) -> None:
    with pytest.raises(StoreError, match="There is no"), Mirror(store):
        raise AssertionError
    with pytest.raises(ConfigError):
        Mirror("mysql://host/orders")
    with pytest.raises(ConfigError):
        list(mirror_orders(twin, store, concurrency=0))
    sandbox.faults.add(Fault("status", status=401))
    with pytest.raises(JobStoppedError):
        list(mirror_orders(twin, store))


def test_a_closed_mirror_says_so(twin: CubiCasa, store: Path) -> None:
    list(mirror_orders(twin, store))
    with Mirror(store) as mirror:
        pass
    with pytest.raises(ClientClosedError):
        list(mirror.orders())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_mirror_is_opened_again_after_a_fork(
    twin: CubiCasa, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    list(mirror_orders(twin, store))
    with Mirror(store) as mirror:
        assert list(mirror.orders()) == []
        with monkeypatch.context() as child:
            child.setattr(os, "getpid", lambda: 1)
            for use in (mirror.orders, lambda: find_twins(mirror)):
                with pytest.raises(CubiCasaError, match="Open it again"):
                    use()
        assert list(mirror.orders()) == []


def test_orders_are_found_over_a_client_and_over_a_mirror(
    sandbox: Sandbox, twin: CubiCasa, store: Path
) -> None:
    sandbox.world.add_examples(5)
    list(mirror_orders(twin, store))
    with Mirror(store) as mirror:
        for source in (twin, mirror):
            (order,) = find_by_external_id(source, "EXAMPLE-3")
            assert order.external_id == "EXAMPLE-3"
            assert order.address is not None
            best, *_ = find_by_address(source, order.address, least=0.9)
            assert best.order.id == order.id
            assert best.reasons
            assert find_twins(source) == ()
            with pytest.raises(CubiCasaError):
                find_by_external_id(source, "")


@pytest.mark.parametrize("name", TWINS)
def test_each_is_the_same_as_for_asyncio(name: str) -> None:
    twin, of_async = (inspect.signature(one) for one in TWINS[name])
    first, *others = twin.parameters.values()
    assert first.annotation in {"CubiCasa", "Source"}
    assert others == list(of_async.parameters.values())[1:]
    returned = str(of_async.return_annotation).replace("AsyncGenerator", "Generator")
    assert twin.return_annotation == returned
    assert inspect.getdoc(TWINS[name][0]) == inspect.getdoc(TWINS[name][1])


def test_reading_is_the_same_as_for_asyncio() -> None:
    twin, of_async = inspect.signature(sync.Mirror.orders), inspect.signature(bulk.Mirror.orders)
    assert twin.parameters == of_async.parameters
    assert inspect.getdoc(sync.Mirror.orders) == inspect.getdoc(bulk.Mirror.orders)
