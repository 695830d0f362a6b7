"""The synchronous client: the same operations for code without an event loop."""

from __future__ import annotations

from cubicasa_async.sync.bulk import import_drafts
from cubicasa_async.sync.client import CubiCasa
from cubicasa_async.sync.delivery import download_assets
from cubicasa_async.sync.paging import SyncPager
from cubicasa_async.sync.portal import Portal

__all__ = ["CubiCasa", "Portal", "SyncPager", "download_assets", "import_drafts"]
