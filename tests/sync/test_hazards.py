"""What a program can do to a client: end, fork, forget it. Each runs in a process of its own."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cubicasa_async.sandbox import Fault, Sandbox
from tests.support.payloads import DRAFT, order
from tests.support.raw_server import answer
from tests.sync.support import Program, WatchedServer, hosted, said, until

FOUND = answer(200, order())
often = pytest.mark.parametrize("times", [3, pytest.param(20, marks=pytest.mark.soak)])
forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")


def run(sandbox: Sandbox, text: str, **more: str) -> object:
    return Program(text, sandbox.base_url, **more).end()


def test_a_client_that_was_never_used_is_left_open(sandbox: Sandbox) -> None:
    assert run(sandbox, "say('made')") == said("made")


@often
def test_a_client_is_left_open(times: int, sandbox: Sandbox) -> None:
    made = sandbox.world.add_order()
    programs = [
        Program(f"say(client.orders.get('{made.id}').id)", sandbox.base_url) for _ in range(times)
    ]
    assert [program.end() for program in programs] == [said(made.id)] * times


def test_a_client_is_left_open_in_a_reference_cycle(sandbox: Sandbox) -> None:
    text = """
    cycle = [client, client.orders.list(limit=4)]
    cycle.append(cycle)
    say(next(iter(cycle[1])).status)
    del cycle, client
    """
    sandbox.world.add_examples(10)
    assert run(sandbox, text) == said(sandbox.world.orders[0].status)


def test_a_pager_is_left_open(sandbox: Sandbox) -> None:
    text = """
    items = iter(client.orders.list(limit=4))
    pages = client.orders.list(limit=4).pages()
    say(next(items).external_id, len(next(pages).items))
    """
    sandbox.world.add_examples(10)
    assert run(sandbox, text) == said("EXAMPLE-10 4")


def test_an_import_is_left_open(sandbox: Sandbox, tmp_path: Path) -> None:
    text = f"""
    rows = ({{**{DRAFT!r}, "external_id": f"ROW-{{n}}"}} for n in range(10_000))
    outcomes = import_drafts(client, rows, journal=os.environ["JOURNAL"])
    say(next(outcomes).kind)
    """
    assert run(sandbox, text, JOURNAL=str(tmp_path / "journal")) == said("created")
    assert 0 < len(sandbox.ledger.committed("drafts.create")) < 10_000


def test_a_daemon_thread_is_in_a_call(sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault("stall"))
    text = """
    threading.Thread(target=client.company.info, daemon=True).start()
    sys.stdin.readline()
    say("the end")
    """
    program = Program(text, sandbox.base_url)
    until(lambda: sandbox.ledger)
    program.go_on()
    assert program.end() == said("the end")


@often
def test_daemon_threads_make_calls_without_end(times: int, sandbox: Sandbox) -> None:
    text = """
    def call():
        while True:
            client.company.info()
    for _ in range(4):
        threading.Thread(target=call, daemon=True).start()
    sys.stdin.readline()
    say("the end")
    """
    programs = [Program(text, sandbox.base_url) for _ in range(times)]
    until(lambda: len(sandbox.ledger) > 100)
    for program in programs:
        program.go_on()
    assert [program.end() for program in programs] == [said("the end")] * times


def test_another_thread_finishes_its_calls_after_the_main_one(sandbox: Sandbox) -> None:
    text = """
    def call():
        threading.main_thread().join()
        say(client.company.info().profile.email)
    client.company.info()  # from 3.12 on Python starts no thread any more when the main one is over
    threading.Thread(target=call).start()
    """
    assert run(sandbox, text) == said(sandbox.world.company["email"])


def test_a_call_is_made_as_the_interpreter_exits(sandbox: Sandbox) -> None:
    text = """
    import atexit
    atexit.register(lambda: say(client.company.info().profile.email))
    client.company.info()
    """
    assert run(sandbox, text) == said(sandbox.world.company["email"])


def test_a_loop_that_is_held_up_does_not_hold_up_the_exit(sandbox: Sandbox) -> None:
    text = """
    import asyncio
    portal._PATIENCE = 0.1
    async def hold_up():
        say("held up")
        time.sleep(3600)
    threading.Thread(target=client.portal.run, args=[hold_up()], daemon=True).start()
    sys.stdin.readline()
    """
    program = Program(text, sandbox.base_url)
    assert program.line() == "held up\n"
    program.go_on()
    ended = program.end()
    assert (ended.code, ended.stderr) == (0, "")


@forks
def test_a_fork_before_the_first_call() -> None:
    with hosted(WatchedServer(FOUND)) as server:
        text = """
        child(lambda: say("child", client.orders.get("a").id))
        say("parent", client.orders.get("a").id)
        """
        ended = Program(text, server.base_url).end()
        assert ended == said(f"child {order()['id']}", f"parent {order()['id']}")
        assert server.connections == 2


@forks
def test_a_forked_child_has_connections_of_its_own() -> None:
    with hosted(WatchedServer(FOUND)) as server:
        text = """
        for _ in range(10):
            client.orders.get("parent")
            child(lambda: client.orders.get("child"))
        client.orders.get("parent")
        say("done")
        """
        assert Program(text, server.base_url).end() == said("done")
        of_parent = {r.connection for r in server.requests if r.path.endswith("parent")}
        of_children = [r.connection for r in server.requests if r.path.endswith("child")]
        assert len(of_parent) == 1
        assert len(set(of_children)) == 10
        assert not of_parent & set(of_children)


@forks
def test_a_forked_child_that_makes_no_call_leaves_the_parents_connection_alone() -> None:
    with hosted(WatchedServer(FOUND)) as server:
        text = """
        import gc
        def drop():
            global client
            client.close()
            del client
            gc.collect()
        client.orders.get("a")
        child(lambda: None)
        child(drop)
        client.orders.get("a")
        say("done")
        """
        assert Program(text, server.base_url).end() == said("done")
        assert server.connections == 1


@forks
def test_a_forked_child_does_not_keep_the_parents_connection_open() -> None:
    with hosted(WatchedServer(FOUND)) as server:
        text = """
        client.orders.get("a")
        process = os.fork()
        if process == 0:
            sys.stdin.readline()
            sys.exit()
        client.close()
        os.waitpid(process, 0)
        say("done")
        """
        program = Program(text, server.base_url)
        until(lambda: server.ended)
        program.go_on()
        assert program.end() == said("done")


@forks
def test_a_fork_while_other_threads_are_in_calls(sandbox: Sandbox) -> None:
    text = """
    stop = threading.Event()
    def call():
        while not stop.is_set():
            client.company.info()
    threads = [threading.Thread(target=call) for _ in range(4)]
    for thread in threads:
        thread.start()
    client.company.info()
    for _ in range(10):
        child(lambda: say(client.company.info().profile.email))
    stop.set()
    for thread in threads:
        thread.join()
    """
    email = sandbox.world.company["email"]
    assert Program(text, sandbox.base_url).end() == said(*[email] * 10)


@forks
def test_an_iteration_does_not_go_on_in_a_forked_child(sandbox: Sandbox) -> None:
    text = """
    from cubicasa_async.errors import CubiCasaError
    items = iter(client.orders.list(limit=4))
    next(items)
    def go_on():
        try:
            list(items)
        except CubiCasaError as error:
            say(error)
    child(go_on)
    say(1 + len(list(items)))
    """
    sandbox.world.add_examples(10)
    ended = Program(text, sandbox.base_url).end()
    assert ended == said(
        "This iteration was begun before the process forked. Begin a new one.", "10"
    )


@forks
def test_worker_processes_that_were_forked(sandbox: Sandbox) -> None:
    text = """
    import multiprocessing
    def work(number):
        return client.company.info().profile.email
    if __name__ == "__main__":
        client.company.info()
        with multiprocessing.get_context("fork").Pool(3) as pool:
            say(*sorted(set(pool.map(work, range(30)))))
        say(client.company.info().profile.email)
    """
    email = sandbox.world.company["email"]
    assert run(sandbox, text) == said(email, email)
