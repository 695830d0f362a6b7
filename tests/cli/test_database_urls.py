"""A password that is not encoded shows in no command's output."""

from __future__ import annotations

from pathlib import Path

import pytest

from cubicasa_async.sandbox import Sandbox
from tests.support.commands import environment, run
from tests.support.listings import as_csv


@pytest.mark.parametrize("mark", "#/@%")
@pytest.mark.parametrize(
    "command",
    [
        ("orders", "mirror"),
        ("orders", "stats"),
        ("drafts", "status"),
        ("drafts", "import", "a.csv", "--journal"),
        ("drafts", "import", "a.csv", "--dry-run", "--journal"),
        ("webhooks", "dead", "--inbox"),
    ],
    ids=" ".join,
)
async def test_a_password_that_is_not_encoded_is_refused_and_not_shown(
    command: tuple[str, ...], mark: str, sandbox: Sandbox, tmp_path: Path
) -> None:
    (tmp_path / "a.csv").write_text(as_csv(1))
    url = f"postgresql://u:Q7Q{mark}Z9Z@127.0.0.1:1/db"
    result = await run(*command, url, environ=environment(sandbox), cwd=tmp_path)
    said = result.out + result.err
    assert result.code == 2
    assert f"{mark} is %{ord(mark):02X}" in said
    assert "Q7Q" not in said
    assert "Z9Z" not in said
