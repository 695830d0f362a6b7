from __future__ import annotations

import asyncio
import contextvars
import gc
import threading
import traceback
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from cubicasa_async import (
    AsyncCubiCasa,
    Company,
    CubiCasa,
    CubiCasaError,
    Environment,
    OrderStatus,
    Outcome,
    RequestOptions,
    Runtime,
)
from cubicasa_async.errors import (
    ClientClosedError,
    ConfigError,
    InvalidInputError,
    NotFoundError,
    ServerError,
)
from cubicasa_async.sandbox import Fault, Sandbox
from tests.support.payloads import DRAFT, order
from tests.support.raw_server import SILENCE, answer
from tests.sync.support import KEY, WatchedServer, hosted, until

ONCE = RequestOptions(retries=0)
WITHOUT_CITY: dict[str, Any] = {**DRAFT, "city": ""}


_before: set[threading.Thread] = set()


@pytest.fixture(autouse=True)
def threads_of_others() -> None:
    """A client that another test let go of may still be ending."""
    _before.clear()
    _before.update(threading.enumerate())


def loop_threads() -> list[threading.Thread]:
    """Those that a test began."""
    there = (thread for thread in threading.enumerate() if thread.name == "cubicasa-sync")
    return [thread for thread in there if thread not in _before]


def test_a_call_gives_what_the_awaited_one_gives(sandbox: Sandbox, twin: CubiCasa) -> None:
    made = sandbox.world.add_order(status="Ready")

    async def awaited() -> Any:
        async with AsyncCubiCasa(KEY, base_url=sandbox.base_url) as client:
            return await client.orders.get(made.id)

    assert twin.orders.get(made.id) == asyncio.run(awaited())


def test_every_group_makes_its_calls(sandbox: Sandbox, twin: CubiCasa) -> None:
    draft = twin.drafts.create(**DRAFT, external_id="EXT-1")
    assert draft.status is OrderStatus.DRAFT
    assert twin.drafts.update(draft.id, **DRAFT, info="a note").id == draft.id
    sandbox.world.set_status(draft.id, "Ready")
    assert twin.change_requests.create(draft.id, products=["products_2d"], text="a wall").id
    assert twin.company.info().profile is not None
    twin.webhooks.update(webhook_urls=["https://example.test/"], webhook_triggers=[])
    assert [entry.operation for entry in sandbox.ledger] == [
        "drafts.create",
        "drafts.update",
        "change_requests.create",
        "company.info",
        "webhooks.update",
    ]


def test_a_call_that_answers_nothing_gives_nothing(sandbox: Sandbox, twin: CubiCasa) -> None:
    user = sandbox.world.add_user("somebody@example.test", role="User")
    assert twin.users.delete(user.id) is None  # type: ignore[func-returns-value] # that it is so
    assert sandbox.world.user_by_email("somebody@example.test") is None


def test_any_path_can_be_requested(twin: CubiCasa) -> None:
    response = twin.request("GET", "/companies/info", model=Company)
    assert response.status == 200
    assert response.data == twin.company.info()


def test_the_answer_is_given_beside_the_object(sandbox: Sandbox, twin: CubiCasa) -> None:
    made = sandbox.world.add_order()
    response = twin.raw(twin.orders.get, made.id)
    assert (response.status, response.data.id) == (200, made.id)
    assert made.id.encode() in response.body
    page = twin.raw(twin.orders.list().page)
    assert [item.id for item in page.data.items] == [made.id]


def test_errors_are_those_of_the_awaited_call(sandbox: Sandbox, twin: CubiCasa) -> None:
    with pytest.raises(InvalidInputError) as invalid:
        twin.drafts.update("1", **WITHOUT_CITY)
    assert invalid.value.outcome is Outcome.NOT_SENT
    with pytest.raises(NotFoundError) as missing:
        twin.orders.get("00000000-0000-4000-8000-000000000000")
    assert missing.value.outcome is Outcome.REFUSED
    sandbox.faults.add(Fault("status", status=500))
    with pytest.raises(ServerError) as broken:
        twin.drafts.create(**DRAFT)
    assert broken.value.outcome is Outcome.UNKNOWN
    assert len(broken.value.attempts) == 1


