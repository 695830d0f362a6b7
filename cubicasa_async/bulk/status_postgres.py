"""How a shared job stands, read from its database without touching it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any, Final

from cubicasa_async.bulk.journal_postgres import PostgresJournal
from cubicasa_async.bulk.postgres_sql import HAS_TABLES, VERSION
from cubicasa_async.bulk.status import JobStatus
from cubicasa_async.config import Secret
from cubicasa_async.core.extras import from_extra
from cubicasa_async.errors import JournalError

_VERSIONS: Final = "SELECT version FROM cubicasa_journal"
_JOB: Final = "SELECT job, target, began FROM cubicasa_jobs WHERE name = %s"
_NAMES: Final = "SELECT name FROM cubicasa_jobs ORDER BY name"
_STATES: Final = """
SELECT state, count(*), max(sent_at) FROM cubicasa_drafts WHERE job = %s
GROUP BY state ORDER BY state
"""
_WORKERS: Final = "SELECT count(*) FROM cubicasa_workers WHERE job = %s AND lease_until > now()"
_PATIENCE: Final = 10


async def read_shared_status(url: str) -> JobStatus:
    """How a job stands, whose journal is a PostgreSQL database.

    Raises:
        ConfigError: The URL cannot be read, or the driver is missing.
        JournalError: There is no such job, or the database cannot be read.
    """
    journal = PostgresJournal(url)  # only for its place and its job's name; it opens nothing
    return await asyncio.to_thread(_read, url.partition("#")[0], journal.place)


def _read(address: str, place: str) -> JobStatus:
    with from_extra("postgres", "A journal in PostgreSQL"):
        import psycopg
        from psycopg.conninfo import conninfo_to_dict
    given: dict[str, Any] = {"connect_timeout": _PATIENCE, **conninfo_to_dict(address)}
    try:
        with psycopg.connect(**given) as db:
            db.read_only = True
            return _status(db, place)
    except psycopg.Error as exc:
        said = " ".join(str(exc).split())
        for name in ("password", "sslpassword"):
            said = Secret(str(given[name])).redact(said) if given.get(name) else said
        raise JournalError(f"The journal {place} cannot be read: {said}") from None


def _status(db: Any, place: str) -> JobStatus:
    [there] = db.execute(HAS_TABLES).fetchone()
    if not there:
        raise JournalError(f"There is no journal in {place}.")
    if db.execute(_VERSIONS).fetchall() != [(VERSION,)]:
        raise JournalError(f"The journal {place} is of another version.")
    name = place.rpartition("#")[2]
    found = db.execute(_JOB, (name,)).fetchone()
    if found is None:
        names = ", ".join(repr(row[0]) for row in db.execute(_NAMES))
        raise JournalError(f"There is no job {name!r} in {place}; there are: {names or 'none'}.")
    job, target, began = found
    states = db.execute(_STATES, (job,)).fetchall()
    [workers] = db.execute(_WORKERS, (job,)).fetchone()
    return JobStatus(
        place=place,
        target=target,
        runs=None,
        began=_utc(began),
        last_sent=max((_utc(row[2]) for row in states if row[2] is not None), default=None),
        states={state: count for state, count, _ in states},
        updating=0,
        workers=workers,
    )


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)
