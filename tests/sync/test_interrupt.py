"""Ctrl-C in a synchronous call. Each program runs in a process of its own."""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cubicasa_async.sandbox import Fault, Sandbox
from tests.support.payloads import DRAFT, order
from tests.support.raw_server import SILENCE, answer
from tests.sync.support import HoldingServer, Program, WatchedServer, hosted, said, until

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the signal is sent by a process")

FOUND = answer(200, order())
TWIN = "create = client.drafts.create"
NAIVE = """
import asyncio
from cubicasa_async import AsyncCubiCasa
loop = asyncio.new_event_loop()
threading.Thread(target=loop.run_forever, daemon=True).start()
naive = AsyncCubiCasa.from_env()
def create(**fields):
    call = asyncio.run_coroutine_threadsafe(naive.drafts.create(**fields), loop)
    call.add_done_callback(lambda done: say("done:", done.result().id))
    return call.result()
"""
CREATE = f"""
try:
    say(create(**{DRAFT!r}).id)
except KeyboardInterrupt:
    say("interrupted")
sys.stdin.readline()
os._exit(0)
"""


@contextmanager
def interrupted(create: str) -> Generator[tuple[HoldingServer, Program]]:
    """A program whose request was held until its Ctrl-C had been dealt with."""
    with hosted(HoldingServer(FOUND)) as server:
        program = Program(f"{create}\n{CREATE}", server.base_url)
        until(lambda: server.requests)
        program.press_ctrl_c()
        assert program.line() == "interrupted\n"
        server.release()
        yield server, program


def test_ctrl_c_ends_the_request() -> None:
    with interrupted(TWIN) as (server, program):
        until(lambda: server.ended)  # and the program still runs
        program.go_on()
        assert program.end() == said()


def test_without_care_the_request_goes_on_in_the_background() -> None:
    # The control: the test above would not pass with anything.
    with interrupted(NAIVE) as (server, program):
        assert program.line() == f"done: {order()['id']}\n"
        assert server.ended == 0
        program.go_on()
        assert program.end() == said()


def test_after_ctrl_c_nothing_runs_on_and_the_next_call_works() -> None:
    text = """
    import asyncio
    async def running():
        return len(asyncio.all_tasks()) - 1
    for _ in range(10):
        try:
            client.orders.get("a")
        except KeyboardInterrupt:
            say("interrupted", client.portal.run(running()))
        client.orders.get("a")
    """
    with hosted(WatchedServer(*[SILENCE, FOUND] * 10, FOUND)) as server:
        program = Program(text, server.base_url)
        for number in range(10):
            until(lambda: len(server.requests) == 2 * number + 1)  # noqa: B023 # waits at once
            program.press_ctrl_c()
        assert program.end() == said(*["interrupted 0"] * 10)
        assert len(server.requests) == 20


def test_ctrl_c_between_two_attempts() -> None:
    busy = answer(503, {}, {"Retry-After": "50"})
    text = """
    try:
        client.orders.get("a")
    except KeyboardInterrupt:
        say("interrupted")
    """
    with hosted(WatchedServer(busy)) as server:
        program = Program(text, server.base_url)
        until(lambda: server.written)
        program.press_ctrl_c()
        assert program.end() == said("interrupted")
        assert len(server.requests) == 1


def test_ctrl_c_in_an_iteration_loses_and_repeats_nothing(sandbox: Sandbox) -> None:
    sandbox.world.add_examples(40)
    sandbox.faults.add(Fault("stall", operation="orders.list", skip=3, times=1))
    text = """
    pager, seen = client.orders.list(limit=5), []
    try:
        for order in pager:
            seen.append(order.id)
    except KeyboardInterrupt:
        say("interrupted", 0 < len(seen) < 40)
    seen += [order.id for order in client.orders.list(limit=5, cursor=pager.cursor)]
    say(len(seen), len(set(seen)))
    """
    program = Program(text, sandbox.base_url)
    until(lambda: len(sandbox.ledger) == 4)
    program.press_ctrl_c()
    assert program.end() == said("interrupted True", "40 40")


def test_ctrl_c_in_an_import_that_is_then_taken_up_again(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.faults.add(Fault("stall", operation="drafts.create", skip=20, times=1))
    text = f"""
    rows = [{{**{DRAFT!r}, "external_id": f"ROW-{{n}}"}} for n in range(100)]
    def work():
        return list(import_drafts(client, rows, journal=os.environ["JOURNAL"], settle=0))
    try:
        work()
    except KeyboardInterrupt:
        say("interrupted")
    say(len(work()))
    """
    program = Program(text, sandbox.base_url, JOURNAL=str(tmp_path / "journal"))
    until(lambda: sandbox.faults.hits)
    program.press_ctrl_c()
    assert program.end() == said("interrupted", 100)
    made = sandbox.ledger.by_external_id()
    assert [len(made[f"ROW-{number}"]) for number in range(100)] == [1] * 100


def test_ctrl_c_leaves_other_threads_their_calls() -> None:
    text = """
    other = threading.Thread(target=lambda: say(client.orders.get("b").id))
    other.start()
    sys.stdin.readline()
    try:
        client.orders.get("a")
    except KeyboardInterrupt:
        say("interrupted")
    other.join()
    """
    with hosted(HoldingServer(FOUND, SILENCE)) as server:
        program = Program(text, server.base_url)
        until(lambda: len(server.requests) == 1)
        program.go_on()
        until(lambda: len(server.requests) == 2)
        program.press_ctrl_c()
        assert program.line() == "interrupted\n"
        server.release()
        assert program.end() == said(order()["id"])


def test_a_second_ctrl_c_does_not_wait_for_what_will_not_end(sandbox: Sandbox) -> None:
    text = """
    import asyncio
    async def stubborn():
        say("begun")
        while True:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                say("no")
    try:
        client.portal.run(stubborn())
    except KeyboardInterrupt:
        say("interrupted")
    os._exit(0)
    """
    program = Program(text, sandbox.base_url)
    assert program.line() == "begun\n"
    program.press_ctrl_c()
    assert program.line() == "no\n"
    program.press_ctrl_c()
    assert program.end() == said("interrupted")


def test_any_exception_of_a_signal_handler_ends_the_call() -> None:
    text = """
    class TimeIsUp(Exception): ...
    def handler(*_):
        raise TimeIsUp
    signal.signal(signal.SIGUSR1, handler)
    try:
        client.orders.get("a")
    except TimeIsUp:
        say("time is up")
    sys.stdin.readline()
    """
    with hosted(WatchedServer(SILENCE)) as server:
        program = Program(text, server.base_url)
        until(lambda: server.requests)
        program.send("SIGUSR1")
        until(lambda: server.ended)
        program.go_on()
        assert program.end() == said("time is up")
