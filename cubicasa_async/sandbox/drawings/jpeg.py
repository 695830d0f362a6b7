"""A sheet as JPEG: baseline, grey, with code tables of its own.

As everything on a sheet is aligned to the eight pixels of a JPEG block, few blocks differ; each is
transformed once.
"""

from __future__ import annotations

import functools
import math
import struct
from collections.abc import Iterator, Sequence
from typing import Final

from cubicasa_async.sandbox.drawings.bitmap import pixels
from cubicasa_async.sandbox.drawings.file import File
from cubicasa_async.sandbox.drawings.plan import HEIGHT, WIDTH, Sheet

__all__ = ["jpeg"]

_STEP: Final = 48
_ZIGZAG: Final = sorted(
    range(64), key=lambda at: (at // 8 + at % 8, (at // 8 if (at // 8 + at % 8) % 2 else at % 8))
)
_COSINES: Final = [
    [
        math.cos((2 * at + 1) * wave * math.pi / 16) / (math.sqrt(8) if wave == 0 else 2)
        for at in range(8)
    ]
    for wave in range(8)
]
# The first symbol has a code of one bit, all others have codes of one length: 5 and 9 bits.
_STEADY: Final = list(range(12))
_WAVES: Final = [0, 0xF0, *(run << 4 | bits for run in range(16) for bits in range(1, 11))]
_LONGEST: Final = 0xFFFF - 2


def jpeg(sheets: Sequence[Sheet]) -> File:
    """The first sheet as JPEG."""
    frame = struct.pack(">BHHBBBB", 8, HEIGHT, WIDTH, 1, 1, 0x11, 0)
    after = (
        _segment(0xDB, b"\0" + bytes([_STEP]) * 64)
        + _segment(0xC0, frame)
        + _segment(0xC4, _table(0x00, _STEADY, 5))
        + _segment(0xC4, _table(0x10, _WAVES, 9))
        + _segment(0xDA, bytes((1, 1, 0, 0, 63, 0)))
        + _scan(pixels(sheets[0]))
        + b"\xff\xd9"
    )
    jfif = _segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0")
    return File(b"\xff\xd8" + jfif, after, _comments)


def _comments(filling: bytes) -> bytes:
    parts = (filling[at : at + _LONGEST] for at in range(0, len(filling), _LONGEST))
    return b"".join(_segment(0xFE, part) for part in parts)


def _segment(marker: int, data: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data


def _table(place: int, symbols: list[int], length: int) -> bytes:
    counts = [0] * 16
    counts[0], counts[length - 1] = 1, len(symbols) - 1
    return bytes([place, *counts, *symbols])


def _code(symbols: list[int], symbol: int, length: int) -> str:
    at = symbols.index(symbol)
    return "0" if at == 0 else f"{(1 << length - 1) + at - 1:0{length}b}"


def _scan(canvas: bytearray) -> bytes:
    bits = "".join(_blocks(canvas))
    bits += "1" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\0")


def _blocks(canvas: bytearray) -> Iterator[str]:
    before = 0
    for top in range(0, HEIGHT * WIDTH, 8 * WIDTH):
        rows = [bytes(canvas[top + at * WIDTH : top + (at + 1) * WIDTH]) for at in range(8)]
        for left in range(0, WIDTH, 8):
            level, waves = _block(b"".join([row[left : left + 8] for row in rows]))
            yield _difference(level - before)
            yield waves
            before = level


@functools.lru_cache(maxsize=2048)
def _difference(value: int) -> str:
    return _code(_STEADY, value.bit_length(), 5) + _bits(value)


@functools.lru_cache(maxsize=4096)
def _block(block: bytes) -> tuple[int, str]:
    """The level of a block and the code of all else in it."""
    rows = [
        [sum((block[8 * y + x] - 128) * cosines[x] for x in range(8)) for cosines in _COSINES]
        for y in range(8)
    ]
    values = [
        round(sum(rows[y][column] * cosines[y] for y in range(8)) / _STEP)
        for cosines in _COSINES
        for column in range(8)
    ]
    code: list[str] = []
    run = 0
    for value in [values[at] for at in _ZIGZAG[1:]]:
        if value == 0:
            run += 1
            continue
        code += [_code(_WAVES, 0xF0, 9)] * (run // 16)
        code += [_code(_WAVES, run % 16 << 4 | value.bit_length(), 9), _bits(value)]
        run = 0
    if run:
        code.append(_code(_WAVES, 0, 9))
    return values[0], "".join(code)


def _bits(value: int) -> str:
    length = value.bit_length()
    if length == 0:
        return ""
    return f"{value if value > 0 else value + (1 << length) - 1:0{length}b}"
