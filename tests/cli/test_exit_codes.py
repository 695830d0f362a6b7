"""What each exit code of the help means, and that there is no other."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cubicasa_async.cli import common
from cubicasa_async.sandbox import Fault, Sandbox
from tests.support.commands import environment
from tests.support.typed import typed

BAD_ROW = "street,city,country,email\n,C,X,a@b.example\n"


async def test_the_help_lists_them_all() -> None:
    text = (await typed("--help", environ={})).out
    listed = [int(code) for code in re.findall(r"^    (\d+) +\S", text, re.MULTILINE)]
    ours = (common.INCOMPLETE, common.UNUSABLE, common.REFUSED, common.NO_ANSWER)
    assert listed == [0, *ours, common.INTERRUPTED]


@pytest.mark.parametrize(
    ("code", "arguments", "fault"),
    [
        (0, ("orders", "list"), None),
        (1, ("drafts", "import", "rows.csv", "--dry-run"), None),
        (2, ("orders", "list", "--max", "none"), None),
        (2, ("users", "update", "id"), None),
        (2, ("users", "delete", "id"), None),
        (3, ("users", "get", "nobody@example.com"), None),
        (3, ("company", "info"), Fault("status", status=401)),
        (4, ("company", "info"), Fault("html")),
        (4, ("offices", "create", "--name", "N"), Fault("drop", phase="after_commit")),
    ],
)
async def test_a_command_ends_with_the_code_of_what_happened(
    sandbox: Sandbox,
    code: int,
    arguments: tuple[str, ...],
    fault: Fault | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "rows.csv").write_text(BAD_ROW)
    monkeypatch.chdir(tmp_path)
    if fault is not None:
        sandbox.faults.add(fault)
    result = await typed(*arguments, environ=environment(sandbox))
    assert result.code == code, result.err
    assert "Traceback" not in result.err
    assert bool(re.search("^Error: ", result.err, re.MULTILINE)) is (code > 1)
    if arguments[0] == "offices":
        assert "Whether it took effect is unknown" in result.err
