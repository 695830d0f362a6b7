"""What a column of an address list means, and how a cell of it is read.

Nothing here knows of files: any reader that has a header and cells of text can use it.
"""

from __future__ import annotations

import difflib
import enum
import math
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, cast

import attrs

from cubicasa_async.bulk.files.damage import damage_of, damaged, shortened, unmarked
from cubicasa_async.bulk.files.postal_codes import spoilt
from cubicasa_async.bulk.rows import Row
from cubicasa_async.errors import FieldError, InvalidInputError


class Kind(enum.Enum):
    """How the cells of a field are read."""

    TEXT = "one line of text"
    FREE_TEXT = "text whose line breaks are kept"
    NUMBER = "a decimal number"
    LIST = "values separated by a comma, a semicolon or |"
    YES_NO = "yes or no"


_STYLE_2D: Final = "order_preferences.style_2d"
_STYLE_3D: Final = "order_preferences.style_3d"

FIELDS: Final[Mapping[str, Kind]] = {
    "street": Kind.TEXT,
    "suite": Kind.TEXT,
    "city": Kind.TEXT,
    "state": Kind.TEXT,
    "postal_code": Kind.TEXT,
    "country": Kind.TEXT,
    "info": Kind.FREE_TEXT,
    "external_id": Kind.TEXT,
    "owner_email": Kind.TEXT,
    "package_type": Kind.TEXT,
    "latitude": Kind.NUMBER,
    "longitude": Kind.NUMBER,
    "add_ons": Kind.LIST,
    f"{_STYLE_2D}.style_template_id": Kind.TEXT,
    f"{_STYLE_2D}.add_info": Kind.FREE_TEXT,
    f"{_STYLE_3D}.video.speed": Kind.TEXT,
    f"{_STYLE_3D}.video.layout": Kind.TEXT,
    f"{_STYLE_3D}.furniture_set": Kind.TEXT,
    f"{_STYLE_3D}.include_basement": Kind.YES_NO,
    f"{_STYLE_3D}.add_info": Kind.FREE_TEXT,
}
"""Our fields, named like the arguments of `drafts.create`; nested ones are dotted."""

REASON: Final = "reason"
"""The column that says why a row was rejected, where rejected rows are written down.

It means nothing when it is read, unless it is mapped.
"""

REQUIRED: Final = ("street", "city", "country", "owner_email")
"""What every draft needs (documented)."""

# Only names that mean one thing in any export: a name left out costs a --map, a wrong guess
# costs an order at the wrong place. So there is no "id", "number", "name", "location", "land".
_OTHER_NAMES: Final[Mapping[str, str]] = {
    "street": "address streetaddress addressline1 address1 street1 strasse",
    "suite": "unit unitnumber apt apartment aptnumber suitenumber addressline2 address2 street2",
    "city": "town locality stadt ville ciudad",
    "state": "province region bundesland",
    "postal_code": "zip zipcode postcode zip/postalcode plz postleitzahl codepostal codigopostal",
    "country": "pays pais",
    "info": "notes note comments comment instructions remarks",
    "external_id": "listingid listingnumber reference ref mls mlsnumber mls# mlsid propertyid",
    "owner_email": "agentemail email emailaddress contactemail",
    "package_type": "package",
    "latitude": "lat",
    "longitude": "lng lon long",
    "add_ons": "addon extras",
}

# Marks that show nothing: zero-width spaces and joiners, and directional marks.
_INVISIBLE: Final = "\u200b\u200c\u200d\u200e\u200f\u2060\ufeff" + "".join(
    map(chr, (*range(0x202A, 0x202F), *range(0x2066, 0x206A)))
)
_SPACE: Final = "".join(c for c in map(chr, range(0x3001)) if c.isspace()) + _INVISIBLE
_NUMBER: Final = re.compile(r"[+-]?(?:[0-9]+(?:[.,][0-9]+)?|[.,][0-9]+)(?:[eE][+-]?[0-9]+)?")
_YES_NO: Final = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}


