"""The synchronous client: the same operations for code without an event loop."""

from __future__ import annotations

from cubicasa_async.sync.bulk import import_drafts
from cubicasa_async.sync.client import CubiCasa
from cubicasa_async.sync.delivery import download_assets
from cubicasa_async.sync.mirror import Mirror, mirror_orders
from cubicasa_async.sync.paging import SyncPager
from cubicasa_async.sync.portal import Portal
from cubicasa_async.sync.reconcile import find_by_address, find_by_external_id, find_twins

__all__ = [
    "CubiCasa",
    "Mirror",
    "Portal",
    "SyncPager",
    "download_assets",
    "find_by_address",
    "find_by_external_id",
    "find_twins",
    "import_drafts",
    "mirror_orders",
]
