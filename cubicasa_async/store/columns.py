"""Column types that hold the same in SQLite and in PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import DateTime, Dialect, Text
from sqlalchemy.types import TypeDecorator, TypeEngine


class Moment(TypeDecorator[datetime]):
    """A moment, aware and in UTC on both sides.

    In SQLite it is the text `2026-01-31 12:00:00.000000` in UTC, which its date functions read; in
    PostgreSQL it is a `timestamptz`.
    """

    impl: TypeEngine[Any] | type[TypeEngine[Any]] = DateTime(timezone=True)
    cache_ok: bool | None = True

    def process_bind_param(
        self,
        value: datetime | None,
        dialect: Dialect,  # noqa: ARG002 # SQLAlchemy's signature
    ) -> datetime | None:
        """To the database. A moment without a zone is refused: it could mean any of them."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("A moment needs a time zone.")
        return value.astimezone(UTC)

    def process_result_value(
        self,
        value: datetime | None,
        dialect: Dialect,  # noqa: ARG002 # SQLAlchemy's signature
    ) -> datetime | None:
        """From the database."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class AnyText(TypeDecorator[str]):
    """Text from elsewhere. The letter NUL, which PostgreSQL refuses, becomes U+FFFD."""

    impl: TypeEngine[Any] | type[TypeEngine[Any]] = Text
    cache_ok: bool | None = True

    def process_bind_param(
        self,
        value: str | None,
        dialect: Dialect,  # noqa: ARG002 # SQLAlchemy's signature
    ) -> str | None:
        """To the database."""
        return None if value is None else value.replace("\0", "\ufffd")
