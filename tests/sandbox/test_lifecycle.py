from __future__ import annotations

import ast
import asyncio
import gc
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import aiohttp
import pytest

import cubicasa_async.sandbox
from cubicasa_async.sandbox import Fault, Phase, Sandbox, serve

from .support import Caller, draft, until

PACKAGE = Path(cubicasa_async.sandbox.__file__).parent


@pytest.mark.parametrize("phase", Phase)
@pytest.mark.parametrize("fault", ["stall", "delay"])
async def test_closing_with_a_held_request_is_prompt_and_leaves_nothing(
    fault: str, phase: Phase
) -> None:
    tasks = asyncio.all_tasks()
    async with aiohttp.ClientSession() as session:
        async with Sandbox() as sandbox:
            sandbox.faults.add(Fault(fault, phase=phase, seconds=86_400))
            held = asyncio.create_task(Caller(session, sandbox)("POST", "/orders/draft", draft()))
            await until(lambda: sandbox.faults.hits)
            if phase is Phase.AFTER_BODY:
                await until(held.done)
            else:
                await asyncio.sleep(0.01)
            address = sandbox.origin
        # Here it is closed, and nobody has waited for what the fault holds much longer.
        (error,) = await asyncio.gather(held, return_exceptions=True)
        assert isinstance(error, aiohttp.ClientError) == (phase is not Phase.AFTER_BODY)
        with pytest.raises(aiohttp.ClientConnectorError):
            await session.get(address)
    assert asyncio.all_tasks() == tasks
    gc.collect(1)  # what a test made is young


async def test_closing_cuts_a_request_whose_body_never_comes() -> None:
    async with Sandbox() as sandbox:
        host, port = sandbox.origin.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(
            b"POST /api/integrate/v3/orders/draft HTTP/1.1\r\nHost: x\r\n"
            b"Content-Length: 10\r\n\r\n{"
        )
        await until(lambda: sandbox.ledger)
    assert await reader.read() == b""
    writer.close()
    assert (sandbox.ledger[0].read, sandbox.ledger[0].status) == (False, None)


async def test_closing_twice_and_starting_again() -> None:
    sandbox = Sandbox()
    with pytest.raises(RuntimeError, match="not running"):
        _ = sandbox.base_url
    for _ in range(2):
        await sandbox.start()
        async with aiohttp.ClientSession() as session:
            assert (await Caller(session, sandbox)("GET", "/orders")).status == 200
        await sandbox.close()
        await sandbox.close()
    assert len(sandbox.ledger) == 2


async def test_several_run_side_by_side_and_share_nothing() -> None:
    async with Sandbox() as one, Sandbox() as two, aiohttp.ClientSession() as session:
        assert one.base_url != two.base_url
        assert (await Caller(session, one)("POST", "/orders/draft", draft())).status == 200
        assert (len(one.world.orders), len(two.world.orders)) == (1, 0)
        assert (await Caller(session, two)("GET", "/orders", key=one.api_key)).status == 401


async def test_a_taken_port_is_an_error_and_leaves_nothing() -> None:
    tasks = asyncio.all_tasks()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(OSError, match="in use"):
            await Sandbox(port=taken.getsockname()[1]).start()
    assert asyncio.all_tasks() == tasks
    gc.collect(1)  # what a test made is young


async def test_serve_runs_until_it_is_cancelled() -> None:
    started = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(serve(port=0, orders=8, started=started.set_result))
    sandbox = await started
    async with aiohttp.ClientSession() as session:
        page = (await Caller(session, sandbox)("GET", "/orders")).json
    assert {row["info"]["status"] for row in page["items"]} == {
        "Draft",
        "Pending",
        "Ready",
        "Fixing",
    }
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_bytes_that_are_not_http_print_nothing(
    sandbox: Sandbox, capfd: pytest.CaptureFixture[str]
) -> None:
    host, port = sandbox.origin.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"\x00\x01\x02 nonsense\r\n\r\n")
    assert (await reader.read()).startswith(b"HTTP/1.0 400")
    writer.close()
    assert capfd.readouterr() == ("", "")


@pytest.mark.skipif(os.name == "nt", reason="sends SIGINT")
def test_as_a_command_it_prints_what_a_client_needs_and_ends_on_ctrl_c() -> None:
    command = [sys.executable, "-W", "error", "-m", "cubicasa_async.sandbox", "--port", "0"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        base_url = process.stdout.readline().strip()
        key = process.stdout.readline().strip()
        process.send_signal(signal.SIGINT)
        rest, errors = process.communicate()
    assert base_url.startswith("CUBICASA_BASE_URL=http://127.0.0.1:")
    assert base_url.endswith("/api/integrate/v3")
    assert key.startswith("CUBICASA_API_KEY=sandbox-")
    assert (process.returncode, rest, errors) == (0, "", "")


def test_a_given_key_is_never_printed() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        command = [sys.executable, "-m", "cubicasa_async.sandbox", "--port", port]
        ended = subprocess.run(
            [*command, "--api-key", "canary"], capture_output=True, text=True, check=False
        )
    assert ended.returncode == 1
    assert ended.stderr.startswith("The sandbox cannot start:")
    assert "Traceback" not in ended.stderr
    assert "canary" not in ended.stdout + ended.stderr


def test_a_port_that_is_none_is_said() -> None:
    command = [sys.executable, "-m", "cubicasa_async.sandbox", "--port", "65536"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert ended.stderr.startswith("The sandbox cannot start:")
    assert "Traceback" not in ended.stderr


def test_nothing_is_imported_from_the_rest_of_the_package() -> None:
    files = sorted(PACKAGE.glob("**/*.py"))
    assert len(files) > 10
    for file in files:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{file.name} imports by a relative name"
                names = [node.module or ""]
            else:
                continue
            for name in names:
                ours = name.split(".")[:2] == ["cubicasa_async", "sandbox"]
                assert ours or name.split(".")[0] != "cubicasa_async", f"{file.name} imports {name}"
