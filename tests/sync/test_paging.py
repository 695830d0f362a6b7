from __future__ import annotations

import asyncio
import contextlib
import gc
import sys
import threading
import weakref
from collections.abc import Coroutine
from types import AsyncGeneratorType
from typing import Any

import pytest

from cubicasa_async import AsyncCubiCasa, CubiCasa, RequestOptions, Undecodable
from cubicasa_async.errors import (
    CubiCasaError,
    InvalidInputError,
    PagingError,
    ServerError,
    UndecodableItemsError,
)
from cubicasa_async.sandbox import Fault, Reading, Sandbox
from tests.sync.support import KEY

ONCE = RequestOptions(retries=0)


def awaited(sandbox: Sandbox, **arguments: Any) -> list[tuple[str, str]]:
    """The walk of the async client: each item, and the cursor after it."""

    async def walk() -> list[tuple[str, str]]:
        async with AsyncCubiCasa(KEY, base_url=sandbox.base_url) as client:
            pager = client.orders.list(**arguments)
            return [(item.id, pager.cursor) async for item in pager]

    return asyncio.run(walk())


def test_one_page(sandbox: Sandbox, twin: CubiCasa) -> None:
    sandbox.world.add_examples(10)
    page = twin.orders.list(limit=3).page()
    assert [item.external_id for item in page.items] == ["EXAMPLE-10", "EXAMPLE-9", "EXAMPLE-8"]
    assert page.has_more


@pytest.mark.parametrize("reading", Reading)
@pytest.mark.parametrize("limit", [1, 4, 7, 50])
def test_items_and_cursors_are_those_of_the_async_walk(
    sandbox: Sandbox, twin: CubiCasa, reading: Reading, limit: int
) -> None:
    sandbox.reading = reading
    sandbox.world.add_examples(30)
    pager = twin.orders.list(limit=limit)
    walked = [(item.id, pager.cursor) for item in pager]
    assert walked == awaited(sandbox, limit=limit)
    assert len(walked) == 30


def test_a_walk_is_taken_up_after_any_item(sandbox: Sandbox, twin: CubiCasa) -> None:
    sandbox.world.add_examples(23)
    everything = [item.id for item in twin.orders.list()]
    for taken in range(0, 23, 3):
        pager = twin.orders.list(limit=5)
        items = iter(pager)
        first = [next(items).id for _ in range(taken)]
        items.close()
        rest = [item.id for item in twin.orders.list(limit=5, cursor=pager.cursor)]
        assert first + rest == everything


def test_a_filter_is_passed_on(sandbox: Sandbox, twin: CubiCasa) -> None:
    sandbox.world.add_examples(20)
    found = list(twin.orders.list(status=["Ready", "Draft"]))
    assert {item.status for item in found} == {"Ready", "Draft"}


def test_the_pages(sandbox: Sandbox, twin: CubiCasa) -> None:
    sandbox.world.add_examples(12)
    pager = twin.orders.list(limit=5)
    pages = list(pager.pages())
    assert [item.id for page in pages for item in page.items] == [
        o.id for o in sandbox.world.orders
    ]
    assert len(pages) > 1


def test_a_page_costs_one_request_and_the_next_is_not_asked_for_early(
    sandbox: Sandbox, twin: CubiCasa
) -> None:
    sandbox.world.add_examples(30)
    items = iter(twin.orders.list(limit=10))
    for _ in range(10):
        next(items)
    assert len(sandbox.ledger) == 1
    next(items)
    assert len(sandbox.ledger) == 2
    items.close()


