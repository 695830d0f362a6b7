"""JSON lines: one object per line; objects inside of it have dotted names as columns."""

from __future__ import annotations

import codecs
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from cubicasa_async.bulk.files.typed_table import Reading, Records, TypedTable, flat
from cubicasa_async.errors import InvalidInputError

_LONGEST_LINE: Final = 1 << 20
_MOST_COLUMNS: Final = 1000


def open_json_lines(path: Path, reading: Reading) -> TypedTable:
    """Open a file of JSON lines. It is read once to find all names.

    Raises:
        InvalidInputError: A line is no JSON object, or the names cannot make a draft.
    """
    names: dict[str, None] = {}
    for _, record in _objects(path):
        names.update(dict.fromkeys(record))
        if len(names) > _MOST_COLUMNS:
            raise InvalidInputError(
                f"{path.name}: its objects have more than {_MOST_COLUMNS} names"
            )
    if not names:
        raise InvalidInputError(f"{path.name}: the file is empty")

    def records() -> Records:
        for line, record in _objects(path):
            if not record.keys() <= names.keys():
                raise InvalidInputError(f"{path.name}: the file changed; start again")
            yield line, [record.get(name) for name in names]

    return reading.table(path, tuple(names), records)


def _objects(path: Path) -> Iterator[tuple[int, dict[str, object]]]:
    """The objects that say something, flat, each with its line."""
    decoder = msgspec.json.Decoder()
    try:
        with path.open("rb") as file:
            number = 0
            while text := file.readline(_LONGEST_LINE + 1):
                number += 1
                if len(text) > _LONGEST_LINE:
                    raise InvalidInputError(f"{path.name}: line {number} is too long for a row")
                text = text.removeprefix(codecs.BOM_UTF8) if number == 1 else text
                if text.strip():
                    yield number, _object(decoder, text, f"{path.name}: line {number}")
    except OSError as exc:
        reason = exc.strerror or exc
        raise InvalidInputError(f"{path.name}: the file cannot be read: {reason}") from exc


def _object(decoder: msgspec.json.Decoder[Any], text: bytes, place: str) -> dict[str, object]:
    try:
        found = decoder.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        raise InvalidInputError(f"{place} is no JSON: {exc}") from None
    if not isinstance(found, Mapping):
        raise InvalidInputError(f"{place} is no JSON object; each line is to be one row")
    return flat(found)  # pyright: ignore[reportUnknownArgumentType] # JSON
