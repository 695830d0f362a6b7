"""Which journal a place stands for."""

from __future__ import annotations

from pathlib import Path
from typing import TypeAlias

from cubicasa_async.bulk.journal.protocol import Journal, SharedJournal
from cubicasa_async.errors import ConfigError

AnyJournal: TypeAlias = Journal | SharedJournal
JournalPlace: TypeAlias = str | Path | Journal | SharedJournal
"""A file, the URL of a database, or a journal itself."""


def journal_at(place: JournalPlace) -> AnyJournal:
    """The journal of a place; a journal stands for itself. Nothing is opened yet.

    Raises:
        ConfigError: The URL cannot be read or is of another kind, or an extra is missing.
    """
    if not isinstance(place, (str, Path)):
        return place
    if isinstance(place, str) and "://" in place:
        if place.startswith(("postgresql://", "postgres://")):
            from cubicasa_async.bulk.journal.postgres import PostgresJournal

            return PostgresJournal(place)
        raise ConfigError(
            f"A journal cannot be in {place.partition('://')[0]!r}. It is a file, or a URL "
            "postgresql://user:password@host/database."
        )
    from cubicasa_async.bulk.journal.sqlite import SqliteJournal

    return SqliteJournal(place)
