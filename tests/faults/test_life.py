"""Beginning and end of a client: it opens nothing by itself and forgets nothing."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import textwrap
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import pytest

import cubicasa_async
from cubicasa_async import AsyncCubiCasa, CubiCasa, RequestOptions
from cubicasa_async.errors import ClientClosedError, Outcome
from cubicasa_async.sandbox import Sandbox
from tests.faults.calls import CALLS, CREATE, Client
from tests.faults.run import leaving_nothing
from tests.faults.scripts import say_nothing
from tests.faults.server import FaultServer, Line
from tests.support.canary import CANARY
from tests.support.commands import environment
from tests.support.waiting import until

ROOT: Final = Path(cubicasa_async.__file__).parent.parent


async def read_and_say_nothing(line: Line) -> None:
    await line.request(done=True)
    await say_nothing(line)


@pytest.mark.parametrize("face", [AsyncCubiCasa, CubiCasa])
async def test_closing_ends_all_calls_under_way_with_what_is_known(face: type[Client]) -> None:
    with ThreadPoolExecutor(2 * len(CALLS)) as pool:
        await _close_under_way(face, pool)


async def _close_under_way(face: type[Client], pool: ThreadPoolExecutor) -> None:
    async with (
        leaving_nothing() as problems,
        FaultServer(read_and_say_nothing, CREATE.good) as server,
    ):
        client = face(CANARY, base_url=server.base_url, concurrency=len(CALLS))

        def start(call: int) -> asyncio.Future[object]:
            make, options = CALLS[call % len(CALLS)].make, RequestOptions(retries=3)
            if isinstance(client, CubiCasa):
                return asyncio.get_running_loop().run_in_executor(pool, make, client, "x", options)
            return asyncio.ensure_future(make(client, "x", options))

        sent = [start(number) for number in range(len(CALLS))]
        await until(lambda: server.requests == len(CALLS))
        waiting = [start(number) for number in range(3)]
        await asyncio.sleep(0.05)
        if isinstance(client, CubiCasa):
            await asyncio.to_thread(client.close)
        else:
            await client.close()
        ended = await asyncio.gather(*sent, *waiting, return_exceptions=True)
        assert {type(error) for error in ended} == {ClientClosedError}
        outcomes = [getattr(error, "outcome", None) for error in ended]
        assert outcomes == [Outcome.UNKNOWN] * len(sent) + [Outcome.NOT_SENT] * len(waiting)
        assert server.requests == len(CALLS)
    assert problems == []


UNCLOSED: Final = {
    "made": "client = AsyncCubiCasa('some-key', base_url=url)",
    "from_env": "client = AsyncCubiCasa.from_env()",
    "derived": "client = AsyncCubiCasa('k', base_url=url).with_options(RequestOptions(retries=1))",
}


@pytest.mark.parametrize("line", UNCLOSED.values(), ids=UNCLOSED)
async def test_a_client_that_was_not_closed_is_reported_with_where_it_was_made(
    line: str, sandbox: Sandbox, tmp_path: Path
) -> None:
    program = tmp_path / "forgetful.py"
    program.write_text(
        textwrap.dedent(
            f"""\
            import asyncio, os
            from cubicasa_async import AsyncCubiCasa, CubiCasaError, RequestOptions
            url = os.environ["CUBICASA_BASE_URL"]
            async def main():
                {line}
                try:
                    await client.orders.get("x")
                except CubiCasaError:
                    pass
            asyncio.run(main())
            """
        )
    )
    errors = await _errors_of("-W", "default", str(program), sandbox=sandbox)
    assert f"A client made at {program}:5 was never closed." in errors
    assert sandbox.api_key not in errors


async def test_a_client_that_was_closed_or_never_used_is_not_reported(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    program = tmp_path / "careful.py"
    program.write_text(
        textwrap.dedent(
            """\
            import asyncio
            from cubicasa_async import AsyncCubiCasa
            unused = AsyncCubiCasa.from_env()
            async def main():
                async with AsyncCubiCasa.from_env() as client:
                    await client.orders.list()
            asyncio.run(main())
            """
        )
    )
    assert await _errors_of("-W", "error", str(program), sandbox=sandbox) == ""


async def _errors_of(*arguments: str, sandbox: Sandbox) -> str:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *arguments,
        env=environment(sandbox),
        stderr=asyncio.subprocess.PIPE,
    )
    _, errors = await process.communicate()
    return errors.decode()


WATCHER: Final = """
import sys
seen = []
def watch(event, arguments):
    if event.startswith(("socket.", "ssl.", "subprocess.", "os.fork", "os.system")):
        seen.append(event)
    if event == "open" and isinstance(arguments[0], (str, bytes)):
        seen.append(str(arguments[0]))
sys.addaudithook(watch)
{body}
print("\\n".join(seen))
"""
CALLING: Final = """
from cubicasa_async import CubiCasa, CubiCasaError, RequestOptions
client = CubiCasa("some-key", base_url="http://127.0.0.1:9/v3")
try:
    client.orders.get("x", options=RequestOptions(retries=0))
except CubiCasaError:
    client.close()
"""
ALLOWED: Final = (".py", ".pyc", ".so", ".pyd", ".dylib")


def _opened(body: str) -> list[str]:
    """What a program does to sockets, processes and files, its modules aside."""
    done = subprocess.run(
        [
            sys.executable,
            "-I",
            "-c",
            WATCHER.format(body=f"sys.path.insert(0, {str(ROOT)!r})\n{body}"),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    return list(_others(done.stdout.splitlines()))


def _others(seen: Iterable[str]) -> Iterable[str]:
    for name in seen:
        # An import writes its compiled form under a passing name.
        if name and not name.endswith(ALLOWED) and ".pyc." not in name:
            yield name


@pytest.mark.parametrize(
    "body",
    [
        "import cubicasa_async",
        "import cubicasa_async.bulk, cubicasa_async.sync",
        "from cubicasa_async import AsyncCubiCasa; AsyncCubiCasa('some-key')",
        "from cubicasa_async import CubiCasa; CubiCasa('some-key').close()",
    ],
)
def test_importing_it_and_making_a_client_opens_no_socket_and_no_file(body: str) -> None:
    assert _opened(body) == []


@pytest.mark.parametrize(
    ("body", "sign"),
    [
        ("import socket; socket.socket().close()", "socket."),
        ("open(sys.executable, 'rb').close()", sys.executable),
        (CALLING, "socket.connect"),
    ],
)
def test_control_a_socket_and_a_file_that_are_opened_are_seen(body: str, sign: str) -> None:
    assert any(sign in name for name in _opened(body))
