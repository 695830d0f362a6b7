"""Ctrl-C and SIGTERM: the first ends an import gently, the second at once; either can go on."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from cubicasa_async.sandbox import Fault, Sandbox
from tests.support.commands import Child, Result, environment, run, started
from tests.support.gate import Gate
from tests.support.listings import as_csv, made, once, states
from tests.support.waiting import until

CREATE = "drafts.create"
ARGUMENTS = ("drafts", "import", "rows.csv", "--settle", "0")


@asynccontextmanager
async def importing(sandbox: Sandbox, directory: Path, count: int) -> AsyncGenerator[Child]:
    (directory / "rows.csv").write_text(as_csv(count), encoding="utf-8")
    variables = environment(sandbox)
    async with started(*ARGUMENTS, environ=variables, cwd=directory) as child:
        yield child


async def again(sandbox: Sandbox, directory: Path) -> Result:
    return await run(*ARGUMENTS, environ=environment(sandbox), cwd=directory)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_the_first_finishes_what_is_under_way(
    sandbox: Sandbox, tmp_path: Path, number: signal.Signals
) -> None:
    gate = Gate(sandbox)
    sandbox.faults.add(gate.fault(operation=CREATE, skip=8))
    async with importing(sandbox, tmp_path, 60) as child:
        await until(lambda: len(sandbox.ledger.of(CREATE)) == 16)
        child.process.send_signal(number)
        await until(lambda: "Finishing" in child.errors)
        gate.open()
        ended = await child.end()
    assert ended.code == 130
    lines = ended.err.splitlines()
    assert lines[0] == "Finishing what is under way. Press Ctrl-C again to stop at once."
    assert lines[-1] == "Interrupted. Run the same command again; it goes on from here."
    assert "44 rows were not reached. Run the same command again." in lines
    assert ended.summary["outcomes"] == {"created": 16}
    assert set(states(tmp_path / "rows.csv.journal").values()) == {"created", "new"}
    sandbox.faults.clear()
    last = await again(sandbox, tmp_path)
    assert (last.code, last.summary["outcomes"]) == (0, {"already there": 16, "created": 44})
    assert made(sandbox) == once(60)


async def test_the_second_does_not_wait_and_loses_nothing(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.faults.add(Fault("stall", phase="after_commit", operation=CREATE, skip=20))
    async with importing(sandbox, tmp_path, 60) as child:
        await until(lambda: len(made(sandbox)) == 28)
        await until(lambda: len(child.output.splitlines()) == 20)
        child.process.send_signal(signal.SIGINT)
        await until(lambda: "Finishing" in child.errors)
        await asyncio.sleep(0.2)
        assert child.process.returncode is None, "it waits for the eight under way"
        child.process.send_signal(signal.SIGINT)
        ended = await child.end()
    assert ended.code == 130
    assert "Traceback" not in ended.err
    assert ended.summary["outcomes"] == {"created": 20}
    assert ended.summary["not reached"] == 40
    sandbox.faults.clear()
    last = await again(sandbox, tmp_path)
    assert (last.code, last.summary["outcomes"]) == (0, {"already there": 28, "created": 32})
    assert made(sandbox) == once(60)


async def test_while_the_file_is_read_one_is_enough(sandbox: Sandbox, tmp_path: Path) -> None:
    # However late the signal comes, nothing is made before the server's orders were looked at.
    sandbox.faults.add(Fault("stall", operation="orders.list"))
    async with importing(sandbox, tmp_path, 60_000) as child:
        journal = tmp_path / "rows.csv.journal-wal"
        await until(lambda: journal.exists() or has_open(child, tmp_path / "rows.csv"))
        child.process.send_signal(signal.SIGINT)
        ended = await child.end()
    assert ended.code == 130
    assert not sandbox.ledger.of(CREATE)


def has_open(child: Child, file: Path) -> bool:
    """Whether a process has a file open, where that can be told: on Linux."""
    try:
        return any(
            place.resolve() == file for place in Path(f"/proc/{child.process.pid}/fd").iterdir()
        )
    except OSError:
        return False
