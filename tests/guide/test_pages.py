"""What the guide shows works as it stands."""

from __future__ import annotations

import asyncio
import re
import shlex
from pathlib import Path

import click
import pytest

from cubicasa_async.cli.app import cubicasa
from cubicasa_async.sandbox import Sandbox
from tests.guide.pages import DOCS, PAGES, Block, blocks
from tests.guide.reader import Reader
from tests.testing.support import only_with, run_pytest

READ = [
    "howto/notebook.md",
    "imports.md",
    "migration.md",
    "mirror.md",
    "quickstart.md",
    "reliability.md",
    "testing.md",
]
"""Pages that are done as they stand. What they put into files of code is run below."""

SERVED = [
    "delivery.md",
    "howto/celery.md",
    "howto/cron.md",
    "howto/django.md",
    "howto/fastapi.md",
    "howto/flask.md",
]
"""Pages that somebody else serves; see test_services.py."""


def test_no_page_has_anything_that_is_not_run() -> None:
    assert sorted(READ + SERVED) == [page for page in PAGES if blocks(page)]


@pytest.mark.parametrize("page", PAGES)
def test_no_program_is_written_in_a_way_that_is_not_found(page: str) -> None:
    text = (DOCS / page).read_text(encoding="utf-8")
    fences = re.findall(r"^.*(?:```|~~~).*$", text, re.MULTILINE)
    for opening, closing in zip(fences[::2], fences[1::2], strict=True):
        assert re.fullmatch(r"```[\w{}-]+( \S+)?", opening), opening
        assert closing == "```"
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    assert re.findall(r"^(?: {4}|\t).*$", prose, re.MULTILINE) == []


@pytest.mark.parametrize("page", PAGES)
def test_the_commands_that_a_sentence_names_are_there(page: str) -> None:
    text = (DOCS / page).read_text(encoding="utf-8")
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    for said in re.findall(r"`(cubicasa [^`]*)`", prose):
        for part in re.split(r"&&", said):
            assert not unknown_words(shlex.split(part)[1:]), said


def unknown_words(words: list[str]) -> list[str]:
    """What is neither a command nor one of its options. What is given to it may be anything."""
    command: click.Command = cubicasa
    for number, word in enumerate(words):
        if isinstance(command, click.Group):
            found = command.get_command(click.Context(command), word)
            if found is None:
                return words[number:]
            command = found
    options = {name for one in command.params for name in (*one.opts, *one.secondary_opts)}
    return [word for word in words if word.startswith("-") and word not in options]


def test_control_a_command_that_is_not_there_is_noticed() -> None:
    assert unknown_words(["drafts", "import", "listings.csv", "--update"]) == []
    assert unknown_words(["drafts", "imports"]) == ["imports"]
    assert unknown_words(["orders", "mirror", "--nothing"]) == ["--nothing"]


def test_the_guide_speaks_of_nothing_inside() -> None:
    words = re.compile(r"TODO|FIXME", re.IGNORECASE)
    for page in PAGES:
        assert words.findall((DOCS / page).read_text(encoding="utf-8")) == [], page


@pytest.mark.parametrize("page", READ)
async def test_what_a_page_says_can_be_done(reader: Reader, sandbox: Sandbox, page: str) -> None:
    await reader.follow(page)
    drafts = sandbox.ledger.by_external_id()
    assert all(len(found) == 1 for found in drafts.values())


async def test_several_machines_may_share_a_job(
    reader: Reader, sandbox: Sandbox, postgres_url: str
) -> None:
    for block in blocks("imports.md"):
        if block.language == "text":
            await reader.do(block)
    (shown,) = reader.texts
    words = shown.replace("postgresql://plans@db.example/plans", postgres_url).split()
    await asyncio.gather(*(reader.run(*words[1:]) for _ in range(2)))
    drafts = sandbox.ledger.by_external_id()
    assert {name: len(found) for name, found in drafts.items()} == {"M-1": 1, "M-2": 1, "M-3": 1}


def test_the_tests_that_the_guide_shows_pass(tmp_path: Path) -> None:
    (shown,) = (block for block in blocks("testing.md") if block.file is not None)
    (tmp_path / str(shown.file)).write_text(shown.text, encoding="utf-8")
    conftest = only_with("cubicasa-async[testing]")
    (tmp_path / "conftest.py").write_text(conftest, encoding="utf-8")
    run = run_pytest(tmp_path, "-W", "error", plugins=())
    tests = set(re.findall(r"^def (test_\w+)", shown.text, re.MULTILINE))
    assert run.named("PASSED") == run.outcomes.keys() == tests, run.text


async def test_control_what_does_not_work_is_noticed(reader: Reader) -> None:
    def block(language: str, text: str) -> Block:
        return Block("index.md", 1, language, text, None)

    with pytest.raises(NameError):
        await reader.do(block("python", "nothing_of_this_name"))
    with pytest.raises(AssertionError, match="No such option"):
        await reader.do(block("console", "$ cubicasa orders list --nothing-of-this-name\n"))
    with pytest.raises(AssertionError, match="Nobody runs"):
        await reader.do(block("console", "$ make\n"))
    with pytest.raises(AssertionError, match="nobody runs"):
        await reader.do(block("java", ""))


def test_control_a_block_is_found_with_its_file() -> None:
    (first, *_) = blocks("howto/flask.md")
    assert (first.language, first.file) == ("python", "app.py")
    assert Path(first.page).name == "flask.md"
