"""Files of any kind through the command, and what a person sees meanwhile."""

from __future__ import annotations

import importlib
import json
import re
from pathlib import Path
from typing import Any

import pytest

from cubicasa_async.sandbox import Fault, Sandbox
from tests.support.commands import environment, run
from tests.support.listings import as_csv, listings, made, once
from tests.support.terminal import on_a_terminal

openpyxl: Any = importlib.import_module("openpyxl")
pa: Any = importlib.import_module("pyarrow")
pq: Any = importlib.import_module("pyarrow.parquet")


def write_excel(path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.append(list(listings(1)[0]))
    for row in listings(3):
        book.active.append(list(row.values()))
    book.create_sheet("Notes").append(["nothing to see"])
    book.save(path)


def write_json_lines(path: Path) -> None:
    path.write_text("\n".join(map(json.dumps, listings(3))), encoding="utf-8")


def write_parquet(path: Path) -> None:
    pq.write_table(pa.Table.from_pylist(listings(3)), path)


@pytest.mark.parametrize(
    ("name", "write", "options", "first"),
    [
        ("rows.xlsx", write_excel, ("--sheet", "Sheet"), 2),
        ("rows.jsonl", write_json_lines, (), 1),
        ("rows.parquet", write_parquet, (), 1),
        ("rows.dat", write_json_lines, ("--format", "jsonl"), 1),
    ],
)
async def test_each_row_becomes_one_draft(
    sandbox: Sandbox, tmp_path: Path, name: str, write: Any, options: tuple[str, ...], first: int
) -> None:
    write(tmp_path / name)
    arguments = ("drafts", "import", name, *options)
    result = await run(*arguments, environ=environment(sandbox), cwd=tmp_path)
    assert (result.code, result.summary["outcomes"]) == (0, {"created": 3})
    assert sorted(row["line"] for row in result.rows) == [first, first + 1, first + 2]
    assert made(sandbox) == once(3)


async def test_a_workbook_with_two_sheets_asks_for_one(sandbox: Sandbox, tmp_path: Path) -> None:
    write_excel(tmp_path / "rows.xlsx")
    arguments = ("drafts", "import", "rows.xlsx")
    result = await run(*arguments, environ=environment(sandbox), cwd=tmp_path)
    assert result.code == 2
    assert "say which sheet is meant (--sheet): 'Sheet', 'Notes'" in result.err
    assert not len(sandbox.ledger)


async def test_a_terminal_shows_what_is_waited_for(sandbox: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text(as_csv(20), encoding="utf-8")
    # The limit lasts until it was seen.
    sandbox.faults.add(
        Fault("status", operation="drafts.create", status=429, retry_after="1", skip=8)
    )
    code, screen = await on_a_terminal(
        "drafts",
        "import",
        "rows.csv",
        environ=environment(sandbox),
        cwd=tmp_path,
        replies=[(" left", lambda: None), (" s for the rate limit", sandbox.faults.clear)],
    )
    assert code == 0
    assert "20/20" in screen
    assert "sending" in screen
    assert "/s" in screen
    assert " s for the rate limit" in screen
    assert re.search(r"\d retr(y|ies)", screen)
    assert " left" in screen
    assert "Of 20 rows: 20 created" in screen
