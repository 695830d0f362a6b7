"""A spreadsheet saved as CSV: from bytes on disk to a stream of rows.

Nothing is guessed that could garble an address: the text is UTF-8 (or UTF-16 with its mark) unless
the caller names another encoding, and what does not fit is refused with the place and a way out.
"""

from __future__ import annotations

import codecs
import csv
import io
import itertools
import os
import re
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Final

import attrs

from cubicasa_async.bulk.files.columns import Columns, is_blank, recognised
from cubicasa_async.bulk.files.opening import SAMPLE, name_of, open_binary, refuse_other_kinds
from cubicasa_async.bulk.rows import Row
from cubicasa_async.errors import InvalidInputError

DELIMITERS: Final = (",", ";", "\t", "|")

# Characters in one record. Bounds memory when a quote is never closed.
_LONGEST_RECORD: Final = 1 << 20
_NO_RECORD: Final[tuple[int, list[str]]] = (0, [])
_CHUNK: Final = 1 << 16

_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # begins with the mark of UTF-16, so it is tried first
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_NOT_FOR_FILES: Final = frozenset(
    {"", "idna", "punycode", "undefined", "unicode_escape", "raw_unicode_escape"}
)

# The encodings a guess may name, the usual ones first, with the letters expected in them beyond
# ASCII. A guess must show letters of one of its languages; typographic signs say nothing.
_CZECH: Final = "áčďéěíňóřšťúůýžäľôöüß"
_HUNGARIAN: Final = "áéíóöőúüű"
_LETTERS: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "cp1252": ("Windows-1252", ("àáâãäåæçèéêëìíîïñòóôõöøœùúûüßÿ",)),
    "cp1250": ("Windows-1250", ("ąćęłńóśźżäöüß", _CZECH, _HUNGARIAN, "ăâîșşțţ")),
    "cp1251": ("Windows-1251", ("".join(map(chr, range(0x430, 0x450))) + "ёіїєґ№",)),
    "cp1253": ("Windows-1253", ("".join(map(chr, range(0x3AC, 0x3CF))) + "ΐΰ",)),
    "cp1254": ("Windows-1254", ("çğ\u0131iöşüâîûi\u0307",)),
    "iso8859_2": ("ISO 8859-2", ("ąćęłńóśźżäöüß", _CZECH, _HUNGARIAN)),
    "mac_roman": ("Mac Roman", ("àáâãäåæçèéêëìíîïñòóôõöøœùúûüßÿ",)),
    "cp850": ("DOS code page 850", ("àáâãäåæçèéêëìíîïñòóôõöøùúûüßÿ",)),
    "cp852": ("DOS code page 852", ("ąćęłńóśźżäöüß", _CZECH, _HUNGARIAN)),
    "koi8_r": ("KOI8-R", ("".join(map(chr, range(0x430, 0x450))) + "ё",)),
    "cp866": ("DOS code page 866", ("".join(map(chr, range(0x430, 0x450))) + "ё№",)),
    "cp932": ("Shift-JIS", ()),
    "euc_jp": ("EUC-JP", ()),
    "gb18030": ("GB 18030", ()),
    "big5": ("Big5", ()),
    "cp949": ("Korean cp949", ()),
}
_CYRILLIC_GREEK: Final = frozenset({"cp1251", "cp1253", "koi8_r", "cp866"})
# The lead bytes of the characters in everyday use; the rest is what other encodings look like.
_EVERYDAY: Final[Mapping[str, range]] = {
    "cp932": range(0x81, 0x99),
    "euc_jp": range(0xA1, 0xD0),
    "gb18030": range(0xB0, 0xD8),
    "big5": range(0xA1, 0xC7),
    "cp949": range(0xB0, 0xC9),
}
_LATIN: Final = re.compile("[A-Za-z]")
_TYPOGRAPHY: Final = frozenset(
    "\u00a0\u2013\u2014\u2018\u2019\u201a\u201c\u201d\u201e\u2026«»°§€²³ºª·"
)


