"""The right of one run to a journal in a file, whatever names lead to the file."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

from cubicasa_async.core.file_identity import Identity, identity_of
from cubicasa_async.errors import JournalError

_LOG: Final = "-wal"


class SoleRun:
    """Held from before the file is opened until after it is closed.

    A lock beside the file keeps other runs away, for as long as both stay where they are.

    Args:
        path: The journal; a symbolic link stands for what it leads to.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock: FileLock | None = None
        self._watched: dict[Path, Identity | None]

    def acquire(self) -> Path:
        """Take it; gives the file's own path.

        Raises:
            JournalError: Another run has it, or the file has several names.
        """
        try:
            place = self._path.resolve()
            lock = FileLock(f"{place}.lock", timeout=0, thread_local=False)
            lock.acquire()
        except Timeout:
            raise JournalError(
                f"The journal {self._path} is in use by another run. Wait for it, or name another."
            ) from None
        except (OSError, RuntimeError) as exc:
            raise JournalError(f"The journal {self._path} cannot be made: {exc}.") from None
        self._lock = lock
        if place.exists() and place.stat().st_nlink > 1:
            raise JournalError(
                f"The journal {self._path} is one file under several names (hard links), by which "
                "two runs could use it at once. Make a copy of it, and delete all but one name."
            )
        return place

    def watch(self, place: Path) -> None:
        """Remember which files are held, once they are there."""
        files = (place, Path(f"{place}{_LOG}"), Path(f"{place}.lock"))
        self._watched = {file: identity_of(file) for file in files}

    def check(self) -> None:
        """Make sure that what is written is still written to the journal, and by this run only.

        Raises:
            JournalError: A file was removed or replaced.
        """
        for file, identity in self._watched.items():
            if identity_of(file) != identity:
                raise JournalError(
                    f"{file} was removed or replaced while a run used the journal. Nothing more "
                    "is sent. Put it back if it was moved, and run the job again."
                )

    def release(self) -> None:
        """Give it back; a second time does nothing."""
        if self._lock is not None:
            self._lock.release()
