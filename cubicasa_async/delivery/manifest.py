"""What was delivered into a directory: a JSON file beside the files, always whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

import attrs
import msgspec

from cubicasa_async.core.file_names import MANIFEST, is_safe
from cubicasa_async.delivery.storage import Threads, write_whole
from cubicasa_async.errors import ConfigError, DownloadError, Outcome
from cubicasa_async.resources.assets import Asset

_FORMAT: Final = 1


@attrs.frozen(kw_only=True)
class Former:
    """A version that was replaced.

    Attributes:
        name: Where it is kept, in the folder of former versions.
        size: Bytes.
        xxh128: XXH128 digest of its bytes, in hexadecimal.
        fetched_at: When it was delivered (ISO 8601, UTC); empty if it did not come from here.
        replaced_at: When it was replaced (ISO 8601, UTC).
        reason: Why it was delivered, as the caller said.
    """

    name: str
    size: int
    xxh128: str
    fetched_at: str = ""
    replaced_at: str = ""
    reason: str = ""


@attrs.frozen(kw_only=True)
class Entry:
    """A delivered file.

    Attributes:
        product: As of Asset, like `format`, `floor`, `dimensioned` and `place`.
        url: Where it came from, without query and credentials, in which a signature may be.
        etag: Its strong validator; None if there was none.
        size: Bytes.
        xxh128: XXH128 digest of its bytes, in hexadecimal.
        fetched_at: When it was delivered (ISO 8601, UTC).
        checked_at: When it was last found to be as the server has it (ISO 8601, UTC).
        reason: Why it was delivered, as the caller said.
        listed: Whether the order still listed it when last looked at.
        former: What it replaced, oldest first.
    """

    product: str
    format: str | None
    floor: int | None
    dimensioned: bool
    place: str
    url: str
    etag: str | None
    size: int
    xxh128: str
    fetched_at: str
    checked_at: str
    reason: str = ""
    listed: bool = True
    former: tuple[Former, ...] = ()

    def asset(self, name: str) -> Asset:
        """The asset that it was; its URL is no longer of use."""
        shared = {f.name for f in attrs.fields(Asset)} - {"name"}
        fields: dict[str, Any] = {one: getattr(self, one) for one in shared}
        return Asset(name=name, **fields)


@attrs.frozen(kw_only=True)
class _Content:
    format: int = _FORMAT
    order_id: str
    files: dict[str, Entry] = attrs.field(factory=dict[str, Entry])


class Manifest:
    """The record of one order's files in one directory.

    Args:
        directory: Where they lie.
        order_id: Whose they are.
        threads: Run what blocks.
        durable: Whether it is on the disk itself when it is saved.

    Attributes:
        files: What was delivered, by file name.

    Raises:
        ConfigError: What is there cannot be read, or is of another order.
    """

    def __init__(
        self,
        directory: Path,
        order_id: str,
        *,
        threads: Threads,
        durable: bool,
    ) -> None:
        self._path = directory / MANIFEST
        self._order_id = order_id
        self._threads = threads
        self._durable = durable
        self.files: dict[str, Entry] = read_manifest(self._path, order_id)

    async def save(self) -> None:
        """Write it down, whole.

        Raises:
            DownloadError: It could not be written.
        """
        content = _Content(order_id=self._order_id, files=self.files)
        text = msgspec.json.format(msgspec.json.encode(content), indent=1)
        try:
            await self._threads.run(write_whole, self._path, text + b"\n", durable=self._durable)
        except OSError as exc:
            raise DownloadError(
                f"The manifest {self._path} could not be written: {exc.strerror or exc}.",
                outcome=Outcome.NOT_SENT,
            ) from exc


def read_manifest(path: Path, order_id: str | None = None) -> dict[str, Entry]:
    """The files that a manifest lists; none if there is no manifest.

    Raises:
        ConfigError: It cannot be read, or is of another order than the given one.
    """
    try:
        content = msgspec.json.decode(path.read_bytes(), type=_Content)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, msgspec.MsgspecError, RecursionError) as exc:
        raise ConfigError(
            f"The manifest {path} cannot be read: {exc}. Move it away to have the files fetched "
            "again; those that are there are kept."
        ) from None
    if content.format != _FORMAT:
        raise ConfigError(f"The manifest {path} was written by a newer version of this library.")
    if order_id is not None and content.order_id != order_id:
        raise ConfigError(
            f"The directory {path.parent} holds files of order {content.order_id}, so those of "
            f"order {order_id} need another."
        )
    if not all(map(is_safe, content.files)):
        raise ConfigError(f"The manifest {path} holds a file name that was not written by us.")
    return content.files


def shown_url(url: str) -> str:
    """A URL without its query, fragment and credentials: they may be a secret."""
    try:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
    except ValueError:
        return ""
    return urlunsplit((parts.scheme, host, parts.path, "", ""))
