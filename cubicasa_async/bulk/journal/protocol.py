"""The durable record of a job, whatever keeps it.

That a row is about to be sent is durable before its request leaves; what became of it follows. A
crash between the two leaves a row in doubt, which the next run settles by looking at the server.
"""

from __future__ import annotations

import enum
from collections.abc import AsyncGenerator, Callable, Collection, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Final, Protocol, TypeVar, runtime_checkable

import attrs


class State(enum.StrEnum):
    """Where a row of the job stands."""

    NEW = "new"
    """Nothing was sent, or the server surely did not do it."""
    INTENT = "intent"
    """A request was about to leave, and nothing is known after that."""
    UNKNOWN = "unknown"
    """A request left, and its answer was lost."""
    CREATED = "created"
    """A draft was made by this job."""
    THERE = "there"
    """The server had an order with this external_id before."""
    REJECTED = "rejected"
    """The server refused the row."""
    DELETING = "deleting"
    """A deletion of the draft was about to leave, and nothing is known after that."""
    DELETED = "deleted"
    """The draft was deleted by this job, or was found to be gone when it came to that."""


IN_DOUBT: Final = frozenset({State.INTENT, State.UNKNOWN})
MADE: Final = frozenset({State.CREATED, State.THERE})


@attrs.frozen
class Entry:
    """A row as the journal is told of it.

    Attributes:
        key: Its external_id.
        line: Where it stands in its file.
        body: The request as JSON text.
        cells: The row as it stood, as a JSON object, for a journal that gives rows back.
    """

    key: str
    line: int
    body: str
    cells: str = ""


@attrs.frozen
class Claim:
    """What the journal knew of a row when a run came to it.

    Attributes:
        state: Where it stood before; None if it was not known.
        order_id: The order it belonged to.
        changed: Whether its request differs from what its draft was made from, or else from what
            was last read.
        repeats: The line of the same run that already had this external_id; None if none had.
        orders: Orders of this external_id that the server listed.
        sends: How often a request was about to leave.
        updating: Whether a change of the draft was begun and its end is not known.
    """

    state: State | None
    order_id: str | None
    changed: bool
    repeats: int | None
    orders: tuple[str, ...]
    sends: int
    updating: bool = False


@attrs.frozen
class Settlement:
    """What became of a row.

    Attributes:
        key: Its external_id.
        state: Where it stands now.
        order_id: The order it belongs to; None leaves what is known.
        reason: Why it was rejected or is unknown.
    """

    key: str
    state: State
    order_id: str | None = None
    reason: str | None = None


@attrs.frozen
class Doubt:
    """A row whose draft may or may not exist.

    Attributes:
        key: Its external_id.
        line: Where it stands in its file.
        body: The request as JSON text.
        order_id: What a repeated request answered, if it did.
        reason: Why it is in doubt.
        sends: How often a request was about to leave.
        orders: Orders of this external_id that the server listed.
    """

    key: str
    line: int
    body: str
    order_id: str | None
    reason: str
    sends: int
    orders: tuple[str, ...]


@attrs.frozen
class Gone:
    """A row of an earlier run that this run's input did not name; this job made its draft.

    Attributes:
        key: Its external_id.
        line: Where it stood in its file.
        order_id: The draft.
    """

    key: str
    line: int
    order_id: str


class Record(Protocol):
    """What every journal keeps of the rows of a job while a run works on them.

    What a method was asked to write is durable when it returns. All raise JournalError, after
    which nothing more may be sent.
    """

    @property
    def place(self) -> str:
        """Where it is, for people. Shows no password."""
        ...

    async def open(self, *, target: str, now: Callable[[], float]) -> None:
        """Begin a run.

        Args:
            target: What the job is about, such as the base URL; a journal serves only one.
            now: Gives the time in Unix seconds.

        Raises:
            JournalError: It cannot be used, is in use, or belongs to another target.
        """
        ...

    async def close(self) -> None:
        """End the run: finish what was asked for, and let others have it. Twice is fine."""
        ...

    async def intend(self, *keys: str) -> None:
        """Write down that the requests of these rows are about to leave."""
        ...

    def unsent(self, *keys: str, in_doubt: bool = False) -> None:
        """Take back the intent of rows whose requests surely did not leave.

        Args:
            *keys: Their external_ids.
            in_doubt: Whether an earlier request for them left and its answer is not known.

        Durable at the latest when the journal is closed.
        """
        ...

    async def settle_all(self, settlements: Sequence[Settlement]) -> Collection[str]:
        """Write down what became of rows; gives the keys of those that are contested.

        Such a row was lost to another worker while its request was under way, or was taken over
        from one that had still sent it. There may be two orders; it is written down as in doubt.
        """
        ...

    async def settle(
        self, key: str, state: State, *, order_id: str | None = None, reason: str | None = None
    ) -> bool:
        """Write down what became of one row; False if it is contested."""
        return not await self.settle_all([Settlement(key, state, order_id, reason)])

    async def time_to_send(self) -> float:
        """Seconds that a request may take which leaves now; infinite if nothing limits them."""
        ...

    async def doubts(self, after: str, count: int) -> list[Doubt]:
        """The next rows of this run that are in doubt, by key, behind `after`."""
        ...

    async def doubt_age(self) -> float | None:
        """Seconds since a request whose effect is not known may have left last.

        None if there is no such request.
        """
        ...

    async def forget_orders(self) -> None:
        """Drop what the server listed in earlier runs."""
        ...

    async def note_orders(self, orders: Iterable[tuple[str, str]], look: int) -> int:
        """Note (order id, external_id) pairs; gives how many an earlier look had seen."""
        ...

    async def counts(self) -> dict[str, int]:
        """How many rows of the job stand in which state."""
        ...


