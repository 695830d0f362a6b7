"""All that people and CI run, by the same commands.

    python3 noxfile.py demo      the main job, end to end, against the embedded sandbox
    python3 noxfile.py tests     the tests

A bare Python is enough: nox is fetched into `.nox` on first use. What follows `--` goes to the
session. With nox installed, `nox -s demo` does the same.
"""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent
OLDEST_PYTHON = (3, 11)


def bootstrap(arguments: list[str]) -> int:
    """Run nox from an environment of its own, made if need be."""
    if sys.version_info < OLDEST_PYTHON:
        wanted = ".".join(map(str, OLDEST_PYTHON))
        print(f"Python {wanted} or newer is needed; this is {sys.version.split()[0]}.")
        return 2
    home = HERE / ".nox" / "bootstrap"
    python = home / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not python.exists() or subprocess.run([python, "-c", "import nox"], stderr=-3).returncode:
        install = ["install", "--quiet", "--disable-pip-version-check", "nox>=2024.10.9"]
        try:
            venv.create(home, clear=True, with_pip=True)
            subprocess.run([python, "-m", "pip", *install], check=True)
        except subprocess.CalledProcessError:
            # Some systems ship Python without ensurepip, but with a pip that serves others.
            venv.create(home, clear=True, with_pip=False)
            serve = [sys.executable, "-m", "pip", "--python", str(python)]
            if subprocess.run([*serve, *install]).returncode:
                print("Neither ensurepip nor pip is there. On Debian: apt install python3-venv")
                return 2
    session, *rest = arguments or ["tests"]
    return subprocess.call([python, "-m", "nox", "-f", __file__, "-s", session, *rest])


if __name__ == "__main__":
    sys.exit(bootstrap(sys.argv[1:]))

import nox  # noqa: E402 # absent while bootstrapping

nox.needs_version = ">=2024.10.9"
nox.options.sessions = ["tests", "lint", "types"]
nox.options.error_on_missing_interpreters = False

PROJECT = nox.project.load_toml("pyproject.toml")
PYTHONS = ["3.11", "3.12", "3.13", "3.14"]


def install(session: nox.Session, *groups: str, extras: str = "[all]") -> None:
    """The package as it stands, with what some sessions need besides."""
    wanted = nox.project.dependency_groups(PROJECT, *groups) if groups else ()
    session.install("-e", f".{extras}", *wanted)


@nox.session
def demo(session: nox.Session) -> None:
    """The main job, end to end, against the embedded sandbox."""
    install(session)
    session.run("cubicasa", "demo", *session.posargs)


@nox.session
def tests(session: nox.Session) -> None:
    """The tests."""
    install(session, "test")
    session.run("python", "-m", "pytest", "-n", "auto", *session.posargs)


@nox.session(python=PYTHONS)
def matrix(session: nox.Session) -> None:
    """The tests on each Python that is there."""
    install(session, "test")
    session.run("python", "-m", "pytest", "-q", "-n", "auto", *session.posargs)


@nox.session
def oldest(session: nox.Session) -> None:
    """The tests with the oldest versions that are claimed."""
    install(session, "test")
    project = PROJECT["project"]
    claims = [*project["dependencies"], *sum(project["optional-dependencies"].values(), [])]
    pinned = [claim.replace(">=", "==") for claim in claims if ">=" in claim]
    session.install(*pinned)
    session.run("python", "-m", "pytest", "-q", "-n", "auto", *session.posargs)


@nox.session
def soak(session: nox.Session) -> None:
    """The long tests: fifty kills, and what else the default run leaves out."""
    install(session, "test")
    session.run("python", "-m", "pytest", "-m", "soak", "--timeout=3600", *session.posargs)


@nox.session
def mutation(session: nox.Session) -> None:
    """How many small faults the tests find in the modules that the promise rests on."""
    if os.name == "nt":
        session.skip("mutmut needs fork, which this system does not have")
    install(session, "test", "mutation")
    session.run("python", "-m", "tests.mutation", *session.posargs)


@nox.session
def live(session: nox.Session) -> None:
    """What the service is like that the environment names; reads only, and needs its key."""
    if not os.environ.get("CUBICASA_API_KEY"):
        session.skip("there is no key: set CUBICASA_API_KEY to ask the service that it is for")
    install(session)
    session.run("cubicasa", "doctor", "--live", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Style, and what style checkers find besides."""
    session.install(*nox.project.dependency_groups(PROJECT, "lint"))
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session
def types(session: nox.Session) -> None:
    """Types: mypy and pyright, both strict, and completeness of the public surface."""
    install(session, "types")
    session.run("mypy")
    session.run("pyright")
    session.run("pyright", "--verifytypes", "cubicasa_async", "--ignoreexternal")


@nox.session
def docs(session: nox.Session) -> None:
    """The guide, into build/docs; what leads nowhere in it fails."""
    install(session, "test", "docs")
    settings = ["--fail-on-warning", "--keep-going", "--fresh-env", "--quiet"]
    session.run("python", "-m", "sphinx", *settings, "docs", "build/docs", *session.posargs)
    session.run("python", "-m", "pytest", "-q", "-m", "soak", "tests/guide/test_build.py")


@nox.session
def bench(session: nox.Session) -> None:
    """Ratios against peers in one run; `-- --quick` for a short one."""
    install(session, "bench")
    session.run("python", "-m", "benchmarks", *session.posargs)
