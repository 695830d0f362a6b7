from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cubicasa_async.core import wire
from cubicasa_async.core.endpoint import Effect, Endpoint, Evidence
from cubicasa_async.core.policy import RetryPolicy, Sleep, Stop, decide, repeatable, waits
from cubicasa_async.errors import (
    CallTimeoutError,
    ClientClosedError,
    ConnectError,
    ConnectionLostError,
    CubiCasaError,
    DecodeError,
    Outcome,
    ProtocolError,
    QueueTimeoutError,
    ResponseTooLargeError,
)

EVERY = set(Effect)
HARMLESS = {Effect.READ, Effect.REPLACE}
FREE = {Effect.READ, Effect.REPLACE, Effect.CREATE}
NONE: set[Effect] = set()

Repeats = Callable[[Effect, CubiCasaError], bool]


def answered(status: int) -> Callable[[Effect], CubiCasaError]:
    def error(effect: Effect) -> CubiCasaError:
        endpoint: Endpoint[None] = Endpoint(
            operation="things.do",
            method="POST",
            path="/things",
            response=None,
            effect=effect,
            evidence=Evidence.DOCUMENTED,
        )
        return wire.refusal(endpoint, wire.Answer(status, {}, b""))

    return error


def failed(
    cls: type[CubiCasaError], outcome: Outcome, **state: object
) -> Callable[[Effect], CubiCasaError]:
    def error(_: Effect) -> CubiCasaError:
        made = cls("It failed.", outcome=outcome)
        made.__dict__.update(state)
        return made

    return error


TABLE: dict[str, tuple[Callable[[Effect], CubiCasaError], set[Effect]]] = {
    "refused to connect": (failed(ConnectError, Outcome.NOT_SENT), EVERY),
    "connecting took too long": (failed(CallTimeoutError, Outcome.NOT_SENT), EVERY),
    "lost before a byte left": (failed(ConnectionLostError, Outcome.NOT_SENT), EVERY),
    "bad certificate": (failed(ConnectError, Outcome.NOT_SENT, permanent=True), NONE),
    "no turn in time": (failed(QueueTimeoutError, Outcome.NOT_SENT), NONE),
    "client closed": (failed(ClientClosedError, Outcome.NOT_SENT), NONE),
    "lost after it left": (failed(ConnectionLostError, Outcome.UNKNOWN), HARMLESS),
    "no answer in time": (failed(CallTimeoutError, Outcome.UNKNOWN), HARMLESS),
    "answer is not HTTP": (failed(ProtocolError, Outcome.UNKNOWN), HARMLESS),
    "answer too large": (failed(ResponseTooLargeError, Outcome.UNKNOWN), NONE),
    "JSON cut off": (lambda _: DecodeError("cut", incomplete=True), HARMLESS),
    "JSON of another shape": (lambda _: DecodeError("wrong"), NONE),
    **{
        f"status {status}": (answered(status), NONE)
        for status in (301, 302, 307, 308, 400, 401, 403, 404, 409, 410, 413, 418, 422, 501, 505)
    },
    "status 429": (answered(429), FREE),
    "status 503": (answered(503), FREE),
    **{f"status {status}": (answered(status), HARMLESS) for status in (500, 502, 504)},
}


def violations(repeats: Repeats) -> list[str]:
    return [
        f"{name}, {effect.name}"
        for (name, (error, allowed)), effect in itertools.product(TABLE.items(), Effect)
        if repeats(effect, error(effect)) != (effect in allowed)
    ]


def test_repeating_follows_effect_and_outcome() -> None:
    assert violations(repeatable) == []


def test_control_retrying_whatever_looks_passing_would_repeat_creates() -> None:
    found = violations(lambda _, error: error.transient)
    assert "no answer in time, CREATE" in found
    assert "no answer in time, PURCHASE" in found
    assert "status 503, PURCHASE" in found


