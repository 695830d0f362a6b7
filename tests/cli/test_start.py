"""Listing, help and completion load nothing but what they need."""

from __future__ import annotations

import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from cubicasa_async.cli.app import ENVIRONMENTS, cubicasa
from cubicasa_async.cli.late import Branch
from cubicasa_async.cli.options import STATUSES
from cubicasa_async.cli.sandbox import READINGS
from cubicasa_async.cli.tree import COMMANDS
from cubicasa_async.config import Environment
from cubicasa_async.resources.order import OrderStatus
from cubicasa_async.sandbox import Reading
from tests.cli.test_command_line import commands
from tests.support.commands import environment

HEAVY = {"aiohttp", "rich", "sqlalchemy", "cattrs", "msgspec", "yarl", "cubicasa_async.client"}
LOADED = """
import contextlib, io, sys
from cubicasa_async.cli.app import cubicasa
for words in {lines!r}:
    with contextlib.redirect_stdout(io.StringIO()):
        cubicasa.main(words, prog_name="cubicasa", standalone_mode=False)
print(sorted({heavy!r} & set(sys.modules)))
print(sorted(name.removeprefix("cubicasa_async.") for name in sys.modules if "cubicasa_" in name))
"""


def loaded(*lines: list[str]) -> list[str]:
    """The heavy packages that these command lines load, and the modules of our own."""
    code = LOADED.format(lines=list(lines), heavy=HEAVY)
    ended = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env=environment(None),
        check=True,
    )
    return ended.stdout.splitlines()


def test_help_of_all_that_is_listed_first_loads_no_client() -> None:
    heavy, _ = loaded(["--help"], ["--version"], *([name, "--help"] for name in COMMANDS))
    assert heavy == "[]"


def test_help_of_a_group_loads_the_list_of_its_commands_and_none_of_them() -> None:
    groups = [name for name, entry in COMMANDS.items() if isinstance(entry, Branch)]
    assert len(groups) == 10
    heavy, ours = loaded(*([name, "--help"] for name in groups))
    assert heavy == "[]"
    start = ("app", "common", "late", "options", "tree")
    assert ours == str(["_version", "cli", *(f"cli.{name}" for name in start), "cubicasa_async"])


def test_control_a_command_that_loads_the_client_is_seen() -> None:
    heavy, ours = loaded(["orders", "get", "--help"])
    assert "aiohttp" in heavy
    assert "'client'" in ours


def complete(line: str, shell: str = "bash") -> list[str]:
    words = line.split(" ")
    variables = {"COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
    if shell == "fish":
        variables["COMP_CWORD"] = words[-1]
    result = CliRunner().invoke(
        cubicasa,
        [],
        env={"_CUBICASA_COMPLETE": f"{shell}_complete", **variables},
        prog_name="cubicasa",
    )
    return [text.split(",")[-1].split("\t")[0] for text in result.output.splitlines()]


def test_commands_options_and_known_values_are_completed() -> None:
    assert complete("cubicasa change") == ["change-requests"]
    assert "redeliver" in complete("cubicasa orders re")
    assert "--owner-email" in complete("cubicasa drafts create --o")
    assert complete("cubicasa users update x --role M") == ["Manager"]
    assert complete("cubicasa --environment q") == ["qa"]
    assert complete("cubicasa orders list --status ") == list(STATUSES)
    assert complete("cubicasa webhooks set https://a.example --trigger moved_to_r") == [
        "moved_to_ready"
    ]
    assert complete("cubicasa request PU") == ["PUT"]


@pytest.mark.parametrize(
    "line",
    [
        "orders mirror ",
        "orders stats ",
        "orders twins --mirror ",
        "orders combined-pdf ID --output ",
        "drafts import ",
        "drafts import a.csv --journal ",
        "drafts status ",
        "drafts create --from ",
        "webhooks dead --inbox ",
    ],
)
def test_where_a_file_is_wanted_the_shell_offers_files(line: str) -> None:
    result = CliRunner().invoke(
        cubicasa,
        [],
        env={
            "_CUBICASA_COMPLETE": "bash_complete",
            "COMP_WORDS": f"cubicasa {line}",
            "COMP_CWORD": str(len(line.split(" "))),
        },
        prog_name="cubicasa",
    )
    assert result.output.partition(",")[0] == "file"


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_there_is_a_completion_for_other_shells(shell: str) -> None:
    script = CliRunner().invoke(cubicasa, ["completion", shell], prog_name="cubicasa")
    assert script.exit_code == 0
    assert "_CUBICASA_COMPLETE" in script.output
    assert "cubicasa" in script.output


def test_bash_takes_the_completion_as_it_is() -> None:
    script = CliRunner().invoke(cubicasa, ["completion", "bash"], prog_name="cubicasa").stdout
    ended = subprocess.run(
        ["/bin/sh", "-c", "exec bash -n"], input=script, text=True, capture_output=True, check=False
    )
    assert (ended.returncode, ended.stderr) == (0, "")


def test_what_is_written_out_for_the_help_is_what_there_is() -> None:
    assert list(ENVIRONMENTS) == [str(one) for one in Environment]
    assert list(READINGS) == [str(one) for one in Reading]
    assert list(STATUSES) == [str(one) for one in OrderStatus]


def test_examples_name_commands_and_options_that_exist() -> None:
    """Each example in a help is typed with `--help` behind it, less its values."""
    seen = 0
    for path in commands(cubicasa):
        text = CliRunner().invoke(cubicasa, [*path, "--help"], prog_name="cubicasa").output
        for line in text.splitlines():
            if not line.strip().startswith("cubicasa ") or "Usage" in line:
                continue
            words = line.split()[1:]
            command: click.Command = cubicasa
            context = click.Context(cubicasa)
            options: set[str] = {"--help"}
            for word in words:
                if isinstance(command, click.Group) and not word.startswith("-"):
                    found = command.get_command(context, word)
                    if found is not None:
                        command = found
                options |= {
                    name for one in command.params for name in one.opts + one.secondary_opts
                }
                if word.startswith("--") and word != "--":
                    assert word in options, line
            assert not isinstance(command, click.Group), line
            seen += 1
    assert seen > 40
