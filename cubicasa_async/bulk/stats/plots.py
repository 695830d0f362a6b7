"""Plots as SVG, inside of a page: no script, and a title and a description for each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from typing import Final

import attrs

_WIDTH: Final = 480
_ROW: Final = 26
_LABELS: Final = 140
_COUNTS: Final = 56
_LONGEST_LABEL: Final = 22
_HEIGHT: Final = 200


@attrs.frozen
class Bar:
    """A bar, or a part of one.

    Attributes:
        label: What it stands for; any text.
        value: How long it is.
        colour: The class of its colour.
    """

    label: str
    value: int
    colour: str = "c-plain"


@attrs.frozen
class Column:
    """A column of parts, one upon the other.

    Attributes:
        label: What stands below it; empty for nothing.
        name: What it stands for.
        parts: Its parts, the lowest first.
    """

    label: str
    name: str
    parts: Sequence[Bar]

    @property
    def value(self) -> int:
        """How high it is."""
        return sum(part.value for part in self.parts)


def bars(name: str, title: str, rows: Sequence[Bar]) -> str:
    """Bars from left to right, one below the other, each with its number."""
    longest = max((row.value for row in rows), default=0)
    parts: list[str] = []
    for number, row in enumerate(rows):
        middle = number * _ROW + _ROW / 2
        width = _share(row.value, longest) * (_WIDTH - _LABELS - _COUNTS)
        place = f'x="{_LABELS}" y="{number * _ROW + 4}" width="{width:.1f}" height="{_ROW - 8}"'
        parts.append(_text(_LABELS - 8, middle, _cut(row.label), "end"))
        parts.append(f'<rect class="{row.colour}" {place}/>')
        parts.append(_text(_LABELS + width + 6, middle, f"{row.value:,}", "start"))
    said = "; ".join(f"{row.label}: {row.value:,}" for row in rows)
    return _svg(name, title, said, len(rows) * _ROW, parts)


def columns(name: str, title: str, weeks: Sequence[Column]) -> str:
    """Columns side by side, each of parts."""
    highest = max((week.value for week in weeks), default=0)
    room = (_WIDTH - 40) / max(len(weeks), 1)
    parts = list(_scale(highest))
    for number, week in enumerate(weeks):
        left, low = 40 + number * room, 10.0 + _HEIGHT
        for part in week.parts:
            height = _share(part.value, highest) * _HEIGHT
            low -= height
            if part.value:
                told = escape(f"{week.name}, {part.label}: {part.value:,}")
                parts.append(
                    f'<rect class="{part.colour} part" x="{left + room * 0.1:.1f}" y="{low:.1f}" '
                    f'width="{room * 0.8:.1f}" height="{height:.1f}"><title>{told}</title></rect>'
                )
        if week.label:
            parts.append(_text(left + room / 2, _HEIGHT + 24, week.label, "middle"))
    said = "; ".join(f"{week.name}: {week.value:,}" for week in weeks)
    return _svg(name, title, said, _HEIGHT + 36, parts)


def _scale(highest: int) -> Iterator[str]:
    for value in sorted({0, highest // 2, highest}):
        height = 10 + _HEIGHT - _share(value, highest) * _HEIGHT
        yield f'<line class="scale" x1="40" x2="{_WIDTH}" y1="{height:.1f}" y2="{height:.1f}"/>'
        yield _text(34, height, f"{value:,}", "end")


def _share(value: int, of: int) -> float:
    return value / of if of else 0.0


def _cut(label: str) -> str:
    return label if len(label) <= _LONGEST_LABEL else f"{label[: _LONGEST_LABEL - 1]}…"


def _text(x: float, y: float, text: str, anchor: str) -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" dy="0.35em" text-anchor="{anchor}"'
    return f"<text {place}>{escape(text)}</text>"


def _svg(name: str, title: str, said: str, height: int, parts: Sequence[str]) -> str:
    return (
        f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" '
        f'aria-labelledby="{name}-title {name}-desc">'
        f'<title id="{name}-title">{escape(title)}</title>'
        f'<desc id="{name}-desc">{escape(said)}</desc>{"".join(parts)}</svg>'
    )
