"""The files that are delivered, made so that there is something to see: small floor plans.

What is drawn follows from the path of the file and the address of the order alone. A file can be
filled up to any size beyond its own, in a place that programs which show it skip.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from cubicasa_async.sandbox.drawings.bitmap import png
from cubicasa_async.sandbox.drawings.documents import html, pdf, svg
from cubicasa_async.sandbox.drawings.file import File
from cubicasa_async.sandbox.drawings.jpeg import jpeg
from cubicasa_async.sandbox.drawings.plan import FLOORS, Sheet, floor_area, sheet

__all__ = ["FLOORS", "File", "areas", "drawing", "pages"]

_WRITERS: Final[Mapping[str, Callable[[Sequence[Sheet]], File]]] = {
    "jpg": jpeg,
    "png": png,
    "svg": svg,
    "pdf": pdf,
    "": html,
}


@functools.lru_cache(maxsize=64)
def drawing(path: str, address: str = "", version: int = 0) -> File | None:
    """The file at a path such as `/an-order/1/floor-0.dim.png`, before it is filled up.

    Args:
        path: Where it lies: the order, the number of the delivery and a name. A name without a
            floor has all of them, on a page each where the format has pages.
        address: Written above the plan.
        version: How often the file was changed since it was delivered.

    Returns:
        None for a format that is not drawn.
    """
    write = _WRITERS.get(_named(path)[2])
    return write(_sheets(path, address, version)) if write else None


def pages(path: str, address: str = "") -> bytes:
    """The PDF at a path, with all that `drawing` says of it, as it is before it is filled up."""
    return pdf(_sheets(path, address)).whole


def _sheets(path: str, address: str, version: int = 0) -> list[Sheet]:
    folders, stem, _ = _named(path)
    order, *middle = folders or [path]
    notes = [f"delivery {one}" for one in middle] + ([f"version {version}"] if version else [])
    floors = [floor for floor in range(FLOORS) if stem.startswith(f"floor-{floor}")]
    return [
        sheet(order, floor, address, ", ".join(notes), dimensioned=stem.endswith(".dim"))
        for floor in floors or range(FLOORS)
    ]


def _named(path: str) -> tuple[list[str], str, str]:
    """The folders of a path, and the stem and the ending of its file's name."""
    *folders, name = path.strip("/").split("/")
    stem, dot, ending = name.rpartition(".")
    return folders, stem if dot else name, ending if dot else ""


def areas(order: str) -> list[float]:
    """The area of each floor of an order in square metres."""
    return [floor_area(order, floor) for floor in range(FLOORS)]
