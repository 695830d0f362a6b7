"""Turnaround at a glance: figures over an order mirror, and a page with plots of them.

::

    async with Mirror("orders.db") as mirror:
        stats = await read_stats(mirror)
    write_page(Path("orders.html"), stats)

Nothing is asked of the service. All times are UTC, and weeks begin on Monday.
"""

from __future__ import annotations

from cubicasa_async.bulk.stats.figures import (
    Bucket,
    Durations,
    Stats,
    StuckDraft,
    Twins,
    Week,
)
from cubicasa_async.bulk.stats.page import page, write_page
from cubicasa_async.bulk.stats.reading import read_stats

__all__ = [
    "Bucket",
    "Durations",
    "Stats",
    "StuckDraft",
    "Twins",
    "Week",
    "page",
    "read_stats",
    "write_page",
]
