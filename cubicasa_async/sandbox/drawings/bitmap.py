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
# A letter and its five rows of three bits, the uppermost first, as one octal digit a row.
_FONT: Final = (
    "A25755 B65656 C34443 D65556 E74647 F74644 G34553 H55755 I72227 J11152 K55655 L44447 "
    "M57755 N65555 O25552 P65644 Q25573 R65655 S34216 T72222 U55557 V55552 W55775 X55255 "
    "Y55222 Z71247 075557 126227 261247 361216 455711 574616 634652 771122 825252 925316 "
    ".00002 ,00024 -00700 /11244 #57575 "
)
_LETTERS: Final = {one[0]: [int(row) for row in one[1:]] for one in _FONT.split()}


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
        if x + 4 * _SCALE > WIDTH:
            return
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
