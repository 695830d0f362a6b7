"""Rejected rows as a file of their own, to be corrected and given in again."""

from __future__ import annotations

import csv
import filecmp
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, Final

from cubicasa_async.bulk.files.columns import REASON
from cubicasa_async.bulk.files.sources import Source
from cubicasa_async.bulk.outcomes import Rejected
from cubicasa_async.errors import ConfigError

_PART: Final = ".part"
_EARLIER: Final = ".bak"


class RejectedRows:
    """Writes rejected rows as CSV, in the input's own columns with a column `reason` behind them.

    A CSV input's delimiter and encoding are kept, so that the same options read it again; it is
    UTF-8 with a mark and has commas for inputs of another kind. The file comes into being at the
    end, and only if there is something in it. An earlier one is kept beside it, with `.bak` behind
    its name, as somebody may have worked on it.

    Args:
        path: The file.
        source: The input.
        kept: Other files that it must not replace, such as the journal.

    Raises:
        ConfigError: The file is the input itself, or one that must be kept.
    """

    def __init__(self, path: Path, source: Source, *kept: Path) -> None:
        for other in (source.path, *kept):
            if path.resolve() == other.resolve():
                raise ConfigError(f"Rejected rows must not replace {other}. Name another file.")
        self.path: Path = path
        self.count: int = 0
        self._source = source
        self._part = path.with_name(path.name + _PART)
        self._later: dict[int, str] = {}
        self._file: IO[str] | None = None
        self._writer: Any = None
        utf8 = source.encoding in {"utf-8", "utf-8-sig"}
        self._encoding = "utf-8-sig" if utf8 else source.encoding
        names = source.columns.names
        self._names = names[:-1] if names[-1] == REASON else names

    def add(self, outcome: Rejected) -> None:
        """Write a row down. Raises OSError."""
        if outcome.cells:
            self._write(outcome.cells, outcome.message)
        else:  # it was sent again from the journal, which does not have it as it stood
            self._later[outcome.line] = outcome.message

    def finish(self) -> Path | None:
        """Put the file in its place; gives an earlier one that was kept aside. Raises OSError."""
        if self._later:
            for row in self._source.rows():
                if reason := self._later.pop(row.line, ""):
                    self._write(row.cells, reason)
        if self._file is not None:
            self._file.close()
        else:
            self._part.unlink(missing_ok=True)  # of a run that was killed
        same = self.count and self.path.exists() and filecmp.cmp(self._part, self.path, False)
        earlier = None
        if self.path.exists() and not same:
            earlier = self.path.with_name(self.path.name + _EARLIER)
            self.path.replace(earlier)
        if self.count:
            self._part.replace(self.path)
        return earlier

    def _write(self, cells: Mapping[str, str], reason: str) -> None:
        if self._file is None:
            self._file = self._part.open("w", encoding=self._encoding, newline="")
            self._writer = csv.writer(self._file, delimiter=self._source.delimiter)
            self._writer.writerow([*self._names, REASON])
        beyond = [text for name, text in cells.items() if name not in self._source.columns.names]
        writable = reason.encode(self._encoding, "backslashreplace").decode(self._encoding)
        found = [cells.get(name, "") for name in self._names]
        self._writer.writerow([*found, " ".join(writable.split()), *beyond])
        self.count += 1
