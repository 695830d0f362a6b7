"""Parquet files, read in batches; structures inside of a record have dotted names as columns."""

from __future__ import annotations

import importlib
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, cast

from cubicasa_async.bulk.files.typed_cells import Faulty
from cubicasa_async.bulk.files.typed_table import Reading, Records, TypedTable, flat
from cubicasa_async.core.extras import from_extra
from cubicasa_async.errors import InvalidInputError

_AT_ONCE: Final = 1000
_NO_VALUE: Final = (ValueError, OverflowError, KeyError)


def open_parquet(path: Path, reading: Reading) -> TypedTable:
    """Open a Parquet file. Its rows are numbered from 1.

    Raises:
        ConfigError: pyarrow is not installed.
        InvalidInputError: The file cannot be read, or its columns cannot make a draft.
    """
    with from_extra("parquet", "Reading a Parquet file"):
        importlib.import_module("pyarrow.parquet")
    with _opened(path) as file:
        schema = file.schema_arrow
        header = tuple(_names(schema))
        twice = {name for name in header if header.count(name) > 1}
    if twice:
        raise InvalidInputError(f"{path.name}: more than one column is named {min(twice)!r}")

    def records() -> Records:
        with _opened(path) as opened:
            number = 0
            for batch in opened.iter_batches(batch_size=_AT_ONCE, use_threads=False):
                for record in _records(batch):
                    number += 1
                    values = flat(record)
                    if any(value not in (None, "") for value in values.values()):
                        yield number, [values.get(name) for name in header]

    return reading.table(path, header, records)


def _names(schema: Any, prefix: str = "") -> list[str]:
    """The names of all columns; those of a structure are dotted."""
    types: Any = importlib.import_module("pyarrow.types")
    names: list[str] = []
    for field in schema:
        if types.is_struct(field.type):
            names += _names(field.type, f"{prefix}{field.name}.")
        else:
            names.append(f"{prefix}{field.name}")
    return names


def _records(batch: Any) -> Iterable[dict[str, object]]:
    try:
        found: Iterable[dict[str, object]] = batch.to_pylist()
    except _NO_VALUE:
        names, columns = batch.schema.names, batch.columns
        found = (
            {name: _value(column[place]) for name, column in zip(names, columns, strict=True)}
            for place in range(batch.num_rows)
        )
    return found


def _value(scalar: Any) -> object:
    """A cell's value, as far as Python has one for it: nanoseconds and the year 10000 are none."""
    try:
        return cast("object", scalar.as_py())
    except _NO_VALUE:
        if scalar.is_valid and hasattr(scalar, "keys"):  # a structure; what is in it may be of use
            return {str(name): _value(scalar[name]) for name in scalar.keys()}  # noqa: SIM118 # no dict
        return Faulty(_shown(scalar), f"it is a value of type {scalar.type} that cannot be read")


def _shown(scalar: Any) -> str:
    if hasattr(scalar, "as_buffer"):
        return bytes(scalar.as_buffer()).decode("utf-8", "replace")
    try:
        return str(scalar.cast("string").as_py())
    except (ValueError, NotImplementedError):  # pyarrow knows no text for this type
        return f"({scalar.type})"


@contextmanager
def _opened(path: Path) -> Generator[Any]:
    arrow: Any = importlib.import_module("pyarrow")
    parquet: Any = importlib.import_module("pyarrow.parquet")
    try:
        with parquet.ParquetFile(path) as file:
            yield file
    except (OSError, arrow.ArrowException) as exc:
        reason = str(exc).partition("\n")[0]
        raise InvalidInputError(f"{path.name}: the file cannot be read: {reason}") from exc
