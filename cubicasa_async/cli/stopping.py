"""Ctrl-C for a job: the first ends it gently, the second at once."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from typing import Any

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stop:
    """Whether a job is to end, and how.

    Args:
        asked: Called when it is asked to end for the first time.
        task: What is cancelled when it is asked again; the task that asks by default.
    """

    def __init__(self, asked: Callable[[], None], task: asyncio.Task[Any] | None = None) -> None:
        self._asked = asked
        self._event = threading.Event()
        self._task = task or asyncio.current_task()
        self.at_once: bool = False

    def is_set(self) -> bool:
        """Whether it is to begin nothing more."""
        return self._event.is_set()

    def ask(self) -> None:
        """Somebody wants it to end."""
        if not self.is_set():
            self._event.set()
            self._asked()
        elif not self.at_once and self._task is not None:
            self.at_once = True
            self._task.cancel()


@contextmanager
def stopping(asked: Callable[[], None], task: asyncio.Task[Any] | None = None) -> Generator[Stop]:
    """Within it, SIGINT and SIGTERM ask to stop."""
    loop = asyncio.get_running_loop()
    stop = Stop(asked, task)
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    for number in _SIGNALS:
        _handle(loop, number, stop)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            with suppress(NotImplementedError):  # on Windows
                loop.remove_signal_handler(number)
            signal.signal(number, handler)


def _handle(loop: asyncio.AbstractEventLoop, number: signal.Signals, stop: Stop) -> None:
    try:
        loop.add_signal_handler(number, stop.ask)
    except NotImplementedError:  # on Windows

        def ask(*_: object) -> None:
            loop.call_soon_threadsafe(stop.ask)

        signal.signal(number, ask)
