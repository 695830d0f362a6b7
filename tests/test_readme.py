"""What the README shows works as it stands."""

from __future__ import annotations

import ast
import re
import shlex
import tomllib
from pathlib import Path

import pytest

import cubicasa_async
from cubicasa_async.cli.endpoints import markdown
from cubicasa_async.sandbox import Sandbox
from tests.support.commands import environment, run

ROOT = Path(cubicasa_async.__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
SAMPLE = ROOT / "cubicasa_async" / "cli" / "sample" / "listings.csv"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def typed(program: str) -> list[list[str]]:
    """What is typed behind a program's name, line by line."""
    lines = [line for block in blocks("console") for line in block.splitlines()]
    commands = [shlex.split(line.removeprefix("$ ")) for line in lines if line.startswith("$ ")]
    return [words[1:] for words in commands if words[0] == program]


@pytest.fixture
async def busy(sandbox: Sandbox) -> Sandbox:
    """A sandbox that has something to show of each kind."""
    sandbox.world.add_examples(30)
    return sandbox


def titles() -> list[str]:
    """The heading above each block of Python."""
    parts = re.split(r"^## (.*)$", README, flags=re.MULTILINE)
    return [
        title
        for title, text in zip(parts[1::2], parts[2::2], strict=True)
        for _ in range(text.count("```python\n"))
    ]


@pytest.mark.parametrize("snippet", blocks("python"), ids=titles())
async def test_each_program_runs(busy: Sandbox, tmp_path: Path, snippet: str) -> None:
    (tmp_path / "snippet.py").write_text(snippet, encoding="utf-8")
    result = await run(program=("snippet.py",), environ=environment(busy), cwd=tmp_path)
    assert (result.code, result.err) == (0, "")


async def test_the_commands_run_one_after_the_other(busy: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "listings.csv").write_bytes(SAMPLE.read_bytes())
    commands = typed("cubicasa")
    assert commands
    for arguments in commands:
        result = await run(*arguments, environ=environment(busy), cwd=tmp_path)
        # The sample has rows that are rejected, on purpose.
        expected = 1 if arguments[:2] == ["drafts", "import"] else 0
        assert result.code == expected, (arguments, result.err)
    drafts = busy.ledger.by_external_id()
    assert drafts
    assert all(len(found) == 1 for found in drafts.values())


def sessions() -> set[str]:
    tree = ast.parse((ROOT / "noxfile.py").read_text(encoding="utf-8"))
    return {
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef)
        and any("nox.session" in ast.unparse(mark) for mark in node.decorator_list)
    }


def test_the_sessions_are_there_and_are_run_before_a_change_is_taken() -> None:
    named = [words[1] for words in typed("python3") if words[0] == "noxfile.py"]
    assert named
    assert set(named) <= sessions()
    taken = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    for name in named:
        assert f"python3 noxfile.py {name}" in taken


def test_the_sessions_that_the_text_lists_are_those_that_are_there() -> None:
    _, _, text = README.partition("`python3 noxfile.py SESSION` runs a session:")
    listed, _, _ = text.partition("`.ci/run`")
    assert set(re.findall(r"`([a-z]+)`", listed)) == sessions()


def test_the_extras_to_install_are_there() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (install,) = (words for words in typed("python") if words[:3] == ["-m", "pip", "install"])
    wanted = re.match(r"([a-z-_]+)\[([a-z,]+)\]", install[3])
    assert wanted is not None
    assert wanted[1].replace("_", "-") == project["name"]
    extras = set(project["optional-dependencies"])
    assert set(wanted[2].split(",")) <= extras
    _, _, text = README.partition("The extras are ")
    assert set(re.findall(r"`([a-z]+)`", text.partition("\n\n")[0])) == extras


def test_the_table_of_operations_is_that_of_the_declarations() -> None:
    shown = re.search(
        r"^<!-- operations -->\n(.*?)\n<!-- end of operations -->$",
        README,
        re.MULTILINE | re.DOTALL,
    )
    assert shown is not None
    assert shown[1] == markdown(), (
        "Put the output of `cubicasa endpoints --markdown` between the marks in README.md."
    )
