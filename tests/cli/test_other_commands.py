from __future__ import annotations

import json
import re
import signal
from pathlib import Path

import aiohttp
import pytest

from cubicasa_async.sandbox import Fault, Sandbox
from tests.support.canary import CANARY
from tests.support.commands import environment, run, started
from tests.support.terminal import on_a_terminal
from tests.support.waiting import until


class TestOrders:
    async def test_list_gives_all_of_them_newest_first(self, sandbox: Sandbox) -> None:
        sandbox.world.add_examples(130)
        result = await run("orders", "list", environ=environment(sandbox))
        assert result.code == 0
        assert [line["external_id"] for line in result.json] == [
            f"EXAMPLE-{number}" for number in range(130, 0, -1)
        ]
        assert set(result.json[0]) == {"id", "status", "external_id", "created_at", "address"}

    async def test_list_by_status_stops_where_it_is_told_to(self, sandbox: Sandbox) -> None:
        sandbox.world.add_examples(130)
        arguments = ("orders", "list", "--status", "Ready", "--status", "Draft", "--max", "7")
        result = await run(*arguments, environ=environment(sandbox))
        assert len(result.json) == 7
        assert {line["status"] for line in result.json} == {"Ready", "Draft"}

    async def test_list_is_a_table_on_a_terminal(self, sandbox: Sandbox, tmp_path: Path) -> None:
        sandbox.world.add_order(external_id="[b]L-1[/b]", street="東京都庁")
        variables = environment(sandbox)
        code, screen = await on_a_terminal("orders", "list", environ=variables, cwd=tmp_path)
        assert code == 0
        assert "[b]L-1[/b]" in screen
        assert "東京都庁" in screen
        assert "1 order." in screen

    async def test_get_shows_one_with_its_files(self, sandbox: Sandbox) -> None:
        order = sandbox.world.add_order(status="Ready", street="7 Münchner Freiheit")
        result = await run("orders", "get", order.id, environ=environment(sandbox))
        shown = json.loads(result.out)
        assert result.code == 0
        assert (shown["id"], shown["info"]["status"]) == (order.id, "Ready")
        assert shown["address"]["street"] == "7 Münchner Freiheit"
        assert shown["delivery_assets"]

    async def test_get_of_an_order_that_is_not_there_ends_with_3(self, sandbox: Sandbox) -> None:
        result = await run("orders", "get", "nowhere", environ=environment(sandbox))
        assert result.code == 3
        assert result.err.startswith("Error: orders.get: there is no such thing on the server")
        assert result.out == ""

    async def test_an_answer_that_is_no_json_ends_with_4(self, sandbox: Sandbox) -> None:
        sandbox.faults.add(Fault("html"))
        result = await run("orders", "get", "x", environ=environment(sandbox))
        assert result.code == 4
        assert "with a web page instead of JSON" in result.err
        assert "Traceback" not in result.err

    @pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
    async def test_json_is_whole_whatever_the_encoding_of_the_output(
        self, sandbox: Sandbox, encoding: str
    ) -> None:
        sandbox.world.add_order(street="東京都庁 1")
        variables = environment(sandbox, PYTHONIOENCODING=encoding, PYTHONUTF8="0")
        result = await run("orders", "list", environ=variables)
        assert (result.code, result.err) == (0, "")
        assert "東京都庁 1" in result.json[0]["address"]

    @pytest.mark.parametrize(("status", "noted"), [("Raedy", True), ("Ready", False)])
    async def test_a_status_that_is_not_known_is_noted_and_asked_for(
        self, sandbox: Sandbox, status: str, noted: bool
    ) -> None:
        result = await run("orders", "list", "--status", status, environ=environment(sandbox))
        assert result.code == 0
        assert ("Note: 'Raedy' is no known status; known are New, Draft" in result.err) is noted
        (entry,) = sandbox.ledger
        assert status in str(entry)


class TestDemo:
    async def test_it_shows_the_promise_and_not_the_key(
        self, sandbox: Sandbox, tmp_path: Path
    ) -> None:
        variables = environment(sandbox)
        result = await run("demo", "--directory", "demo", environ=variables, cwd=tmp_path)
        assert result.code == 0, result.err
        assert "First import:  37 created, 0 already there, 1 skipped, 4 rejected" in result.out
        assert "Second import: 0 created, 37 already there, 1 skipped, 4 rejected" in result.out
        assert "holds 37 drafts, 0 of them made twice" in result.out
        assert "Journal of the job: demo/listings.journal" in result.out
        assert (tmp_path / "demo" / "listings.journal").is_file()
        assert len(sandbox.ledger) == 0, "it has a sandbox of its own"
        for file in (tmp_path / "demo").iterdir():
            assert CANARY.encode() not in file.read_bytes()

    @pytest.mark.parametrize("key", [None, "schl\u00fcssel", "key\n", " "])
    async def test_it_needs_no_key_and_minds_none(self, key: str | None, tmp_path: Path) -> None:
        variables = environment(None) | ({"CUBICASA_API_KEY": key} if key else {})
        variables |= {"TMPDIR": str(tmp_path)}
        async with started("demo", environ=variables) as child:
            assert await child.process.wait() == 0
            [journal] = re.findall(r"^Journal of the job: (.+)$", child.output, re.MULTILINE)
        assert Path(journal).is_file()

    async def test_it_runs_where_the_output_cannot_hold_every_letter(self, tmp_path: Path) -> None:
        variables = environment(None, PYTHONIOENCODING="ascii", PYTHONUTF8="0")
        result = await run("demo", "--directory", str(tmp_path), environ=variables)
        assert (result.code, result.err) == (0, "")


class TestSandbox:
    async def test_it_serves_until_ctrl_c_and_ends_without_a_word_of_python(self) -> None:
        variables = environment(None)
        arguments = ("sandbox", "--port", "0", "--orders", "3")
        async with started(*arguments, environ=variables) as child:
            await until(lambda: "Ctrl-C ends it." in child.output)
            told = dict(re.findall(r"export (\w+)=(\S+)", child.output))
            headers = {"api-key": told["CUBICASA_API_KEY"]}
            async with aiohttp.ClientSession(headers=headers) as session:
                url = f"{told['CUBICASA_BASE_URL']}/orders"
                async with session.get(url) as answer:
                    assert len((await answer.json())["items"]) == 3
                child.process.send_signal(signal.SIGINT)
                result = await child.end()
        assert result.code == 130
        assert result.err == "Interrupted.\n"

    async def test_a_key_that_it_was_given_is_not_printed(self) -> None:
        variables = environment(None, CUBICASA_API_KEY=CANARY)
        async with started("sandbox", "--port", "0", environ=variables) as child:
            await until(lambda: "Ctrl-C ends it." in child.output)
            child.process.send_signal(signal.SIGINT)
            result = await child.end()
        assert "CUBICASA_API_KEY" not in result.out

    async def test_a_port_that_is_taken_is_said_and_ends_with_2(self, sandbox: Sandbox) -> None:
        port = sandbox.origin.rpartition(":")[2]
        result = await run("sandbox", "--port", port, environ=environment(None))
        assert result.code == 2
        assert result.err.startswith("Error: the sandbox cannot start: ")
        assert "Traceback" not in result.err

    @pytest.mark.parametrize("port", ["65536", "-1"])
    async def test_a_port_that_is_none_ends_it_with_2(self, port: str) -> None:
        result = await run("sandbox", "--port", port, environ=environment(None))
        assert (result.code, "0<=x<=65535" in result.err) == (2, True)
