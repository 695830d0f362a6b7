"""What the command says before it talks to anybody: run in this process, by click's own runner."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

import cubicasa_async
from cubicasa_async.cli.app import cubicasa
from tests.support.commands import environment

SAMPLE = str(Path(cubicasa_async.__file__).parent / "cli" / "sample" / "listings.csv")
KEY = "canary-7f3d9a1c5e"


def invoke(*arguments: str | Path, **environ: str | None) -> Result:
    cleared = dict.fromkeys(("CUBICASA_API_KEY", "CUBICASA_BASE_URL", "CUBICASA_ENVIRONMENT"))
    given = [str(argument) for argument in arguments]
    result = CliRunner().invoke(cubicasa, given, env={**cleared, **environ}, prog_name="cubicasa")
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def commands(group: click.Group, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Every command and group, by what one has to type."""
    found = [path]
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            found += commands(command, (*path, name))
        else:
            found.append((*path, name))
    return found


@pytest.mark.parametrize("path", commands(cubicasa), ids=" ".join)
def test_every_command_has_a_help_that_says_what_it_does(path: tuple[str, ...]) -> None:
    result = invoke(*path, "--help", CUBICASA_API_KEY=KEY)
    assert result.exit_code == 0
    usage, _, rest = result.output.partition("\n\n")
    assert usage.startswith(f"Usage: {' '.join(('cubicasa', *path))}")
    assert len(rest.strip().splitlines()[0]) > 10
    assert "\\b" not in result.output
    assert "\b" not in result.output
    assert KEY not in result.output


def test_the_exit_codes_are_in_the_help() -> None:
    text = invoke("--help").output
    for code in ("0 ", "1 ", "2 ", "3 ", "4 ", "130 "):
        assert f"\n    {code}" in text


def test_the_version_is_told() -> None:
    assert cubicasa_async.__version__ in invoke("--version").output


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("ordres",), "Did you mean 'orders'? `cubicasa --help` lists all."),
        (("orders", "lst"), "Did you mean 'list'? `cubicasa orders --help` lists all."),
        (("orders", "zzzz"), "No such command 'zzzz'. `cubicasa orders --help` lists all."),
        (("orders", "--zzzz"), "No such option"),
    ],
)
def test_what_is_mistyped_is_answered_with_what_is_like_it(
    arguments: tuple[str, ...], says: str
) -> None:
    result = invoke(*arguments)
    assert result.exit_code == 2
    assert says in result.stderr


class TestDryRun:
    def test_it_checks_the_file_and_needs_no_key_and_leaves_nothing(self, tmp_path: Path) -> None:
        copy = tmp_path / "listings.csv"
        copy.write_bytes(Path(SAMPLE).read_bytes())
        result = invoke("drafts", "import", copy, "--dry-run")
        assert result.exit_code == 1
        assert list(tmp_path.iterdir()) == [copy]
        lines = [json.loads(line) for line in result.stdout.splitlines()]
        assert lines[-1]["type"] == "summary"
        assert lines[-1]["outcomes"] == {"valid": 37, "skipped": 1, "rejected": 4}
        rejected = {line["line"]: line for line in lines[:-1] if line["outcome"] == "rejected"}
        assert sorted(rejected) == [38, 39, 40, 42]
        assert rejected[38]["external_id"] == "L-1036"
        assert rejected[38]["message"] == "street: is required"

    def test_a_file_without_faults_ends_with_0(self, tmp_path: Path) -> None:
        file = tmp_path / "rows.csv"
        file.write_text("ref,street,city,country,email\n1,S,C,X,a@b.example\n")
        assert invoke("drafts", "import", file, "--dry-run").exit_code == 0

    def test_it_finds_repeats_as_the_import_does(self, tmp_path: Path) -> None:
        row = "1,S,C,X,a@b.example\n"
        file = tmp_path / "rows.csv"
        file.write_text(f"ref,street,city,country,email\n{row}{row}1,S,D,X,a@b.example\n")
        result = invoke("drafts", "import", file, "--dry-run")
        outcomes = [json.loads(line) for line in result.stdout.splitlines()][:-1]
        assert [o["outcome"] for o in outcomes] == ["valid", "skipped", "rejected"]
        assert outcomes[1]["message"] == "the same as line 2"
        assert outcomes[2]["message"].endswith("line 2 has the same one but says something else")

    def test_columns_of_no_use_are_named(self, tmp_path: Path) -> None:
        file = tmp_path / "rows.csv"
        file.write_text("ref,street,city,country,email,[b]ids[/b]\n1,S,C,X,a@b.example,9\n")
        result = invoke("drafts", "import", file, "--dry-run")
        assert "Column '[b]ids[/b]' is not used; see --map." in result.stderr

    def test_of_very_many_the_first_are_named(self, tmp_path: Path) -> None:
        file = tmp_path / "rows.csv"
        others = [f"column {number}" for number in range(30)]
        file.write_text(f"ref,street,city,country,email,{','.join(others)}\n1,S,C,X,a@b.example\n")
        result = invoke("drafts", "import", file, "--dry-run")
        assert result.stderr.count("is not used") == 10
        assert "20 more columns are not used." in result.stderr


