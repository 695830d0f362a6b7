"""A PostgreSQL database that holds journals: how it is reached, and what is said of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from cubicasa_async.bulk.journal import postgres_sql as texts
from cubicasa_async.config import Secret
from cubicasa_async.core.extras import from_extra
from cubicasa_async.core.postgres import KEEPALIVES, TO_BE_ENCODED, is_unambiguous
from cubicasa_async.errors import ConfigError, JournalError

if TYPE_CHECKING:
    import psycopg

    Database = psycopg.Connection[tuple[Any, ...]]

_DEFAULTS: Final = {**KEEPALIVES, "connect_timeout": "10", "application_name": "cubicasa_async"}


JOB: Final = "drafts"
"""The name of a job that has none."""


class PostgresPlace:
    """A job's place in a PostgreSQL database.

    Args:
        url: The database, as libpq takes it. A name behind `#` is the job's.
        job: The job's name, if the URL has none.

    Raises:
        ConfigError: The URL cannot be read, or the driver is missing.
    """

    def __init__(self, url: str, job: str = JOB) -> None:
        with from_extra("postgres", "A journal in PostgreSQL"):
            import psycopg
            from psycopg.conninfo import conninfo_to_dict
        unreadable = ConfigError(
            "The journal's URL cannot be read. It is of the form "
            f"postgresql://user:password@host:port/database#job. {TO_BE_ENCODED} With a job behind "
            "#, the password cannot be a parameter."
        )
        if not is_unambiguous(url):
            raise unreadable
        address, _, name = url.partition("#")
        self.job: str = name or job
        try:
            given = conninfo_to_dict(address)
        except (psycopg.Error, ValueError):  # what it says may show a part of the password
            raise unreadable from None
        self._parameters: dict[str, Any] = {**_DEFAULTS, **given}
        self._secrets = [
            Secret(str(given[kind])) for kind in ("password", "sslpassword") if given.get(kind)
        ]

    def __str__(self) -> str:
        """The database and the job, without any password."""
        known = self._parameters
        user = f"{known['user']}@" if "user" in known else ""
        port = f":{known['port']}" if "port" in known else ""
        at = f"{user}{known.get('host', '')}{port}/{known.get('dbname', '')}"
        return f"postgresql://{at}#{self.job}"

    def reach(self) -> Database:
        """A connection as the server gives it."""
        import psycopg

        return psycopg.connect(**self._parameters)

    def connect(self, *, idle: float) -> Database:
        """A connection on which what is committed is durable, with the tables made.

        Args:
            idle: Seconds after which the server undoes a transaction that nothing comes from.
        """
        from psycopg import IsolationLevel

        db = self.reach()
        try:
            db.isolation_level = IsolationLevel.READ_COMMITTED
            db.execute(texts.LIMIT_IDLENESS, (f"{idle * 1000:.0f}",))
            db.execute(texts.BE_DURABLE)
            db.execute(texts.LOCK_TABLES, (texts.LOCK,))
            if not row(db.execute(texts.HAS_TABLES))[0]:
                db.execute(texts.SCHEMA)
                db.execute(texts.SET_VERSION, (texts.VERSION,))
            self.refuse_another(db)
            db.commit()
        except BaseException:
            db.close()
            raise
        return db

    def explain(self, exc: Exception) -> JournalError:
        """What a run raises because of this."""
        if isinstance(exc, JournalError):
            return exc
        return JournalError(
            f"The journal {self} failed: {self.said(exc)}. Nothing is sent without it; see to the "
            "database and run the job again."
        )

    def said(self, exc: Exception) -> str:
        """What the driver says, without any password."""
        said = str(exc)
        for secret in self._secrets:
            said = secret.redact(said)
        return " ".join(said.split()).rstrip(".")

    def refuse_another(self, db: Database) -> None:
        """Raise JournalError if the tables are of another version of this library."""
        if db.execute(texts.GET_VERSION).fetchall() != [(texts.VERSION,)]:
            raise JournalError(
                f"The tables cubicasa_... in {self} are of another version. Name another database "
                "or schema."
            )


def row(cursor: psycopg.Cursor[tuple[Any, ...]]) -> tuple[Any, ...]:
    """The only row of a result."""
    [found] = cursor.fetchall()
    return found
