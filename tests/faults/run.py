"""One call in one cell, judged by what the server saw."""

from __future__ import annotations

import asyncio
import gc
import itertools
import logging
import sys
import threading
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager, nullcontext
from pathlib import Path
from typing import Any, Final

import attrs

from cubicasa_async import AsyncCubiCasa, CubiCasa, Effect
from cubicasa_async.config import DEFAULTS, Settings
from cubicasa_async.errors import CubiCasaError, Outcome
from tests.core.test_secrecy import shown
from tests.faults.calls import CALLS, READ, Call, Client
from tests.faults.cells import SHORT, Cell
from tests.faults.places import Place
from tests.faults.server import ASIDE
from tests.support.canary import CANARY
from tests.support.leaps import Leaps
from tests.support.moments import VirtualTime
from tests.support.waiting import until

SINGLE: Final = (Effect.CREATE, Effect.PURCHASE)
MANY_LOOKS: Final = 4_000
"""Only where something is really left does it take so long."""
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


async def observe(cell: Cell, *, looks: int = MANY_LOOKS) -> Row:
    """Make all calls of a cell from both faces, and look so often at what they leave behind."""
    runs = [(call, face) for call in CALLS for face in (AsyncCubiCasa, CubiCasa)]
    leaps = Leaps() if cell.leaps else None
    if leaps:
        leaps.reach(asyncio.get_running_loop())
    async with leaving_nothing(looks=looks) as problems:
        with leaps.instead_of_waiting() if leaps else nullcontext():
            if cell.slow:
                results = await asyncio.gather(*(_run(cell, *run, leaps) for run in runs))
            else:
                results = [await _run(cell, *run, leaps) for run in runs]
    seen: dict[str, Seen] = {}
    for (call, face), (result, wrong) in zip(runs, results, strict=True):
        problems += [f"{call} from {face.__name__}: {text}" for text in wrong]
        if seen.setdefault(call.name, result) != result and not cell.races:
            problems.append(f"{call}: {seen[call.name]} is not {result}")
    return Row(cell, seen, problems)


async def _run(
    cell: Cell, column: Call, face: type[Client], leaps: Leaps | None
) -> tuple[Seen, list[str]]:
    call = cell.read if column is READ else column
    moments = VirtualTime()
    async with cell.place(call) as place:
        settings: Settings = {**place.settings, **cell.settings}
        client = face(CANARY, base_url=place.base_url, runtime=moments.runtime, **settings)
        held = await _prepare(cell, client, place)
        passing = await _pass_time(client, place, leaps) if leaps else None
        error: BaseException | None = None
        try:
            await _made(client, lambda: call.make(client, place.order_id, cell.options))
        except Exception as exc:  # noqa: BLE001 # whether it is ours is what is asked
            error = exc
        if passing:
            passing.cancel()
        await _closed(client)
        await asyncio.gather(*held, return_exceptions=True)
        seen = _seen(error, call, place)
        return seen, [*_lies(error, call, place, cell), *_late(moments.now, cell), *_shown(error)]


async def _prepare(cell: Cell, client: Client, place: Place) -> list[asyncio.Task[Any]]:
    if not cell.first:
        return []
    task = asyncio.create_task(_made(client, lambda: READ.make(client, _ASIDE_ID, None)))
    if cell.first != "held":
        await asyncio.gather(task, return_exceptions=True)
    await until(place.left if cell.first == "dropped" else place.asides)
    return [task]


async def _pass_time(client: Client, place: Place, leaps: Leaps) -> asyncio.Task[None]:
    """Let time leap for a client, each time that its server has another request to neglect."""

    async def reach() -> None:
        leaps.reach(asyncio.get_running_loop())

    async def leap() -> None:
        for neglected in itertools.count(1):
            await until(lambda: place.neglected() >= neglected)  # noqa: B023 # waits at once
            leaps.leap(SHORT.timeout or 0.0)

    if isinstance(client, CubiCasa):
        await asyncio.to_thread(client.portal.run, reach())
    return asyncio.create_task(leap())


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


def _late(slept: float, cell: Cell) -> list[str]:
    deadline = cell.options.deadline or DEFAULTS.deadline or 0.0
    return [f"it slept {slept:.1f} s of {deadline} s"] if slept > deadline else []


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


def sockets() -> set[str]:
    """The sockets that this process has open; none where that cannot be seen."""
    found: set[str] = set()
    if sys.platform != "linux":
        return found
    for entry in Path("/proc/self/fd").iterdir():
        try:
            found.add(str(entry.readlink()))
        except OSError:  # it was that of the listing
            continue
    return {name for name in found if name.startswith("socket:")}


def _threads() -> set[object]:
    """The threads of synchronous clients."""
    return {thread for thread in threading.enumerate() if thread.name.startswith("cubicasa")}


@asynccontextmanager
async def leaving_nothing(*, looks: int = MANY_LOOKS) -> AsyncGenerator[list[str]]:
    """Collects complaints of the loop and in the log, and what is still there at the end.

    What ends by itself has as many looks, 5 ms apart, to do so.
    """
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
            while (left := _open_now() - at_first) and looks:
                looks -= 1
                await asyncio.sleep(0.005)
            if left:
                problems.append(f"sockets, tasks, threads: {left} are left")
        problems += logged + complaints
    finally:
        loop.set_exception_handler(before)


def _open_now() -> set[object]:
    return {*sockets(), *asyncio.all_tasks(), *_threads()} - {asyncio.current_task()}
