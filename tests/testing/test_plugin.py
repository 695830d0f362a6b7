"""What the plugin's fixtures are, in runs of pytest of their own."""

from __future__ import annotations

import shutil
import tomllib
from pathlib import Path

import pytest

from .support import ANYIO, ASYNCIO, HERE, XDIST, Run, run_pytest

NAIVE = """
import pytest

@pytest.fixture
def cubicasa_sandbox(_cubicasa_server):
    return _cubicasa_server.sandbox
"""
"""A fixture that begins nothing anew and looks for no key."""

THREADS = """
import threading

def pytest_unconfigure():
    print("left:", threading.enumerate()[1:])
"""


def suite(place: Path, conftest: str, *files: str) -> Run:
    shutil.copytree(HERE / "suite", place, dirs_exist_ok=True)
    (place / "conftest.py").write_text(conftest, encoding="utf-8")
    return run_pytest(place, *files, plugins=(ASYNCIO, ANYIO))


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The suite with the plugin as it is."""
    return suite(tmp_path_factory.mktemp("suite"), THREADS)


@pytest.fixture(scope="module")
def ran_naively(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The suite with the naive fixture."""
    return suite(tmp_path_factory.mktemp("naive"), NAIVE, "test_leaks.py", "test_as_new.py")


@pytest.mark.parametrize(
    "name",
    [
        "test_asyncio",
        "test_asyncio_on_a_lasting_loop",
        "test_anyio",
        "test_several_loops",
        "test_synchronous",
        "test_from_env",
        "test_what_lasts",
        "test_unittest",
        "test_unittest_on_its_own_loop",
    ],
)
def test_the_fixtures_serve_each_kind_of_test(ran: Run, name: str) -> None:
    assert ran.outcomes[name] == {"PASSED"}, ran.text


@pytest.mark.parametrize(
    "name",
    [
        "test_finds_it_as_new",
        "test_finds_it_at_the_same_address",
        "test_cannot_close_it",
        "test_finds_it_up_again",
    ],
)
def test_each_test_gets_the_sandbox_as_new(ran: Run, name: str) -> None:
    assert ran.outcomes[name] == {"PASSED"}, ran.text


def test_a_test_fails_for_a_key_that_the_file_host_saw(ran: Run) -> None:
    assert ran.outcomes["test_leaks"] == {"FAILED"}, ran.text
    assert ran.outcomes["test_leaks_and_hides_it"] == {"FAILED"}
    assert ran.outcomes["test_leaks_at_its_end"] == {"PASSED", "ERROR"}
    assert ran.outcomes["test_leaks_nothing"] == {"PASSED"}


def test_the_failure_says_which_file_and_shows_neither_key_nor_traceback(ran: Run) -> None:
    assert "The api key was sent to the host of the files" in ran.text
    for name in ("leaked", "hidden", "late"):
        assert f"Asked for with a key: /{name}.pdf" in ran.text
    assert "sandbox-" not in ran.text
    assert "Traceback" not in ran.text
    assert "testing/__init__.py" not in ran.text


def test_nothing_is_left_at_the_end_of_the_session(ran: Run) -> None:
    assert "left: []" in ran.text


def test_control_a_fixture_without_reset_is_seen(ran_naively: Run) -> None:
    assert {"test_finds_it_as_new", "test_finds_it_up_again"} <= ran_naively.named("FAILED")


def test_control_without_the_check_a_leak_passes(ran_naively: Run) -> None:
    leaks = {"test_leaks", "test_leaks_and_hides_it", "test_leaks_at_its_end"}
    assert leaks <= ran_naively.named("PASSED"), ran_naively.text


def test_a_key_that_no_test_was_failed_for_fails_the_last(ran_naively: Run) -> None:
    assert "with a key: /leaked.pdf, /hidden.pdf, /late.pdf" in ran_naively.text
    assert "ERROR" in ran_naively.outcomes["test_finds_it_up_again"]


def test_installing_the_package_is_enough_to_have_the_fixtures() -> None:
    text = (HERE.parents[1] / "pyproject.toml").read_text("utf-8")
    project = tomllib.loads(text)["project"]
    assert project["entry-points"]["pytest11"] == {"cubicasa": "cubicasa_async.testing"}
    assert "cubicasa-async[sandbox]" in project["optional-dependencies"]["testing"]


def test_it_costs_nothing_until_it_is_used(tmp_path: Path) -> None:
    (tmp_path / "test_cost.py").write_text(
        """
import sys, threading

HEAVY = {"aiohttp", "asyncio", "attrs", "cubicasa_async.client", "jsonschema", "sqlite3"}

def test_unused():
    assert not HEAVY & sys.modules.keys()
    assert threading.active_count() == 1

def test_control_used(cubicasa_client):
    assert {"aiohttp", "asyncio", "cubicasa_async.client"} <= sys.modules.keys()
    assert threading.active_count() > 1
""",
        encoding="utf-8",
    )
    run = run_pytest(tmp_path, plugins=())
    assert run.named("PASSED") == {"test_unused", "test_control_used"}, run.text


def test_without_the_extra_it_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(
        "import sys\nsys.modules['jsonschema'] = None\n", encoding="utf-8"
    )
    (tmp_path / "test_any.py").write_text(
        "def test_any(cubicasa_sandbox):\n    pass\n", encoding="utf-8"
    )
    run = run_pytest(tmp_path, plugins=())
    assert run.outcomes["test_any"] == {"ERROR"}
    assert "needs the package 'jsonschema', which is not installed" in run.text
    assert "pip install 'cubicasa-async[testing]'" in run.text
    assert "Traceback" not in run.text
    assert "testing/__init__.py" not in run.text


def test_each_worker_of_xdist_has_a_sandbox_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "test_worker.py").write_text(
        """
import pytest

@pytest.mark.parametrize("number", range(4))
def test_worker(number, cubicasa_sandbox, worker_id, tmp_path_factory):
    assert len(cubicasa_sandbox.world.orders) == 0
    cubicasa_sandbox.world.add_order()
    place = tmp_path_factory.getbasetemp().parent / worker_id
    place.write_text(cubicasa_sandbox.origin)
""",
        encoding="utf-8",
    )
    run = run_pytest(tmp_path, "-n2", f"--basetemp={tmp_path / 'base'}", plugins=(XDIST,))
    assert run.outcomes["test_worker"] == {"PASSED"}, run.text
    origins = [(tmp_path / "base" / worker).read_text("utf-8") for worker in ("gw0", "gw1")]
    assert len(set(origins)) == 2
