"""Files of rows, of any kind that can be read here."""

from __future__ import annotations

import enum
import os
from collections.abc import Generator, Iterable, Mapping
from pathlib import Path
from typing import Final, Protocol

from cubicasa_async.bulk.files.columns import Columns
from cubicasa_async.bulk.files.excel import open_excel
from cubicasa_async.bulk.files.json_lines import open_json_lines
from cubicasa_async.bulk.files.opening import require_regular
from cubicasa_async.bulk.files.parquet import open_parquet
from cubicasa_async.bulk.files.table import open_table
from cubicasa_async.bulk.files.typed_table import Reading
from cubicasa_async.bulk.rows import Row
from cubicasa_async.errors import ConfigError


class Format(enum.StrEnum):
    """The kinds of files."""

    CSV = "csv"
    EXCEL = "excel"
    JSON_LINES = "jsonl"
    PARQUET = "parquet"


_ENDINGS: Final = {
    ".xlsx": Format.EXCEL,
    ".xlsm": Format.EXCEL,
    ".jsonl": Format.JSON_LINES,
    ".ndjson": Format.JSON_LINES,
    ".parquet": Format.PARQUET,
    ".pq": Format.PARQUET,
}


class Source(Protocol):
    """An open file of rows: its columns are known, its rows are read on demand."""

    @property
    def path(self) -> Path:
        """The file."""
        ...

    @property
    def columns(self) -> Columns:
        """What its columns mean."""
        ...

    @property
    def encoding(self) -> str:
        """The encoding of a CSV file, UTF-8 for others."""
        ...

    @property
    def delimiter(self) -> str:
        """The delimiter of a CSV file, a comma for others."""
        ...

    def rows(self) -> Generator[Row, None, None]:
        """The rows from the beginning. Raises InvalidInputError where they cannot be read on."""
        ...

    def check(self) -> int:
        """How many rows there are; reads all. Raises InvalidInputError as `rows`."""
        ...


def format_of(path: Path) -> Format:
    """The kind of a file, by its ending; CSV if that says nothing."""
    return _ENDINGS.get(path.suffix.casefold(), Format.CSV)


def open_source(
    path: str | os.PathLike[str],
    *,
    format: Format | str | None = None,  # noqa: A002 # the option's name
    encoding: str | None = None,
    sheet: str | None = None,
    mapping: Mapping[str, str] | None = None,
    ignore: Iterable[str] = (),
    defaults: Mapping[str, str] | None = None,
) -> Source:
    """Open a file of rows and find what its columns mean.

    A row's `line` is what a person finds it by: the line of a CSV file or of JSON lines, the row's
    number in a sheet, or its number in a Parquet file, from 1.

    Args:
        path: The file.
        format: Its kind; by default what its ending says, or CSV.
        encoding: Of a CSV file; see `table.open_table`.
        sheet: Of a workbook; by default the only one that is not empty.
        mapping: Our names by theirs; see `Columns.resolve`.
        ignore: Columns to leave out.
        defaults: Texts for rows that have none, by our names.

    Raises:
        ConfigError: A package is not installed, or an option does not fit the kind of file.
        InvalidInputError: The file cannot be read, or its columns cannot make a draft.
    """
    place = Path(path)
    kind = Format(format) if format else format_of(place)
    if encoding is not None and kind is not Format.CSV:
        raise ConfigError(f"An encoding is for CSV files only; {place.name} is read as {kind}.")
    if sheet is not None and kind is not Format.EXCEL:
        raise ConfigError(f"A sheet is for workbooks only; {place.name} is read as {kind}.")
    require_regular(place)
    reading = Reading.of(mapping, ignore, defaults)
    match kind:
        case Format.EXCEL:
            return open_excel(place, reading, sheet=sheet)
        case Format.JSON_LINES:
            return open_json_lines(place, reading)
        case Format.PARQUET:
            return open_parquet(place, reading)
        case Format.CSV:
            return open_table(
                place, encoding=encoding, mapping=mapping, ignore=ignore, defaults=defaults
            )
