"""The example project passes its own tests, in a process and a place of its own."""

from __future__ import annotations

import re
import shlex
import shutil
import tomllib
from pathlib import Path

from .support import HERE, brought_by, only_with, run_pytest

EXAMPLE = HERE / "example_project"


def installed_by_its_readme() -> list[str]:
    text = (EXAMPLE / "README.md").read_text("utf-8")
    (line,) = re.findall(r"^\$ python -m pip install (.*)$", text, re.MULTILINE)
    assert " @ file:///path/to/your/clone" in line
    return shlex.split(line)


def test_the_example_project_passes_its_tests(tmp_path: Path) -> None:
    place = shutil.copytree(EXAMPLE, tmp_path / "plan-desk")
    (place / "conftest.py").write_text(only_with(*installed_by_its_readme()), encoding="utf-8")
    run = run_pytest(place)
    sources = "".join(path.read_text("utf-8") for path in EXAMPLE.glob("test_*.py"))
    names = set(re.findall(r"^(?:async )?def (test_\w+)", sources, re.MULTILINE))
    assert run.named("PASSED") == names, run.text
    assert " warning" not in run.text


def test_its_readme_and_its_project_file_need_the_same() -> None:
    text = (EXAMPLE / "pyproject.toml").read_text("utf-8")
    needs = tomllib.loads(text)
    named = [*needs["project"]["dependencies"], *needs["dependency-groups"]["test"]]
    assert brought_by(installed_by_its_readme()) == brought_by(named)


def test_control_a_package_of_another_extra_is_not_there(tmp_path: Path) -> None:
    conftest = only_with("cubicasa-async[testing]", "pytest-asyncio")
    place = shutil.copytree(EXAMPLE, tmp_path / "plan-desk")
    (place / "conftest.py").write_text(conftest, encoding="utf-8")
    run = run_pytest(place, "test_plan_desk.py", "-k", "made_again")
    assert "test_a_call_that_did_not_come_through_is_made_again" in run.named("FAILED"), run.text
    assert "needs the package 'xxhash'" in run.text


def test_control_a_service_that_creates_again_after_a_lost_answer_is_seen(tmp_path: Path) -> None:
    place = shutil.copytree(EXAMPLE, tmp_path / "plan-desk")
    service = place / "plan_desk.py"
    careful = "            found = await self._find(listing)\n"
    source = service.read_text("utf-8")
    assert careful in source
    service.write_text(
        source.replace(
            careful, "            return await self.order_plan_again(listing)\n"
        ).replace(
            "    async def _find(",
            "    async def order_plan_again(self, listing: Listing) -> str:\n"
            "        order = await self.client.drafts.create(\n"
            "            street=listing.street,\n"
            "            city=listing.city,\n"
            "            country=listing.country,\n"
            "            owner_email=listing.photographer,\n"
            "            external_id=listing.number,\n"
            "        )\n"
            "        return order.id\n\n"
            "    async def _find(",
        ),
        encoding="utf-8",
    )
    run = run_pytest(place, "test_plan_desk.py", "-k", "lost_answer")
    assert "test_a_lost_answer_makes_no_second_order" in run.named("FAILED"), run.text


def test_what_its_readme_points_to_is_there() -> None:
    text = (EXAMPLE / "README.md").read_text("utf-8")
    sources = "".join(path.read_text("utf-8") for path in EXAMPLE.glob("test_*.py"))
    named = set(re.findall(r"`(test_\w+)`", text))
    assert named
    assert named <= set(re.findall(r"def (test_\w+)", sources))
    for path in re.findall(r"`(\w+\.py)`", text):
        assert (EXAMPLE / path).exists()
