"""Finding orders, and what belongs together, without ever choosing silently."""

from __future__ import annotations

from cubicasa_async.bulk.reconcile.find import Candidate, find_by_address, find_by_external_id
from cubicasa_async.bulk.reconcile.twins import Twin, find_twins

__all__ = ["Candidate", "Twin", "find_by_address", "find_by_external_id", "find_twins"]