def insensitive(name: str) -> str:
    """A column's name without case, accents, white space, `_`, `-` and dots."""
    letters = unicodedata.normalize("NFKD", name.casefold())
    skipped = _SPACE + "_-."
    return "".join(c for c in letters if c not in skipped and not unicodedata.combining(c))


_KNOWN: Final[Mapping[str, str]] = {
    insensitive(name): ours
    for ours in FIELDS
    for name in (ours, *_OTHER_NAMES.get(ours, "").split())
}


def shown(text: str) -> str:
    """A cell's text as messages quote it: cut short, with invisible characters escaped."""
    return repr(text if len(text) <= 40 else f"{text[:39]}…")


def read_cell(field: str, text: str) -> object | None:
    """Read a cell's text as a value of one of our fields; None if the cell is empty.

    Text is stripped of surrounding spaces (no-break and zero-width ones too) and normalised to
    NFC. Runs of white space become one space, except in free text, which keeps its line breaks.
    Lists may be written with `,`, `;` or `|`. Yes and no are yes/no, true/false or 1/0.

    Numbers are plain decimals with a dot or a comma, an optional sign and exponent. A single comma
    is the decimal sign, `1,234` included: read as thousands it would be 1000 or more, which no
    latitude (up to 90) or longitude (up to 180) is. What has more than one separator (`1.234,5`,
    `48.137.154`) is ambiguous and refused; the range is the request's business, not the reader's.

    Raises:
        ValueError: The cell cannot be read; says why.
    """
    if reason := damage_of(text):
        raise ValueError(reason)
    kind = FIELDS[field]
    text = unicodedata.normalize("NFC", text.strip(_SPACE))
    if not text:
        return None
    if kind is Kind.FREE_TEXT:
        return text.replace("\r\n", "\n").replace("\r", "\n")
    text = " ".join(text.split())
    if kind is Kind.NUMBER:
        return _number(text)
    if kind is Kind.LIST:
        parts = (part.strip(_SPACE) for part in re.split(r"[,;|]", text))
        return list(dict.fromkeys(filter(None, parts))) or None
    if kind is Kind.YES_NO:
        if text.casefold() not in _YES_NO:
            raise ValueError("write yes or no (true and false, 1 and 0 will do too)")
        return _YES_NO[text.casefold()]
    if reason := shortened(text):
        raise ValueError(reason)
    return text


def _number(text: str) -> float:
    text = text.replace("\N{MINUS SIGN}", "-")
    if _NUMBER.fullmatch(text):
        number = float(text.replace(",", "."))
        if math.isfinite(number):
            return number
        raise ValueError("the number is too large")
    if len(re.findall(r"[.,]", text)) > 1 and not re.search(r"[^0-9.,+-]", text):
        raise ValueError("it has more than one dot or comma, so its value is unclear")
    raise ValueError("it is not a plain decimal number such as 48.137154")


