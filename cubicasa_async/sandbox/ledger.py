"""The truth ledger: every request as the server saw it, and what it did."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, overload

import attrs

from cubicasa_async.sandbox.faults import Fault

__all__ = ["Entry", "Ledger"]


@attrs.define(eq=False)
class Entry:
    """One request.

    It is written when the request's headers have arrived and brought up to date as the request goes
    on, so it is true also when the connection is dropped or the server closed half-way.

    Attributes:
        number: 1 for the first request.
        time: When it arrived, Unix seconds by the sandbox's clock.
        method: The HTTP method.
        path: The path below the base URL with the query, as sent; a key in it is masked.
        operation: The operation's name, such as `drafts.create`; None if no operation matches.
        authorised: Whether the right key was in the `api-key` header. The key itself is not kept.
        body: The parsed JSON body; None if there is none, it is not JSON or was not read.
        read: Whether the request was read whole.
        status: The status answered; None as long as no whole header block has left.
        committed: Whether its effect happened.
        created: The ids of what it created.
        fault: The fault that hit it.
    """

    number: int
    time: float
    method: str
    path: str
    operation: str | None
    authorised: bool
    body: Any = None
    read: bool = False
    status: int | None = None
    committed: bool = False
    created: list[str] = attrs.field(factory=list[str])
    fault: Fault | None = None

    def to_json(self) -> dict[str, Any]:
        """The entry as JSON types."""
        return {
            "number": self.number,
            "time": self.time,
            "method": self.method,
            "path": self.path,
            "operation": self.operation,
            "authorised": self.authorised,
            "body": self.body,
            "read": self.read,
            "status": self.status,
            "committed": self.committed,
            "created": list(self.created),
            "fault": self.fault.to_json() if self.fault else None,
        }


class Ledger(Sequence[Entry]):
    """All requests in the order of their arrival."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []

    def arrive(
        self, *, time: float, method: str, path: str, operation: str | None, authorised: bool
    ) -> Entry:
        """Write down a request whose headers have arrived."""
        entry = Entry(len(self._entries) + 1, time, method, path, operation, authorised)
        self._entries.append(entry)
        return entry

    def of(self, operation: str) -> list[Entry]:
        """The requests of one operation."""
        return [entry for entry in self._entries if entry.operation == operation]

    def committed(self, operation: str | None = None) -> list[Entry]:
        """The requests, of one operation or of all, whose effect happened."""
        return [
            entry
            for entry in self._entries
            if entry.committed and operation in (None, entry.operation)
        ]

    def created(self, operation: str) -> list[str]:
        """The ids of all that an operation created, in order."""
        return [made for entry in self.of(operation) for made in entry.created]

    def by_external_id(self) -> dict[str, list[str]]:
        """The draft orders created, by the `external_id` sent. Two ids under one are a double."""
        orders: dict[str, list[str]] = {}
        for entry in self.committed("drafts.create"):
            external_id = entry.body.get("external_id")
            if external_id is not None:
                orders.setdefault(external_id, []).extend(entry.created)
        return orders

    def clear(self) -> None:
        """Begin a new ledger."""
        self._entries.clear()

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries)

    @overload
    def __getitem__(self, place: int) -> Entry: ...
    @overload
    def __getitem__(self, place: slice) -> list[Entry]: ...
    def __getitem__(self, place: int | slice) -> Entry | list[Entry]:
        return self._entries[place]
