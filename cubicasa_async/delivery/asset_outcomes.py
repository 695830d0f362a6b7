"""What became of each asset of an order."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import attrs

from cubicasa_async.errors import DownloadError
from cubicasa_async.resources.assets import Asset


@attrs.frozen(kw_only=True)
class AssetOutcome:
    """What became of one asset.

    Attributes:
        order_id: The order it belongs to.
        asset: The asset.
        path: Where its file lies, or would lie.
        note: What a person should know about it; empty if nothing.
    """

    kind: ClassVar[str] = ""

    order_id: str
    asset: Asset
    path: Path
    note: str = ""


@attrs.frozen(kw_only=True)
class OnDisk(AssetOutcome):
    """The file lies in its place, whole.

    Attributes:
        size: Bytes.
        xxh128: XXH128 digest of its bytes, in hexadecimal, as `xxhsum -H2` prints it. It finds
            damage and is no proof against forgery.
    """

    size: int
    xxh128: str


class Downloaded(OnDisk):
    """The file was fetched for the first time, or again because it was damaged or gone."""

    kind = "downloaded"


@attrs.frozen(kw_only=True)
class Replaced(OnDisk):
    """The order has another version than the one delivered before, which is kept.

    Attributes:
        former: Where the former version lies; None if it was gone.
    """

    kind = "replaced"

    former: Path | None = None


class Unchanged(OnDisk):
    """The file is there already, and is what the order has."""

    kind = "unchanged"


class Skipped(AssetOutcome):
    """It is no file but a page to look at, as a tour is."""

    kind = "skipped"


class Unlisted(AssetOutcome):
    """It was delivered earlier, and the order lists it no more. Its file stays where it is."""

    kind = "unlisted"


@attrs.frozen(kw_only=True)
class Failed(AssetOutcome):
    """It could not be fetched. What was there before is there still.

    Attributes:
        error: Why.
    """

    kind = "failed"

    error: DownloadError


KINDS = (Downloaded, Replaced, Unchanged, Skipped, Unlisted, Failed)
"""All outcomes, in the order in which people want to read them."""
