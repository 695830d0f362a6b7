"""The bytes of the delivered files: they follow from the path, and large ones are never kept.

A file that is large enough for it, and not above 1 MiB, is a floor plan filled up to its size; any
other begins and ends as its format does, with nothing to see between.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from typing import Final

import attrs

from cubicasa_async.sandbox.drawings import areas, drawing

__all__ = ["Content", "Contents"]

_TYPES: Final = {
    "jpg": ("image/jpeg", b"\xff\xd8\xff\xe0", b"\xff\xd9"),
    "png": ("image/png", b"\x89PNG\r\n\x1a\n", b"\x00\x00\x00\x00IEND\xaeB`\x82"),
    "pdf": ("application/pdf", b"%PDF-1.4\n", b"\n%%EOF\n"),
    "svg": ("image/svg+xml", b"<svg xmlns='http://www.w3.org/2000/svg'><!--", b"--></svg>"),
    "zip": ("application/zip", b"PK\x03\x04", b"PK\x05\x06" + bytes(18)),
    "mp4": ("video/mp4", b"\x00\x00\x00\x18ftypmp42", b""),
    "json": ("application/json", b"", b""),
}
_PAGE: Final = ("text/html; charset=utf-8", b"<!doctype html>\n", b"")
_KEPT: Final = 1 << 20
_BLOCK: Final = 1 << 16


@attrs.frozen
class Content:
    """A file: its bytes, or for a large one the rule by which they are made.

    Attributes:
        kind: Its Content-Type.
        whole: Its bytes, or the beginning of a large one.
        size: How many bytes it has.
        seed: What the bytes of a large one follow from.
    """

    kind: str
    whole: bytes = attrs.field(repr=False)
    size: int = attrs.field(default=attrs.Factory(lambda self: len(self.whole), takes_self=True))
    seed: str = ""

    @property
    def etag(self) -> str:
        """A strong validator."""
        named = f"{self.seed} {self.size}".encode() if self.size > len(self.whole) else self.whole
        return f'"{hashlib.sha256(named).hexdigest()[:16]}"'

    def part(self, begin: int = 0, end: int | None = None) -> Iterator[bytes]:
        """The bytes from `begin` up to `end`, block by block."""
        end = self.size if end is None else end
        if begin < min(end, len(self.whole)):
            yield self.whole[begin:end]
            begin = min(end, len(self.whole))
        filling = hashlib.shake_128(self.seed.encode()).digest(_BLOCK - 8) if begin < end else b""
        while begin < end:
            number, skip = divmod(begin, _BLOCK)
            block = (number.to_bytes(8, "big") + filling)[skip : skip + end - begin]
            yield block
            begin += len(block)


class Contents:
    """What lies where.

    Attributes:
        size: How many bytes a file has if nothing else was said.
        sizes: Bytes by path. Above 1 MiB a file is made while it is sent, and never kept.
        address_of: Answers an order's address by its id, for its drawings; "" if it is not known.
    """

    address_of: Callable[[str], str]

    def __init__(self, size: int = 20_000) -> None:
        self._usual_size = size
        self.address_of = lambda _: ""
        self.reset()

    def reset(self) -> None:
        """Forget changes, sizes and exact bytes."""
        self.size: int = self._usual_size
        self.sizes: dict[str, int] = {}
        self._exact: dict[str, bytes] = {}
        self._versions: dict[str, int] = {}

    def put(self, path: str, content: bytes) -> None:
        """Say exactly what a file holds."""
        self._exact[path] = content

    def change(self, path: str) -> None:
        """Give a file other bytes of the same size, and with them another validator."""
        self._exact.pop(path, None)
        self._versions[path] = self._versions.get(path, 0) + 1

    def of(self, path: str) -> Content:
        """The file at a path such as `/an-order/1/plans.pdf`."""
        kind, start, end = _TYPES.get(path.rpartition(".")[2], _PAGE)
        if path in self._exact:
            return Content(kind, self._exact[path])
        version = self._versions.get(path, 0)
        seed = f"{path}#{version}" if version else path
        order = path.strip("/").partition("/")[0]
        if kind == "application/json":
            return Content(kind, json.dumps({"path": seed, "areas_m2": areas(order)}).encode())
        size = self.sizes.get(path, self.size)
        if size > _KEPT:
            return Content(kind, start, size, seed)
        file = drawing(path, self.address_of(order), version)
        drawn = file and file.filled(size, hashlib.shake_128(seed.encode()).digest)
        if drawn:
            return Content(kind, drawn)
        filling = hashlib.shake_128(seed.encode()).digest(max(size - len(start + end), 0))
        if kind == "image/svg+xml":
            filling = filling.hex().encode()[: len(filling)]
        return Content(kind, start + filling + end)