@attrs.frozen
class Columns:
    """What the columns of a file mean.

    `source` names the file in messages. `names` are the columns in the file's order; one without
    a name is called "column 14", one whose name occurred before "zip (column 7)". `mapped` goes
    from their names to ours. `unmapped` are columns nothing is known of, `ignored` those left out
    on purpose, `missing` the required fields that have neither a column nor a default. `defaults`
    are the values, by our names, used where a row has no cell or an empty one.
    """

    source: str
    names: tuple[str, ...]
    mapped: Mapping[str, str]
    unmapped: tuple[str, ...]
    ignored: tuple[str, ...]
    missing: tuple[str, ...]
    defaults: Mapping[str, object]

    @classmethod
    def resolve(
        cls,
        header: Sequence[str],
        *,
        source: str,
        mapping: Mapping[str, str] | None = None,
        ignore: Iterable[str] = (),
        defaults: Mapping[str, str] | None = None,
    ) -> Columns:
        """Find the meaning of each column of a header.

        `mapping` goes from their names to ours and wins over the names known here: a column known
        by name that means a field taken by `mapping` is left unmapped. Their names, in `mapping`
        and `ignore`, are matched exactly, else without case, accents, spaces, `_`, `-` and dots.
        `defaults` are texts by our names. `missing` is told, not raised: see `require`.

        Raises:
            InvalidInputError: Two columns mean one field, a name is unknown, or a default is
                unreadable.
        """
        names = _unique_names(header, source)
        left_out = {_their_column(theirs, names, source, "--ignore") for theirs in ignore}
        asked: dict[str, str] = {}
        for theirs, ours in (mapping or {}).items():
            name = _their_column(theirs, names, source, "--map")
            if name in left_out:
                raise InvalidInputError(f"{source}: column {name!r} is both mapped and ignored")
            if asked.setdefault(name, _our_field(ours, source)) != ours:
                raise InvalidInputError(f"{source}: column {name!r} is mapped twice")
        if REASON in names and REASON not in asked:
            left_out.add(REASON)

        mapped: dict[str, str] = {}
        for original, name in zip(header, names, strict=True):
            known = _KNOWN.get(insensitive(original))
            if name in asked:
                mapped[name] = asked[name]
            elif name not in left_out and known is not None and known not in asked.values():
                mapped[name] = known
        _refuse_twins(mapped, source)

        values = {_our_field(ours, source): text for ours, text in (defaults or {}).items()}
        filled = {ours: _default(ours, text, source) for ours, text in values.items()}
        present = {*mapped.values(), *(ours for ours, value in filled.items() if value is not None)}
        return cls(
            source=source,
            names=names,
            mapped=mapped,
            unmapped=tuple(n for n in names if n not in mapped and n not in left_out),
            ignored=tuple(n for n in names if n in left_out),
            missing=tuple(ours for ours in REQUIRED if ours not in present),
            defaults={ours: value for ours, value in filled.items() if value is not None},
        )

    def require(self, below: Iterable[tuple[int, Sequence[str]]] = ()) -> None:
        """Refuse columns that cannot make a draft.

        `below` are the records below the header, each with its number: the true header may be
        among them.

        Raises:
            InvalidInputError: A required field has neither a column nor a default.
        """
        if not self.missing:
            return
        for number, cells in below:
            if len(set(self.missing) & {_KNOWN.get(insensitive(cell)) for cell in cells}) > 1:
                raise InvalidInputError(
                    f"{self.source}: the first row is to be the header, but it looks as if that "
                    f"were row {number}; take away what is above it"
                )
        rest = ", ".join(map(repr, self.unmapped)) or "none"
        raise InvalidInputError(
            f"{self.source}: no column was recognised for {', '.join(self.missing)} in the first "
            f"row, which is taken for the header. Say which column it is "
            f"(--map THEIRS={self.missing[0]}) or give a default for all rows. "
            f"Columns not used so far: {rest}",
            tuple(FieldError(field, "no column and no default") for field in self.missing),
        )

    def row(self, line: int, cells: Sequence[str], faults: Mapping[str, str] = {}) -> Row:
        """Read one record; `line` is where it begins, `faults` are known ones by column.

        Cells missing at the end are empty. A record with more cells than the header keeps its
        `cells` but has no `values`, because no cell can be trusted to stand in its column.
        """
        extra = tuple(f"column {n} (no header)" for n in range(len(self.names) + 1, len(cells) + 1))
        padded = (*cells, *[""] * (len(self.names) - len(cells)))
        as_found = dict(zip((*self.names, *extra), padded, strict=True))
        if extra:
            problem = FieldError(
                "",
                f"the record has {len(cells)} cells but the header has {len(self.names)}; a cell "
                "with the delimiter in it needs quotes",
            )
            return Row(line=line, values={}, problems=(problem,), cells=as_found)
        values: dict[str, object] = dict(self.defaults)
        problems: list[FieldError] = []
        for theirs, ours in self.mapped.items():
            text = as_found[theirs]
            reason = faults.get(theirs, "")
            try:
                value = None if reason else read_cell(ours, text)
            except ValueError as error:
                value, reason = None, str(error)
            if reason:
                values.pop(ours, None)
                found = shown(unmarked(text))
                problems.append(FieldError(ours, f"column {theirs!r}: {found}: {reason}"))
            elif value is not None:
                values[ours] = value
        if reason := spoilt(values.get("country"), values.get("postal_code")):
            problems.append(FieldError("postal_code", f"{values['postal_code']!r}: {reason}"))
        return Row(line=line, values=_nested(values), problems=tuple(problems), cells=as_found)


