"""A table whose cells have types, whatever kind of file it is in."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

import attrs

from cubicasa_async.bulk.files.columns import Columns
from cubicasa_async.bulk.files.typed_cells import as_text, typed_row
from cubicasa_async.bulk.rows import Row
from cubicasa_async.errors import InvalidInputError

_LOOKED_AT: Final = 20

Records = Generator[tuple[int, Sequence[object]], None, None]
"""The records that are not blank, each with its number in the file."""


@attrs.frozen
class TypedTable:
    """An open table: its columns are known, its rows are read on demand.

    `encoding` and `delimiter` are those of a CSV file with the same content.
    """

    path: Path
    columns: Columns
    _records: Callable[[], Records] = attrs.field(repr=False)
    encoding: str = "utf-8"
    delimiter: str = ","

    def rows(self) -> Generator[Row, None, None]:
        """Read the rows from the beginning, one at a time.

        The file is open while the iterator is used; it closes when that ends or is closed.

        Raises:
            InvalidInputError: The file cannot be read on; names the place.
        """
        with closing(self._records()) as records:
            for number, cells in records:
                yield typed_row(self.columns, number, cells)

    def check(self) -> int:
        """Read the whole file once and count its rows, so that a broken file shows early.

        Raises:
            InvalidInputError: As `rows`.
        """
        return sum(1 for _ in self.rows())


@attrs.frozen
class Reading:
    """What the caller says of a table's columns, as for `Columns.resolve`."""

    mapping: Mapping[str, str] = {}
    ignore: tuple[str, ...] = ()
    defaults: Mapping[str, str] = {}

    @classmethod
    def of(
        cls,
        mapping: Mapping[str, str] | None,
        ignore: Iterable[str],
        defaults: Mapping[str, str] | None,
    ) -> Reading:
        """It, from arguments that may be left out."""
        return cls(mapping or {}, tuple(ignore), defaults or {})

    def table(
        self, path: Path, header: Sequence[str], records: Callable[[], Records]
    ) -> TypedTable:
        """The table, if its columns can make a draft and there is a row.

        Raises:
            InvalidInputError: They cannot, or there is none.
        """
        columns = Columns.resolve(
            header,
            source=path.name,
            mapping=self.mapping,
            ignore=self.ignore,
            defaults=self.defaults,
        )
        with closing(records()) as found:
            top = list(itertools.islice(found, _LOOKED_AT))
            columns.require((line, [as_text(cell) for cell in cells]) for line, cells in top)
            if not top:
                raise InvalidInputError(f"{path.name}: there is no row in it")
        return TypedTable(path, columns, records)


def flat(record: Mapping[str, object], prefix: str = "") -> dict[str, object]:
    """A record without objects inside: their fields have dotted names."""
    found: dict[str, object] = {}
    for name, value in record.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{prefix}{name}.")  # pyright: ignore[reportUnknownArgumentType] # JSON
        else:
            found[f"{prefix}{name}"] = value
    return found
