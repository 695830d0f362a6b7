"""City, state and postal code, in the orders in which people write them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from cubicasa_async.bulk.reconcile.words import is_state

_ONE_WORD: Final = re.compile(
    r"(?:[a-z]{1,3}-)?\d{4,8}|\d{5}-\d{4}|\d{2,5}-\d{3}|\d{3}-\d{4}"  # 06108, D-06108, 00-950
    r"|[a-z]{1,2}\d[a-z\d]?\d[a-z]{2}|[a-z]\d[a-z]\d[a-z]\d"  # SW1A1AA, M5V2T6
    r"|[a-z]\d[\dw][a-z\d]{4}|\d{4}[a-z]{2}",  # D02X285, 1012AB
    re.IGNORECASE,
)
_TWO_WORDS: Final = re.compile(
    r"\d{3} \d{2}|\d{5} \d{4}"  # 110 00
    r"|[a-z]{1,2}\d[a-z\d]? \d[a-z]{2}|[a-z]\d[a-z] \d[a-z]\d|[a-z]\d[\dw] [a-z\d]{4}",
    re.IGNORECASE,
)
_DUTCH: Final = re.compile(r"\d{4} [A-Z]{2}")


def town_of(parts: Sequence[str]) -> dict[str, str]:
    """City, state and postal code, from what stands between a street and a country.

    `Halle`, `06108 Halle`, `Halle 06108`, `New Orleans, LA 70130`, `Toronto, ON, M5V 2T6`.
    """
    rest, found = list(parts), dict[str, str]()
    for place, part in reversed([*enumerate(rest)]):
        before, code, behind = _around_code(part)
        if not code:
            continue
        found["postal_code"] = code
        name, above, below = before or behind, rest[:place], rest[place + 1 :]
        if is_state(name) and (above or len(name) == 2):
            found["state"] = name
        elif behind or (before and not above):
            found |= _city(name)
            return found | ({"state": below[-1]} if below else {})
        rest = above + below  # a region that is not known is left out
        break
    if (
        len(rest) > 1
        and "state" not in found
        and ("postal_code" not in found or is_state(rest[-1]))
    ):
        found["state"] = rest.pop()
    return {**found, "city": rest[-1]} if rest else found


def _around_code(text: str) -> tuple[str, str, str]:
    """What stands before a postal code, the code, and what stands behind it; or no code."""
    words = text.split()
    for count in (2, 1):
        for at in (0, len(words) - count):
            code = " ".join(words[at : at + count])
            if at >= 0 and _is_code(code, text):
                return " ".join(words[:at]), code, " ".join(words[at + count :])
    return "", "", ""


def _is_code(text: str, whole: str) -> bool:
    if _DUTCH.fullmatch(text):  # or what begins the name of a city: 2300 La Chaux, 9000 St Gallen
        return text == whole or not whole.isupper()
    if len(text) == 3:  # or what begins the name of a city: 100 Mile House
        return text == whole and text.isdecimal()
    return bool(_ONE_WORD.fullmatch(text) or _TWO_WORDS.fullmatch(text))


def _city(text: str) -> dict[str, str]:
    """A city, with its state behind it or without."""
    *city, last = text.split()
    if city and len(last) == 2 and last.isupper() and is_state(last):
        return {"city": " ".join(city), "state": last}
    return {"city": text}
