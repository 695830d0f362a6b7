"""What the guide shows works as it stands."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from cubicasa_async.sandbox import Sandbox
from tests.guide.pages import DOCS, PAGES, Block, blocks
from tests.guide.reader import Reader
from tests.support.commands import environment, run

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


async def test_the_tests_that_the_guide_shows_pass(reader: Reader) -> None:
    for block in blocks("testing.md"):
        if block.file is not None:
            reader.put(block)
    result = await run(
        *("-q", "-p", "cubicasa_async.testing", "-p", "no:cacheprovider", "-W", "error"),
        program=("-m", "pytest"),
        environ=environment(None, PYTEST_DISABLE_PLUGIN_AUTOLOAD="1"),
        cwd=reader.directory,
    )
    assert (result.code, "5 passed" in result.out) == (0, True), result.out + result.err


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
