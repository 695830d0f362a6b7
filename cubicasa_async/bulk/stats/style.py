"""How the page looks: by day and by night, on a wide screen and on a phone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

LIGHT: Final[Mapping[str, str]] = {
    "ground": "#ffffff",
    "text": "#1b1f24",
    "quiet": "#4d5661",
    "line": "#d3d8de",
    "plain": "#2f6db5",
    "new": "#7a4fc0",
    "draft": "#767f8a",
    "pending": "#1f6fc4",
    "fixing": "#b85a05",
    "ready": "#27803d",
    "vanished": "#bf3340",
    "other": "#8a6d00",
}
"""Colours by day; those of plots stand out from the ground by 3 to 1, those of text by 4.5."""

DARK: Final[Mapping[str, str]] = {
    "ground": "#14181d",
    "text": "#e4e8ec",
    "quiet": "#a7b0ba",
    "line": "#3a424c",
    "plain": "#6ea8ea",
    "new": "#b294ee",
    "draft": "#8d97a3",
    "pending": "#5ea2ee",
    "fixing": "#ea913f",
    "ready": "#56b86c",
    "vanished": "#f0747e",
    "other": "#d0ab33",
}
"""Colours by night."""

_PLOTTED: Final = ("plain", "new", "draft", "pending", "fixing", "ready", "vanished", "other")


def _colours(of: Mapping[str, str]) -> str:
    return "".join(f"--{name}:{value};" for name, value in of.items())


STYLE: Final = (
    f":root{{{_colours(LIGHT)}}}"
    f"@media(prefers-color-scheme:dark){{:root{{{_colours(DARK)}}}}}"
    + "".join(f".c-{name}{{fill:var(--{name})}}" for name in _PLOTTED)
    + """
body{margin:0;background:var(--ground);color:var(--text);font:16px/1.5 system-ui,sans-serif}
main{max-width:75rem;margin:0 auto;padding:1rem}
h1{font-size:1.6rem}h2{font-size:1.2rem;margin:0 0 .5rem}
p{margin:.25rem 0;color:var(--quiet);max-width:70ch}
section{border-top:1px solid var(--line);margin-top:1.5rem;padding-top:1rem}
.tiles{display:flex;flex-wrap:wrap;gap:.75rem;margin:1rem 0 0}
.tiles div{border:1px solid var(--line);border-radius:.5rem;padding:.5rem .9rem;
display:flex;flex-direction:column-reverse}
.tiles dt{color:var(--quiet);font-size:.85rem}
.tiles dd{margin:0;font-size:1.4rem;font-variant-numeric:tabular-nums}
.beside{display:flex;flex-wrap:wrap;gap:1rem 2rem;align-items:flex-start;margin-top:.75rem}
.beside>div{flex:1 1 20rem;min-width:0}
.table{overflow-x:auto;margin-bottom:1rem}
table{border-collapse:collapse;font-size:.9rem}
caption{text-align:left;color:var(--quiet);padding-bottom:.25rem}
th,td{text-align:left;padding:.2rem .9rem .2rem 0;border-bottom:1px solid var(--line)}
td:first-child{white-space:nowrap}
td.number{text-align:right;font-variant-numeric:tabular-nums}
.beside>div>svg{width:100%;max-width:36rem;height:auto;display:block}
svg text{fill:var(--text);font-size:13px}
.scale{stroke:var(--line)}.part{stroke:var(--ground)}
.legend{list-style:none;display:flex;flex-wrap:wrap;gap:.25rem 1rem;padding:0;margin:.25rem 0;
font-size:.9rem}
.legend svg{width:.8em;height:.8em;margin-right:.4em}
"""
)
