"""Whether and when to try again: pure functions over what is known of the attempts so far."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import attrs
import backoff

from cubicasa_async.core.endpoint import Effect
from cubicasa_async.errors import AnswerError, CubiCasaError, Outcome

_REFUSED_FOR_NOW = frozenset({429, 503})
_SECONDS = re.compile(r"\d+(\.\d+)?", re.ASCII)


@attrs.frozen(kw_only=True)
class RetryPolicy:
    """How waits between attempts grow.

    Attributes:
        first_wait: Upper bound in seconds of the first wait; each further one doubles it.
        longest_wait: Upper bound in seconds of any wait that the server did not ask for.
        longest_retry_after: What a Retry-After above this many seconds is cut to.
    """

    first_wait: float = 0.5
    longest_wait: float = 20.0
    longest_retry_after: float = 86_400.0


@attrs.frozen
class Sleep:
    """Wait, then try again.

    Attributes:
        seconds: How long to wait.
    """

    seconds: float


@attrs.frozen
class Stop:
    """Do not try again.

    Attributes:
        reason: Why, in a few words.
    """

    reason: str


def waits(policy: RetryPolicy) -> Iterator[float]:
    """Upper bounds, in seconds, of the first, second, ... wait; endless."""
    steps = backoff.expo(base=2, factor=policy.first_wait, max_value=policy.longest_wait)
    steps.send(None)
    return steps


def repeatable(effect: Effect, error: CubiCasaError) -> bool:
    """Whether repeating a failed call is harmless and may help."""
    if error.outcome is Outcome.NOT_SENT:
        return error.transient
    if error.outcome is Outcome.REFUSED:
        refused_for_now = isinstance(error, AnswerError) and error.status in _REFUSED_FOR_NOW
        return refused_for_now and effect is not Effect.PURCHASE
    return error.transient and effect in {Effect.READ, Effect.REPLACE}


def decide(
    effect: Effect,
    error: CubiCasaError,
    *,
    tries: int,
    retries: int,
    wait: float,
    retry_after: float | None,
    now: float,
    deadline: float,
) -> Sleep | Stop:
    """What to do after a failed attempt.

    Args:
        effect: What a repeat would do.
        error: The failure, with its outcome.
        tries: Attempts made so far, this one included.
        retries: How many repeats are allowed after the first attempt.
        wait: Seconds to wait if the server asks for nothing.
        retry_after: Seconds the server asked to wait, if it did.
        now: The present on the deadline's clock, in seconds.
        deadline: When the call must have ended, on the same clock.
    """
    if not repeatable(effect, error):
        return Stop("a repeat is not safe or cannot help")
    if tries > retries:
        return Stop("all attempts are used up")
    seconds = max(wait, retry_after or 0.0)
    if now + seconds >= deadline:
        return Stop("the deadline comes before the next attempt may start")
    return Sleep(seconds)


def parse_retry_after(value: str | None, *, now: datetime, longest: float) -> float | None:
    """Seconds that a Retry-After header asks to wait; None if it says nothing usable.

    Args:
        value: The header's text: seconds, with or without a fraction, or an HTTP date.
        now: The server's own clock if it sent a Date, else ours (aware).
        longest: What longer demands are cut to, in seconds.
    """
    text = (value or "").strip()
    if _SECONDS.fullmatch(text):
        return min(float(text), longest)
    date = parse_http_date(text)
    if date is None:
        return None
    return min(max((date - now).total_seconds(), 0.0), longest)


def parse_http_date(value: str | None) -> datetime | None:
    """An HTTP date as an aware datetime (UTC); None if the text is none."""
    try:
        date = parsedate_to_datetime(value or "")
        return (date if date.tzinfo else date.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