FAULTS: dict[str, tuple[tuple[str, ...], dict[str, str], str]] = {
    "missing file": (("nowhere.csv",), {}, "nowhere.csv: there is no such file"),
    "directory": ((".",), {}, "this is a directory"),
    "wrong encoding": ((SAMPLE, "--encoding", "utf-16"), {}, "the file is not UTF-16"),
    "no encoding": ((SAMPLE, "--encoding", "klingon"), {}, "no text encoding named 'klingon'"),
    "map without =": ((SAMPLE, "--map", "zip"), {}, "'zip' is not of the form --map THEIRS=OURS"),
    "map of no column": ((SAMPLE, "--map", "zipp=suite"), {}, "Did you mean 'zip'?"),
    "map to no field": ((SAMPLE, "--map", "zip=postcode"), {}, "is not a field of a draft order"),
    "default of no field": ((SAMPLE, "--default", "land=DE"), {}, "is not a field of a draft"),
    "concurrency": ((SAMPLE, "--concurrency", "0"), {}, "0 is not in the range"),
    "missing key": ((SAMPLE,), {}, "No api key: set the environment variable CUBICASA_API_KEY"),
    "key with a line break": ((SAMPLE,), {"CUBICASA_API_KEY": f"{KEY}\nx"}, "it is not shown"),
    "plain http": (
        (SAMPLE,),
        {"CUBICASA_API_KEY": KEY, "CUBICASA_BASE_URL": "http://host.example/api"},
        "must be https",
    ),
    "environment": (
        (SAMPLE,),
        {"CUBICASA_API_KEY": KEY, "CUBICASA_ENVIRONMENT": "moon"},
        "There is no environment 'moon'",
    ),
}


@pytest.mark.parametrize(("arguments", "environ", "says"), FAULTS.values(), ids=FAULTS)
def test_what_cannot_be_used_is_said_in_a_sentence_and_ends_with_2(
    arguments: tuple[str, ...], environ: dict[str, Any], says: str, tmp_path: Path
) -> None:
    journal = tmp_path / "job.journal"
    result = invoke("drafts", "import", *arguments, "--journal", journal, **environ)
    assert result.exit_code == 2
    assert says in " ".join(result.stderr.split())
    assert result.stderr.count("Error: ") == 1
    assert "Traceback" not in result.stderr
    assert result.stdout == ""
    assert KEY not in result.output
    assert not journal.exists()


def test_without_its_extra_it_says_what_to_install() -> None:
    hidden = "import sys; sys.modules['rich.console'] = None; sys.modules['click'] = None\n"
    code = f"{hidden}from cubicasa_async.cli import main\nmain()"
    result = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env=environment(None),
        check=False,
    )
    assert result.returncode != 0
    assert "pip install 'cubicasa-async[all]'" in result.stderr
    assert "Traceback" not in result.stderr
