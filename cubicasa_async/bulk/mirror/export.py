"""The tables of an order mirror as files."""

from __future__ import annotations

import asyncio
import csv
import importlib
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Protocol

import msgspec
from sqlalchemy import Boolean, Double, Table, select
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import Integer, TypeEngine

from cubicasa_async.bulk.mirror.reading import BATCH, Mirror
from cubicasa_async.bulk.mirror.tables import ASSETS, HISTORY, ORDERS, RUNS
from cubicasa_async.core.extras import from_extra
from cubicasa_async.errors import ConfigError, StoreError
from cubicasa_async.store import Moment

FORMATS: Final = ("csv", "jsonl", "parquet")

_TABLES: Final = (ORDERS, ASSETS, HISTORY, RUNS)
_LEFT_OUT: Final = frozenset({"fingerprint", "raw"})
"""Columns that are not for people; the mirror itself has them."""


class Writer(Protocol):
    """Puts rows into a file."""

    def write(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Add rows."""
        ...


async def export_mirror(mirror: Mirror, directory: Path, form: str) -> list[tuple[Path, int]]:
    """Write the tables of a mirror as files, all as of one moment.

    A file takes its place only when it is whole; one that is there is replaced.

    Args:
        mirror: The mirror, open.
        directory: Where to; made if it does not exist.
        form: "csv" and "jsonl" are UTF-8 with times as ISO 8601 in UTC; "parquet" needs the extra
            `parquet`.

    Returns:
        Each file, and how many rows it has.

    Raises:
        ConfigError: The format is not known, or its extra is not installed.
        StoreError: The mirror cannot be read, or a file cannot be written.
    """
    if form not in FORMATS:
        raise ConfigError(f"{form!r} is no format; choose one of {', '.join(FORMATS)}.")
    written: list[tuple[Path, int]] = []
    try:
        await asyncio.to_thread(directory.mkdir, parents=True, exist_ok=True)
        async with mirror.store.reading() as connection:
            for table in _TABLES:
                path = directory / f"{table.name}.{form}"
                part = path.with_name(f"{path.name}.part")
                try:
                    written.append((path, await _export(connection, table, part, form)))
                    part.replace(path)
                finally:
                    part.unlink(missing_ok=True)
    except OSError as exc:
        raise StoreError(f"The export cannot be written: {exc}.") from None
    return written


async def _export(connection: AsyncConnection, table: Table, path: Path, form: str) -> int:
    columns = [column for column in table.columns if column.name not in _LEFT_OUT]
    query = select(*columns).order_by(*table.primary_key)
    types = {column.name: column.type for column in columns}
    count = 0
    with _WRITERS[form](path, types) as writer:
        found = await connection.stream(query.execution_options(yield_per=BATCH))
        async for batch in found.mappings().partitions(BATCH):
            writer.write([{str(name): value for name, value in row.items()} for row in batch])
            count += len(batch)
    return count


_Types = Mapping[str, TypeEngine[Any]]


class _Csv:
    def __init__(self, writer: csv.DictWriter[str]) -> None:
        self._writer = writer

    def write(self, rows: Sequence[Mapping[str, Any]]) -> None:
        self._writer.writerows({name: _plain(value) for name, value in row.items()} for row in rows)


@contextmanager
def _csv(path: Path, types: _Types) -> Generator[Writer]:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(types))
        writer.writeheader()
        yield _Csv(writer)


class _JsonLines:
    def __init__(self, file: Any) -> None:
        self._file = file

    def write(self, rows: Sequence[Mapping[str, Any]]) -> None:
        lines = (msgspec.json.encode({k: _iso(v) for k, v in row.items()}) for row in rows)
        self._file.writelines(line + b"\n" for line in lines)


@contextmanager
def _jsonl(path: Path, types: _Types) -> Generator[Writer]:  # noqa: ARG001 # as the others
    with path.open("wb") as file:
        yield _JsonLines(file)


class _Parquet:
    def __init__(self, arrow: Any, writer: Any) -> None:
        self._arrow = arrow
        self._writer = writer

    def write(self, rows: Sequence[Mapping[str, Any]]) -> None:
        schema = self._writer.schema
        self._writer.write_batch(self._arrow.RecordBatch.from_pylist(rows, schema=schema))


@contextmanager
def _parquet(path: Path, types: _Types) -> Generator[Writer]:
    with from_extra("parquet", "An export to Parquet"):
        arrow: Any = importlib.import_module("pyarrow")
        parquet: Any = importlib.import_module("pyarrow.parquet")
    schema = arrow.schema([(name, _arrow_type(arrow, kind)) for name, kind in types.items()])
    with parquet.ParquetWriter(path, schema) as writer:
        yield _Parquet(arrow, writer)


_WRITERS: Final = {"csv": _csv, "jsonl": _jsonl, "parquet": _parquet}


def _arrow_type(arrow: Any, kind: TypeEngine[Any]) -> Any:
    if isinstance(kind, Moment):
        return arrow.timestamp("us", tz="UTC")
    for cls, found in ((Boolean, arrow.bool_), (Double, arrow.float64), (Integer, arrow.int64)):
        if isinstance(kind, cls):
            return found()
    return arrow.string()


def _iso(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def _plain(value: Any) -> Any:
    """A cell of a CSV file: true and false as JSON has them, and times as ISO 8601."""
    return str(value).lower() if isinstance(value, bool) else _iso(value)
