"""Where a database is: a file, or a URL whose password never shows."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import attrs
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from cubicasa_async.core.postgres import TO_BE_ENCODED, is_unambiguous
from cubicasa_async.errors import ConfigError

_POSTGRES: Final = frozenset({"postgresql", "postgres", "postgresql+psycopg"})
_SQLITE: Final = frozenset({"sqlite", "sqlite+aiosqlite"})
_KINDS: Final = (
    "A store is a file, or a URL such as sqlite:///orders.db or "
    "postgresql://user:password@host/database."
)


@attrs.frozen
class Place:
    """Where a database is.

    Attributes:
        url: As SQLAlchemy takes it, with its driver.
        name: As people are told: the file, or the URL without password and parameters.
        path: The file, if it is one.
    """

    url: URL = attrs.field(repr=False)
    name: str
    path: Path | None = None

    @classmethod
    def of(cls, target: str | Path) -> Place:
        """The place that a path or a URL names.

        Raises:
            ConfigError: It is neither, or of a kind that is not supported.
        """
        if isinstance(target, Path) or ("://" not in target and target != ":memory:"):
            return cls._of_path(Path(target))
        # The text may hold a password: it is not repeated.
        if target.partition("://")[0] in _POSTGRES and not is_unambiguous(target):
            raise ConfigError(f"The URL of the store cannot be read. {_KINDS} {TO_BE_ENCODED}")
        try:
            url = make_url(target)
        except (ArgumentError, ValueError):
            raise ConfigError(f"The URL of the store cannot be read. {_KINDS}") from None
        if url.drivername in _SQLITE:
            if not url.database or url.database == ":memory:" or url.query:
                raise ConfigError(
                    "The URL of the store names no file, or has parameters, which a file has not. "
                    f"{_KINDS}"
                )
            return cls._of_path(Path(url.database))
        if url.drivername in _POSTGRES:
            shown = URL.create("postgresql", url.username, None, url.host, url.port, url.database)
            return cls(url.set(drivername="postgresql+psycopg"), shown.render_as_string())
        raise ConfigError(f"A store cannot be in {url.drivername!r}. {_KINDS}")

    def secrets(self) -> tuple[str, ...]:
        """What must never be shown."""
        also = self.url.query.get("password", ())
        given = (self.url.password, *([also] if isinstance(also, str) else also))
        return tuple(secret for secret in given if secret)

    @classmethod
    def _of_path(cls, path: Path) -> Place:
        if not path.name:
            raise ConfigError(f"The path of the store is empty. {_KINDS}")
        return cls(URL.create("sqlite+aiosqlite", database=str(path)), str(path), path)
