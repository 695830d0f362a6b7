"""A sheet as pixels, with letters of three by five, and as PNG."""

from __future__ import annotations

import struct
import unicodedata
import zlib
from collections.abc import Sequence
from typing import Final

from cubicasa_async.sandbox.drawings.file import File
from cubicasa_async.sandbox.drawings.plan import HEIGHT, WIDTH, Rect, Sheet, Text

__all__ = ["pixels", "png"]

_SCALE: Final = 2
_INK: Final = bytes([24]) * _SCALE
# Five rows of three bits each, the uppermost first, as one octal digit a row.
_LETTERS: Final = {
    letter: [int(row) for row in rows]
    for letter, rows in zip(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,-/#",
        (
            "25755 65656 34443 65556 74647 74644 34553 55755 72227 11152 55655 44447 57755 65555 "
            "25552 65644 25573 65655 34216 72222 55557 55552 55775 55255 55222 71247 75557 26227 "
            "61247 61216 55711 74616 34652 71122 25252 25316 00002 00024 00700 11244 57575"
        ).split(),
        strict=True,
    )
}


def pixels(sheet: Sheet) -> bytearray:
    """One byte a pixel, row by row: 0 is black."""
    canvas = bytearray(b"\xff") * (WIDTH * HEIGHT)
    for mark in sheet.marks:
        if isinstance(mark, Rect):
            row = bytes([mark.shade]) * mark.width
            for y in range(mark.y, mark.y + mark.height):
                canvas[y * WIDTH + mark.x : y * WIDTH + mark.x + mark.width] = row
        else:
            _write(canvas, mark)
    return canvas


def _write(canvas: bytearray, mark: Text) -> None:
    x = mark.x
    for letter in unicodedata.normalize("NFKD", mark.text.upper()):
        if unicodedata.combining(letter):
            continue
        for row, bits in enumerate(_LETTERS.get(letter, ()) if letter != " " else ()):
            for column in range(3):
                if bits & 4 >> column:
                    for line in range(_SCALE):
                        at = (mark.y + 2 + row * _SCALE + line) * WIDTH + x + column * _SCALE
                        canvas[at : at + _SCALE] = _INK
        x += 8


def png(sheets: Sequence[Sheet]) -> File:
    """The first sheet as PNG."""
    canvas = pixels(sheets[0])
    rows = b"".join(b"\0" + canvas[y * WIDTH : (y + 1) * WIDTH] for y in range(HEIGHT))
    title = sheets[0].title.encode("latin-1", "replace")
    before = (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 0, 0, 0, 0))
        + _chunk(b"tEXt", b"Title\0" + title)
        + _chunk(b"IDAT", zlib.compress(rows, 6))
    )
    return File(before, _chunk(b"IEND", b""), lambda filling: _chunk(b"fiLl", filling))


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
