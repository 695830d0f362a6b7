"""Text that was spoilt on its way, by a spreadsheet or by a wrong encoding."""

from __future__ import annotations

import re
from typing import Final

UNREADABLE: Final = "\ufffd "
"""Stands before the text of a cell that could not be read, where rejected rows are written down.

So that such a row is rejected again as long as nobody has corrected it.
"""

UNREADABLE_ELSEWHERE: Final = "#?"
"""The same, in encodings that do not have the letter."""

# U+FFFD, lone surrogates, and control characters other than tab and line breaks.
_LOST: Final = re.compile("[\ufffd\ud800-\udfff\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_ERRORS: Final = frozenset(
    {"#N/A", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NULL!", "#NUM!", "#SPILL!", "#CALC!"}
)
_SHORTENED: Final = re.compile(r"[0-9](?:[.,][0-9]+)?[eE]\+[0-9]{2,3}")
AS_TEXT: Final = "Format the column as text and write it again"


def damaged(text: str) -> bool:
    """Whether characters got lost or garbled before the text came here."""
    return _LOST.search(text) is not None


def marked(text: str, encoding: str) -> str:
    """A cell's text with the mark before it; once is enough."""
    try:
        UNREADABLE.encode(encoding)
    except UnicodeEncodeError:
        return UNREADABLE_ELSEWHERE + unmarked(text)
    return UNREADABLE + unmarked(text)


def unmarked(text: str) -> str:
    """A cell's text without the mark, if it has one."""
    return text.removeprefix(UNREADABLE).removeprefix(UNREADABLE_ELSEWHERE)


def damage_of(text: str) -> str:
    """Why a cell's text cannot be what was meant; empty if nothing speaks against it."""
    if text != (written := unmarked(text)):
        mark = text.removesuffix(written)
        return f"it could not be used as it stood; write it anew, without {mark!r}"
    if damaged(text):
        return "the text was damaged before it came here"
    plain = text.strip()
    if plain in _ERRORS:
        return "it is an error of a spreadsheet"
    if len(plain) > 1 and not plain.strip("#"):
        return "a spreadsheet wrote it instead of a value, as the column was too narrow"
    if meant := _misread(text):
        return f"its letters were garbled before it came here; perhaps it was {meant!r}"
    return ""


def shortened(text: str) -> str:
    """Why a text seems to be a number that lost digits; empty if it does not."""
    if _SHORTENED.fullmatch(text) is None:
        return ""
    return f"it was made into a number and shortened. {AS_TEXT}"


def _misread(text: str) -> str:
    """What UTF-8 text was before it was read as Windows-1252; empty if that did not happen."""
    if text.isascii():
        return ""
    try:
        return text.encode("cp1252").decode("utf-8")
    except UnicodeError:
        return ""
