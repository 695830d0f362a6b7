from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cubicasa_async.core.file_names import MANIFEST
from cubicasa_async.sandbox import Fault, Sandbox
from tests.support.commands import environment, run
from tests.support.terminal import on_a_terminal

FILES = 11
NOTED = """
import os
from cubicasa_async.cli import main
fsync = os.fsync
def noted(descriptor):
    fsync(descriptor)
    with open("synced", "a") as file:
        print(os.fstat(descriptor).st_ino, file=file)
os.fsync = noted
main()
"""


class TestList:
    async def test_it_gives_every_asset_with_its_url(self, sandbox: Sandbox) -> None:
        order = sandbox.world.add_order(status="Ready")
        result = await run("assets", "list", order.id, environ=environment(sandbox))
        assert result.code == 0
        assert len(result.json) == FILES + 2
        first = result.json[0]
        assert first["url"].startswith(sandbox.file_host.origin)
        assert (first["product"], first["format"], first["floor"]) == (
            "listing_floorplans",
            "jpg",
            1,
        )
        assert sandbox.file_host.fetches == []

    async def test_it_is_a_table_without_signatures_on_a_terminal(
        self, sandbox: Sandbox, tmp_path: Path
    ) -> None:
        sandbox.file_host.habits.signed_for = 600
        order = sandbox.world.add_order(status="Ready")
        variables = environment(sandbox, COLUMNS="200")
        code, screen = await on_a_terminal(
            "assets", "list", order.id, environ=variables, cwd=tmp_path
        )
        assert code == 0
        assert "home_report-1.pdf" in screen
        assert "signature" not in screen
        assert "13 assets." in screen


