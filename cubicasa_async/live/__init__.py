"""What can be learnt of the service that a client is set to, by asking it and changing nothing.

`reach` says whether it can be used at all; `probe` settles facts of the API that are not
documented. `cubicasa doctor` prints both.
"""

from __future__ import annotations

from cubicasa_async.live.findings import Finding, Verdict
from cubicasa_async.live.health import Check, reach, settings, versions
from cubicasa_async.live.paging import Reading
from cubicasa_async.live.probe import MOST_CALLS, TRIES, Report, probe

__all__ = [
    "MOST_CALLS",
    "TRIES",
    "Check",
    "Finding",
    "Reading",
    "Report",
    "Verdict",
    "probe",
    "reach",
    "settings",
    "versions",
]
