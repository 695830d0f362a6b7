"""Excel workbooks: a sheet is read row by row, with the types that Excel gave its cells."""

from __future__ import annotations

import importlib
import itertools
import re
import warnings
import zipfile
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any, Final

import attrs

from cubicasa_async.bulk.files.columns import is_blank
from cubicasa_async.bulk.files.damage import AS_TEXT
from cubicasa_async.bulk.files.typed_cells import Faulty, as_text
from cubicasa_async.bulk.files.typed_table import Reading, Records, TypedTable
from cubicasa_async.core.extras import from_extra
from cubicasa_async.errors import CubiCasaError, InvalidInputError

_CHUNK: Final = 1 << 20
_OVERLAP: Final = 1 << 13
_NO_VALUE: Final = re.compile(
    rb"(?:</(?:\w+:)?f>|<(?:\w+:)?f\b[^>]*/>)\s*"
    rb"(?:<(?:\w+:)?v\s*/>|<(?:\w+:)?v>\s*</(?:\w+:)?v>)?\s*</(?:\w+:)?c>"
)
_MERGED: Final = re.compile(rb'<(?:\w+:)?mergeCell\b[^>]*\bref="([A-Z]+)([0-9]+):([A-Z]+)([0-9]+)"')
_ROW: Final = re.compile(rb'<(?:\w+:)?row\b[^>]*?\sr="([0-9]+)"')
_ZEROS: Final = re.compile(r"(?:\[\$-[0-9A-Fa-f]+\])?(0+)(?:\\?-(0+))?")
# Letters and digits that stand in the format, and places filled with zeros.
_SHOWS_MORE: Final = re.compile(r'"[^"]*[^\W_][^"]*"|\\\w|0[^;.]*0')
_FRACTION: Final = re.compile(r"\.[0#?]+|E[+-][0#?]+|#,##0")
_ESCAPED: Final = re.compile("_x([0-9A-Fa-f]{4})_")
_EXACT: Final = 10**15
_MOST_COLUMNS: Final = 1000
_MOST_ROWS: Final = 1 << 20
_MERGED_ABOVE: Final = (
    "the cell is merged with one above, and it is not clear whether it has the same value; take "
    "the merging off"
)
_NOT_STORED: Final = (
    "it is a formula whose value is not stored; open the workbook in Excel and save it again"
)


@attrs.frozen
class _Area:
    """What is merged into one cell; rows and columns from 1."""

    top: int
    bottom: int
    left: int
    right: int

    @classmethod
    def of(cls, left: bytes, top: bytes, right: bytes, bottom: bytes) -> _Area:
        return cls(int(top), int(bottom), _number_of(left), _number_of(right))


