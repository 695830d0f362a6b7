"""Rejected rows as a file of their own, to be corrected and given in again."""

from __future__ import annotations

import csv
import filecmp
import os
import stat
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, Final

from cubicasa_async.bulk.files.columns import REASON, REQUIRED
from cubicasa_async.bulk.files.damage import marked
from cubicasa_async.bulk.files.sources import Source
from cubicasa_async.bulk.outcomes import Rejected
from cubicasa_async.errors import ConfigError

_KEY: Final = "external_id"
_PART: Final = ".part"
_EARLIER: Final = ".bak"


class RejectedRows:
    """Writes rejected rows as CSV, in the input's own columns with a column `reason` behind them.

    A row that is refused for its external_id, as an earlier line has the same one, could pass when
    it comes alone, and would be taken for what is there already. So that cell is marked as one to
    be written anew.

    A CSV input's delimiter and encoding are kept, so that the same options read it again; it is
    UTF-8 with a mark and has commas for inputs of another kind. The file comes into being at the
    end, whole, and only if there is something in it. An earlier one is kept beside it, with `.bak`,
    `.bak2` ... behind its name, as somebody may have worked on it.

    Args:
        path: The file. If it is a symbolic link, what it points to is meant.
        source: The input.
        kept: Other files that it must not replace, such as the journal.

    Raises:
        ConfigError: The file is the input itself, or one that must be kept, or it is there and is
            no file.
    """

    def __init__(self, path: Path, source: Source, *kept: Path) -> None:
        _require_file(path)
        target = Path(os.path.realpath(path))
        part = target.with_name(target.name + _PART)
        for other in (source.path, *kept):
            if _same(target, other) or _same(part, other):
                raise ConfigError(f"Rejected rows must not replace {other}. Name another file.")
        self.path: Path = path
        self.count: int = 0
        self._source = source
        self._target = target
        self._part = part
        self._later: dict[int, str] = {}
        self._file: IO[str] | None = None
        self._writer: Any = None
        self._failed = False
        utf8 = source.encoding in {"utf-8", "utf-8-sig"}
        self._encoding = "utf-8-sig" if utf8 else source.encoding
        names = source.columns.names
        self._names = names[:-1] if names[-1] == REASON else names

    def add(self, outcome: Rejected) -> None:
        """Write a row down.

        Raises:
            OSError: It cannot be written. What was written before is taken away.
        """
        if outcome.cells:
            with self._whole_or_not_at_all():
                self._write(*self._refused_alone(outcome))
        else:  # it was sent again from the journal, which does not have it as it stood
            self._later[outcome.line] = outcome.message

    def finish(self) -> Path | None:
        """Put the file in its place; gives an earlier one that was kept aside.

        After rows that could not be written, all stays as it was.

        Raises:
            OSError: As for `add`.
        """
        if self._failed:
            return None
        with self._whole_or_not_at_all():
            if self._later:
                for row in self._source.rows():
                    if reason := self._later.pop(row.line, ""):
                        self._write(row.cells, reason)
            if self._file is not None:
                self._file.flush()
                os.fsync(self._file.fileno())
                self._file.close()
            else:
                self._part.unlink(missing_ok=True)  # of a run that was killed
            return self._put_in_place()

    def _refused_alone(self, outcome: Rejected) -> tuple[Mapping[str, str], str]:
        """A row's cells and the reason, such that the row is refused without the others too."""
        cells, reason = outcome.cells, outcome.message
        faulty = {fault.field for fault in outcome.field_errors}
        if outcome.sent or outcome.key is None or _KEY not in faulty:
            return cells, reason
        # A key that was derived has no cell; it comes from the address.
        of_field = {ours: theirs for theirs, ours in self._source.columns.mapped.items()}
        name = next((of_field[field] for field in (_KEY, *REQUIRED) if field in of_field), None)
        if name is None or (text := cells.get(name)) is None:
            return cells, reason
        advice = f"Give the row an external_id of its own, and write {name!r} anew"
        return {**cells, name: marked(text, self._encoding)}, f"{reason}. {advice}"

    def _put_in_place(self) -> Path | None:
        earlier = None
        if self._target.exists() and not (
            self.count and filecmp.cmp(self._part, self._target, shallow=False)
        ):
            earlier = _free_name(self._target)
            self._target.replace(earlier)
        if self.count:
            self._part.replace(self._target)
        return earlier

    @contextmanager
    def _whole_or_not_at_all(self) -> Generator[None]:
        """A file without its end would be taken for all there is to correct."""
        try:
            yield
        except OSError:
            self._failed, self.count = True, 0
            with suppress(OSError):
                if self._file is not None:
                    self._file.close()
            with suppress(OSError):
                self._part.unlink(missing_ok=True)
            raise

    def _write(self, cells: Mapping[str, str], reason: str) -> None:
        if self._file is None:
            self._part.unlink(missing_ok=True)
            self._file = self._part.open("x", encoding=self._encoding, newline="")
            self._writer = csv.writer(self._file, delimiter=self._source.delimiter)
            self._writer.writerow([*self._names, REASON])
        beyond = [text for name, text in cells.items() if name not in self._source.columns.names]
        writable = reason.encode(self._encoding, "backslashreplace").decode(self._encoding)
        found = [cells.get(name, "") for name in self._names]
        self._writer.writerow([*found, " ".join(writable.split()), *beyond])
        self.count += 1


def _require_file(path: Path) -> None:
    """Refuse a device, a pipe and alike, which a file would take the place of."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return  # there is none, or it shows when it is written
    if not stat.S_ISREG(mode):
        raise ConfigError(
            f"Rejected rows cannot be written to {path}: it is no regular file. Name another file "
            "with --rejected, or leave it out with --no-rejected."
        )


def _same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:  # one of them is not there
        return os.path.realpath(one) == os.path.realpath(other)


def _free_name(path: Path) -> Path:
    """A name for an earlier file that no other has. It is taken at once."""
    place, number = path.with_name(path.name + _EARLIER), 1
    while True:
        try:
            place.touch(exist_ok=False)
        except FileExistsError:
            number += 1
            place = path.with_name(f"{path.name}{_EARLIER}{number}")
        else:
            return place
