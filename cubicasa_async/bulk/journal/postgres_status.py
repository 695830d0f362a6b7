"""How a shared job stands, read from its database without touching it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from cubicasa_async.bulk.journal.postgres_place import PostgresPlace, row
from cubicasa_async.bulk.journal.postgres_sql import HAS_TABLES
from cubicasa_async.bulk.journal.status import JobStatus, WorkerLease
from cubicasa_async.errors import JournalError

if TYPE_CHECKING:
    from cubicasa_async.bulk.journal.postgres_place import Database

_JOB: Final = "SELECT job, target, began FROM cubicasa_jobs WHERE name = %s"
_NAMES: Final = "SELECT name FROM cubicasa_jobs ORDER BY name"
_STATES: Final = """
SELECT state, count(*), max(sent_at) FROM cubicasa_drafts WHERE job = %s
GROUP BY state ORDER BY state
"""
_WORKERS: Final = """
SELECT w.lease_until, (SELECT count(*) FROM cubicasa_drafts d WHERE d.owner = w.worker)
FROM cubicasa_workers w WHERE w.job = %s AND w.lease_until > now() ORDER BY w.lease_until
"""


async def read_shared_status(url: str) -> JobStatus:
    """How a job stands, whose journal is a PostgreSQL database.

    Raises:
        ConfigError: The URL cannot be read, or the driver is missing.
        JournalError: There is no such job, or the database cannot be read.
    """
    return await asyncio.to_thread(_read, PostgresPlace(url))


def _read(place: PostgresPlace) -> JobStatus:
    from psycopg import Error

    try:
        with place.reach() as db:
            db.read_only = True
            return _status(db, place)
    except Error as exc:
        raise JournalError(f"The journal {place} cannot be read: {place.said(exc)}.") from None


def _status(db: Database, place: PostgresPlace) -> JobStatus:
    [there] = row(db.execute(HAS_TABLES))
    if not there:
        raise JournalError(f"There is no journal in {place}.")
    place.refuse_another(db)
    found = db.execute(_JOB, (place.job,)).fetchone()
    if found is None:
        names = ", ".join(repr(row[0]) for row in db.execute(_NAMES))
        raise JournalError(
            f"There is no job {place.job!r} in {place}; there are: {names or 'none'}."
        )
    job, target, began = found
    states = db.execute(_STATES, (job,)).fetchall()
    leases = [WorkerLease(_utc(until), rows) for until, rows in db.execute(_WORKERS, (job,))]
    return JobStatus(
        place=str(place),
        target=target,
        runs=None,
        began=_utc(began),
        last_sent=max((_utc(row[2]) for row in states if row[2] is not None), default=None),
        states={state: count for state, count, _ in states},
        updating=0,
        workers=len(leases),
        leases=leases,
    )


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)
