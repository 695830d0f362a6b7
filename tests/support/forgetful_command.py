"""The command with a journal that does not write down that a row is about to be sent.

A control: what it loses by that, the tests must see.
"""

from __future__ import annotations

from cubicasa_async.bulk import draft_import
from cubicasa_async.bulk.journal import Journal
from cubicasa_async.cli import main


class Forgetful(Journal):
    async def intend(self, key: str) -> None:
        del key


if __name__ == "__main__":
    draft_import.Journal = Forgetful  # type: ignore[misc] # what this control is about
    main()
