"""Parquet files, read in batches; structures inside of a record have dotted names as columns."""

from __future__ import annotations

import importlib
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from cubicasa_async.bulk.files.typed_table import Reading, Records, TypedTable, flat
from cubicasa_async.core.extras import from_extra
from cubicasa_async.errors import InvalidInputError

_AT_ONCE: Final = 1000


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
                for record in batch.to_pylist():
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
