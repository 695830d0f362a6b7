"""The command with a journal that does not write down that a row is about to be sent.

A control: what it loses by that, the tests must see.
"""

from __future__ import annotations

from cubicasa_async.bulk.journal.sqlite import SqliteJournal
from cubicasa_async.cli import main


async def forget(self: SqliteJournal, *keys: str) -> None:
    del self, keys


if __name__ == "__main__":
    SqliteJournal.intend = forget  # type: ignore[method-assign] # what this control is about
    main()
