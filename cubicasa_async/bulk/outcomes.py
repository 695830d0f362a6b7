"""What became of each row of a job."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import attrs

from cubicasa_async.errors import FieldError


@attrs.frozen(kw_only=True)
class RowOutcome:
    """What became of one row.

    Attributes:
        line: Where the row stands in its file, or its number among the rows given; from 1.
        key: Its external_id; None if it has none.
        order_id: The order it belongs to, if one is known.
        note: What a person should know about it; empty if nothing.
        cells: The row as it stood, by its file's own column names, if it came from a file.
    """

    kind: ClassVar[str] = ""

    line: int
    key: str | None
    order_id: str | None = None
    note: str = ""
    cells: Mapping[str, str] = attrs.field(factory=dict[str, str], repr=False, eq=False)

    @property
    def message(self) -> str:
        """The outcome in words."""
        return self.note


class Created(RowOutcome):
    """A draft was made by this run."""

    kind = "created"


class AlreadyThere(RowOutcome):
    """The server already had an order with this external_id. Nothing was changed."""

    kind = "already there"


class Updated(RowOutcome):
    """The row had changed since its draft was made, and now its draft is as the row is."""

    kind = "updated"


@attrs.frozen(kw_only=True)
class Rejected(RowOutcome):
    """The row was refused, here or by the server. No draft was made or changed.

    Attributes:
        field_errors: What is wrong, field by field.
        sent: Whether the server refused it; False if it was refused here, before being sent.
    """

    kind = "rejected"

    field_errors: tuple[FieldError, ...] = ()
    sent: bool = False

    @property
    def message(self) -> str:
        """The outcome in words."""
        return "; ".join([*([self.note] if self.note else []), *map(str, self.field_errors)])


class Unknown(RowOutcome):
    """Whether there is a draft, or just one, could not be found out. `note` says what to do."""

    kind = "unknown"


class Skipped(RowOutcome):
    """The row repeats an earlier one of the same file exactly. Nothing was sent for it."""

    kind = "skipped"


class Deleted(RowOutcome):
    """A draft of this job whose row is in the input no more was deleted.

    `line` is where the row stood when it was last there.
    """

    kind = "deleted"


class Kept(RowOutcome):
    """An order of this job whose row is in the input no more was not deleted; `note` says why."""

    kind = "kept"


KINDS = (Created, AlreadyThere, Skipped, Rejected, Unknown, Updated, Deleted, Kept)
"""All outcomes, in the order in which people want to read them."""

WITHOUT_ROW = (Deleted, Kept)
"""Outcomes of drafts that have no row in the input."""
