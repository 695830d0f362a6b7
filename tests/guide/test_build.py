"""What leads nowhere fails the build of the guide; `nox -s docs` runs this beside the build."""

from __future__ import annotations

import asyncio
import re
import shutil
import sys
from pathlib import Path

import pytest

from tests.guide.pages import DOCS
from tests.support.commands import environment

pytestmark = pytest.mark.soak

SOUND = """\
# A page

[a page](other.md), [a part of it](other.md#a-part), [a part of this one](#a-page)

```{include} included.txt
```

```{eval-rst}
.. autoclass:: cubicasa_async.outcome.FieldError

.. autoclass:: cubicasa_async.core.policy.RetryPolicy

:class:`cubicasa_async.outcome.FieldError`
```
"""


async def built(directory: Path, page: str) -> tuple[int | None, str]:
    """Build a guide of two pages with the settings of the real one."""
    pytest.importorskip("sphinx", reason="Sphinx comes with the group docs")
    source = directory / "source"
    source.mkdir()
    for name in ("conf.py", "generated.py"):
        shutil.copy(DOCS / name, source)
    (source / "other.md").write_text("# Another\n\n## A part\n")
    (source / "included.txt").write_text("Included.\n")
    (source / "index.md").write_text(f"{page}\n```{{toctree}}\nother\n```\n")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "sphinx", "--fail-on-warning", "--quiet"),
        *(source, directory / "html"),
        env=environment(None),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    _, err = await process.communicate()
    return process.returncode, err.decode()


async def test_control_what_is_sound_is_built(tmp_path: Path) -> None:
    assert await built(tmp_path, SOUND) == (0, "")
    page = re.sub(r"<[^>]*>", "", (tmp_path / "html" / "index.html").read_text())
    assert "FieldError" in page
    assert re.search(r"first_wait:\s*float\s*=\s*0\.5", page)  # as it is, not how attrs finds it


@pytest.mark.parametrize(
    ("sound", "broken"),
    [
        ("(other.md)", "(nowhere.md)"),
        ("(other.md#a-part)", "(other.md#nowhere)"),
        ("(#a-page)", "(#nowhere)"),
        ("included.txt", "nowhere.txt"),
        ("autoclass:: cubicasa_async.outcome.FieldError", "autoclass:: nowhere.Error"),
        ("`cubicasa_async.outcome.FieldError`", "`cubicasa_async.outcome.Nowhere`"),
    ],
)
async def test_what_leads_nowhere_fails_the_build(tmp_path: Path, sound: str, broken: str) -> None:
    assert sound in SOUND
    code, said = await built(tmp_path, SOUND.replace(sound, broken))
    assert code == 1
    assert "nowhere" in said.lower()