@attrs.frozen
class Table:
    """An open spreadsheet: its header is read, its rows are read on demand.

    `encoding` and `delimiter` are those found or given; `columns` says what the header means.
    """

    path: Path
    encoding: str
    delimiter: str
    columns: Columns
    _header: tuple[str, ...] = attrs.field(repr=False)

    def rows(self) -> Generator[Row, None, None]:
        """Read the rows from the beginning, one at a time; blank lines are skipped.

        The file is open while the iterator is used; it closes when that ends or is closed.

        Raises:
            InvalidInputError: The text cannot be decoded or a record is broken; names the line.
        """
        with _open_text(self.path, self.encoding) as text:
            records = _records(text, self.delimiter, self.columns.source)
            _, header = next(records, _NO_RECORD)
            if tuple(header) != self._header:
                raise InvalidInputError(f"{self.columns.source}: the file changed; start again")
            for line, cells in records:
                yield self.columns.row(line, cells)

    def check(self) -> int:
        """Read the whole file once and count its rows, so that a broken file shows early.

        Raises:
            InvalidInputError: As `rows`.
        """
        return sum(1 for _ in self.rows())


def open_table(
    path: str | os.PathLike[str],
    *,
    encoding: str | None = None,
    mapping: Mapping[str, str] | None = None,
    ignore: Iterable[str] = (),
    defaults: Mapping[str, str] | None = None,
) -> Table:
    """Open a CSV file and find its encoding, its delimiter and what its columns mean.

    The delimiter is a comma, a semicolon, a tab or a |, whichever makes most columns recognised, or
    what a first line `sep=;` says. `mapping`, `ignore` and `defaults` are as for
    `Columns.resolve`. The file is closed again on return.

    Raises:
        InvalidInputError: The file cannot be read, is no table of text, is in another encoding, or
            its columns cannot make a draft.
    """
    mapping, ignore = mapping or {}, tuple(ignore)
    location = Path(path)
    source = name_of(location)
    encoding = _encoding(location, encoding)
    best: tuple[int, int] | None = None
    delimiter, header, fault = ",", _NO_RECORD[1], None
    with _open_text(location, encoding) as text:
        declared = _declared_delimiter(text)
    for candidate in (declared,) if declared else DELIMITERS:
        with _open_text(location, encoding) as text:
            try:
                _, cells = next(_records(text, candidate, source), _NO_RECORD)
            except InvalidInputError as error:
                fault = fault or error
                continue
        if not cells:
            raise InvalidInputError(f"{source}: the file is empty")
        score = recognised(cells, mapping, ignore), len(cells)
        if best is None or score > best:
            best, delimiter, header = score, candidate, cells
    if best is None and fault is not None:
        raise fault
    columns = Columns.resolve(
        header, source=source, mapping=mapping, ignore=ignore, defaults=defaults
    )
    columns.require(_near_the_top(location, encoding))
    table = Table(location, encoding, delimiter, columns, tuple(header))
    with closing(table.rows()) as rows:
        if next(rows, None) is None:
            raise InvalidInputError(f"{source}: there is a header but no row below it")
    return table


def _near_the_top(path: Path, encoding: str) -> Iterator[tuple[int, list[str]]]:
    """The first records below the first one, read with each delimiter there may be."""
    for delimiter in DELIMITERS:
        with suppress(InvalidInputError), _open_text(path, encoding) as text:
            yield from itertools.islice(_records(text, delimiter, name_of(path)), 1, 20)


@contextmanager
def _open_text(path: Path, encoding: str) -> Generator[io.TextIOWrapper, None, None]:
    with open_binary(path) as file, io.TextIOWrapper(file, encoding, newline="") as text:
        try:
            yield text
        except UnicodeError as error:
            raise _undecodable(path, encoding) from error


def _declared_delimiter(text: io.TextIOWrapper) -> str | None:
    found = re.fullmatch(r'"?sep=([,;\t|])"?[,;\t]*\s*', text.readline(64), re.IGNORECASE)
    return found[1] if found else None


