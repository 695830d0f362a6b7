"""Places for a store, in either database."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def server_schema(postgres_server: str) -> Iterator[str]:
    """The URL of a part of a PostgreSQL database that is the test's own.

    It is made faster than a database.
    """
    import psycopg
    from psycopg import sql

    schema = f"s_{uuid.uuid4().hex[:12]}"
    name = sql.Identifier(schema)
    with psycopg.connect(postgres_server, autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE SCHEMA {}").format(name))
        try:
            yield f"{postgres_server}&options=-csearch_path%3D{schema}"
        finally:
            admin.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(name))


@pytest.fixture(params=["file", "postgres"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a store is to be, in either database."""
    if request.param == "file":
        return str(tmp_path / "store.db")
    url: str = request.getfixturevalue("server_schema")
    return url
