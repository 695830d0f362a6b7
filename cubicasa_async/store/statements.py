"""Statements that the two databases write differently, or not at all in standard SQL."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection


def _insert(connection: AsyncConnection, table: Table) -> postgresql.Insert | sqlite.Insert:
    if connection.dialect.name == "postgresql":
        return postgresql.insert(table)
    return sqlite.insert(table)


def upsert(
    connection: AsyncConnection, table: Table, *, keep: tuple[str, ...] = ()
) -> postgresql.Insert | sqlite.Insert:
    """Insert rows; one whose primary key is there already is overwritten.

    Args:
        connection: Where it will run.
        table: Where to.
        keep: Columns that a row keeps if it is there already.
    """
    insert = _insert(connection, table)
    key = [column.name for column in table.primary_key]
    new: dict[str, Any] = {
        column.name: insert.excluded[column.name]
        for column in table.columns
        if column.name not in {*key, *keep}
    }
    return insert.on_conflict_do_update(index_elements=key, set_=new)


def insert_new(connection: AsyncConnection, table: Table) -> postgresql.Insert | sqlite.Insert:
    """Insert rows; one that meets a primary key or unique value that is there is left out."""
    return _insert(connection, table).on_conflict_do_nothing()
