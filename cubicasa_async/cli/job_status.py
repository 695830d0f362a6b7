"""How `cubicasa drafts status` shows a job."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from cubicasa_async.bulk.journal.protocol import State
from cubicasa_async.bulk.journal.status import JobStatus, read_status
from cubicasa_async.cli.output import shown_time
from cubicasa_async.cli.tables import Facts, count

_WORDS = {
    State.CREATED: "made by this job",
    State.THERE: "there before",
    State.REJECTED: "rejected by the server",
    State.NEW: "not sent yet",
    State.INTENT: "in doubt: was about to be sent",
    State.UNKNOWN: "in doubt: the answer was lost",
    State.DELETING: "being deleted: the end is not known",
    State.DELETED: "deleted",
}
_UNITS = (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1))


async def read(journal: str) -> JobStatus:
    """The state of a job, whose journal is a file or the URL of a database.

    Raises:
        JournalError: It cannot be read.
    """
    if "://" in journal:
        from cubicasa_async.bulk.journal.postgres_status import read_shared_status

        return await read_shared_status(journal)
    return read_status(journal)


def fields(status: JobStatus) -> dict[str, Any]:
    """The state of a job as JSON fields; times are ISO 8601, UTC."""
    return {
        "journal": status.place,
        "target": status.target,
        "runs": status.runs,
        "workers": status.workers,
        "leases": [
            {"until": lease.until.isoformat(), "rows": lease.rows} for lease in status.leases
        ],
        "last_run": status.began.isoformat() if status.began else None,
        "last_sent": status.last_sent.isoformat() if status.last_sent else None,
        "rows": status.rows,
        "states": dict(status.states),
        "in_doubt": status.in_doubt,
        "updating": status.updating,
    }


def facts(status: JobStatus) -> Facts:
    """The state of a job for people."""
    lines = {"journal": status.place, "target": status.target or "-"}
    if status.runs is not None:
        lines["runs"] = str(status.runs)
    if status.workers is not None:
        lines["workers at it"] = str(status.workers)
    for number, lease in enumerate(status.leases, 1):
        rows, until = count(lease.rows, "row"), shown_time(lease.until)
        lines[f"  worker {number}"] = f"{rows}; taken over at {until} if it is gone"
    lines["last run"] = _when(status.began)
    lines["last request"] = _when(status.last_sent)
    lines["rows"] = str(status.rows)
    for state, words in _WORDS.items():
        if status.states.get(state):
            lines[f"  {words}"] = str(status.states[state])
    if status.updating:
        lines["  of these, change begun"] = str(status.updating)
    if status.in_doubt or status.updating or status.states.get(State.DELETING):
        lines[""] = "The next run settles what is in doubt, as far as its rows are read again."
    return Facts(lines)


def _when(moment: datetime | None) -> str:
    if moment is None:
        return "-"
    seconds = (datetime.now(UTC) - moment).total_seconds()
    shown = shown_time(moment)
    for unit, length in _UNITS:
        if seconds >= length:
            number = int(seconds // length)
            return f"{shown}, {number} {unit}{'s' if number > 1 else ''} ago"
    return shown