def test_an_item_costs_no_visit_to_the_loop(
    sandbox: Sandbox, twin: CubiCasa, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox.world.add_examples(100)
    visits: list[object] = []
    run = twin.portal.run

    def count(work: Coroutine[Any, Any, object]) -> object:
        visits.append(work)
        return run(work)

    monkeypatch.setattr(twin.portal, "run", count)
    assert len(list(twin.orders.list(limit=50))) == 100
    requests = len(sandbox.ledger)
    assert len(visits) <= requests + 2  # one more to learn of the end, one to close


def test_leaving_early_closes_the_walk_at_once(sandbox: Sandbox, twin: CubiCasa) -> None:
    sandbox.world.add_examples(30)

    walks: weakref.WeakSet[AsyncGeneratorType[Any, Any]] = weakref.WeakSet()

    async def watch() -> None:
        begin = sys.get_asyncgen_hooks().firstiter
        assert begin is not None

        def note(walk: Any) -> None:
            walks.add(walk)
            begin(walk)

        sys.set_asyncgen_hooks(firstiter=note)

    async def open_walks() -> int:
        return [walk.__name__ for walk in walks if walk.ag_frame].count("_stretches")

    twin.portal.run(watch())
    for _ in twin.orders.list(limit=4):
        break
    assert twin.portal.run(open_walks()) == 0
    with contextlib.closing(twin.orders.list(limit=4).items()) as items:
        next(items)
        assert twin.portal.run(open_walks()) > 0
    assert twin.portal.run(open_walks()) == 0
    pages = twin.orders.list(limit=4).pages()
    next(pages)
    pages.close()
    assert twin.portal.run(open_walks()) == 0


def test_an_iteration_dropped_in_the_loops_own_thread_is_closed(
    sandbox: Sandbox, twin: CubiCasa
) -> None:
    sandbox.world.add_examples(30)
    kept = [iter(twin.orders.list(limit=4))]
    next(kept[0])

    async def drop() -> None:
        kept.clear()

    twin.portal.run(drop())
    assert twin.company.info().profile


def test_an_iteration_outlives_its_client_variable(sandbox: Sandbox) -> None:
    sandbox.world.add_examples(30)
    found = list(CubiCasa(KEY, base_url=sandbox.base_url).orders.list(limit=4))
    assert len(found) == 30


def test_an_iteration_dropped_after_its_client_was_closed(sandbox: Sandbox) -> None:
    sandbox.world.add_examples(30)
    client = CubiCasa(KEY, base_url=sandbox.base_url)
    items = iter(client.orders.list(limit=4))
    next(items)
    client.close()
    items.close()


def test_a_pager_is_used_once(sandbox: Sandbox, twin: CubiCasa) -> None:
    sandbox.world.add_examples(3)
    pager = twin.orders.list()
    assert len(list(pager)) == 3
    with pytest.raises(PagingError, match="already"):
        list(pager)


def test_what_cannot_be_read_is_told_behind_all_others(sandbox: Sandbox, twin: CubiCasa) -> None:
    good, bad = {"id": "good"}, {"id": "bad", "info": 5}
    body = {"items": [bad, good], "pagination": {"has_more": False, "next_offset": 2}}
    sandbox.faults.add(Fault("body", body=body))
    seen: list[str] = []
    with pytest.raises(UndecodableItemsError) as error:
        seen += [item.id for item in twin.orders.list()]
    assert error.value.count == 1
    items = iter(twin.orders.list())
    assert next(items).id == "good"
    with pytest.raises(UndecodableItemsError) as error:
        next(items)
    assert error.value.cursor
    with pytest.raises(UndecodableItemsError):
        next(iter(twin.orders.list(strict=True)))
    (page,) = twin.orders.list().pages()
    assert [isinstance(record.item, Undecodable) for record in page.records] == [True, False]


def test_an_error_carries_a_cursor_that_goes_on(sandbox: Sandbox, twin: CubiCasa) -> None:
    sandbox.world.add_examples(30)
    sandbox.faults.add(Fault("status", status=500, skip=2, times=1))
    seen: list[str] = []
    with pytest.raises(ServerError) as error:
        seen.extend(item.id for item in twin.orders.list(limit=5, options=ONCE))
    rest = twin.orders.list(limit=5, cursor=error.value.cursor)
    assert seen + [item.id for item in rest] == [made.id for made in sandbox.world.orders]


def test_a_wrong_argument_is_refused_when_the_list_is_asked_for(twin: CubiCasa) -> None:
    with pytest.raises(InvalidInputError):
        twin.orders.list(limit=0)
    with pytest.raises(InvalidInputError):
        twin.orders.list(cursor="none")


def test_iterating_where_a_loop_runs_leaves_nothing_to_it(sandbox: Sandbox, twin: CubiCasa) -> None:
    sandbox.world.add_examples(30)

    async def cell() -> set[asyncio.Task[Any]]:
        items = iter(twin.orders.list(limit=4))
        next(items)
        del items
        for _ in twin.orders.list(limit=4):
            break
        gc.collect()
        await asyncio.sleep(0)
        return asyncio.all_tasks() - {task for task in [asyncio.current_task()] if task}

    assert asyncio.run(cell()) == set()


def test_many_threads_walk_at_once(sandbox: Sandbox, twin: CubiCasa) -> None:
    sandbox.world.add_examples(40)
    wanted = [made.id for made in sandbox.world.orders]
    found: list[list[str]] = []
    threads = [
        threading.Thread(target=lambda: found.append([o.id for o in twin.orders.list(limit=9)]))
        for _ in range(16)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [wanted] * 16


def test_an_iteration_within_the_clients_own_loop_fails_at_once(twin: CubiCasa) -> None:
    async def inside() -> None:
        list(twin.orders.list())

    with pytest.raises(CubiCasaError, match="own event loop"):
        twin.portal.run(inside())
