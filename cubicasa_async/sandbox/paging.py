"""The readings of `next_offset`.

The documentation asks limit=20 offset=0, is told `next_offset` 21, and asks offset=21 next. Whether
the server counts from zero or from one is unknown, so the sandbox can be each.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Any

from cubicasa_async.sandbox.collection import NewestFirst, T

__all__ = ["Reading", "envelope"]


class Reading(enum.StrEnum):
    """How the server counts offsets. All three are inferred; nobody has settled it."""

    ZERO_BASED = "zero_based"
    """Offset 0 is the first record; after 0/20 `next_offset` is 20."""

    ONE_BASED = "one_based"
    """Offsets 0 and 1 are the first record; after 0/20 `next_offset` is 21, which is the 21st."""

    SKIPPING = "skipping"
    """Offset 0 is the first record and yet after 0/20 `next_offset` is 21, which is the 22nd:
    a client that follows it blindly loses one record per page."""


def envelope(
    items: NewestFirst[T],
    render: Callable[[T], Any],
    *,
    reading: Reading,
    limit: int,
    offset: int,
    keep: Callable[[T], bool] | None = None,
) -> dict[str, Any]:
    """One page of a list, newest first, in the documented envelope."""
    start = max(offset - 1, 0) if reading is Reading.ONE_BASED else offset
    found, total = items.page(start, limit, keep)
    end = start + len(found)
    return {
        "pagination": {
            "has_more": end < total,
            "limit": limit,
            "next_offset": end if reading is Reading.ZERO_BASED else end + 1,
            "previous_offset": max(offset - limit, 0),
        },
        "items": [render(item) for item in found],
    }
