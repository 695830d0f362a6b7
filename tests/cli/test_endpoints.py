from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from cubicasa_async.cli.app import cubicasa
from cubicasa_async.resources.index import ENDPOINTS
from tests.support.commands import environment
from tests.support.terminal import on_a_terminal


def printed(*options: str) -> str:
    result = CliRunner().invoke(cubicasa, ["endpoints", *options], env={"CUBICASA_API_KEY": None})
    assert result.exit_code == 0
    return result.output


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_every_operation_is_a_line_of_its_own(options: tuple[str, ...]) -> None:
    lines = [json.loads(line) for line in printed(*options).splitlines()]
    assert lines == [
        {
            "operation": one.operation,
            "method": one.method,
            "path": one.path,
            "effect": one.effect.value,
            "grade": one.evidence.value,
        }
        for one in ENDPOINTS
    ]
    assert len(lines) == 27


def test_the_markdown_is_a_table_with_a_row_for_each() -> None:
    heading, rule, *rows = printed("--markdown").splitlines()
    assert heading == "| operation | method | path | effect | grade |"
    assert set(rule) == set("|- ")
    assert len(rows) == len(ENDPOINTS)
    assert {row.count("|") for row in (heading, rule, *rows)} == {6}


async def test_it_is_a_table_on_a_terminal(tmp_path: Path) -> None:
    code, screen = await on_a_terminal("endpoints", environ=environment(None), cwd=tmp_path)
    assert code == 0
    shown = [line.split() for line in screen.strip().splitlines()]
    assert shown[0] == ["operation", "method", "path", "effect", "grade"]
    assert [line[0] for line in shown[1:]] == [one.operation for one in ENDPOINTS]
