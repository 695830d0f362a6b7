"""JSON lines: one object per line; objects inside of it have dotted names as columns."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from cubicasa_async.bulk.files.opening import name_of, open_binary, refuse_other_kinds
from cubicasa_async.bulk.files.typed_table import Reading, Records, TypedTable, flat
from cubicasa_async.core.flawed import HALF
from cubicasa_async.errors import InvalidInputError

_LONGEST_LINE: Final = 1 << 20
_MOST_COLUMNS: Final = 1000
_NAME: Final = re.compile(rb'"\s*:')


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
    source, number = name_of(path), 0
    with open_binary(path) as file:
        while text := file.readline(_LONGEST_LINE + 1):
            number += 1
            if len(text) > _LONGEST_LINE:
                raise InvalidInputError(f"{source}: line {number} is too long for a row")
            if number == 1:
                refuse_other_kinds(source, text)
                if text.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
                    raise InvalidInputError(f"{source}: this is UTF-16; save it as UTF-8")
                text = text.removeprefix(codecs.BOM_UTF8)
            if text.strip():
                yield number, _object(decoder, text, f"{source}: line {number}")


def _object(decoder: msgspec.json.Decoder[Any], text: bytes, place: str) -> dict[str, object]:
    try:
        found = decoder.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        found = _leniently(text, place, str(exc))
    if not isinstance(found, Mapping):
        raise InvalidInputError(f"{place} is no JSON object; each line is to be one row")
    record = flat(found)  # pyright: ignore[reportUnknownArgumentType] # JSON
    if len(_NAME.findall(text)) != len(record):  # else no name can stand there twice
        _refuse_repeats(text, place)
    return record


def _leniently(text: bytes, place: str, reason: str) -> object:
    """What Python's own encoder writes beyond JSON: NaN, infinities, halves of characters.

    The row's cells are refused for them, instead of the file.
    """
    try:
        found = json.loads(text)
        # Halves of characters cannot be written down, so they are taken as the lost ones they are.
        return json.loads(HALF.sub("\ufffd", json.dumps(found, ensure_ascii=False)))
    except (ValueError, RecursionError):
        raise InvalidInputError(f"{place} is no JSON: {reason}") from None


def _refuse_repeats(text: bytes, place: str) -> None:
    """Refuse a name that stands twice in an object, as only one of its values would be read."""

    def names(pairs: list[tuple[str, object]], prefix: str = "") -> Iterator[str]:
        for name, value in pairs:
            if isinstance(value, _Pairs):
                yield from names(value, f"{prefix}{name}.")
            else:
                yield f"{prefix}{name}"

    seen = set[str]()
    for name in names(json.loads(text, object_pairs_hook=_Pairs)):
        if name in seen:
            raise InvalidInputError(f"{place} has more than one value for {name!r}")
        seen.add(name)


class _Pairs(list[tuple[str, object]]):
    """The names and values of an object."""
