"""Every cell of the matrix, from both faces of the client, judged by what the server saw."""

from __future__ import annotations

from typing import Final

import pytest

from tests.faults.cells import CELLS, Cell
from tests.faults.run import observe
from tests.faults.table import TABLE, Rows, condensed, entries, parse, render

AGAIN: Final = "write it anew by `python -m tests.faults.table`"


def written() -> Rows:
    return parse(TABLE.read_text(encoding="utf-8"))


@pytest.mark.parametrize("cell", CELLS, ids=str)
async def test_what_comes_of_a_call_agrees_with_what_the_server_saw_and_with_the_table(
    cell: Cell, capfd: pytest.CaptureFixture[str]
) -> None:
    row = await observe(cell)
    assert row.problems == []
    assert capfd.readouterr() == ("", "")
    if not cell.races:
        assert entries(row) == written()[cell.group, cell.name], AGAIN


def test_the_table_holds_these_cells_and_nothing_else() -> None:
    assert render(written()) == TABLE.read_text(encoding="utf-8"), AGAIN


def test_in_a_few_words_it_has_each_kind_of_fault_once() -> None:
    kinds = [line.split(" | ")[0].strip("| ") for line in condensed(written()).splitlines()[2:]]
    assert kinds == list(dict.fromkeys(group for group, _ in written()))


def test_cells_can_be_told_apart() -> None:
    names = [str(cell) for cell in CELLS]
    assert len(set(names)) == len(names)
