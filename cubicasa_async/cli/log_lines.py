"""What goes wrong while events are received and handled, as far as only the log tells it."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

import click

_DELIVERY: Final = logging.getLogger("cubicasa_async.delivery")
_EVERY: Final = 60.0


@contextmanager
def saying_faults() -> Generator[None]:
    """Within it, faults of receiving, of the inbox and of sweeps are lines on standard error."""
    lines = _Lines(logging.WARNING)
    _DELIVERY.addHandler(lines)
    try:
        yield
    finally:
        _DELIVERY.removeHandler(lines)


class _Lines(logging.Handler):
    """Says the first fault of a kind, and then one a minute and how many there were besides."""

    def __init__(self, level: int) -> None:
        super().__init__(level)
        self._said: dict[tuple[str, str], float] = {}
        self._unsaid: Counter[tuple[str, str]] = Counter()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether nobody is told otherwise, as of events that failed and of orders in a sweep."""
        return record.levelno >= logging.ERROR or record.module == "receiver"

    def emit(self, record: logging.LogRecord) -> None:
        """Say it, or count it."""
        kind = record.module, str(record.msg)
        if kind in self._said and record.created - self._said[kind] < _EVERY:
            self._unsaid[kind] += 1
            return
        self._said[kind] = record.created
        besides = self._unsaid.pop(kind, 0)
        try:
            text = record.getMessage()
            click.echo(f"{text} ({besides} more like this before)" if besides else text, err=True)
        except Exception:  # noqa: BLE001 # a log must not break what it tells of
            self.handleError(record)
