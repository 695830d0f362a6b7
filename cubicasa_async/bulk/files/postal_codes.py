"""Postal codes that were made into numbers on their way through a spreadsheet."""

from __future__ import annotations

import re
from typing import Final

# Countries whose codes are this many digits, and where some begin with a zero.
_DIGITS: Final = {
    5: (
        "us usa unitedstates unitedstatesofamerica puertorico pr de germany deutschland allemagne "
        "fr france es spain espana españa it italy italia fi finland suomi mx mexico méxico tr "
        "turkey türkiye kr southkorea my malaysia lt lithuania ee estonia"
    ),
    6: "sg singapore cn china ru russia in india ro romania",
    7: "jp japan",
}
_BY_COUNTRY: Final = {name: digits for digits, names in _DIGITS.items() for name in names.split()}


def spoilt(country: object, code: object) -> str:
    """Why a postal code seems to have been made into a number; empty if it does not."""
    if not isinstance(code, str):
        return ""
    if re.fullmatch(r"[0-9]+\.0+", code):
        return "a postal code has no fraction; format the column as text and write it again"
    if not isinstance(country, str) or not code.isdecimal():
        return ""
    name = "".join(letter for letter in country.casefold() if letter.isalnum())
    digits = _BY_COUNTRY.get(name)
    if digits is None or not digits - 3 < len(code) < digits:
        return ""
    return (
        f"a postal code of {country} has {digits} digits; as a number it lost its leading zeros. "
        f"If it is {code.zfill(digits)}, format the column as text and write it so"
    )