def test_a_traceback_leads_from_the_caller_to_the_fault(twin: CubiCasa) -> None:
    with pytest.raises(NotFoundError) as missing:
        twin.orders.get("00000000-0000-4000-8000-000000000000")
    frames = traceback.extract_tb(missing.value.__traceback__)
    names = [frame.name for frame in frames]
    assert names[:2] == ["test_a_traceback_leads_from_the_caller_to_the_fault", "get"]
    assert frames[1].filename.endswith("sync/resources.py")
    ours = [frame for frame in frames if frame.filename.endswith("resources/orders.py")]
    assert [frame.name for frame in ours] == ["get"]
    bridge = ("sync/portal.py", "sync/engine.py")
    assert sum(frame.filename.endswith(bridge) for frame in frames) <= 3
    assert missing.value.__context__ is None


def test_an_error_is_freed_with_its_last_reference(twin: CubiCasa) -> None:
    class MineError(Exception):
        pass

    async def fail() -> None:
        raise MineError

    def freed() -> Callable[[], object]:
        try:
            twin.portal.run(fail())
        except MineError as exc:
            return weakref.ref(exc)
        raise AssertionError

    gc.collect()
    gc.disable()
    try:
        assert freed()() is None
    finally:
        gc.enable()


def test_settings_are_those_of_the_client(sandbox: Sandbox) -> None:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    sandbox.faults.add(Fault("status", times=2))
    runtime = Runtime(sleep=sleep)
    with CubiCasa(KEY, base_url=sandbox.base_url, runtime=runtime) as twin:
        twin.company.info()
        assert twin.runtime is runtime
    assert len(waits) == 2


def test_a_derived_client_shares_loop_and_pool_and_is_closed_with_the_first(
    sandbox: Sandbox, twin: CubiCasa
) -> None:
    sandbox.faults.add(Fault("status", times=1))
    derived = twin.with_options(ONCE)
    with pytest.raises(ServerError):
        derived.company.info()
    twin.company.info()
    assert derived.portal is twin.portal
    twin.close()
    assert derived.closed
    with pytest.raises(ClientClosedError):
        derived.company.info()


def test_a_client_is_made_from_the_environment(sandbox: Sandbox) -> None:
    environ = {"CUBICASA_API_KEY": KEY, "CUBICASA_BASE_URL": sandbox.base_url}
    with CubiCasa.from_env(environ, concurrency=3) as twin:
        assert twin.company.info().profile
        assert twin.config.concurrency == 3
    with pytest.raises(ConfigError, match="CUBICASA_API_KEY"):
        CubiCasa.from_env({})


def test_it_does_not_show_the_key(twin: CubiCasa) -> None:
    assert repr(twin) == f"<CubiCasa of {twin.config.base_url} (open)>"
    twin.company.info()
    shown = [twin, twin.orders, twin.orders.list(), twin.portal, twin.asynchronous, vars(twin)]
    assert KEY not in repr(shown)


def test_making_a_client_starts_nothing() -> None:
    client = CubiCasa("key", environment=Environment.QA)
    client.orders.list()
    assert loop_threads() == []
    assert "qa-customers" in str(client.config.base_url)


def test_closing_ends_the_thread_and_the_connections_and_can_be_repeated() -> None:
    with hosted(WatchedServer(answer(200, order()))) as server:
        client = CubiCasa(KEY, base_url=server.base_url)
        client.orders.get("a")
        assert len(loop_threads()) == 1
        client.close()
        client.close()
        assert loop_threads() == []
        assert client.closed
        until(lambda: server.ended)
        with pytest.raises(ClientClosedError, match="closed"):
            client.orders.get("a")
        with pytest.raises(ClientClosedError):
            client.orders.list().page()
        with pytest.raises(ClientClosedError):
            list(client.orders.list())


def test_a_client_that_made_no_call_is_closed() -> None:
    client = CubiCasa("key")
    client.close()
    assert client.closed
    assert loop_threads() == []


def test_a_call_under_way_ends_with_an_error_when_another_thread_closes() -> None:
    with hosted(WatchedServer(SILENCE)) as server, ThreadPoolExecutor(2) as threads:
        client = CubiCasa(KEY, base_url=server.base_url, concurrency=1)
        calls = [threads.submit(client.drafts.create, **DRAFT) for _ in range(2)]
        until(lambda: server.requests)
        client.close()
        for call in calls:
            assert isinstance(call.exception(), ClientClosedError)
        outcomes = {call.exception().outcome for call in calls}  # type: ignore[union-attr] # as above
        assert outcomes == {Outcome.UNKNOWN, Outcome.NOT_SENT}  # one was sent, one was waiting
        assert len(server.requests) == 1


