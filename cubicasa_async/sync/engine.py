"""An event loop that runs in a thread of its own, and the calls that are under way on it."""

from __future__ import annotations

import asyncio
import contextvars
import os
import selectors
import sys
import threading
from collections.abc import Coroutine
from typing import Any, Final, Generic, Protocol, TypeVar

from cubicasa_async.errors import ClientClosedError, CubiCasaError, Outcome

T = TypeVar("T")

# On Windows a signal does not end the wait for a lock, so the wait is cut into slices of seconds.
_SLICE: Final = 0.1 if sys.platform == "win32" else -1.0
_LAST_WORDS: Final = 3


class Call(Generic[T]):
    """One coroutine on the loop, and the thread that waits for it.

    A bare lock is the bell that ends the wait, rung in the coroutine's last step: a Future would
    cost half as much again.
    """

    def __init__(self, coroutine: Coroutine[Any, Any, T]) -> None:
        self._coroutine = coroutine
        self._context = contextvars.copy_context()
        self._bell = threading.Lock()
        self._bell.acquire()
        self._ended = False
        self._engine: Engine | None = None
        self._error: BaseException | None = asyncio.CancelledError()
        self.task: asyncio.Task[None] | None = None
        self._value: T

    def submit(self, engine: Engine) -> None:
        """Hand the coroutine over to a loop.

        Raises:
            ClientClosedError: The loop is ending.
        """
        self._engine = engine
        engine.post(self)

    def wait(self) -> None:
        """Wait for the end, from any other thread. A signal handler may interrupt it."""
        while not self._ended:
            self._bell.acquire(timeout=_SLICE)

    def abandon(self) -> None:
        """Cancel the coroutine and wait until it has really ended."""
        if self._engine is None or not self._engine.cancel(self):
            self._coroutine.close()
        else:
            self.wait()

    def result(self) -> T:
        """What came out of it; once.

        Raises:
            ClientClosedError: The loop ended before the coroutine did.
        """
        error, self._error = self._error, None
        try:
            if isinstance(error, asyncio.CancelledError):
                raise ClientClosedError(
                    "The client was closed while the call was under way.", outcome=Outcome.UNKNOWN
                )
            if error is not None:
                raise error
            return self._value
        finally:
            del error  # its traceback must not lead back to it

    def start(self) -> None:
        """Begin. Only on the loop, as what follows."""
        self.task = asyncio.get_running_loop().create_task(self._run(), context=self._context)

    async def _run(self) -> None:
        try:
            self._value = await self._coroutine
            self._error = None
        except BaseException as exc:  # noqa: BLE001 # it is raised in the thread that waits
            self._error = exc
        self.finish()

    def cancel(self) -> None:
        """Cancel the coroutine, also if it has not begun."""
        if self.task is None:
            self.give_up()
        else:
            self.task.cancel()
            self.task.add_done_callback(self.give_up)

    def give_up(self, _: object = None) -> None:
        """End the wait for a coroutine that did not begin; one that has ended is not touched."""
        self._coroutine.close()
        self.finish()

    def finish(self) -> None:
        """End the wait."""
        if self._engine is not None:
            self._engine.forget(self)
        if not self._ended and not Engine.process_ends:
            self._ended = True
            self._bell.release()


class Closeable(Protocol):
    """What has connections on a loop."""

    async def close(self) -> None:
        """Close them."""


