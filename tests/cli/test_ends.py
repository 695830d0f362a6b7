"""How the command ends when somebody ends it, or when its output cannot be written."""

from __future__ import annotations

import asyncio
import os
import pty
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from cubicasa_async.sandbox import Sandbox
from tests.support.commands import COMMAND, environment
from tests.support.listings import as_csv, made, once

DELETE = ("drafts", "delete", "any")
SECRET = "canary-2f7c"


@asynccontextmanager
async def asking(
    *arguments: str, until: str, environ: Mapping[str, str]
) -> AsyncGenerator[tuple[asyncio.subprocess.Process, int, bytearray]]:
    """The command on a terminal, once it has asked something: what runs, its screen, its text."""
    ours, theirs = pty.openpty()
    seen = bytearray()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, *COMMAND, *arguments),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**environ, "TERM": "xterm"},
        start_new_session=True,
    )
    os.close(theirs)
    try:
        while until.encode() not in seen:
            seen += await asyncio.to_thread(os.read, ours, 65536)
        await until_it_reads(process)
        yield process, ours, seen
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        os.close(ours)


async def until_it_reads(process: asyncio.subprocess.Process) -> None:
    """Wait until a process sleeps or ends: a signal before it reads would wait for an answer."""
    status = Path(f"/proc/{process.pid}/status")
    if not status.exists():  # not on Linux, or gone
        await asyncio.sleep(0.5)
        return
    asleep = 0
    while asleep < 5 and process.returncode is None:
        await asyncio.sleep(0.02)
        asleep = asleep + 1 if _is_asleep(status) else 0


def _is_asleep(status: Path) -> bool:
    """Whether a process sleeps, with no signal that it has yet to deal with."""
    try:
        lines = status.read_text(encoding="utf-8").splitlines()
    except OSError:  # it has just ended
        return False
    told = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
    pending = int(told["SigPnd"], 16) | int(told["ShdPnd"], 16)
    return told["State"].startswith("S") and not pending


class TestAQuestion:
    @pytest.mark.parametrize(
        ("arguments", "question"),
        [
            (DELETE, "Send it? [y/N]:"),
            (("users", "change-password", "--email", "a@example.com"), "Old password:"),
            (("profiles", "set", "north"), "API key:"),
        ],
    )
    async def test_the_first_ctrl_c_ends_it_and_nothing_is_sent(
        self, sandbox: Sandbox, tmp_path: Path, arguments: tuple[str, ...], question: str
    ) -> None:
        variables = environment(sandbox, XDG_CONFIG_HOME=str(tmp_path))
        async with asking(*arguments, until=question, environ=variables) as (process, ours, seen):
            process.send_signal(signal.SIGINT)
            await until_it_reads(process)
            with suppress(OSError):  # as it has ended; else this is an answer
                os.write(ours, b"\n")
            assert await process.wait() == 130
            with suppress(OSError):
                while text := await asyncio.to_thread(os.read, ours, 65536):
                    seen += text
        assert b"Interrupted." in seen
        assert b"Nothing was sent." not in seen, "that is said of an answer"
        assert b"Traceback" not in seen
        assert len(sandbox.ledger) == 0
        assert not list(tmp_path.rglob("*.toml"))

    async def test_a_secret_that_is_typed_is_not_shown(
        self, sandbox: Sandbox, tmp_path: Path
    ) -> None:
        variables = environment(sandbox, XDG_CONFIG_HOME=str(tmp_path))
        arguments = ("profiles", "set", "north")
        async with asking(*arguments, until="API key:", environ=variables) as (process, ours, seen):
            os.write(ours, f"{SECRET}\n".encode())
            while b"Use it by --profile north" not in seen:
                seen += await asyncio.to_thread(os.read, ours, 65536)
            assert await process.wait() == 0
        assert SECRET.encode() not in seen
        assert SECRET in next(tmp_path.rglob("*.toml")).read_text()


def shell(line: str, environ: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a line of the shell, in which `cubicasa` is the command."""
    start = f'cubicasa() {{ "{sys.executable}" -m cubicasa_async.cli "$@"; }}\n'
    return subprocess.run(
        ["/bin/sh", "-c", start + line],
        env=dict(environ),
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    "command", ["endpoints", "completion bash", "orders list", "orders mirror orders.db"]
)
async def test_output_that_nobody_reads_ends_it_with_130_and_without_a_word(
    sandbox: Sandbox, command: str, tmp_path: Path
) -> None:
    sandbox.world.add_examples(60)
    reading, writing = os.pipe()
    os.close(reading)
    try:
        ended = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, *COMMAND, *command.split()],
            env=environment(sandbox),
            cwd=tmp_path,
            stdout=writing,
            stderr=subprocess.PIPE,
            check=False,
        )
    finally:
        os.close(writing)
    assert (ended.returncode, ended.stderr) == (130, b"")


async def test_a_closed_output_is_no_fault(sandbox: Sandbox) -> None:
    sandbox.world.add_examples(1)
    for closed in (">&-", "2>&-", ">&- 2>&-"):
        ended = await asyncio.to_thread(
            shell, f"cubicasa orders list {closed}", environment(sandbox)
        )
        assert (ended.returncode, ended.stderr) == (0, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full device here")
async def test_an_import_whose_output_has_no_room_says_how_far_it_came(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    (tmp_path / "rows.csv").write_text(as_csv(30))
    line = f"cd '{tmp_path}' && cubicasa drafts import rows.csv --settle 0"
    ended = await asyncio.to_thread(shell, f"{line} > /dev/full", environment(sandbox))
    assert ended.returncode == 4
    count, unreached, journal, error = ended.stderr.splitlines()
    assert count.startswith("Of 30 rows: ")
    assert unreached.endswith(" rows were not reached. Run the same command again.")
    assert journal == "Journal: rows.csv.journal"
    assert error.startswith("Error: The output cannot be written: No space left on device.")
    again = await asyncio.to_thread(shell, line, environment(sandbox))
    assert (again.returncode, made(sandbox)) == (0, once(30))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full device here")
@pytest.mark.parametrize("command", ["orders list", "endpoints", "--help", "orders mirror x.db"])
async def test_an_output_without_room_is_said(
    sandbox: Sandbox, command: str, tmp_path: Path
) -> None:
    sandbox.world.add_examples(60)
    line = f"cd '{tmp_path}' && cubicasa {command} > /dev/full"
    ended = await asyncio.to_thread(shell, line, environment(sandbox))
    assert ended.returncode == 4
    assert ended.stderr.startswith("Error: The output cannot be written: No space left on device.")
    assert len(ended.stderr.splitlines()) == 1
