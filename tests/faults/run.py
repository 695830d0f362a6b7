"""One call in one cell, judged by what the server saw."""

from __future__ import annotations

import asyncio
import gc
import logging
import sys
import threading
import time
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Final

import attrs

from cubicasa_async import AsyncCubiCasa, CubiCasa, Effect
from cubicasa_async.config import DEFAULTS, Settings
from cubicasa_async.errors import CubiCasaError, Outcome
from tests.core.test_secrecy import shown
from tests.faults.calls import CALLS, READ, Call, Client
from tests.faults.cells import Cell
from tests.faults.places import Place
from tests.faults.server import ASIDE
from tests.support.canary import CANARY
from tests.support.moments import VirtualTime
from tests.support.waiting import until

SINGLE: Final = (Effect.CREATE, Effect.PURCHASE)
_ASIDE_ID: Final = ASIDE.rpartition("/")[2]


@attrs.frozen
class Seen:
    """What came of a call, as the caller and as the server saw it."""

    outcome: Outcome | None
    error: str
    tries: int
    requests: int
    effects: int | None

    def __str__(self) -> str:
        said = f"{self.outcome.name} {self.error}" if self.outcome else "done"
        tries = f"{self.tries} tries, " if self.tries > max(1, self.requests) else ""
        effects = "" if self.effects is None else f", {_counted(self.effects, 'effect')}"
        return f"{said}: {tries}{_counted(self.requests, 'request')}{effects}"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


@attrs.frozen
class Row:
    """What came of a cell: for each call, the same from both faces; and what was wrong."""

    cell: Cell
    seen: dict[str, Seen]
    problems: list[str]


async def observe(cell: Cell) -> Row:
    """Make all calls of a cell from both faces, and look at what they leave behind."""
    runs = [(call, face) for call in CALLS for face in (AsyncCubiCasa, CubiCasa)]
    async with leaving_nothing() as problems:
        if cell.slow:
            results = await asyncio.gather(*(_run(cell, *run) for run in runs))
        else:
            results = [await _run(cell, *run) for run in runs]
    seen: dict[str, Seen] = {}
    for (call, face), (result, wrong) in zip(runs, results, strict=True):
        problems += [f"{call} from {face.__name__}: {text}" for text in wrong]
        if seen.setdefault(call.name, result) != result and not cell.races:
            problems.append(f"{call}: {seen[call.name]} is not {result}")
    return Row(cell, seen, problems)


async def _run(cell: Cell, column: Call, face: type[Client]) -> tuple[Seen, list[str]]:
    call = cell.read if column is READ else column
    moments = VirtualTime()
    async with cell.place(call) as place:
        settings: Settings = {**place.settings, **cell.settings}
        client = face(CANARY, base_url=place.base_url, runtime=moments.runtime, **settings)
        held = await _prepare(cell, client, place)
        begun = time.monotonic()
        error: BaseException | None = None
        try:
            await _made(client, lambda: call.make(client, place.order_id, cell.options))
        except Exception as exc:  # noqa: BLE001 # whether it is ours is what is asked
            error = exc
        took = time.monotonic() - begun + moments.now
        await _closed(client)
        await asyncio.gather(*held, return_exceptions=True)
        seen = _seen(error, call, place)
        return seen, [*_lies(error, call, place, cell), *_late(took, cell), *_shown(error)]


async def _prepare(cell: Cell, client: Client, place: Place) -> list[asyncio.Task[Any]]:
    if not cell.first:
        return []
    task = asyncio.create_task(_made(client, lambda: READ.make(client, _ASIDE_ID, None)))
    if cell.first == "warm":
        await asyncio.gather(task, return_exceptions=True)
    await until(place.asides)
    await asyncio.sleep(0.02)
    return [task]


async def _made(client: Client, make: Callable[[], Any]) -> None:
    if isinstance(client, CubiCasa):
        await asyncio.to_thread(make)
    else:
        await make()


