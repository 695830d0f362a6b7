"""The pages of the guide, taken apart into what stands in them to be run."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import attrs

import cubicasa_async

ROOT: Final = Path(cubicasa_async.__file__).parent.parent
DOCS: Final = ROOT / "docs"

_FENCED: Final = re.compile(r"^```([^\n`]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FILE: Final = re.compile(r"\binto `([\w./-]+\.\w+)`:\n\n\Z")


@attrs.frozen
class Block:
    """A fenced block.

    Attributes:
        page: Where it stands, below the folder of the guide.
        line: The line of the page at which it begins.
        language: What it is: python, console, ...
        text: What stands in it.
        file: The file that the sentence above has it put into; None if none.
    """

    page: str
    line: int
    language: str
    text: str
    file: str | None

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks(page: str) -> list[Block]:
    """The blocks of a page, in their order, without those that are for the generator."""
    text = (DOCS / page).read_text(encoding="utf-8")
    found: list[Block] = []
    for match in _FENCED.finditer(text):
        if match[1].startswith("{"):
            continue
        before = text[: match.start()]
        named = _FILE.search(before.rpartition("```")[2])
        line = before.count("\n") + 1
        found.append(Block(page, line, match[1], match[2], named[1] if named else None))
    return found


PAGES: Final = sorted(path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md"))