def _records(
    text: io.TextIOWrapper, delimiter: str, source: str
) -> Iterator[tuple[int, list[str]]]:
    """The records that are not blank, each with the line on which it begins; header first."""
    room = _LONGEST_RECORD
    before = 0

    def lines() -> Iterator[str]:
        nonlocal room
        while line := text.readline(room + 1):
            room -= len(line)
            if room < 0:
                raise csv.Error("it does not end; perhaps a quote is never closed")
            yield line

    if _declared_delimiter(text):
        before = 1
    else:
        text.seek(0)
    reader = csv.reader(lines(), delimiter=delimiter, strict=True)
    while True:
        start = before + reader.line_num + 1
        room = _LONGEST_RECORD
        try:
            cells = next(reader, None)
        except csv.Error as error:
            reason = str(error)
            if "end of data" in reason:
                reason = "a quote is never closed"
            elif "field limit" in reason:
                reason = "a cell is too long; perhaps a quote is never closed"
            raise InvalidInputError(
                f"{source}: the record that begins on line {start} is broken: {reason}"
            ) from error
        if cells is None:
            return
        if not is_blank(cells):
            yield start, cells


def _encoding(path: Path, asked: str | None) -> str:
    source = name_of(path)
    with open_binary(path) as file:
        head = file.read(SAMPLE)
    if not head:
        raise InvalidInputError(f"{source}: the file is empty")
    refuse_other_kinds(source, head)
    if re.match(rb'(?:\xef\xbb\xbf)?\s*(?:\{\s*"|\[\s*[\[{])', head):
        raise InvalidInputError(
            f"{source}: this is JSON; write one object on each line and read it with --format jsonl"
        )
    mark, marked = next(((m, name) for m, name in _MARKS if head.startswith(m)), (b"", None))
    if asked is None:
        if marked is None and head.count(0) * 4 > len(head):
            fewer, more = sorted((head[::2].count(0), head[1::2].count(0)))
            if fewer * 4 > more:
                raise InvalidInputError(
                    f"{source}: the file is binary, or a part of it was lost: it is full of NUL"
                )
            wide = "utf-16-be" if head[::2].count(0) == more else "utf-16-le"
            raise InvalidInputError(
                f"{source}: the file is binary, or UTF-16 without a byte-order mark; if it is a "
                f"table of text run again with --encoding {wide}"
            )
        return marked or "utf-8"
    try:
        "a".encode(asked)
        codec = codecs.lookup(asked).name
    except (LookupError, ValueError):
        codec = ""
    if codec.replace("-", "_") in _NOT_FOR_FILES:
        raise InvalidInputError(f"{source}: there is no text encoding named {asked!r}")
    if marked is not None:
        family = marked.removesuffix("-sig")
        if not codec.startswith(family) or (
            codec[-3:] in {"-le", "-be"} and not "\ufeff".encode(codec) == mark
        ):
            raise InvalidInputError(
                f"{source}: the file says that it is {family.upper()}; leave out --encoding {asked}"
            )
        return marked
    if codec in {"utf-16", "utf-32"} or (codec.startswith(("utf-16", "utf-32")) and 0 not in head):
        raise InvalidInputError(
            f"{source}: the file is not {codec.upper()}, or has no byte-order mark; leave out "
            f"--encoding {asked}, or name utf-16-le or utf-16-be"
        )
    if not codec.startswith("utf") and _is_mostly_utf8(_beyond_ascii(path)):
        raise InvalidInputError(
            f"{source}: the file is UTF-8; read as {asked} its letters would be garbled. Leave out "
            "--encoding"
        )
    return codec


def _beyond_ascii(path: Path) -> bytes:
    """The first lines that say something about the encoding."""
    telling = b""
    with open_binary(path) as file:
        for line in iter(lambda: file.readline(_CHUNK), b""):
            if not line.isascii():
                telling += line
            if len(telling) > SAMPLE:
                break
    return telling


def _is_mostly_utf8(telling: bytes) -> bool:
    text = telling.decode("utf-8", "replace")
    return sum(c > "\x7f" for c in text) > 3 * text.count("\ufffd")


