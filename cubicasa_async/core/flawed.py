"""What some encoders write beyond JSON: NaN, infinities, and halves of characters.

Whoever cut a text in the middle of a character, or stored a figure that is none, has spoilt one
record, not the list that it stands in.
"""

from __future__ import annotations

import json
import math
import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from cubicasa_async.core import codec
from cubicasa_async.errors import FieldError

_ITEM: Final = re.compile(r"\$\.items\[(\d+)\]")
HALF: Final = re.compile("[\ud800-\udfff]")


def parse(body: bytes) -> tuple[Any, tuple[FieldError, ...]] | None:
    """Such a text to plain objects, and each flaw with its path; None if it has none, or others.

    What is no number is None there, and half of a character is U+FFFD.
    """
    flaws: list[FieldError] = []
    try:
        mended = _mended(json.loads(body.decode()), "$", flaws.append)
    except (ValueError, RecursionError):
        return None
    return (mended, tuple(flaws)) if flaws else None


def by_item(
    flaws: Sequence[FieldError],
) -> tuple[Mapping[int, list[FieldError]], list[FieldError]]:
    """The flaws of a page by the index of the item that they are in, and those in none."""
    of_items, others = defaultdict[int, list[FieldError]](list), list[FieldError]()
    for flaw in flaws:
        place = _ITEM.match(flaw.field)
        (of_items[int(place[1])] if place else others).append(flaw)
    return of_items, others


def _mended(value: Any, path: str, report: Callable[[FieldError], object]) -> Any:
    if isinstance(value, dict):
        return {
            _mended(name, f"{path}.{name}", report): _mended(item, f"{path}.{name}", report)
            for name, item in codec.as_mapping(value).items()
        }
    if isinstance(value, list):
        items = enumerate(codec.as_list(value))
        return [_mended(item, f"{path}[{index}]", report) for index, item in items]
    if isinstance(value, float) and not math.isfinite(value):
        report(FieldError(HALF.sub("\ufffd", path), "is no finite number"))
        return None
    if isinstance(value, str) and HALF.search(value):
        report(FieldError(HALF.sub("\ufffd", path), "holds half of a character"))
        return HALF.sub("\ufffd", value)
    return value