def recognised(header: Sequence[str], mapping: Mapping[str, str], ignore: Iterable[str]) -> int:
    """How many columns of a header have a meaning, by name or because the caller names them."""
    named = {insensitive(theirs) for theirs in (*mapping, *ignore)} | _KNOWN.keys()
    return sum(insensitive(name) in named for name in header)


def is_blank(cells: Sequence[str]) -> bool:
    """Whether a record has nothing in any of its cells."""
    return not any(cell.strip(_SPACE) for cell in cells)


def _unique_names(header: Sequence[str], source: str) -> tuple[str, ...]:
    names: dict[str, None] = {}
    for number, cell in enumerate(header, start=1):
        if damaged(cell):
            raise InvalidInputError(
                f"{source}: the name of column {number} is damaged ({shown(cell)}); is the file "
                "a table of text, in the encoding given?"
            )
        name = " ".join(cell.strip(_SPACE).split()) or f"column {number}"
        while name in names:
            name = f"{name} (column {number})"
        names[name] = None
    return tuple(names)


def _their_column(theirs: str, names: Sequence[str], source: str, option: str) -> str:
    if theirs in names:
        return theirs
    wanted = insensitive(theirs)
    found = [name for name in names if insensitive(name) == wanted]
    if len(found) == 1:
        return found[0]
    if found:
        which = " or ".join(map(repr, found))
        raise InvalidInputError(f"{source}: {option} {theirs!r} could be {which}; write it exactly")
    close = difflib.get_close_matches(theirs, names, n=1)
    raise InvalidInputError(
        f"{source}: {option} names the column {theirs!r}, which is not in the file."
        f"{_did_you_mean(close)} Its columns are: {', '.join(map(repr, names))}"
    )


def _our_field(ours: str, source: str) -> str:
    if ours in FIELDS:
        return ours
    close = difflib.get_close_matches(ours, FIELDS, n=1)
    raise InvalidInputError(
        f"{source}: {ours!r} is not a field of a draft order.{_did_you_mean(close)} "
        f"The fields are: {', '.join(FIELDS)}"
    )


def _did_you_mean(close: Sequence[str]) -> str:
    return f" Did you mean {close[0]!r}?" if close else ""


def _refuse_twins(mapped: Mapping[str, str], source: str) -> None:
    first: dict[str, str] = {}
    for theirs, ours in mapped.items():
        twin = first.setdefault(ours, theirs)
        if twin != theirs:
            raise InvalidInputError(
                f"{source}: the columns {twin!r} and {theirs!r} both mean {ours}. Choose one with "
                f"--map {f'{twin}={ours}'!r}, or leave the other out with --ignore {theirs!r}",
                (FieldError(ours, f"columns {twin!r} and {theirs!r}"),),
            )


def _default(ours: str, text: str, source: str) -> object | None:
    try:
        return read_cell(ours, text)
    except ValueError as error:
        message = f"the default {shown(text)} cannot be used: {error}"
        raise InvalidInputError(
            f"{source}: {ours}: {message}", (FieldError(ours, message),)
        ) from None


def _nested(values: Mapping[str, object]) -> dict[str, object]:
    tree: dict[str, object] = {}
    for field, value in values.items():
        *parents, leaf = field.split(".")
        branch = tree
        for parent in parents:
            branch = cast("dict[str, object]", branch.setdefault(parent, {}))
        branch[leaf] = list(cast("list[str]", value)) if isinstance(value, list) else value
    return tree
