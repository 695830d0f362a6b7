"""Files as they are found: what cannot be read from its beginning again and again is refused."""

from __future__ import annotations

import re
import stat
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from cubicasa_async.errors import InvalidInputError

SAMPLE: Final = 1 << 14
"""Bytes at the beginning that tell the kind of a file."""

_MAGIC: Final = (
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook; save it as .xlsx or CSV"),
    (b"%PDF", "a PDF document; export the table as CSV"),
    (b"\x1f\x8b", "a gzip archive; unpack it first"),
    (b"PAR1", "a Parquet file; read it with --format parquet"),
)


def name_of(path: Path) -> str:
    """The file's name for messages, printable whatever bytes it has."""
    return path.name.encode("utf-8", "backslashreplace").decode() or str(path)


def require_regular(path: Path) -> None:
    """Refuse what is no file, or can be read only once.

    Raises:
        InvalidInputError: It is a directory, a pipe or alike, or cannot be reached.
    """
    source = name_of(path)
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        what = "there is no such file"
        if source == "-":
            what += "; rows are read more than once, so standard input will not do"
        raise InvalidInputError(f"{source}: {what}") from None
    except (OSError, ValueError) as error:
        raise InvalidInputError(f"{source}: the file cannot be reached: {error}") from error
    if stat.S_ISDIR(mode):
        raise InvalidInputError(f"{source}: this is a directory; give the path of a file")
    if not stat.S_ISREG(mode):
        raise InvalidInputError(
            f"{source}: this is not a regular file, and rows are read more than once; save them "
            "to a file and give its path"
        )


@contextmanager
def open_binary(path: Path) -> Generator[BinaryIO, None, None]:
    """Open a regular file for reading.

    Raises:
        InvalidInputError: As `require_regular`, or the file cannot be read.
    """
    require_regular(path)
    try:
        with path.open("rb") as file:
            yield file
    except OSError as error:
        reason = error.strerror or error
        raise InvalidInputError(f"{name_of(path)}: the file cannot be read: {reason}") from error


def refuse_other_kinds(source: str, head: bytes) -> None:
    """Refuse a file that is no text, or text of another kind than lines of it.

    Raises:
        InvalidInputError: Says what it is, and what to do.
    """
    for magic, what in _MAGIC:
        if head.startswith(magic):
            raise InvalidInputError(f"{source}: this is {what}")
    if head.startswith(b"PK\x03\x04"):
        excel = b"[Content_Types].xml" in head or b"xl/" in head
        what = "an Excel workbook: --format excel" if excel else "a zip archive, unpack it first"
        if b"opendocument" in head:
            what = "an OpenDocument table; save it as .xlsx or CSV"
        raise InvalidInputError(f"{source}: this is {what}")
    if re.match(rb"(?i)\s*<(!doctype|html|table|\?xml)", head):
        raise InvalidInputError(f"{source}: this is a web page or XML; save the table as CSV")