async def _closed(client: Client) -> None:
    if isinstance(client, CubiCasa):
        await asyncio.to_thread(client.close)
    else:
        await client.close()


def _seen(error: BaseException | None, call: Call, place: Place) -> Seen:
    effects = place.effects() if call.changes else None
    if not isinstance(error, CubiCasaError):
        return Seen(None, type(error).__name__, 1, place.requests(), effects)
    return Seen(error.outcome, type(error).__name__, len(error.attempts), place.requests(), effects)


def _lies(error: BaseException | None, call: Call, place: Place, cell: Cell) -> list[str]:
    """In what the caller's view contradicts the server's."""
    found: list[str] = []
    requests, effects = place.requests(), place.effects()
    if error is None:
        if not cell.whole:
            found.append("success was reported and no whole answer came")
        if call.changes and not effects:
            found.append("success was reported and nothing was done")
    elif not isinstance(error, CubiCasaError):
        return [f"{error!r} is none of our errors"]
    else:
        if error.outcome is not Outcome.UNKNOWN and effects:
            found.append(f"{error.outcome} was reported and it was done")
        if error.outcome is Outcome.NOT_SENT and requests:
            found.append("NOT_SENT was reported and a request arrived")
        if error.outcome is Outcome.UNKNOWN and not place.connections():
            found.append("doubt was reported and nothing was sent")
        if error.operation != call.operation:
            found.append(f"the error is of {error.operation}")
        if requests > len(error.attempts):
            found.append(f"{len(error.attempts)} tries, {requests} requests")
    if call.effect in SINGLE and effects > 1:
        found.append(f"done {effects} times")
    if call.effect is Effect.PURCHASE and requests > 1:
        found.append(f"a purchase was sent {requests} times")
    return found


def _late(took: float, cell: Cell) -> list[str]:
    deadline = cell.options.deadline or DEFAULTS.deadline or 0.0
    # A second for a machine that has other things to do.
    return [f"it took {took:.1f} s of {deadline} s"] if took > deadline + 1.0 else []


def _shown(error: BaseException | None) -> list[str]:
    return ["the error shows the key"] if error is not None and shown(error) else []


class _Listening(logging.Handler):
    """Collects what should not be logged."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.problems: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        text = self.format(record)
        if CANARY in text:
            self.problems.append(f"{record.name} logs the key")
        if record.levelno >= logging.WARNING:
            self.problems.append(f"{record.name} logs: {text[:300]}")


@contextmanager
def _listening() -> Generator[list[str]]:
    handler, root = _Listening(), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield handler.problems
    finally:
        root.removeHandler(handler)
        root.setLevel(level)


def sockets() -> int:
    """How many sockets this process has open; 0 where that cannot be seen."""
    if sys.platform != "linux":
        return 0
    count = 0
    for entry in Path("/proc/self/fd").iterdir():
        try:
            count += str(entry.readlink()).startswith("socket:")
        except OSError:  # it was that of the listing
            continue
    return count


def threads() -> int:
    """How many threads of the synchronous client there are."""
    return sum(thread.name.startswith("cubicasa") for thread in threading.enumerate())


@asynccontextmanager
async def leaving_nothing() -> AsyncGenerator[list[str]]:
    """Collects complaints of the loop and in the log, and what is still there at the end."""
    loop = asyncio.get_running_loop()
    complaints: list[str] = []

    def complain(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        complaints.append(f"the loop complains: {context}")

    before = loop.get_exception_handler()
    loop.set_exception_handler(complain)
    at_first = _open_now()
    problems: list[str] = []
    try:
        with _listening() as logged:
            yield problems
            gc.collect(1)  # what this cell made is young
            for _ in range(20):
                if _open_now() == at_first:
                    break
                await asyncio.sleep(0.005)
            else:
                problems.append(f"sockets, tasks, threads: {_open_now()} are left of {at_first}")
        problems += logged + complaints
    finally:
        loop.set_exception_handler(before)


def _open_now() -> tuple[int, int, int]:
    return sockets(), len(asyncio.all_tasks()), threads()