@runtime_checkable
class Journal(Record, Protocol):
    """A journal with one run at a time."""

    async def claim(self, entries: Sequence[Entry]) -> list[Claim]:
        """Take rows into this run; tells what is known of each."""
        ...

    async def seen(self, keys: Iterable[str]) -> None:
        """Note that this run's input names rows that it does not claim."""
        ...

    async def intend_update(self, key: str) -> None:
        """Write down that a change of a row's draft is about to leave."""
        ...

    async def settle_update(self, key: str) -> None:
        """Write down that a row's draft is what the row says."""
        ...

    async def intend_delete(self, key: str) -> None:
        """Write down that the deletion of a row's draft is about to leave."""
        ...

    async def count_gone(self) -> int:
        """How many rows whose drafts this job made are not named by this run's input."""
        ...

    async def gone(self, after: str, count: int) -> list[Gone]:
        """The next of those rows, by key, behind `after`."""
        ...


@attrs.frozen
class Taken:
    """A row to be sent, which belongs to this worker now.

    Attributes:
        entry: The row, as its worker read it or, if it did not, as another one did.
        orders: Orders of its external_id that this worker saw on the server.
        order_id: The order it belonged to.
        sends: How often a request was about to leave.
    """

    entry: Entry
    orders: tuple[str, ...]
    order_id: str | None
    sends: int


@attrs.frozen
class Other:
    """A row that this worker was given and did not settle itself.

    Attributes:
        entry: The row as it was given; without its body.
        claim: What is known of it.
        reason: Why it was rejected, or is unknown.
        recent: Whether that was settled about as long as this worker runs.
    """

    entry: Entry
    claim: Claim
    reason: str
    recent: bool


class SharedJournal(Record, Protocol):
    """A journal that several workers use at the same time.

    A row belongs to one worker at most, and only that one may send it. It belongs to the worker as
    long as its lease lasts, which the journal renews while the worker lives.
    """

    async def add(self, entries: Sequence[Entry]) -> list[tuple[int, bool] | None]:
        """Put rows that this worker was given into the job.

        Returns:
            For each row None, or if the worker was given its external_id before, the line of that
            one and whether they differ.
        """
        ...

    async def take(self, count: int) -> list[Taken]:
        """Take rows that are to be sent and belong to nobody."""
        ...

    async def hold_doubts(self, count: int) -> int:
        """Take rows in doubt that belong to nobody; gives how many. See `doubts`."""
        ...

    async def give_up(self) -> None:
        """Leave the rows in doubt, which were reported, to later runs."""
        ...

    async def others(self, after: str, count: int) -> tuple[list[Other], str | None]:
        """Rows that this worker was given and others settled, each given once.

        Args:
            after: Look behind this external_id.
            count: At how many rows to look.

        Returns:
            The rows, and the last external_id that was looked at; None at the end.
        """
        ...

    async def anything_open(self) -> bool:
        """Whether there are rows of the job that nobody has settled or given up yet."""
        ...

    async def held_by_others(self) -> float | None:
        """Seconds until the first rows that belong to another worker may be taken over.

        That is if it shows no sign of life until then. None if no other has any.
        """
        ...


R = TypeVar("R", bound=Record)


@asynccontextmanager
async def run_of(journal: R, *, target: str, now: Callable[[], float]) -> AsyncGenerator[R]:
    """The journal, open for one run. Raises what opening it raises."""
    try:
        await journal.open(target=target, now=now)
        yield journal
    finally:
        await journal.close()
