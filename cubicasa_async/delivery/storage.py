"""Files on disk: nothing half-written under a final name, and nothing overwritten.

All of this blocks, and is called in threads.
"""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import stat
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import BinaryIO, Final, ParamSpec, Protocol, TypeVar

import attrs
import msgspec

from cubicasa_async.core.extras import from_extra
from cubicasa_async.core.file_names import FORMER, PARTS, version_name

P = ParamSpec("P")
T = TypeVar("T")

_BLOCK: Final = 1 << 20


class Threads:
    """Runs what blocks; whoever waits is not let go before it has ended."""

    def __init__(self, executor: ThreadPoolExecutor) -> None:
        self._executor = executor

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a function in a thread. It is not abandoned when its caller is cancelled."""
        call = partial(function, *args, **kwargs)
        future = asyncio.get_running_loop().run_in_executor(self._executor, call)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            await asyncio.wait([future])
            raise


class _Hash(Protocol):
    def update(self, data: bytes, /) -> object:
        """Take bytes in."""
        ...

    def hexdigest(self) -> str:
        """The digest of all bytes so far."""
        ...


@attrs.frozen
class Digest:
    """What a file holds: its size in bytes and the XXH128 of them."""

    size: int
    xxh128: str


@attrs.frozen
class PartState:
    """What a part belongs to, so that only its own rest is put behind it."""

    url: str
    etag: str
    total: int


class Part:
    """A file that is being received, in a folder of its own on the same disk.

    Args:
        path: Where it lies.
        left: Whether an earlier run left something of it.
        new_hash: Makes what its bytes are hashed with.

    Attributes:
        size: Bytes that it holds.
        left: Whether there may be something to take up.
    """

    def __init__(self, path: Path, *, left: bool, new_hash: Callable[[], _Hash]) -> None:
        self._path = path
        self._about: PartState | None = None
        self._file: BinaryIO | None = None
        self._new_hash = new_hash
        self._hash = new_hash()
        self.size: int = 0
        self.left: bool = left

    @property
    def _about_path(self) -> Path:
        return self._path.with_name(f"{self._path.name}.json")

    def state(self) -> tuple[PartState, int] | None:
        """What an earlier attempt left, and how many bytes of it; None if it is of no use."""
        try:
            about = msgspec.json.decode(self._about_path.read_bytes(), type=PartState)
            part = self._path.lstat()
        except (OSError, ValueError, msgspec.MsgspecError):
            return None
        return (about, part.st_size) if stat.S_ISREG(part.st_mode) else None

    def begin(self, about: PartState | None) -> None:
        """Begin anew, with the first bytes; `about` makes it one that can be taken up again."""
        self.close()
        self._hash, self.size, self._about = self._new_hash(), 0, about

    def take_up(self) -> None:
        """Go on behind what is there."""
        self.begin(None)
        self._file = self._path.open("r+b")
        self.size = _read_into(self._hash, self._file)

    def write(self, blocks: list[bytes]) -> None:
        """Put bytes behind what is there."""
        if self._file is None:
            self._file = self._opened()
        # One long call each: between two the thread waits for the interpreter's lock.
        data = b"".join(blocks)
        self._file.write(data)
        self._hash.update(data)
        self.size += len(data)

    def _opened(self) -> BinaryIO:
        if self.left:  # taken away before the part changes, so that it is never wrong
            self._about_path.unlink(missing_ok=True)
        file = _made(self._path)
        self.left = self._about is not None
        if self._about is not None:
            write_whole(self._about_path, msgspec.json.encode(self._about), durable=False)
        return file

    def digest(self) -> Digest:
        """What it holds."""
        return Digest(self.size, self._hash.hexdigest())

    def tail(self, size: int) -> bytes:
        """Its last bytes."""
        if self._file is not None:
            self._file.flush()
        with self._path.open("rb") as file:
            file.seek(max(0, self.size - size))
            return file.read()

    def close(self) -> None:
        """Close the file; what it holds stays."""
        file, self._file = self._file, None
        if file is not None:
            file.close()

    def move(self, final: Path, *, durable: bool) -> None:
        """Give it its final name; with `durable`, its bytes are on the disk itself before."""
        if durable and self._file is not None:
            self._file.flush()
            os.fsync(self._file.fileno())
        self.close()
        self._path.replace(final)
        if self.left:
            self._about_path.unlink(missing_ok=True)

    def discard(self) -> None:
        """Remove it."""
        self.close()
        self._about_path.unlink(missing_ok=True)
        self._path.unlink(missing_ok=True)


@attrs.frozen
class Settled:
    """What became of a part that is whole.

    Attributes:
        content: What it holds.
        kept: Name of the former version that it replaced, in its folder, if there was one.
    """

    content: Digest
    kept: str | None = None


class Storage:
    """The directory of one order's files.

    Args:
        directory: Where they lie; it is made if need be.
        durable: Whether what is put there is on the disk itself before it counts as being there.

    Raises:
        ConfigError: A package that is needed is not installed.
        OSError: The directory cannot be made.
    """

    def __init__(self, directory: Path, *, durable: bool) -> None:
        self.directory = directory
        self._durable = durable
        with from_extra("delivery", "Downloading"):
            from xxhash import xxh128
        self._new_hash = xxh128
        self._parts = directory / PARTS
        self._parts.mkdir(parents=True, exist_ok=True)
        self._left = {path.name for path in self._parts.iterdir()}

    @property
    def lock(self) -> Path:
        """The file by which runs keep out of each other's way."""
        return self._parts / "lock"

    def part(self, name: str) -> Part:
        """The part of a file, perhaps with what an earlier run left of it."""
        path = self._parts / f"{name}.part"
        return Part(path, left=path.name in self._left, new_hash=self._new_hash)

    def digest(self, name: str) -> Digest | None:
        """What the file of this name holds; None if there is none."""
        return self._digest(self.directory / name)

    def settle(self, name: str, part: Part, there: Digest | None, last: list[bytes]) -> Settled:
        """Put the last bytes into a part, and give it its final name.

        If the file that has that name holds the same, nothing is replaced; if it is another
        version, that is kept as a former one. A directory's entries are on the disk itself only
        when the manifest is.

        Args:
            name: The final name.
            part: The part.
            there: What the file of that name holds, if that is known.
            last: The last bytes.
        """
        part.write(last)
        content, final = part.digest(), self.directory / name
        there = there or self._digest(final)
        if there == content:
            part.discard()
            return Settled(content)
        kept = None if there is None else self._keep(name, there)
        part.move(final, durable=self._durable)
        return Settled(content, kept)

    def _keep(self, name: str, content: Digest) -> str:
        folder = self.directory / FORMER
        folder.mkdir(exist_ok=True)
        if (kept := self.former(name, content)) is not None:
            return kept
        number = 1
        while (place := folder / version_name(name, number)).exists():
            number += 1
        if not _linked(self.directory / name, place):
            copy = self._parts / f"{name}.{uuid.uuid4().hex}"
            shutil.copyfile(self.directory / name, copy)
            copy.replace(place)
        if self._durable:
            _sync_directory(folder)
        return place.name

    def former_path(self, name: str) -> Path:
        """Where a former version of this name lies."""
        return self.directory / FORMER / name

    def former_digest(self, name: str) -> Digest:
        """What a former version of this name holds.

        Raises:
            FileNotFoundError: There is none.
        """
        found = self._digest(self.former_path(name))
        if found is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), name)
        return found

    def former(self, name: str, content: Digest) -> str | None:
        """The name of the former version that holds just this; None if there is none."""
        number = 1
        while (
            there := self._digest(self.directory / FORMER / version_name(name, number))
        ) is not None:
            if there == content:
                return version_name(name, number)
            number += 1
        return None

    def _digest(self, path: Path) -> Digest | None:
        found = self._new_hash()
        try:
            with path.open("rb") as file:
                size = _read_into(found, file)
        except FileNotFoundError:
            return None
        return Digest(size, found.hexdigest())


def _read_into(taker: _Hash, file: BinaryIO) -> int:
    """Hash the rest of a file; how many bytes it has."""
    size = 0
    while block := file.read(_BLOCK):
        taker.update(block)
        size += len(block)
    return size


def write_whole(path: Path, data: bytes, *, durable: bool) -> None:
    """Write a file so that it is there whole or as it was before, at any moment."""
    scratch = path.with_name(f".{path.name}.new")
    with _made(scratch) as file:
        file.write(data)
        if durable:
            file.flush()
            os.fsync(file.fileno())
    scratch.replace(path)
    if durable:
        _sync_directory(path.parent)


def _linked(path: Path, place: Path) -> bool:
    """Give a file another name, if that can be; of a symbolic link only the bytes are kept."""
    with suppress(OSError):  # a file system without links
        if not path.is_symlink():
            os.link(path, place)
            return True
    return False


def _made(path: Path) -> BinaryIO:
    """A new file; what had its name is not written through, whatever it links to."""
    path.unlink(missing_ok=True)
    return path.open("xb")


def _sync_directory(path: Path) -> None:
    with suppress(OSError):  # not every system lets a directory be opened
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
