"""Sheets as SVG, as PDF with a page each, and as a web page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from typing import Final

from cubicasa_async.sandbox.drawings.file import File
from cubicasa_async.sandbox.drawings.plan import CELL, HEIGHT, WIDTH, Rect, Sheet

__all__ = ["html", "pdf", "svg"]

_LETTER: Final = f"{CELL / 0.6:.2f}"
"""The size of a Courier whose letters are a cell wide."""
_BASELINE: Final = 12


def svg(sheets: Sequence[Sheet]) -> File:
    """The first sheet as SVG."""
    return File(_svg(sheets[0]).encode(), b"</svg>\n", _comment)


def html(sheets: Sequence[Sheet]) -> File:
    """All sheets on one web page."""
    plans = "\n".join(f"{_svg(one)}</svg>" for one in sheets)
    page = f"<!doctype html>\n<meta charset=utf-8>\n<title>{escape(sheets[0].title)}</title>\n"
    return File(f"{page}{plans}\n".encode(), b"", _comment)


def _comment(filling: bytes) -> bytes:
    return b"<!--" + _text(filling) + b"-->"


def _text(filling: bytes) -> bytes:
    return filling.hex().encode()[: len(filling)]


def _svg(sheet: Sheet) -> str:
    root = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'width="{WIDTH}" height="{HEIGHT}" font-family="Courier, monospace" '
        f'font-size="{_LETTER}">'
    )
    lines = [root, f"<title>{escape(sheet.title)}</title>"]
    for mark in sheet.marks:
        if isinstance(mark, Rect):
            fill = f"#{mark.shade:02x}{mark.shade:02x}{mark.shade:02x}"
            lines.append(
                f'<rect x="{mark.x}" y="{mark.y}" width="{mark.width}" height="{mark.height}" '
                f'fill="{fill}"/>'
            )
        else:
            lines.append(f'<text x="{mark.x}" y="{mark.y + _BASELINE}">{escape(mark.text)}</text>')
    return "\n".join(lines)


def pdf(sheets: Sequence[Sheet]) -> File:
    """Each sheet on a page of its own."""
    numbers = range(4, 4 + 2 * len(sheets), 2)
    kids = " ".join(f"{number} 0 R" for number in numbers)
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(sheets)} >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Courier /Encoding /WinAnsiEncoding >>",
    ]
    for number, sheet in zip(numbers, sheets, strict=True):
        content = b"\n".join(_operators(sheet))
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {WIDTH} {HEIGHT}] "
            f"/Contents {number + 1} 0 R /Resources << /Font << /F 3 0 R >> >> >>".encode()
        )
        objects.append(b"<< /Length %d >>\nstream\n%b\nendstream" % (len(content), content))
    body = b"%PDF-1.4\n"
    places: list[int] = []
    for number, value in enumerate(objects, 1):
        places.append(len(body))
        body += b"%d 0 obj\n%b\nendobj\n" % (number, value)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    head = b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    trailer = b"trailer\n<< /Size %d /Root 1 0 R >>\n" % (len(objects) + 1)
    # What is hidden stands behind the table, so that no place in the file depends on it.
    after = b"startxref\n%d\n%%%%EOF\n" % len(body)
    return File(body + head + table + trailer, after, lambda filling: b"%" + _text(filling) + b"\n")


def _operators(sheet: Sheet) -> Iterator[bytes]:
    for mark in sheet.marks:
        if isinstance(mark, Rect):
            shade = f"{mark.shade / 255:.3f} g"
            y = HEIGHT - mark.y - mark.height
            yield f"{shade} {mark.x} {y} {mark.width} {mark.height} re f".encode()
        else:
            text = mark.text.encode("cp1252", "replace")
            for special in (b"\\", b"(", b")"):
                text = text.replace(special, b"\\" + special)
            place = f"{mark.x} {HEIGHT - mark.y - _BASELINE}".encode()
            yield b"0 g BT /F %b Tf %b Td (%b) Tj ET" % (_LETTER.encode(), place, text)