@pytest.mark.parametrize("outcome", [Outcome.REFUSED, Outcome.UNKNOWN])
def test_a_purchase_is_never_repeated_once_it_was_sent(outcome: Outcome) -> None:
    for name, (make, _) in TABLE.items():
        error = make(Effect.PURCHASE)
        error.outcome = outcome
        assert not repeatable(Effect.PURCHASE, error), name


def test_waits_double_up_to_their_bound() -> None:
    steps = waits(RetryPolicy(first_wait=0.5, longest_wait=3.0))
    assert list(itertools.islice(steps, 6)) == [0.5, 1.0, 2.0, 3.0, 3.0, 3.0]


def test_waits_never_end_and_never_grow_beyond_their_bound() -> None:
    assert set(itertools.islice(waits(RetryPolicy()), 2000, 2100)) == {20.0}


def decided(
    *,
    tries: int = 1,
    retries: int = 3,
    wait: float = 1.0,
    retry_after: float | None = None,
    now: float = 0.0,
    deadline: float = 60.0,
) -> Sleep | Stop:
    return decide(
        Effect.READ,
        ConnectError("refused"),
        tries=tries,
        retries=retries,
        wait=wait,
        retry_after=retry_after,
        now=now,
        deadline=deadline,
    )


def test_it_stops_when_the_attempts_are_used_up() -> None:
    assert decided(tries=3, retries=3) == Sleep(1.0)
    assert isinstance(decided(tries=4, retries=3), Stop)
    assert isinstance(decided(tries=1, retries=0), Stop)


def test_it_waits_as_long_as_the_server_asks_and_no_less_than_its_own_wait() -> None:
    assert decided(wait=1.0, retry_after=7.0) == Sleep(7.0)
    assert decided(wait=9.0, retry_after=7.0) == Sleep(9.0)
    assert decided(wait=1.0, retry_after=0.0) == Sleep(1.0)
    assert decided(wait=0.2, retry_after=None) == Sleep(0.2)


def test_it_does_not_sleep_up_to_or_beyond_the_deadline() -> None:
    assert decided(wait=1.0, now=58.9) == Sleep(1.0)
    assert isinstance(decided(wait=1.0, now=59.0), Stop)
    assert isinstance(decided(retry_after=3600.0), Stop)
    assert decided(retry_after=3600.0, deadline=float("inf")) == Sleep(3600.0)


def test_a_stop_says_why() -> None:
    error = failed(ConnectionLostError, Outcome.UNKNOWN)(Effect.CREATE)
    unsafe = decide(
        Effect.CREATE, error, tries=1, retries=3, wait=1.0, retry_after=None, now=0.0, deadline=60.0
    )
    assert unsafe == Stop("a repeat is not safe or cannot help")
    assert decided(tries=4, retries=3) == Stop("all attempts are used up")
    late = Stop("the deadline comes before the next attempt may start")
    assert decided(retry_after=3600.0) == late


@given(
    effect=st.sampled_from(Effect),
    case=st.sampled_from(sorted(TABLE)),
    outcome=st.sampled_from(Outcome) | st.none(),
    tries=st.integers(1, 20),
    retries=st.integers(0, 20),
    wait=st.floats(0, 100),
    retry_after=st.none() | st.floats(0, 1e9),
    now=st.floats(0, 1e9),
    left=st.floats(0, 1e6),
)
def test_whatever_happens_it_sleeps_only_where_that_is_safe(
    effect: Effect,
    case: str,
    outcome: Outcome | None,
    tries: int,
    retries: int,
    wait: float,
    retry_after: float | None,
    now: float,
    left: float,
) -> None:
    error = TABLE[case][0](effect)
    error.outcome = outcome or error.outcome
    decision = decide(
        effect,
        error,
        tries=tries,
        retries=retries,
        wait=wait,
        retry_after=retry_after,
        now=now,
        deadline=now + left,
    )
    if isinstance(decision, Stop):
        return
    assert tries <= retries
    assert now + decision.seconds < now + left
    assert decision.seconds in {wait, retry_after}
    assert not (error.outcome is Outcome.UNKNOWN and effect not in HARMLESS)
    assert not (error.outcome is Outcome.REFUSED and effect is Effect.PURCHASE)
