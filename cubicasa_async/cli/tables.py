"""Tables as wide as the terminal at most, in which nothing that matters is cut.

Where the columns have no room beside each other, each row becomes a block of names and values.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence

import attrs
from rich.cells import cell_len, set_cell_size
from rich.console import Console, ConsoleOptions, RenderableType
from rich.table import Table
from rich.text import Text

_GAP = 2
_LEAST_FOLDED = 12
# What controls a terminal, breaks lines, or turns the direction of what stands behind it.
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u2028-\u202e\u2066-\u2069]")


@attrs.frozen
class Rows:
    """Rows of texts under headings; `rich` prints it.

    Attributes:
        headings: What the columns are called.
        rows: The cells.
        folds: Columns whose cells may be broken anywhere; those of others between words only.
        cut: A column that gets the room that is left, and none if there is too little.
        right: Columns of numbers.
    """

    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    folds: Collection[str] = ()
    cut: str = ""
    right: Collection[str] = ()

    def __rich_console__(
        self, console: Console, options: ConsoleOptions
    ) -> Iterator[RenderableType]:
        """A table if there is room for one, else a block for each row."""
        rows = [[writable(cell, options.encoding) for cell in row] for row in self.rows]
        widths = self._widths(rows, options.max_width)
        if widths is None:
            for number, row in enumerate(rows):
                if number:
                    yield ""
                yield Facts(dict(zip(self.headings, row, strict=True)))
            return
        mark = "..." if options.ascii_only else "…"
        table = Table(box=None, header_style="bold", padding=(0, _GAP, 0, 0))
        for heading, width in widths.items():
            table.add_column(
                Text(heading),
                width=width,
                overflow="fold",
                justify="right" if heading in self.right else "left",
            )
        for row in rows:
            cells = zip(self.headings, row, strict=True)
            table.add_row(
                *(
                    Text(_cut(cell, widths[heading], mark) if heading == self.cut else cell)
                    for heading, cell in cells
                    if heading in widths
                )
            )
        yield table

    def _widths(self, rows: Sequence[Sequence[str]], room: int) -> dict[str, int] | None:
        """How wide each column is to be; None if there is too little room for them."""
        columns = {
            heading: [heading, *(row[number] for row in rows)]
            for number, heading in enumerate(self.headings)
        }
        wanted = {heading: max(map(cell_len, cells)) for heading, cells in columns.items()}
        least = {
            heading: min(wanted[heading], _LEAST_FOLDED)
            if heading in self.folds or heading == self.cut
            else max(cell_len(word) for cell in cells for word in cell.split() or [""])
            for heading, cells in columns.items()
        }
        room -= _GAP * len(columns)
        if sum(least.values()) > room and self.cut in columns:
            room += _GAP
            del least[self.cut]
        if (left := room - sum(least.values())) < 0:
            return None
        found = dict(least)
        for heading in sorted(found, key=lambda name: (name == self.cut, wanted[name])):
            more = min(wanted[heading] - found[heading], left)
            found[heading] += more
            left -= more
        return found


@attrs.frozen
class Facts:
    """Names and values below each other; `rich` prints them."""

    fields: Mapping[str, str]

    def __rich_console__(
        self,
        console: Console,
        options: ConsoleOptions,
    ) -> Iterator[Table]:
        """A table without headings."""
        table = Table(box=None, show_header=False, padding=(0, _GAP, 0, 0))
        table.add_column(style="bold", overflow="fold")
        table.add_column(overflow="fold")
        for texts in self.fields.items():
            table.add_row(*(Text(writable(text, options.encoding)) for text in texts))
        yield table


def print_rows(rows: Rows, end: str = "") -> None:
    """Print rows, if there are any, and a sentence below."""
    console = Console()
    if rows.rows:
        console.print(rows)
    if end:
        console.print(end, soft_wrap=True, markup=False, highlight=False)


def count(number: int, what: str) -> str:
    """A number of things: "1 order", "2 orders"."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def writable(text: str, encoding: str) -> str:
    """A text that the output can hold and that stays in its place; what would not is escaped."""
    harmless = _CONTROL.sub(lambda found: ascii(found[0])[1:-1], text)
    return harmless.encode(encoding, "backslashreplace").decode(encoding)


def _cut(text: str, width: int, mark: str) -> str:
    if cell_len(text) <= width:
        return text
    return f"{set_cell_size(text, width - len(mark)).rstrip()}{mark}"
