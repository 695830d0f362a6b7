"""`cubicasa doctor` against a sandbox here; the key is never shown."""

from __future__ import annotations

import asyncio
import importlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
import pytest
from click.testing import CliRunner

import cubicasa_async
from cubicasa_async.cli.app import cubicasa
from cubicasa_async.live import MOST_CALLS
from cubicasa_async.sandbox import Fault, Reading, Sandbox
from tests.support.canary import CANARY
from tests.support.commands import environment, run
from tests.support.terminal import on_a_terminal

NOXFILE = Path(cubicasa_async.__file__).parent.parent / "noxfile.py"


@attrs.frozen
class Said:
    """What the command said: JSON lines for programs, sentences for people."""

    code: int
    json: list[dict[str, Any]]
    sentences: str

    @property
    def values(self) -> dict[str, str]:
        return {line["name"]: line["value"] for line in self.json if line["type"] == "check"}

    @property
    def faults(self) -> list[str]:
        return [line["name"] for line in self.json if line["type"] == "check" and line["fault"]]


async def ask(*arguments: str, environ: Mapping[str, str]) -> Said:
    """Run the command in a thread of this process; it makes an event loop of its own there."""
    names = ("CUBICASA_API_KEY", "CUBICASA_BASE_URL", "CUBICASA_ENVIRONMENT")
    variables = {name: environ.get(name) for name in names}
    result = await asyncio.to_thread(CliRunner().invoke, cubicasa, arguments, env=variables)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    key = variables["CUBICASA_API_KEY"]
    assert key is None or key not in result.output
    lines = result.output.splitlines()
    found = [json.loads(line) for line in lines if line.startswith("{")]
    others = [line for line in lines if not line.startswith("{")]
    return Said(result.exit_code, found, "\n".join(others))


async def test_what_is_in_force_is_shown_line_by_line(sandbox: Sandbox) -> None:
    result = await run("doctor", environ=environment(sandbox))
    assert (result.code, result.err) == (0, "")
    shown = {line["name"]: line["value"] for line in result.json}
    assert not any(line["fault"] or line["advice"] for line in result.json)
    assert list(shown) == [
        "api key",
        "base URL",
        "environment",
        "proxy",
        "TLS",
        "python",
        "cubicasa_async",
        "aiohttp",
        "attrs",
        "cattrs",
        "msgspec",
        "service",
        "clock",
    ]
    assert shown["api key"] == "set by CUBICASA_API_KEY"
    assert shown["base URL"] == f"{sandbox.base_url} (from CUBICASA_BASE_URL)"
    assert len(sandbox.ledger) == 1


