"""What SQLite does not tell of a damaged file: it must not be taken for a shorter one."""

from __future__ import annotations

import sqlite3
import struct
import zlib
from pathlib import Path
from typing import BinaryIO, Final

from cubicasa_async.bulk.journal.protocol import State
from cubicasa_async.errors import JournalError

# https://www.sqlite.org/fileformat2.html#the_write_ahead_log
_MAGIC: Final = 0x377F0682  # with the lowest bit set, checksums are of big-endian words
_HEAD: Final = struct.Struct(">I 4x I 4x 8s 8s")  # magic, page size, salts, checksum
_FRAME: Final = struct.Struct(">4x I 8s 8s")  # pages of the file if it ends a commit, salts, ...
_CHECKED: Final = 24, 8  # bytes of either that its checksum covers

_ROWS: Final = "SELECT external_id, line, body, state, mark FROM drafts"
_STATES: Final = frozenset(State)


def refuse_damaged_log(path: Path) -> None:
    """Refuse a write-ahead log that is damaged anywhere but at its end.

    To be called before SQLite opens the file: it reads the log up to the first frame that is not
    valid, and throws away the rest. Each commit was on disk before the next began, so that a crash
    can tear the last one only. That one had not been reported as durable. Behind it may stand the
    end of an earlier, longer log, which is in the file itself already.

    Raises:
        JournalError: Commits that were durable cannot be read.
    """
    log = Path(f"{path}-wal")
    if not log.exists():
        return
    with log.open("rb") as file:
        lost = _commits_behind_the_damage(file)
    if lost > 1:
        raise damaged(path, f"{lost} commits stand behind an unreadable place in {log.name}")


def refuse_damaged_pages(db: sqlite3.Connection, path: Path) -> None:
    """Refuse a file whose pages, or tables and their indexes, do not fit together.

    Raises:
        JournalError: They do not.
    """
    found = db.execute("PRAGMA integrity_check(1)").fetchone()[0]
    if found != "ok":
        raise damaged(path, " ".join(str(found).split()))


def mark(key: str, body: str) -> int:
    """What is written beside a row's external_id and body, so that damage to them is seen."""
    return zlib.crc32(f"{key}\n{body}".encode())


def refuse_damaged_rows(db: sqlite3.Connection, path: Path) -> None:
    """Refuse a file in which a row is not what was written.

    Raises:
        JournalError: There is one.
    """
    try:
        for key, line, body, state, found in db.execute(_ROWS):
            if mark(key, body) != found or state not in _STATES:
                raise damaged(path, f"the row of line {line} is not what was written")
    except sqlite3.OperationalError as exc:  # a text that is none
        raise damaged(path, str(exc)) from None


def damaged(path: Path, reason: str) -> JournalError:
    """The error for a damaged file."""
    return JournalError(
        f"The journal {path} is damaged ({reason}). Nothing more is sent. Put back a copy of it; "
        "or move it away and run the job with a new one, which finds by external_id what is on the "
        "server already, as long as it looks there first."
    )


def _commits_behind_the_damage(file: BinaryIO) -> int:
    head = file.read(_HEAD.size)
    if len(head) < _HEAD.size:
        return 0
    magic, page_size, salts, found = _HEAD.unpack(head)
    order = ">" if magic & 1 else "<"
    sums = _sums(order, head[: _CHECKED[0]], (0, 0))
    has_head = sound = magic | 1 == _MAGIC | 1 and struct.pack(">II", *sums) == found
    lost = 0
    while len(frame := file.read(_FRAME.size + page_size)) == _FRAME.size + page_size:
        pages, own_salts, found = _FRAME.unpack_from(frame)
        if has_head and own_salts != salts:
            continue  # of an earlier log; or spoilt, and then the checksums behind it fail
        if sound:
            content = frame[: _CHECKED[1]] + frame[_FRAME.size :]
            sums = _sums(order, content, sums)
            sound = struct.pack(">II", *sums) == found
        if not sound:
            lost += pages > 0
    return lost


def _sums(order: str, content: bytes, sums: tuple[int, int]) -> tuple[int, int]:
    first, second = sums
    words = struct.unpack(f"{order}{len(content) // 4}I", content)
    for even, odd in zip(words[::2], words[1::2], strict=True):
        first = (first + even + second) & 0xFFFFFFFF
        second = (second + odd + first) & 0xFFFFFFFF
    return first, second
