"""The command with a journal that does not write down that a row is about to be sent.

A control: what it loses by that, the tests must see.
"""

from __future__ import annotations

from cubicasa_async.bulk.journal import Journal
from cubicasa_async.cli import main


async def forget(self: Journal, key: str) -> None:
    del self, key


if __name__ == "__main__":
    Journal.intend = forget  # type: ignore[method-assign] # what this control is about
    main()
