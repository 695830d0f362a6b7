"""File names that every system can hold: lower-case ASCII, short, and none with a meaning."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from typing import Final

MANIFEST: Final = "cubicasa-manifest.json"
FORMER: Final = "former"
PARTS: Final = ".parts"

_LONGEST_STEM: Final = 100
_DEVICES: Final = frozenset(
    {"con", "prn", "aux", "nul", "conin$", "conout$"}
    | {f"{port}{number}" for port in ("com", "lpt") for number in range(10)}
)
_TAKEN: Final = _DEVICES | {FORMER, MANIFEST.partition(".")[0]}
_NOT_SAFE: Final = re.compile(r"[^a-z0-9_.-]+")


def safe_name(stem: str, extension: str | None = None) -> str:
    """A file name for a text, the same each time and different for different texts.

    Only lower-case ASCII is used, so neither the case nor the normal form of Unicode, which
    systems treat differently, can make two names one. A text that has to be changed gets a digest
    of itself. Names that Windows gives to devices, and those of our own files, are not used.

    Args:
        stem: What the file is to be called; any text.
        extension: Letters and digits; None for none.
    """
    plain = unicodedata.normalize("NFKD", stem).encode("ascii", "ignore").decode().lower()
    plain = _NOT_SAFE.sub("_", plain).strip("._-")[:_LONGEST_STEM].rstrip("._-")
    if plain != stem or not plain:
        digest = hashlib.sha256(stem.encode("utf-8", "surrogatepass")).hexdigest()[:8]
        plain = f"{plain}-{digest}" if plain else digest
    if plain.partition(".")[0] in _TAKEN:
        plain = f"_{plain}"
    return f"{plain}.{extension}" if extension else plain


def is_safe(name: str) -> bool:
    """Whether a name is one that `safe_name` gives: for names that come from a file."""
    stem = name.removeprefix("_")
    return (
        0 < len(name) <= 2 * _LONGEST_STEM
        and not _NOT_SAFE.search(stem)
        and stem == stem.strip(".-")
        and (name != stem or stem.partition(".")[0] not in _TAKEN)
    )


def version_name(name: str, number: int) -> str:
    """The name of a former version: `plan-1.jpg` becomes `plan-1.v2.jpg`."""
    stem, dot, extension = name.rpartition(".")
    return f"{stem}.v{number}.{extension}" if dot and stem else f"{name}.v{number}"
