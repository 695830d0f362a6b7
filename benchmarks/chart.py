"""The ratios of a run as an SVG that can be read on a light and on a dark page."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from xml.sax.saxutils import escape

from benchmarks.measure import Ratio
from benchmarks.report import Result

_WIDTH: Final = 890
_LEFT: Final = 320
_BARS: Final = _WIDTH - _LEFT - 130
_STEP: Final = 20
_STYLE: Final = """
  .page { fill: #ffffff; }
  text { font: 13px system-ui, sans-serif; fill: #24292f; }
  .title { font-weight: 600; }
  .figure { stroke: #ffffff; stroke-width: 4px; paint-order: stroke; }
  .peer { fill: #8c959f; }
  .ours { fill: #0969da; }
  .spread { stroke: #24292f; }
  .base { stroke: #57606a; stroke-dasharray: 2 3; }
  @media (prefers-color-scheme: dark) {
    .page { fill: #0d1117; }
    text { fill: #e6edf3; }
    .figure { stroke: #0d1117; }
    .peer { fill: #6e7681; }
    .ours { fill: #2f81f7; }
    .spread { stroke: #e6edf3; }
    .base { stroke: #8c959f; }
  }
"""


def svg(results: Iterable[Result]) -> str:
    """One block per row, one bar per variant; each block has a scale of its own."""
    lines: list[str] = []
    y = 24
    for result in results:
        ratios = [figure for figure in result.figures if isinstance(figure, Ratio)]
        if not ratios:
            continue
        lines.append(f'<text class="title" x="8" y="{y}">{escape(result.row.title)}</text>')
        scale = _BARS / max(1, *(ratio.spread.high for ratio in ratios))
        base, end = _LEFT + scale, y + 6 + _STEP * len(ratios)
        lines.append(
            f'<line class="base" x1="{base:.1f}" x2="{base:.1f}" y1="{y + 4}" y2="{end}"/>'
        )
        for ratio in sorted(ratios, key=lambda ratio: ratio.spread.median):
            y += _STEP
            lines += _bar(ratio, y, scale)
        y += 36
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{y}" '
        f'viewBox="0 0 {_WIDTH} {y}" role="img">'
    )
    about = "<title>Time of each client as a ratio to the dashed line; shorter is faster</title>"
    page = f'<path class="page" d="M0 0H{_WIDTH}V{y}H0Z"/>'
    return "\n".join([head, about, f"<style>{_STYLE}</style>", page, *lines, "</svg>"]) + "\n"


def _bar(ratio: Ratio, y: int, scale: float) -> list[str]:
    spread = ratio.spread
    end, low, high = (_LEFT + scale * value for value in (spread.median, spread.low, spread.high))
    kind = "ours" if "cubicasa" in ratio.name else "peer"
    middle = y - 5
    return [
        f'<text x="{_LEFT - 8}" y="{y}" text-anchor="end">{escape(ratio.name)}</text>',
        f'<rect class="{kind}" x="{_LEFT}" y="{y - 12}" width="{end - _LEFT:.1f}" height="14"/>',
        f'<line class="spread" x1="{low:.1f}" x2="{high:.1f}" y1="{middle}" y2="{middle}"/>',
        f'<text class="figure" x="{max(end, high) + 6:.1f}" y="{y}">{spread.median:.2f} x</text>',
    ]
