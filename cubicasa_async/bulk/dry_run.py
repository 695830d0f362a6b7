"""Rows checked as an import would check them, without sending any; in constant memory."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing, contextmanager
from typing import Final

from cubicasa_async.bulk.intake import Checked, check_row
from cubicasa_async.bulk.journal.protocol import Entry, Gone
from cubicasa_async.bulk.journal.status import Changed
from cubicasa_async.bulk.outcomes import Rejected, RowOutcome, Skipped
from cubicasa_async.bulk.pruning import InputSeen
from cubicasa_async.bulk.rows import Row
from cubicasa_async.errors import FieldError

_SCHEMA: Final = """
PRAGMA cache_size = -8192;
CREATE TABLE named (key TEXT PRIMARY KEY, line INTEGER, print BLOB) WITHOUT ROWID;
"""
_FIND: Final = "SELECT line, print FROM named WHERE key = ?"
_PUT: Final = "INSERT OR REPLACE INTO named VALUES (?, ?, ?)"
_NAME: Final = "INSERT OR IGNORE INTO named VALUES (?, NULL, NULL)"


_IN_DOUBT: Final = (
    "how an earlier run left its draft is not known; the run looks for it first, and makes it if "
    "there is none"
)


class Valid(RowOutcome):
    """A row that would be sent, unless its draft is there already."""

    kind = "valid"


class WouldChange(RowOutcome):
    """A row that has changed since its draft was made; a draft would be updated.

    That its order is still a draft is not known here; see `left_as_it_is`.
    """

    kind = "would update"


class WouldDelete(RowOutcome):
    """A draft of this job whose row is in the input no more; it would be deleted."""

    kind = "would delete"


class DryRun:
    """Checks rows; remembers their keys on disk, in a file that has no name and leaves no trace.

    Attributes:
        seen: What the input was like, once it was read to its end.
    """

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self.seen: InputSeen = InputSeen()

    @classmethod
    @contextmanager
    def begun(cls) -> Generator[DryRun]:
        """A new one; what it remembers is gone at the end."""
        with closing(sqlite3.connect("", isolation_level=None)) as db:
            db.executescript(_SCHEMA)
            db.execute("BEGIN")  # it is never to be durable
            yield cls(db)

    def check(
        self,
        rows: Iterable[Row],
        *,
        derive_keys: bool = False,
        changed: Callable[[Entry], Changed | None] | None = None,
    ) -> Iterator[RowOutcome]:
        """What would become of each row, as far as that can be told here.

        Args:
            rows: The rows.
            derive_keys: As for `import_drafts`.
            changed: Tells the draft of a row that has changed, if an update is asked for.
        """
        for row in rows:
            checked = check_row(row, derive_keys=derive_keys)
            if isinstance(checked, Checked):
                self.seen.valid += 1
                found = self._first_or_not(checked)
                draft = changed(checked.entry) if changed and isinstance(found, Valid) else None
                yield found if draft is None else _would_change(checked, draft)
                continue
            if checked.key:
                self._db.execute(_NAME, (checked.key,))
            else:
                self.seen.lacks_name(checked.line)
            yield checked
        self.seen.whole = True

    def gone(self, made: Iterable[Gone]) -> Iterator[Gone]:
        """Those whose row the input did not have."""
        return (row for row in made if not self.names(row.key))

    def names(self, key: str) -> bool:
        """Whether a row had this external_id, be it valid or not."""
        return self._db.execute(_FIND, (key,)).fetchone() is not None

    def _first_or_not(self, row: Checked) -> RowOutcome:
        body = hashlib.blake2b(row.body, digest_size=16).digest()
        line, first = self._db.execute(_FIND, (row.key,)).fetchone() or (None, None)
        if line is None:
            self._db.execute(_PUT, (row.key, row.line, body))
            return Valid(line=row.line, key=row.key)
        if first == body:
            return Skipped(line=row.line, key=row.key, note=f"the same as line {line}")
        fault = FieldError("external_id", f"line {line} has the same one but says something else")
        return Rejected(line=row.line, key=row.key, field_errors=(fault,), cells=row.cells)


def _would_change(row: Checked, draft: Changed) -> WouldChange:
    note = "" if draft.order_id else _IN_DOUBT
    return WouldChange(
        line=row.line, key=row.key, order_id=draft.order_id, note=note, cells=row.cells
    )
