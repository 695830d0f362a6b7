"""Whether bytes are what they are said to be, by how files of that format begin and end."""

from __future__ import annotations

import re
from typing import Final

HEAD: Final = 1024
"""How many bytes of the beginning are looked at."""
TAIL: Final = 1024
"""How many bytes of the end are looked at."""

_PAGE: Final = re.compile(rb"(\xef\xbb\xbf)?\s*<(!doctype\s+html|html|head|body)\b", re.IGNORECASE)
_MARKUP: Final = re.compile(rb"(\xef\xbb\xbf)?\s*<")
_ZIP: Final = rb"PK(\x03\x04|\x05\x06|\x07\x08)"
_BOXES: Final = rb"....(ftyp|moov|mdat|free|wide|skip)"
_BEGINS: Final = {
    kind: re.compile(pattern, re.DOTALL | re.IGNORECASE)
    for kinds, pattern in {
        "jpg jpeg": rb"\xff\xd8\xff",
        "png": rb"\x89PNG\r\n\x1a\n",
        "gif": rb"GIF8[79]a",
        "webp": rb"RIFF....WEBP",
        "bmp": rb"BM",
        "tif tiff": rb"II[*+]\x00|MM\x00[*+]",
        "pdf": rb".{0,1000}?%PDF-",
        "svg": rb"(\xef\xbb\xbf)?\s*<(\?xml|!--|!doctype\s+svg|svg)",
        "json": rb"(\xef\xbb\xbf)?\s*[\[{\"0-9tfn-]",
        "zip usdz docx xlsx": _ZIP,
        "mp4 mov heic": _BOXES,
        "webm": rb"\x1a\x45\xdf\xa3",
        "glb": rb"glTF",
        "dwg": rb"AC\d",
        "dxf": rb"(\xef\xbb\xbf)?\s*(0|999)[ \t]*\r?\n|AutoCAD Binary DXF",
        "ifc": rb"(\xef\xbb\xbf)?\s*ISO-10303-21",
    }.items()
    for kind in kinds.split()
}
_ENDS: Final = {
    kind: re.compile(pattern, re.DOTALL | re.IGNORECASE)
    for kinds, pattern in {
        "jpg jpeg": rb"\xff\xd9",
        "png": rb"IEND....\Z",
        "gif": rb";\Z",
        "pdf": rb"%%EOF",
        "svg": rb"</svg>\s*(<!--.*-->\s*)?\Z",
        "json": rb"[\]}\"0-9el]\s*\Z",
        "zip usdz docx xlsx": rb"PK\x05\x06",
    }.items()
    for kind in kinds.split()
}


def problem_of(kind: str | None, head: bytes, content_type: str) -> str | None:
    """What speaks against bytes being a file of a format; None if nothing does.

    Args:
        kind: The format, such as "pdf"; None if it is not known.
        head: The first bytes, HEAD of them if there are as many.
        content_type: What the server calls them.
    """
    if not head:
        return "it is empty"
    begins = _BEGINS.get(kind or "")
    if begins is not None and begins.match(head):
        return None
    if kind != "html" and (_PAGE.match(head) or _is_said_page(kind, head, content_type)):
        return "it is a web page"
    return None if begins is None else f"it does not begin as {kind} does"


def _is_said_page(kind: str | None, head: bytes, content_type: str) -> bool:
    """Whether it is what the server calls it: text of a known format is often called a page."""
    is_said = content_type.partition(";")[0].strip().lower() == "text/html"
    return is_said and (kind is None or _MARKUP.match(head) is not None)


def ends_well(kind: str | None, tail: bytes) -> bool | None:
    """Whether a file's end looks like one of its format; None if that cannot be told."""
    ends = _ENDS.get(kind or "")
    return None if ends is None else ends.search(tail) is not None
