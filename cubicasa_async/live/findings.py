"""A fact of the API, and what was seen of it."""

from __future__ import annotations

import enum

import attrs

from cubicasa_async.core.endpoint import Evidence


class Verdict(enum.Enum):
    """What became of a fact."""

    CONFIRMED = "confirmed"
    """It is as this library takes it to be."""

    REFUTED = "refuted"
    """It is not."""

    SETTLED = "settled"
    """It was an open question, and is none any more."""

    NEW = "new"
    """Something came that this library does not know; it is kept within reach."""

    OPEN = "open"
    """It cannot be told from what was seen."""


@attrs.frozen
class Finding:
    """A fact, and what was seen of it.

    Attributes:
        fact: The fact, in words.
        grade: How it was known before.
        seen: What was seen, in words; neither the api key nor data of persons.
        verdict: What became of it.
    """

    fact: str
    grade: Evidence
    seen: str
    verdict: Verdict
