"""Addresses brought into one form, so that two ways to write one property can be compared."""

from __future__ import annotations

import re
from typing import Final

import attrs

from cubicasa_async.bulk.reconcile.towns import town_of
from cubicasa_async.bulk.reconcile.words import (
    COUNTRIES,
    DIRECTIONS,
    NUMBERS,
    STATES,
    STREETS,
    UNITS,
    folded,
    is_state,
)
from cubicasa_async.resources.order import Address

_NUMBER: Final = re.compile(r"\d+[a-z]?(-\d+[a-z]?)?")
_HALF: Final = re.compile(r"\d/\d")
_UNIT_MARK: Final = re.compile(r"#\s*(?=\w)")
_SPLIT_NUMBER: Final = re.compile(r"\b(\d+)\s*-\s*(\d+)\b")
_ZIP: Final = re.compile(r"(\d{5})(?:-?\d{4})?")
_ABROAD: Final = re.compile(r"[a-z]{1,3}-(?=\d)")


@attrs.frozen(kw_only=True)
class Property:
    """An address in one form: small letters without marks, the same words for the same things.

    Each part is empty if the address does not say it.

    Attributes:
        number: House number.
        street: Name of the street without its kind, such as "bourbon" or "north washington".
        kind: Kind of street, such as "street".
        suite: Unit within the building.
        city: City.
        state: State; the postal abbreviation in the United States and in Canada.
        postal_code: Postal code without spaces; five digits of one of the United States.
        country: Country, two letters if it is a known one.
        place: Degrees north and east, if both are said.
    """

    number: str = ""
    street: str = ""
    kind: str = ""
    suite: str = ""
    city: str = ""
    state: str = ""
    postal_code: str = ""
    country: str = ""
    place: tuple[float, float] | None = None

    @classmethod
    def of(cls, address: Address) -> Property:
        """The property that an address means."""
        if not address.street and address.full_address:
            north, east = address.latitude, address.longitude
            whole = address_of_line(address.full_address)
            address = attrs.evolve(whole, latitude=north, longitude=east)
        line, _, rest = (address.street or "").partition(",")
        number, words, suite = _street_parts(line)
        street, kind = _name_and_kind(words)
        inside = address.suite or rest
        north, east = address.latitude, address.longitude
        state = folded(address.state)
        return cls(
            number=_house_number(address.number) or number,
            street=street,
            kind=kind,
            suite=_suite(inside) or suite,
            city=_city(address.city),
            state=STATES.get(state, state),
            postal_code=_postal_code(address.postal_code),
            country=COUNTRIES.get(folded(address.country), folded(address.country)),
            place=None if north is None or east is None else (north, east),
        )

    @property
    def keys(self) -> tuple[tuple[str, ...], ...]:
        """What a property may be found by; two that are the same share one at least."""
        found: list[tuple[str, ...]] = []
        if self.street:
            found.append(("street", self.street.replace(" ", "")))
        if self.street and self.city:
            found.append(("start", self.street[:4], self.city))
        if self.number and self.city:
            found.append(("city", self.number, self.city))
        if self.number and self.postal_code:
            found.append(("code", self.number, self.postal_code))
        return tuple(found)


def address_of_line(line: str) -> Address:
    """An address written on one line, with commas: street, city, state with postal code, country.

    The postal code may stand before the city, behind it or alone as well. What cannot be told apart
    is left out.
    """
    street, *others = (part.strip() for part in line.split(","))
    found: dict[str, str] = {"street": street}
    if others and _is_unit(folded(others[0]).split()) and (others[1:] or _has_digit(others[0])):
        found["suite"] = others.pop(0)
    if len(others) > 1 and folded(others[-1]) in COUNTRIES and not is_state(others[-1]):
        found["country"] = others.pop()
    return Address(**found, **town_of(others))  # type: ignore[arg-type] # all of them are texts


def _has_digit(text: str) -> bool:
    return any(letter.isdigit() for letter in text)


def _street_parts(line: str) -> tuple[str, list[str], str]:
    """House number, the words of the street, and the unit, from a line that may have all."""
    text = _SPLIT_NUMBER.sub(r"\1-\2", _UNIT_MARK.sub("# ", folded(line)))
    words, suite = _without_unit(text.split())
    if len(words) > 2 and _NUMBER.fullmatch(words[0]) and _HALF.fullmatch(words[1]):
        return f"{words[0]} {words[1]}", words[2:], suite
    if len(words) > 1 and _NUMBER.fullmatch(words[0]):
        return words[0], words[1:], suite
    if len(words) > 2 and _NUMBER.fullmatch(words[-2]) and len(words[-1]) == 1:
        return words[-2], words[:-2], suite or words[-1]  # the letter of a staircase
    if len(words) > 1 and _NUMBER.fullmatch(words[-1]) and words[-2] not in _NUMBERED:
        return words[-1], words[:-1], suite  # the number stands behind in many countries
    return "", words, suite


_NUMBERED: Final = frozenset({"highway", "hwy", "route", "rte", "road", "rd", "avenue", "ave"})


def _without_unit(words: list[str]) -> tuple[list[str], str]:
    for place, word in enumerate(words):
        if place > 0 and (word == "#" or (word in UNITS and place >= len(words) - 2)):
            return words[:place], _suite(" ".join(words[place:]))
    return words, ""


def _is_unit(words: list[str]) -> bool:
    return bool(words) and (words[0] in UNITS or words[0].startswith("#"))


def _suite(text: str | None) -> str:
    words = folded(text).replace("#", " ").split()
    return "".join(word for word in words if word not in UNITS) or "".join(words)


def _house_number(text: str | None) -> str:
    return _SPLIT_NUMBER.sub(r"\1-\2", folded(text)).replace(" ", "")


def _name_and_kind(words: list[str]) -> tuple[str, str]:
    """A street's name with its directions in front, and its kind."""
    directions: list[str] = []
    while len(words) > 1 and words[0] in DIRECTIONS:
        directions.append(DIRECTIONS[words[0]])
        words = words[1:]
    while len(words) > 1 and words[-1] in DIRECTIONS:
        directions.append(DIRECTIONS[words[-1]])
        words = words[:-1]
    kind = ""
    if len(words) > 1 and words[-1] in STREETS:
        kind, words = STREETS[words[-1]], words[:-1]
    elif len(words) > 1 and words[0] in {"rue", "calle", "via", "avenue", "avenida", "boulevard"}:
        kind, words = words[0], words[1:]
    elif len(words) == 1 and words[0].endswith(("strasse", "str")) and len(words[0]) > len("str"):
        kind, words = "strasse", [words[0].removesuffix("strasse").removesuffix("str")]
    name = ["saint" if word == "st" else NUMBERS.get(word, word) for word in words]
    return " ".join([*directions, *name]), kind


def _city(text: str | None) -> str:
    words = folded(text).split()
    long = {"st": "saint", "ft": "fort", "mt": "mount"}
    return " ".join(long.get(word, word) for word in words)


def _postal_code(text: str | None) -> str:
    code = _ABROAD.sub("", folded(text))
    zip_code = _ZIP.fullmatch(code.replace(" ", "-"))
    return zip_code[1] if zip_code else code.replace(" ", "").replace("-", "")
