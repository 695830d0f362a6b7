"""Ctrl-C in a synchronous call. Each program runs in a process of its own."""

from __future__ import annotations

import sys

import pytest

from cubicasa_async.sandbox import Fault, Sandbox
from tests.support.payloads import order
from tests.support.raw_server import SILENCE, answer
from tests.sync.support import Program, WatchedServer, hosted, said, until

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a signal is sent to a process")

CALL = """
def call():
    return client.company.info()
"""
NAIVE = """
import asyncio
from cubicasa_async import AsyncCubiCasa
loop = asyncio.new_event_loop()
threading.Thread(target=loop.run_forever, daemon=True).start()
naive = AsyncCubiCasa.from_env()
def call():
    return asyncio.run_coroutine_threadsafe(naive.company.info(), loop).result()
"""
INTERRUPTED = """
try:
    call()
except KeyboardInterrupt:
    say("interrupted")
sys.stdin.readline()
os._exit(0)
"""


def left_by_ctrl_c(sandbox: Sandbox, call: str) -> int | None:
    """The status of a call that was interrupted, as the server gave it; None if it could not."""
    sandbox.faults.add(Fault("delay", seconds=0.5, times=1))
    program = Program(call + INTERRUPTED, sandbox.base_url)
    until(lambda: sandbox.ledger)
    program.press_ctrl_c()
    until(lambda: sandbox.ledger[0].committed or _answered_or_left(sandbox))
    program.go_on()
    assert program.end() == said("interrupted")
    return sandbox.ledger[0].status
