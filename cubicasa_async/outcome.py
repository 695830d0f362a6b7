"""What is known of a call: its outcome, its attempts, the faults of its fields."""

from __future__ import annotations

import enum
from datetime import datetime

import attrs


class Outcome(enum.Enum):
    """What is known of a failed call's effect on the server."""

    NOT_SENT = "not sent"
    """Nothing of the request left this machine. It can be repeated safely."""

    REFUSED = "refused"
    """The server answered that it did not do it. There is no effect."""

    UNKNOWN = "unknown"
    """The request left and no trustworthy answer came back: it may have happened."""


@attrs.frozen
class FieldError:
    """One fault of one field.

    Attributes:
        field: The field's name; dotted for nested ones, `[n]` for list items.
        message: What is wrong, in words.
    """

    field: str
    message: str

    def __str__(self) -> str:
        return f"{self.field}: {self.message}" if self.field else self.message


@attrs.frozen
class Attempt:
    """One try of a call.

    Attributes:
        started: When it began (aware, UTC).
        duration: Seconds until its end.
        phase: How far it came: "queue", "connect", "send" or "answer".
        status: The HTTP status if an answer came, else None.
        outcome: What is known of its effect; None if it succeeded.
        error: The failure in a few words; None if it succeeded.
        slept: Seconds waited after it before the next try.
    """

    started: datetime
    duration: float
    phase: str
    status: int | None = None
    outcome: Outcome | None = None
    error: str | None = None
    slept: float = 0.0
