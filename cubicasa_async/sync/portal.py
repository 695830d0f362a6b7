"""The way from threads without an event loop to a client's coroutines, and back."""

from __future__ import annotations

import atexit
import os
import threading
import weakref
from collections.abc import AsyncGenerator, Coroutine, Generator
from contextlib import suppress
from typing import Any, Final, TypeVar

from cubicasa_async.errors import ClientClosedError, CubiCasaError
from cubicasa_async.sync.engine import Call, Closeable, Engine

T = TypeVar("T")

_END: Final = object()
_PATIENCE: Final = 5.0


class Portal:
    """Runs coroutines on a private event loop, for any number of threads at once.

    The loop begins with the first call, in a daemon thread, and ends with `close`, with the
    portal itself or with the process. Each client has a portal of its own: closing one leaves no
    thread behind, and one whose loop is held up holds up no other.

    After a fork the child gets a loop and connections of its own, at its first call.

    Args:
        owner: What the connections belong to; it is closed as the loop ends.
    """

    def __init__(self, owner: Closeable | None = None) -> None:
        self._owner = owner
        self._lock = threading.RLock()
        self._engine: Engine | None = None
        self._finalizer: weakref.finalize[[], Portal] | None = None
        self._closed = False
        _portals.add(self)

    @property
    def closed(self) -> bool:
        """Whether `close` was called, or the process is about to exit."""
        return self._closed

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the loop and wait for its result.

        It sees the context variables of the calling thread. What interrupts the wait, such as
        Ctrl-C, cancels the coroutine; the interrupt goes on when the coroutine has ended. A second
        interrupt does not wait for that.

        Raises:
            ClientClosedError: The portal is closed, or was while the coroutine ran.
            CubiCasaError: This is the loop's own thread, or no thread could be started.
        """
        call = Call(coroutine)
        try:
            call.submit(self._running())
            call.wait()
        except BaseException:
            call.abandon()
            _hold_if_the_process_ends()
            raise
        try:
            return call.result()
        finally:
            del call  # an error's traceback must not lead back to the error

    def iterate(self, source: AsyncGenerator[T]) -> Generator[T]:
        """The items of an async generator. However the iteration ends, the generator is closed."""
        process = os.getpid()
        try:
            while True:
                if os.getpid() != process:
                    raise CubiCasaError(
                        "This iteration was begun before the process forked. Begin a new one."
                    )
                item = self.run(_next(source))
                if item is _END:
                    return
                yield item
        finally:
            if os.getpid() == process:
                self.finish(_close(source))

    def finish(self, coroutine: Coroutine[Any, Any, object]) -> None:
        """Run what cleans up, and wait for it unless that is impossible.

        Where the loop has ended it has cleaned up itself. A garbage collection may end up here in
        the loop's own thread, which cannot wait for itself.
        """
        engine = self._engine
        if engine is not None and engine.is_here:
            with suppress(ClientClosedError):
                Call(coroutine).submit(engine)
            return
        with suppress(ClientClosedError):
            self.run(coroutine)

    def close(self) -> None:
        """End the loop, what runs on it and its thread; a second time does nothing.

        Threads whose call is under way get a ClientClosedError.
        """
        engine = self._end()
        if engine is not None and not engine.is_here:
            engine.join()

    def _running(self) -> Engine:
        engine = self._engine
        if engine is None or self._closed:
            return self._begin()
        if engine.is_here:
            raise CubiCasaError(
                "This call was made from within the client's own event loop, where it would wait "
                "for itself for ever. Make it from another thread, or use AsyncCubiCasa."
            )
        return engine

    def _begin(self) -> Engine:
        with self._lock:
            if self._closed:
                raise ClientClosedError("The client is closed. Make a new one.")
            if self._engine is None:
                self._engine = Engine(self._owner)
                self._finalizer = weakref.finalize(self, self._engine.stop)
                self._finalizer.atexit = False  # `_at_exit` waits for it, too
            return self._engine

    def _end(self) -> Engine | None:
        with self._lock:
            self._closed = True
            engine = self._engine
            if engine is not None:
                engine.stop()
            return engine

    def end_with_process(self) -> None:
        """End as the interpreter exits, which a loop that is held up must not prevent."""
        engine = self._end()
        if engine is not None:
            engine.join(_PATIENCE)

    def part_from_parent(self) -> None:
        """Begin anew in a forked child."""
        self._lock = threading.RLock()  # a thread that is gone may have held it
        engine, self._engine = self._engine, None
        if self._finalizer is not None:
            self._finalizer.detach()
            self._finalizer = None
        if engine is not None:
            engine.orphan()


_portals: Final[weakref.WeakSet[Portal]] = weakref.WeakSet()


async def _next(source: AsyncGenerator[T]) -> Any:
    return await anext(source, _END)


async def _close(source: AsyncGenerator[Any]) -> None:
    await source.aclose()


def _hold_if_the_process_ends() -> None:
    """Stop a daemon thread here that the interpreter is about to stop anyway."""
    if Engine.process_ends and threading.current_thread().daemon:
        threading.Event().wait()


def _at_exit() -> None:
    Engine.process_ends = True
    for portal in list(_portals):
        portal.end_with_process()


def _after_fork() -> None:
    for portal in list(_portals):
        portal.part_from_parent()


atexit.register(_at_exit)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
