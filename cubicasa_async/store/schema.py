"""Tables that belong together, the version they are of, and what they say of themselves."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Final

import attrs
from sqlalchemy import Column, Integer, MetaData, Table, Text, insert, inspect, select
from sqlalchemy.engine import Connection

from cubicasa_async.errors import StoreError

_VERSIONS: Final = Table(
    "cubicasa_schemas",
    MetaData(),
    Column("name", Text, primary_key=True, comment="What the tables are for."),
    Column("version", Integer, nullable=False, comment="Which form they have."),
    comment="Which tables of the library are in this database.",
)


@attrs.frozen(eq=False)
class Schema:
    """Tables that are made, checked and changed together.

    Attributes:
        name: What they are for, as people are told: "order mirror".
        version: Grows with each change of a table.
        metadata: The tables; each table and column has a comment.
    """

    name: str
    version: int
    metadata: MetaData

    def prepare(self, connection: Connection, place: str, *, create: bool) -> None:
        """See to it that the tables are there and of this version.

        Args:
            connection: In a transaction of its own.
            place: The database as people are told.
            create: Whether to make them if they are not there.

        Raises:
            StoreError: There is something else, or nothing and nothing may be made.
        """
        there = set(inspect(connection).get_table_names())
        version = self._version(connection, there)
        if version == self.version:
            return
        if version is not None:
            raise StoreError(
                f"{place} holds the {self.name} in version {version}, and this release of the "
                f"library knows version {self.version}. Use the release that wrote it, or name "
                "another database."
            )
        ours = set(self.metadata.tables)
        a_file = connection.dialect.name == "sqlite"
        foreign = there if a_file and _VERSIONS.name not in there else there & ours
        if foreign:
            raise StoreError(
                f"{place} holds something else ({', '.join(sorted(foreign)[:5])}). Name another "
                + ("file." if a_file else "database, or one of its schemas by its search_path.")
            )
        if not create:
            raise StoreError(f"{place} holds no {self.name}. Make it first, or name another.")
        _VERSIONS.metadata.create_all(connection)
        self.metadata.create_all(connection, checkfirst=False)
        connection.execute(insert(_VERSIONS).values(name=self.name, version=self.version))

    def _version(self, connection: Connection, there: set[str]) -> int | None:
        if _VERSIONS.name not in there:
            return None
        of_this = select(_VERSIONS.c.version).where(_VERSIONS.c.name == self.name)
        return connection.execute(of_this).scalar()

    def describe(self) -> str:
        """All tables and columns in words, from their comments."""
        return "\n\n".join(map(_described, self.metadata.tables.values()))


def _described(table: Table) -> str:
    return "\n".join([f"{table.name}: {table.comment}", *_columns(table)])


def _columns(table: Table) -> Iterator[str]:
    for column in table.columns:
        text = f"{column.name}: {column.comment}"
        yield from textwrap.wrap(text, 96, initial_indent="    ", subsequent_indent="        ")