def test_a_call_that_waits_for_its_next_attempt_ends_when_another_thread_closes() -> None:
    busy = answer(503, {}, {"Retry-After": "50"})
    with hosted(WatchedServer(busy)) as server, ThreadPoolExecutor(1) as threads:
        client = CubiCasa(KEY, base_url=server.base_url)
        call = threads.submit(client.orders.get, "a")
        until(lambda: server.written)
        client.close()
        assert isinstance(call.exception(), ClientClosedError)
        assert len(server.requests) == 1


def test_closing_and_calling_at_once_never_hangs(sandbox: Sandbox) -> None:
    def call(client: CubiCasa) -> None:
        while True:
            client.company.info()

    with ThreadPoolExecutor(4) as threads:
        for _ in range(10):
            client = CubiCasa(KEY, base_url=sandbox.base_url)
            calls = [threads.submit(call, client) for _ in range(4)]
            before = len(sandbox.ledger)
            until(lambda: len(sandbox.ledger) > before + 8)  # noqa: B023 # waits at once
            client.close()
            assert {type(call.exception()) for call in calls} == {ClientClosedError}


def test_an_unclosed_client_ends_with_its_last_reference() -> None:
    with hosted(WatchedServer(answer(200, order()))) as server:
        client = CubiCasa(KEY, base_url=server.base_url)
        client.orders.get("a")
        (thread,) = loop_threads()
        orders = client.orders
        del client
        orders.get("a")
        assert server.connections == 1
        del orders
        gc.collect()
        thread.join()
        until(lambda: server.ended)


def test_many_threads_at_once(sandbox: Sandbox, twin: CubiCasa) -> None:
    ids = [sandbox.world.add_order().id for _ in range(32)]
    together = threading.Barrier(32)

    def call(order_id: str) -> list[str]:
        together.wait()
        return [twin.orders.get(order_id).id for _ in range(10)]

    with ThreadPoolExecutor(32) as threads:
        assert list(threads.map(call, ids)) == [[order_id] * 10 for order_id in ids]
    assert len(loop_threads()) == 1


def test_it_works_where_a_loop_runs_already(sandbox: Sandbox, twin: CubiCasa) -> None:
    sandbox.world.add_examples(10)

    async def cell() -> int:
        assert twin.company.info().profile
        return len(list(twin.orders.list(limit=4)))

    assert asyncio.run(cell()) == 10


def test_a_call_from_within_its_own_loop_fails_at_once(twin: CubiCasa) -> None:
    async def inside() -> None:
        twin.company.info()

    with pytest.raises(CubiCasaError, match="own event loop") as error:
        twin.portal.run(inside())
    assert error.value.outcome is Outcome.NOT_SENT


def test_a_call_from_within_another_clients_loop_works(sandbox: Sandbox, twin: CubiCasa) -> None:
    async def inside() -> bool:
        return twin.company.info().profile is not None

    with CubiCasa(KEY, base_url=sandbox.base_url) as other:
        assert other.portal.run(inside())


def test_a_call_sees_the_context_of_its_thread(twin: CubiCasa) -> None:
    request_id = contextvars.ContextVar("request_id", default="none")

    async def seen() -> str:
        await asyncio.sleep(0)
        return request_id.get()

    def work(number: int) -> tuple[str, str]:
        request_id.set(f"request {number}")
        return twin.portal.run(seen()), f"request {number}"

    with ThreadPoolExecutor(4) as threads:
        for found, wanted in threads.map(work, range(40)):
            assert found == wanted
    assert twin.portal.run(seen()) == "none"


def test_what_is_made_for_the_async_client_can_be_run(sandbox: Sandbox, twin: CubiCasa) -> None:
    async def both(client: AsyncCubiCasa) -> int:
        found = await asyncio.gather(client.company.info(), client.company.info())
        return len(found)

    assert twin.portal.run(both(twin.asynchronous)) == 2


def test_the_exit_of_a_program_in_a_coroutine_reaches_its_thread(twin: CubiCasa) -> None:
    async def leave() -> None:
        raise SystemExit(3)

    with pytest.raises(SystemExit):
        twin.portal.run(leave())
    assert twin.company.info().profile
