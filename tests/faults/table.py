"""The matrix as a table: `python -m tests.faults.table` writes it anew.

The whole of it is TABLE.md beside this module; the guide has a condensed form, too.
"""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from tests.faults.calls import CALLS
from tests.faults.cells import CELLS
from tests.faults.run import Row, observe

TABLE: Final = Path(__file__).with_name("TABLE.md")

Rows = Mapping[tuple[str, str], Sequence[str]]
"""What came of each call, by group and name of the cell."""

PUBLISHED: Final = tuple(cell for cell in CELLS if not cell.races)
_GROUPS: Final = tuple(dict.fromkeys(cell.group for cell in PUBLISHED))
_HEAD: Final = """\
# What happens when something breaks

Written by `python -m tests.faults.table` from runs over real sockets; not edited by hand. A test
makes every run again and compares.

Each entry is what one call came to: its outcome and error, or "done"; how many requests reached the
server; and how many of them took effect there, by the server's own count. Calls are made from
`AsyncCubiCasa` and from `CubiCasa`; both give the same. One repeat is allowed (three are by
default); tries are named where fewer requests than tries arrived. A fault stays for all tries,
unless the entry says otherwise. *read* is `orders.get`, *download* is `orders.combined_pdf`,
*replace* is `drafts.update`, *create* is `drafts.create`, and *purchase* is `orders.upgrade`.
"""
_ENTRY: Final = re.compile(
    r"(done|[A-Z_]+)(?: \w+)?: (?:(\d+) tries, )?(\d+) requests?(?:, \d+ effects?)?"
)
_WORDS: Final = {
    "done": "done",
    "NOT_SENT": "not sent",
    "REFUSED": "refused",
    "UNKNOWN": "unknown",
}
_COLUMNS: Final = {"read": (0, 1), "replace": (2,), "create": (3,), "purchase": (4,)}


def entries(row: Row) -> list[str]:
    """What stands in the row of a cell."""
    return [str(row.seen[call.name]) for call in CALLS]


def render(rows: Rows) -> str:
    """The whole table."""
    parts = [_HEAD]
    for group in _GROUPS:
        parts.append(f"\n## {group}\n\n")
        parts.append(_line(["fault", *map(str, CALLS)]) + _line(["---"] * (1 + len(CALLS))))
        names = [cell.name for cell in PUBLISHED if cell.group == group]
        parts += [_line([name, *rows[group, name]]) for name in names]
    return "".join(parts)


def parse(text: str) -> Rows:
    """The rows of a whole table."""
    rows: dict[tuple[str, str], Sequence[str]] = {}
    group = ""
    for line in text.splitlines():
        if line.startswith("## "):
            group = line.removeprefix("## ")
        elif line.startswith("| ") and not line.startswith(("| fault |", "| --- |")):
            name, *found = line.strip("| ").split(" | ")
            rows[group, name] = found
    return rows


def condensed(rows: Rows) -> str:
    """What came of each class of faults, in a few words."""
    lines = [_line(["fault", *_COLUMNS]), _line(["---"] * (1 + len(_COLUMNS)))]
    for group in _GROUPS:
        inner = [found for (of, _), found in rows.items() if of == group]
        words = [
            _in_words(found[place] for found in inner for place in places)
            for places in _COLUMNS.values()
        ]
        lines.append(_line([group, *words]))
    return "".join(lines).rstrip("\n")


def _line(texts: Sequence[str]) -> str:
    return f"| {' | '.join(texts)} |\n"


def _in_words(texts: Iterable[str]) -> str:
    outcomes: set[str] = set()
    repeats: set[bool] = set()
    for text in texts:
        match = _ENTRY.fullmatch(text)
        if match is None:
            raise ValueError(f"{text!r} is no entry of the table")
        outcomes.add(match[1])
        repeats.add(int(match[2] or match[3]) > 1)
    said = " or ".join(word for name, word in _WORDS.items() if name in outcomes)
    if repeats == {True}:
        return f"{said}, repeated"
    return f"{said}, repeated in part" if True in repeats else said


async def _observe_all() -> dict[tuple[str, str], Sequence[str]]:
    rows: dict[tuple[str, str], Sequence[str]] = {}
    for cell in PUBLISHED:
        row = await observe(cell)
        rows[cell.group, cell.name] = entries(row)
        for problem in row.problems:
            sys.stderr.write(f"{cell}: {problem}\n")
    return rows


def main() -> None:
    """Make all runs, and write the table."""
    TABLE.write_text(render(asyncio.run(_observe_all())), encoding="utf-8")


if __name__ == "__main__":
    main()