class Engine:
    """A loop in a daemon thread, from its first call to its end.

    Args:
        owner: What the connections belong to; it is closed as the loop ends. The thread's own
            frame holds it, so that after a fork, where the thread is gone and its frame is never
            unwound, the child does not destroy, and thereby shut down, what is its parent's.
    """

    process_ends = False
    """Set when the interpreter exits: nobody who still waits is woken then."""

    def __init__(self, owner: Closeable | None) -> None:
        self._lock = threading.RLock()
        self._stopping = False
        self._calls: set[Call[Any]] = set()
        self._selector = selectors.DefaultSelector()
        self._loop = asyncio.SelectorEventLoop(self._selector)
        self._thread = threading.Thread(
            target=self._serve, args=(owner,), name="cubicasa-sync", daemon=True
        )
        try:
            self._thread.start()
        except RuntimeError as exc:  # the system's limit, or an interpreter about to exit
            self._loop.close()
            raise CubiCasaError(f"The client's thread cannot be started: {exc}.") from None

    @property
    def is_here(self) -> bool:
        """Whether the caller is in the loop's own thread."""
        return threading.get_ident() == self._thread.ident

    def post(self, call: Call[Any]) -> None:
        """Have a call started. Raises ClientClosedError if the loop is ending."""
        with self._lock:
            if self._stopping:
                raise ClientClosedError("The client is closed. Make a new one.")
            self._calls.add(call)
            self._loop.call_soon_threadsafe(call.start)

    def cancel(self, call: Call[Any]) -> bool:
        """Have a call cancelled; False if the loop does not know it (any more)."""
        with self._lock:
            if call not in self._calls:
                return False
            if not self._stopping:  # what is left when the loop stops is cancelled anyway
                self._loop.call_soon_threadsafe(call.cancel)
            return True

    def forget(self, call: Call[Any]) -> None:
        """Take note that a call has ended."""
        self._calls.discard(call)

    def stop(self) -> None:
        """Have the loop end, with all that runs on it. Does not wait for it."""
        with self._lock:
            if not self._stopping:
                self._stopping = True
                self._loop.call_soon_threadsafe(self._loop.stop)

    def join(self, timeout: float | None = None) -> None:
        """Wait for the thread's end, for `timeout` seconds at most."""
        self._thread.join(timeout)

    def orphan(self) -> None:
        """In a forked child: let go of the parent's sockets without touching them.

        Their descriptors are made to lead nowhere, so that neither a close of the parent is
        withheld from its server by the child's copy, nor anything written through it.
        """
        poller = getattr(self._selector, "fileno", None)  # of epoll, which both would share
        descriptors = [key.fd for key in (self._selector.get_map() or {}).values()]
        nowhere = os.open(os.devnull, os.O_RDWR)
        for descriptor in [*([poller()] if poller and descriptors else []), *descriptors]:
            os.dup2(nowhere, descriptor, inheritable=False)
        os.close(nowhere)
        for call in list(self._calls):
            call.finish()

    def _serve(self, owner: Closeable | None) -> None:
        loop = self._loop
        try:
            loop.run_forever()
        finally:
            with self._lock:
                self._stopping = True
            if Engine.process_ends:
                loop.set_exception_handler(_keep_silent)
            try:
                loop.run_until_complete(self._wind_up(owner))
            finally:
                loop.close()
                for call in list(self._calls):
                    call.give_up()

    async def _wind_up(self, owner: Closeable | None) -> None:
        # First jobs, so that they clean up undisturbed; then calls, which know more of their
        # outcome if they end by themselves; then what is left.
        await _cancelled(asyncio.all_tasks() - {call.task for call in list(self._calls)})
        if owner is not None:
            await owner.close()
        for _ in range(_LAST_WORDS):
            await asyncio.sleep(0)
        await _cancelled(asyncio.all_tasks())
        await asyncio.get_running_loop().shutdown_asyncgens()
        for _ in range(_LAST_WORDS):  # transports close on the loop's next turns
            await asyncio.sleep(0)


async def _cancelled(tasks: set[asyncio.Task[Any]]) -> None:
    others = tasks - {asyncio.current_task()}
    for task in others:
        if not task.cancelling():  # a second time would disturb its cleaning up
            task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


def _keep_silent(_: asyncio.AbstractEventLoop, __: dict[str, Any]) -> None:
    """What goes wrong as the interpreter exits is of no use to anybody."""