class TestDownload:
    async def test_it_fetches_what_is_new_and_says_so(
        self, sandbox: Sandbox, tmp_path: Path
    ) -> None:
        orders = [sandbox.world.add_order(status="Ready") for _ in range(2)]
        ids = [order.id for order in orders]
        arguments = ("assets", "download", *ids, "--allow-private")
        first = await run(*arguments, environ=environment(sandbox), cwd=tmp_path)
        assert (first.code, first.summary["outcomes"]) == (0, {"downloaded": 22, "skipped": 4})
        assert first.summary["bytes"] == 22 * 20_000
        for row in first.rows:
            if row["outcome"] == "downloaded":
                assert (tmp_path / row["path"]).stat().st_size == row["size"] == 20_000
                assert (tmp_path / row["path"]).parent.name == row["order_id"]
        assert {path.name for path in tmp_path.iterdir()} == set(ids)
        sandbox.world.set_status(ids[0], "Ready")
        again = await run(*arguments, environ=environment(sandbox), cwd=tmp_path)
        assert again.summary["outcomes"] == {"replaced": 11, "unchanged": 11, "skipped": 4}
        assert all(row["former"] for row in again.rows if row["outcome"] == "replaced")
        assert not sandbox.file_host.saw_key

    async def test_what_it_tells_is_on_the_disk_itself(
        self, sandbox: Sandbox, tmp_path: Path
    ) -> None:
        order = sandbox.world.add_order(status="Ready")
        arguments = ("assets", "download", order.id, "--allow-private")
        result = await run(
            *arguments, program=("-c", NOTED), environ=environment(sandbox), cwd=tmp_path
        )
        synced = set(map(int, (tmp_path / "synced").read_text().split()))
        told = [row["path"] for row in result.rows if row["outcome"] == "downloaded"]
        assert len(told) == FILES
        assert {(tmp_path / path).stat().st_ino for path in told} <= synced

    async def test_a_failing_file_and_a_missing_order_end_with_1(
        self, sandbox: Sandbox, tmp_path: Path
    ) -> None:
        order = sandbox.world.add_order(status="Ready")
        sandbox.file_host.faults.add(Fault("html", path="*/home-report.pdf"))
        arguments = ("assets", "download", "nowhere", order.id, "-d", "plans", "--allow-private")
        result = await run(*arguments, environ=environment(sandbox), cwd=tmp_path)
        assert result.code == 1
        outcomes = {"downloaded": 10, "failed": 1, "skipped": 2, "unreadable": 1}
        assert result.summary["outcomes"] == outcomes
        (failed,) = [row for row in result.rows if row["outcome"] == "failed"]
        assert "web page" in failed["message"]
        assert "Of 2 orders: 10 downloaded, 2 skipped, 1 failed, 1 unreadable" in result.err

    @pytest.mark.parametrize(
        ("fault", "code"),
        [
            ({"kind": "status", "status": 403}, 3),
            ({"kind": "html"}, 1),
            ({"kind": "status", "status": 418}, 3),
            (None, 2),
        ],
        ids=str,
    )
    async def test_an_order_that_fails_keeps_no_other_from_being_fetched(
        self, sandbox: Sandbox, tmp_path: Path, fault: dict[str, Any] | None, code: int
    ) -> None:
        ids = [sandbox.world.add_order(status="Ready").id for _ in range(3)]
        if fault is None:
            (tmp_path / ids[1]).mkdir()
            (tmp_path / ids[1] / MANIFEST).write_text("{")
        else:
            sandbox.faults.add(Fault(**fault, path=f"/orders/{ids[1]}"))
        arguments = ("assets", "download", *ids, "--format", "pdf", "--allow-private")
        result = await run(*arguments, environ=environment(sandbox), cwd=tmp_path)
        kind = "unreadable" if code == 1 else "incomplete"
        assert (result.code, result.summary["outcomes"]) == (code, {"downloaded": 6, kind: 1})
        assert result.summary["not reached"] == 0
        (failed,) = [row for row in result.json if row["type"] == "order"]
        assert (failed["order_id"], failed["outcome"]) == (ids[1], kind)
        assert failed["message"]
        assert f"Of 3 orders: 6 downloaded, 1 {kind}" in result.err

    async def test_a_refused_key_ends_it_with_a_report_of_what_was_done(
        self, sandbox: Sandbox, tmp_path: Path
    ) -> None:
        ids = [sandbox.world.add_order(status="Ready").id for _ in range(3)]
        sandbox.file_host.faults.add(Fault("html", path="*/home-report.pdf"))
        sandbox.faults.add(Fault("status", status=401, path=f"/orders/{ids[1]}"))
        arguments = ("assets", "download", *ids, "--product", "home_report", "--allow-private")
        code, screen = await on_a_terminal(
            *arguments, environ=environment(sandbox, COLUMNS="200"), cwd=tmp_path
        )
        assert code == 3
        assert "it is a web page" in screen
        assert "Of 3 orders: 1 failed; 0 bytes." in screen
        assert "2 orders not reached to the end." in screen
        assert "Error: " in screen
        assert sandbox.ledger[-1].path == f"/orders/{ids[1]}"

    async def test_a_dry_run_tells_of_the_orders_that_cannot_be_read(
        self, sandbox: Sandbox, tmp_path: Path
    ) -> None:
        order = sandbox.world.add_order(status="Ready")
        variables = environment(sandbox, COLUMNS="200")
        arguments = ("assets", "download", "nowhere", order.id, "--dry-run")
        code, screen = await on_a_terminal(*arguments, environ=variables, cwd=tmp_path)
        assert code == 1
        assert "11 files would be in" in screen
        assert "nowhere" in screen
        assert "there is no such thing" in screen

    async def test_an_order_that_is_not_there_ends_with_3(
        self, sandbox: Sandbox, tmp_path: Path
    ) -> None:
        result = await run(
            "assets", "download", "nowhere", environ=environment(sandbox), cwd=tmp_path
        )
        assert result.code == 3
        assert result.err.startswith("Error: orders.get: there is no such thing")
        assert list(tmp_path.iterdir()) == []

    async def test_private_addresses_have_to_be_allowed(
        self, sandbox: Sandbox, tmp_path: Path
    ) -> None:
        order = sandbox.world.add_order(status="Ready")
        arguments = ("assets", "download", order.id, "--format", "pdf")
        result = await run(*arguments, environ=environment(sandbox), cwd=tmp_path)
        assert (result.code, result.summary["outcomes"]) == (1, {"failed": 3})
        assert sandbox.file_host.fetches == []

    async def test_a_dry_run_fetches_and_makes_nothing(
        self, sandbox: Sandbox, tmp_path: Path
    ) -> None:
        order = sandbox.world.add_order(status="Ready")
        arguments = ("assets", "download", order.id, "--dry-run", "--product", "home_report")
        result = await run(*arguments, environ=environment(sandbox), cwd=tmp_path)
        assert result.code == 0
        assert [row["name"] for row in result.json] == ["home_report-1.pdf"]
        assert list(tmp_path.iterdir()) == []
        assert sandbox.file_host.fetches == []

    async def test_a_directory_that_cannot_be_used_ends_with_2(
        self, sandbox: Sandbox, tmp_path: Path
    ) -> None:
        order = sandbox.world.add_order(status="Ready")
        (tmp_path / order.id).mkdir()
        (tmp_path / order.id / MANIFEST).write_text("{")
        arguments = ("assets", "download", order.id, "--allow-private")
        result = await run(*arguments, environ=environment(sandbox), cwd=tmp_path)
        assert result.code == 2
        assert "Move it away" in result.err

    async def test_on_a_terminal_only_what_matters_is_shown(
        self, sandbox: Sandbox, tmp_path: Path
    ) -> None:
        order = sandbox.world.add_order(status="Ready")
        variables = environment(sandbox)
        arguments = ("assets", "download", order.id, "--allow-private")
        code, screen = await on_a_terminal(*arguments, environ=variables, cwd=tmp_path)
        assert code == 0
        assert "Of 1 order: 11 downloaded, 2 skipped; 220000 bytes." in screen
        assert "tour-link" in screen
        assert "home_report" not in screen


