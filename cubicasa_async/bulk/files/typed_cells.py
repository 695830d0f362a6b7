"""Cells that have a type, as in a workbook: what they say as text, and what speaks against it.

Nothing is turned into text that could have meant something else.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import date, time
from decimal import Decimal
from typing import Final, cast

import attrs

from cubicasa_async.bulk.files.columns import FIELDS, Columns, Kind
from cubicasa_async.bulk.files.damage import AS_TEXT, UNREADABLE
from cubicasa_async.bulk.rows import Row

_EXACT: Final = 10**15
_SEPARATORS: Final = frozenset(",;|")


@attrs.frozen
class Faulty:
    """A cell that cannot be used.

    Attributes:
        text: What it shows.
        reason: Why.
    """

    text: str
    reason: str


def typed_row(columns: Columns, line: int, cells: Sequence[object]) -> Row:
    """Read a record of typed cells, as `Columns.row` does one of texts.

    What cannot be used is marked as UNREADABLE in the row's `cells`: as text it could be taken for
    what was meant.
    """
    faults: dict[str, str] = {}
    for name, value in zip(columns.names, cells, strict=False):
        field = columns.mapped.get(name)
        if field is not None and (reason := fault_of(FIELDS[field], value)):
            faults[name] = reason
    texts = [as_text(value) for value in cells]
    for place, name in enumerate(columns.names[: len(texts)]):
        if name in faults:
            texts[place] = UNREADABLE + texts[place]
    return columns.row(line, texts, faults)


def as_text(value: object) -> str:
    """A cell as text; what is no text, number or yes/no is shown as well as can be."""
    match value:
        case None:
            return ""
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case Faulty():
            return value.text
        case float():
            whole = value.is_integer() and abs(value) < _EXACT
            return str(int(value)) if whole else repr(value)
        case Decimal():
            plain = f"{value:f}"
            return plain.rstrip("0").rstrip(".") if "." in plain else plain
        case date() | time():
            return value.isoformat()
        case list() | tuple():
            return "|".join(as_text(item) for item in cast("Sequence[object]", value))
        case _:
            return str(value)


def fault_of(kind: Kind, value: object) -> str:
    """Why a cell cannot be read as a field of this kind; empty if it can."""
    match value:
        case None | str():
            return ""
        case Faulty():
            return value.reason
        case bool():
            return "" if kind is Kind.YES_NO else "it is yes or no, and not text"
        case int() | float() | Decimal():
            return _fault_of_number(kind, value)
        case date() | time():
            if kind is Kind.FREE_TEXT:
                return ""
            return f"it is a date or time; perhaps something else was made into one. {AS_TEXT}"
        case list() | tuple():
            return _fault_of_list(kind, cast("Sequence[object]", value))
        case Mapping():
            return "it is an object"
        case _:
            return f"it is a value of type {type(value).__name__}"


def _fault_of_number(kind: Kind, value: float | Decimal) -> str:
    if not math.isfinite(value):
        return "it is not a number"
    inexact = isinstance(value, float) and abs(value) >= _EXACT
    if kind is not Kind.NUMBER and inexact:
        return f"it is a number so long that its last digits may be wrong. {AS_TEXT}"
    return ""


def _fault_of_list(kind: Kind, items: Sequence[object]) -> str:
    if kind is not Kind.LIST:
        return "it is a list"
    if not all(isinstance(item, str) for item in items):
        return "it is a list of something else than texts"
    if any(_SEPARATORS & set(cast("str", item)) for item in items):
        return "an entry of the list holds a comma, a semicolon or |"
    return ""
