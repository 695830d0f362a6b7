"""A key that must never be seen: a test fails if it finds its way into a log or an output."""

from __future__ import annotations

from collections.abc import Generator

import pytest

CANARY = "canary-7f3d9a1c5e"


def leaks(report: pytest.TestReport) -> list[str]:
    """Where the key stands in what a test has printed and logged."""
    places = {"stdout": report.capstdout, "stderr": report.capstderr, "log": report.caplog}
    return [place for place, content in places.items() if CANARY in content]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.when == "teardown" and report.passed and (found := leaks(report)):
        report.outcome = "failed"
        report.longrepr = f"the api key was shown in {' and '.join(found)}"
    return report


@pytest.fixture(autouse=True)
def everything_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