class TestWait:
    async def test_orders_that_are_there_end_it_with_0(self, sandbox: Sandbox) -> None:
        ids = [sandbox.world.add_order(status=status).id for status in ("Ready", "Fixing")]
        arguments = ("orders", "wait", *ids, "--status", "Ready", "--status", "Fixing")
        result = await run(*arguments, environ=environment(sandbox))
        assert result.code == 0
        assert {row["id"]: row["status"] for row in result.json} == {
            ids[0]: "Ready",
            ids[1]: "Fixing",
        }

    async def test_one_that_is_late_ends_it_with_1_and_says_what_was_seen(
        self, sandbox: Sandbox
    ) -> None:
        ids = [sandbox.world.add_order(status=status).id for status in ("Ready", "Pending")]
        arguments = ("orders", "wait", *ids, "--deadline", "2s")
        result = await run(*arguments, environ=environment(sandbox))
        assert result.code == 1
        late = next(row for row in result.json if row["outcome"] == "late")
        assert (late["id"], late["status"]) == (ids[1], "Pending")
        assert "did not become Ready within 2 s: it was Pending" in late["message"]

    async def test_ids_that_do_not_exist_are_said_and_the_others_waited_for(
        self, sandbox: Sandbox
    ) -> None:
        ids = [sandbox.world.add_order(status=status).id for status in ("Ready", "Pending")]
        arguments = ("orders", "wait", ids[0], "nowhere", ids[1], "elsewhere", "--deadline", "2s")
        result = await run(*arguments, environ=environment(sandbox))
        assert result.code == 3
        assert {row["id"]: row["outcome"] for row in result.json} == {
            ids[0]: "there",
            "nowhere": "missing",
            ids[1]: "late",
            "elsewhere": "missing",
        }
        assert result.err.count("Error: Order ") == 2
        assert "Error: Order nowhere cannot be waited for." in result.err

    async def test_a_key_that_is_refused_ends_it_at_once(self, sandbox: Sandbox) -> None:
        ids = [sandbox.world.add_order(status="Pending").id for _ in range(3)]
        variables = {**environment(sandbox), "CUBICASA_API_KEY": "wrong"}
        result = await run("orders", "wait", *ids, environ=variables)
        assert (result.code, result.out) == (3, "")
        assert result.err.count("Error:") == 1

    @pytest.mark.parametrize("time", ["soon", "0s", "-1h", "6 weeks"])
    async def test_a_time_that_is_none_ends_it_with_2(self, time: str, sandbox: Sandbox) -> None:
        arguments = ("orders", "wait", "x", "--deadline", time)
        result = await run(*arguments, environ=environment(sandbox))
        assert result.code == 2
        assert len(sandbox.ledger) == 0