def _number_of(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number


@attrs.frozen
class _Oddities:
    """What a sheet has that its cells' values do not tell.

    Attributes:
        without_value: Whether there may be formulas whose value is not stored.
        merged: What is merged over several rows, from top to bottom.
    """

    without_value: bool
    merged: tuple[_Area, ...]


def open_excel(path: Path, reading: Reading, *, sheet: str | None = None) -> TypedTable:
    """Open a sheet of a workbook. Its first row that is not blank is the header.

    Without `sheet`, it is the only one that is visible and not empty. Rows have their numbers of
    the sheet. The workbook's shared texts are kept in memory, as the format demands it.

    Raises:
        ConfigError: openpyxl is not installed.
        InvalidInputError: The file is no workbook, it is not clear which sheet is meant, or its
            columns cannot make a draft.
    """
    with from_extra("excel", "Reading an Excel workbook"):
        importlib.import_module("openpyxl")
    with _workbook(path) as book:
        name = _chosen(book, path.name, sheet)
        place = book[name]._worksheet_path  # noqa: SLF001 # openpyxl tells it nowhere else
    oddities = _oddities(path, place)

    def records() -> Records:
        rows = _rows(path, name, oddities)
        with closing(rows):
            _, cells = next(rows, (0, ()))
            if _header(cells) != header:
                raise InvalidInputError(f"{path.name}: the file changed; start again")
            yield from rows

    with closing(_rows(path, name, oddities)) as rows:
        _, first = next(rows, (0, ()))
    header = _header(first)
    if not header:
        raise InvalidInputError(f"{path.name}: the sheet {name!r} is empty")
    return reading.table(path, header, records)


def _header(cells: Sequence[object]) -> tuple[str, ...]:
    return tuple(as_text(cell) for cell in cells)


@contextmanager
def _refusing(what: str, *, tell: bool = True) -> Generator[None]:
    """Say `what` of whatever is raised over a file that is not as it should be.

    openpyxl and zipfile have no common error for that: flipped bits of a workbook come out as
    nearly any exception there is.
    """
    try:
        yield
    except (CubiCasaError, MemoryError):
        raise
    except Exception as exc:
        raise InvalidInputError(
            f"{what}: {str(exc) or type(exc).__name__}" if tell else what
        ) from exc


@contextmanager
def _workbook(path: Path, *, formulas: bool = False) -> Generator[Any]:
    """An open workbook. What is raised while it is used is refused as damage."""
    openpyxl: Any = importlib.import_module("openpyxl")
    with ExitStack() as opened:
        refusal = (
            f"{path.name}: this cannot be read as an Excel workbook (.xlsx). If it is an "
            "old one (.xls) or has a password, save it anew as .xlsx without one; if it "
            "should be one, it is damaged"
        )
        with _refusing(refusal, tell=False):
            file = opened.enter_context(path.open("rb"))  # openpyxl leaves what it refuses open
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of parts of a workbook that are not read here
                book = openpyxl.load_workbook(
                    file, read_only=True, data_only=not formulas, keep_links=False
                )
        opened.callback(book.close)
        with _refusing(_damaged(path)):
            yield book


def _damaged(path: Path) -> str:
    return f"{path.name}: the workbook is damaged"


def _chosen(book: Any, source: str, asked: str | None) -> str:
    names = [str(found.title) for found in book.worksheets]
    if asked is not None:
        if asked not in names:
            listed = ", ".join(map(repr, names))
            raise InvalidInputError(f"{source}: there is no sheet {asked!r}; there are {listed}")
        return asked
    filled = [
        str(found.title)
        for found in book.worksheets
        if found.sheet_state == "visible" and any(map(_says_something, _cells(found)))
    ]
    if not filled:
        raise InvalidInputError(f"{source}: the workbook is empty")
    if len(filled) > 1:
        listed = ", ".join(map(repr, filled))
        raise InvalidInputError(f"{source}: say which sheet is meant (--sheet): {listed}")
    return filled[0]


def _oddities(path: Path, place: str) -> _Oddities:
    without_value, merged, before, last = False, set[_Area](), b"", 0
    with (
        _refusing(_damaged(path)),
        zipfile.ZipFile(path) as archive,
        archive.open(place.removeprefix("/")) as sheet,
    ):
        while chunk := sheet.read(_CHUNK):
            text = before + chunk
            without_value = without_value or _NO_VALUE.search(text) is not None
            merged.update(_Area.of(*found) for found in _MERGED.findall(text))
            for row in _ROW.finditer(text):
                if row.end() <= len(before):
                    continue
                if int(row[1]) <= last:  # openpyxl would leave it out
                    raise ValueError(f"row {int(row[1])} stands behind row {last}")
                last = int(row[1])
            before = text[-_OVERLAP:]
    tall = [area for area in merged if area.top < area.bottom]
    return _Oddities(without_value, tuple(sorted(tall, key=lambda area: area.top)))


def _rows(path: Path, sheet: str, oddities: _Oddities) -> Records:
    """The rows that are not blank, with their numbers; the first is the header."""
    later, open_areas = list(reversed(oddities.merged)), list[_Area]()
    with closing(_values(path, sheet, formulas=oddities.without_value)) as rows:
        for number, values in enumerate(rows, start=1):
            while later and later[-1].top < number:
                open_areas.append(later.pop())
            open_areas = [area for area in open_areas if area.bottom >= number]
            if not is_blank([as_text(value) for value in values]):
                yield number, _trimmed(_spoilt(values, open_areas))


def _values(path: Path, sheet: str, *, formulas: bool) -> Generator[list[object]]:
    """The values of each row, from the first; `formulas` says whether some may not be stored."""
    with ExitStack() as files:
        cells_of = _cells(files.enter_context(_workbook(path))[sheet])
        formulas_of: Iterator[Sequence[Any]] = iter(())
        if formulas:
            formulas_of = _cells(files.enter_context(_workbook(path, formulas=True))[sheet])
        for cells in cells_of:
            pairs = itertools.zip_longest(cells, next(formulas_of, ()))
            yield [_value(*pair) for pair in pairs]


def _cells(sheet: Any) -> Iterator[Sequence[Any]]:
    sheet.reset_dimensions()  # what a file says of its size need not be so
    for number, cells in enumerate(sheet.iter_rows(), start=1):
        if number > _MOST_ROWS:  # openpyxl makes all rows that a number leaves out
            raise ValueError(f"the sheet {sheet.title!r} has a row behind the {_MOST_ROWS}th")
        yield cells


def _says_something(cells: Sequence[Any]) -> bool:
    return any(cell.value is not None for cell in cells)


def _value(cell: Any, formula: Any) -> object:
    """A cell's value, as far as it is one; `formula` is the same cell read for its formula."""
    if cell is None:
        return None
    value = cell.value
    if value is None:
        # An empty text is a value, although there is nothing in it.
        if formula is not None and formula.data_type == "f" and cell.data_type != "str":
            return Faulty(str(formula.value), _NOT_STORED)
        return None
    if cell.data_type == "e":
        return Faulty(str(value), "it is an error of the workbook")
    if isinstance(value, int) and not isinstance(value, bool):
        if found := _ZEROS.fullmatch(cell.number_format.replace('"', "")):
            return _with_zeros(value, found[1], found[2] or "")
        if _SHOWS_MORE.search(_FRACTION.sub("", cell.number_format)):
            return Faulty(str(value), f"it is a number that is shown otherwise. {AS_TEXT}")
        return float(value) if abs(value) >= _EXACT else value
    return _ESCAPED.sub(_unescaped, value) if isinstance(value, str) else value


def _unescaped(found: re.Match[str]) -> str:
    """A character that a workbook cannot hold as such, like the one of a line break."""
    letter = chr(int(found[1], 16))
    return letter if letter.isprintable() or letter in "\r\n\t" else "\ufffd"


def _with_zeros(value: int, first: str, second: str) -> str:
    """A number as its format of zeros shows it, such as a postal code."""
    digits = f"{value:0{len(first) + len(second)}d}"
    place = len(digits) - len(second)
    return f"{digits[:place]}-{digits[place:]}" if second else digits


def _spoilt(values: list[object], areas: Sequence[_Area]) -> list[object]:
    """The values of a row, where those below the top of a merged area have none of their own."""
    for area in areas:
        for column in range(area.left, min(area.right, _MOST_COLUMNS) + 1):
            values += [None] * (column - len(values))
            values[column - 1] = Faulty("", _MERGED_ABOVE)
    return values


def _trimmed(values: list[object]) -> list[object]:
    while values and values[-1] in {None, ""}:
        values.pop()
    return values
