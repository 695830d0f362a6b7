from __future__ import annotations

from tests.support.stores import server_schema, target

__all__ = ["server_schema", "target"]
