from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cubicasa_async.core.policy import parse_http_date, parse_retry_after

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
DAY = 86_400.0


def seconds(value: str | None) -> float | None:
    return parse_retry_after(value, now=NOW, longest=DAY)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("0", 0.0),
        ("3", 3.0),
        ("3.5", 3.5),
        (" 120 ", 120.0),
        ("007", 7.0),
        ("86400", DAY),
        (str(10**9), DAY),
        ("9" * 400, DAY),
        ("1." + "0" * 400, 1.0),
        ("Thu, 01 Jan 2026 12:00:30 GMT", 30.0),
        ("Thu, 01 Jan 2026 13:00:30 +0100", 30.0),
        ("Thursday, 01-Jan-26 12:00:30 GMT", 30.0),
        ("Thu Jan  1 12:00:30 2026", 30.0),
        ("Thu, 01 Jan 2026 11:00:00 GMT", 0.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", DAY),
    ],
)
def test_seconds_and_dates_are_understood_and_cut_to_the_longest(
    value: str, expected: float
) -> None:
    assert seconds(value) == expected


@pytest.mark.parametrize(
    "value",
    [
        None, "", " ", "²", "٣", "-1", "-0", "+5", "1e3", "nan", "inf", "0x10", "1_000", ".5", "5.",
        "1,5", "soon", "Thu, 99 Jan 2026 12:00:30 GMT", "Thu, 01 Jan 2026 12:00:30 +9999",
        "Thu, 01 Jan 99999 00:00:00 GMT", "1; 2",
    ],
)  # fmt: skip
def test_what_is_neither_says_nothing(value: str | None) -> None:
    assert seconds(value) is None


def test_a_date_is_measured_on_the_clock_of_the_server() -> None:
    ahead = NOW + timedelta(hours=1)
    value = format_datetime(ahead + timedelta(seconds=5), usegmt=True)
    assert parse_retry_after(value, now=ahead, longest=DAY) == 5.0


@given(st.text() | st.from_regex(r"[\d., :+A-Za-z-]{0,60}"))
def test_any_text_is_either_nothing_or_a_bounded_wait(value: str) -> None:
    found = seconds(value)
    assert found is None or 0.0 <= found <= DAY


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """This machine stands where the time is not that of Greenwich."""
    if not hasattr(time, "tzset"):
        pytest.skip("the zone of a process cannot be set here")
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "UTC-9")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("elsewhere")
@pytest.mark.parametrize(
    "value",
    [
        "Thu, 01 Jan 2026 12:00:30 GMT",
        "Thu, 01 Jan 2026 12:00:30 -0000",
        "Thu Jan  1 12:00:30 2026",
    ],
)
def test_a_date_is_read_alike_wherever_this_machine_stands(value: str) -> None:
    date = parse_http_date(value)
    assert date is not None
    assert date == NOW + timedelta(seconds=30)
    assert date.tzinfo is UTC


@given(st.text())
def test_any_text_is_an_aware_date_or_none(value: str) -> None:
    date = parse_http_date(value)
    assert date is None or date.tzinfo is UTC


@given(st.integers(0, 10**12), st.integers(0, 10**12))
def test_asking_for_more_never_gives_less(one: int, other: int) -> None:
    less, more = sorted((one, other))
    short, long = seconds(str(less)), seconds(str(more))
    assert short is not None
    assert long is not None
    assert short <= long