def _undecodable(path: Path, encoding: str) -> InvalidInputError:
    """Say where the text stops being in this encoding, and which one it may be in."""
    decoder = codecs.getincrementaldecoder(encoding)()
    breaks, last = 0, ""
    where = ""
    with open_binary(path) as file:
        while not where:
            chunk = file.read(_CHUNK)
            held = decoder.getstate()
            try:
                text = decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError as error:
                decoder.setstate(held)
                text = decoder.decode(chunk[: max(0, error.start - len(held[0]))])
                where = f", byte 0x{error.object[error.start]:02X}"
            except UnicodeError:
                text, where = "", ", at its beginning"
            breaks += len(re.findall(r"\r\n?|\n", text)) - (last == "\r" and text[:1] == "\n")
            last = text[-1:] or last
            if not chunk and not where:
                break
    name = "UTF-8" if encoding.startswith("utf-8") else encoding
    place = f"{name_of(path)}: line {breaks + 1}{where}"
    return InvalidInputError(f"{place}: the text is not {name}; {_advice(path, encoding)}")


def _advice(path: Path, tried: str) -> str:
    telling = _beyond_ascii(path)
    if b"\0" in telling:
        return "it looks like binary data, not a table of text"
    if _is_mostly_utf8(telling):
        return "most of the file is UTF-8, so it is damaged here: correct this line"
    likely = [name for name in guess_encodings(telling) if name != tried]
    if not likely:
        return (
            "it could not be told what it is; ask where it comes from, or save it as UTF-8 "
            "(usual ones: cp1252 for Western Europe, cp1250 for Central Europe, cp932 for Japan)"
        )
    if len(likely) == 1:
        return f"it looks like {_LETTERS[likely[0]][0]}: run again with --encoding {likely[0]}"
    names = ", ".join(f"{name} ({_LETTERS[name][0]})" for name in likely)
    return (
        f"it is not certain which encoding it is; likely ones are {names}: run again with "
        f"--encoding {likely[0]} and --dry-run, and look at the letters"
    )


def guess_encodings(data: bytes) -> Sequence[str]:
    """The encodings that text beyond ASCII may be in, likeliest first; one if it is sure.

    An encoding is likely if its text has the letters of a language written in it, and they stand
    where letters do. charset-normalizer ranks those that fit equally well; alone it is wrong too
    often on a few short lines. Encodings that give the same text count once.
    """
    try:
        from charset_normalizer import from_bytes
    except ImportError:  # the extra is not installed
        order: list[str] = []
    else:
        order = [m.encoding for m in from_bytes(data, cp_isolation=[*_LETTERS])]
    fits: dict[str, tuple[float, int, str]] = {}
    for name in _LETTERS:
        try:
            text = data.decode(name)
        except UnicodeDecodeError:
            continue
        rank = order.index(name) if name in order else len(order)
        fits.setdefault(text, (-round(_fit(name, text), 2), rank, name))
    ranked = sorted(fits.values(), key=lambda fit: fit[:2])
    return [name for fit, _, name in ranked if fit <= -0.7 and fit < ranked[0][0] + 0.15][:4]


def _fit(encoding: str, text: str) -> float:
    """The share of the characters beyond ASCII that are letters of one of its languages."""
    found = [
        (text[place - 1 : place], character, text[place + 1 : place + 2])
        for place, character in enumerate(text)
        if character > "\x7f" and character not in _TYPOGRAPHY
    ]
    alphabets = _LETTERS[encoding][1]

    def in_place(before: str, character: str, after: str) -> bool:
        inside = before.isalpha() and (before.islower() or after.islower())
        if (inside and character.isupper()) or (character.islower() and after.isupper()):
            return False
        if not alphabets or encoding in _CYRILLIC_GREEK:
            return not _LATIN.search(before + after)
        return not (before > "\x7f" and after > "\x7f")

    placed = [character.lower() for b, character, a in found if in_place(b, character, a)]
    if not alphabets:
        leads = [c.encode(encoding) for c in placed]
        good = sum(len(code) > 1 and code[0] in _EVERYDAY[encoding] for code in leads)
        return good / max(1, len(found))
    return max(sum(c in letters for c in placed) for letters in alphabets) / max(1, len(found))
