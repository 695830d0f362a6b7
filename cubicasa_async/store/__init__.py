"""Databases that outlive a run: SQLite by path, or PostgreSQL and SQLite by URL.

    async with Store("orders.db", SCHEMA) as store:
        async with store.writing() as connection:
            await connection.execute(upsert(connection, orders), rows)

What is written in one `writing()` is on disk together when it ends, or not at all. Needs the extra
`store`, and `postgres` for PostgreSQL; import it inside `core.extras.from_extra("store", ...)`.
"""

from __future__ import annotations

from cubicasa_async.store.columns import AnyText, Moment
from cubicasa_async.store.database import Store
from cubicasa_async.store.place import Place
from cubicasa_async.store.schema import Schema
from cubicasa_async.store.statements import insert_new, upsert

__all__ = ["AnyText", "Moment", "Place", "Schema", "Store", "insert_new", "upsert"]