async def test_it_is_a_table_on_a_terminal(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.world.add_examples(30)
    variables = environment(sandbox)
    code, screen = await on_a_terminal("doctor", "--live", environ=variables, cwd=tmp_path)
    assert code == 0
    assert CANARY not in screen
    announced = screen.index(f"at most {MOST_CALLS} calls, each a GET")
    assert screen.index("All is well.") < announced < screen.index("grade before")
    assert "calls made." in screen[announced:]
    assert '{"' not in screen


async def test_the_command_line_outweighs_the_environment(sandbox: Sandbox) -> None:
    variables = environment(sandbox, CUBICASA_BASE_URL="https://elsewhere.example.test/v3")
    result = await ask("--base-url", sandbox.base_url, "doctor", environ=variables)
    assert result.code == 0
    assert result.values["base URL"] == f"{sandbox.base_url} (from --base-url)"


async def test_without_a_key_it_ends_with_2_and_says_what_to_do() -> None:
    result = await ask("doctor", "--live", environ=environment(None, CUBICASA_ENVIRONMENT="qa"))
    assert result.code == 2
    assert result.faults == ["api key"]
    assert result.values["api key"] == "missing"
    assert result.values["environment"] == "qa"
    assert result.values["base URL"].endswith("(from CUBICASA_ENVIRONMENT)")
    assert result.sentences.startswith(
        "Error: No api key: set the environment variable CUBICASA_API_KEY"
    )
    assert "service" not in result.values


@pytest.mark.parametrize(
    ("variables", "name", "words"),
    [
        ({"CUBICASA_API_KEY": "schlüssel"}, "api key", "characters that a key cannot hold"),
        ({"CUBICASA_BASE_URL": "http://example.test/v3"}, "base URL", "must be https"),
        ({"CUBICASA_ENVIRONMENT": "moon"}, "base URL", "There is no environment 'moon'"),
        (
            {"CUBICASA_ENVIRONMENT": "qa", "CUBICASA_BASE_URL": "https://example.test"},
            "base URL",
            "not both",
        ),
    ],
)
async def test_settings_that_cannot_work_end_with_2(
    variables: dict[str, str], name: str, words: str
) -> None:
    result = await ask(
        "doctor", environ=environment(None, **{"CUBICASA_API_KEY": CANARY, **variables})
    )
    assert result.code == 2
    assert result.faults == [name]
    assert words in result.sentences
    assert "schlüssel" not in str(result)


async def test_a_wrong_key_ends_with_3_and_asks_nothing_more(sandbox: Sandbox) -> None:
    variables = environment(sandbox, CUBICASA_API_KEY="wrong-key-0815")
    result = await ask("doctor", "--live", environ=variables)
    assert result.code == 3
    assert result.faults == ["service"]
    assert "the api key was refused" in result.sentences
    assert len(sandbox.ledger) == 1


async def test_a_host_that_is_not_there_ends_with_4(unused_tcp_port: int) -> None:
    base_url = f"http://127.0.0.1:{unused_tcp_port}"
    variables = environment(None, CUBICASA_API_KEY=CANARY, CUBICASA_BASE_URL=base_url)
    result = await ask("doctor", "--live", environ=variables)
    assert result.code == 4
    assert "No connection could be made to the server" in result.sentences


async def test_a_web_page_ends_with_4(sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault("html"))
    result = await ask("doctor", environ=environment(sandbox))
    assert result.code == 4
    assert "web page instead of JSON" in result.sentences
    assert "Check the base URL" in result.sentences


async def test_a_wrong_clock_ends_with_1(sandbox: Sandbox) -> None:
    body = {"pagination": {"has_more": False}, "items": list[str]()}
    past = {"Date": "Thu, 01 Jan 2015 00:00:00 GMT"}
    sandbox.faults.add(Fault("body", body=body, headers=past))
    result = await ask("doctor", environ=environment(sandbox))
    assert result.code == 1
    assert result.faults == ["clock"]


async def test_live_settles_fact_by_fact_and_changes_nothing(sandbox: Sandbox) -> None:
    sandbox.reading = Reading.SKIPPING
    sandbox.world.add_examples(30)
    result = await ask("doctor", "--live", environ=environment(sandbox))
    assert result.code == 0
    facts = [line for line in result.json if line["type"] == "fact"]
    assert {tuple(line) for line in facts} == {("type", "fact", "grade", "seen", "verdict")}
    summary = result.json[-1]
    assert summary == {
        "type": "summary",
        "reading": "skipping",
        "calls": len(sandbox.ledger) - 1,
    }
    assert {entry.method for entry in sandbox.ledger} == {"GET"}
    assert not sandbox.ledger.committed()
    assert result.sentences.startswith(f"Asking: at most {MOST_CALLS} calls")


async def test_live_ends_with_1_if_a_fact_is_refuted(sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault("status", status=404, html="<h1>no</h1>", operation="offices.list"))
    result = await ask("doctor", "--live", environ=environment(sandbox))
    assert result.code == 1
    (refuted,) = (line for line in result.json if line.get("verdict") == "refuted")
    assert refuted["fact"] == "offices.list is GET /offices"
    assert refuted["grade"] == "inferred"


def nox_works() -> bool:
    try:
        importlib.import_module("nox.__main__")
    except (ImportError, AttributeError):
        return False
    return True


@pytest.mark.skipif(not nox_works(), reason="nox needs newer attrs than the oldest claimed here")
@pytest.mark.parametrize("has_key", [False, True])
async def test_the_session_live_is_skipped_only_without_a_key(
    sandbox: Sandbox, tmp_path: Path, has_key: bool
) -> None:
    nox = ("-m", "nox", "--no-venv", "--no-install", "--envdir", str(tmp_path))
    variables = environment(sandbox if has_key else None)
    result = await run("-f", str(NOXFILE), "-s", "live", program=nox, environ=variables)
    said = result.out + result.err
    assert ("skipped: there is no key: set CUBICASA_API_KEY" in said) is not has_key
    assert "Running session live" in said
    assert has_key or result.code == 0
