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

__all__ = ["File", "areas", "drawing"]

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
    order, *middle, name = path.strip("/").split("/") if "/" in path.strip("/") else ["", path]
    stem, _, ending = name.rpartition(".") if "." in name else (name, "", "")
    write = _WRITERS.get(ending)
    if write is None:
        return None
    notes = [f"delivery {one}" for one in middle] + ([f"version {version}"] if version else [])
    floors = [floor for floor in range(FLOORS) if stem.startswith(f"floor-{floor}")]
    sheets = [
        sheet(order or path, floor, address, ", ".join(notes), dimensioned=stem.endswith(".dim"))
        for floor in floors or range(FLOORS)
    ]
    return write(sheets)


def areas(order: str) -> list[float]:
    """The area of each floor of an order in square metres."""
    return [floor_area(order, floor) for floor in range(FLOORS)]
