from __future__ import annotations

import asyncio
import json
import logging
import os
import shlex
import signal
import sqlite3
import sys
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import attrs
import pytest
from click.testing import CliRunner, Result

from cubicasa_async.cli.app import cubicasa
from cubicasa_async.cli.log_lines import saying_faults
from cubicasa_async.delivery.inbox import Inbox
from cubicasa_async.delivery.inbox_tables import State
from cubicasa_async.sandbox import Fault, Sandbox
from tests.delivery.hooks import SECRETS, post, register
from tests.delivery.test_receiver import BODY
from tests.support.commands import COMMAND, Child, environment, run, started
from tests.support.terminal import on_a_terminal
from tests.support.waiting import until

SECRET = SECRETS.current.reveal()
FORMER = SECRETS.former[0].reveal()
BASE = "https://hooks.example.test/cubicasa"


def with_secret(sandbox: Sandbox | None, *secrets: str) -> dict[str, str]:
    return environment(sandbox, CUBICASA_WEBHOOK_SECRET=" ".join(secrets or (SECRET,)))


class TestSet:
    async def test_sets_the_url_with_the_secret_and_shows_it_without(
        self, sandbox: Sandbox
    ) -> None:
        result = await run("webhooks", "set", BASE, environ=with_secret(sandbox, SECRET, FORMER))
        assert result.code == 0, result.err
        assert sandbox.world.webhook_urls == [f"{BASE}/{SECRET}"]
        assert sandbox.world.webhook_triggers == ["moved_to_ready"]
        assert result.json == [
            {"webhook_urls": [f"{BASE}/***"], "webhook_triggers": ["moved_to_ready"]}
        ]

    async def test_takes_several_urls_and_triggers_and_reveals_them_if_asked(
        self, sandbox: Sandbox, tmp_path: Path
    ) -> None:
        triggers = ("--trigger", "moved_to_ready", "--trigger", "moved_to_fixing")
        code, screen = await on_a_terminal(
            *("webhooks", "set", BASE, f"{BASE}-2", "--reveal", *triggers),
            environ=with_secret(sandbox),
            cwd=tmp_path,
        )
        assert code == 0, screen
        assert len(sandbox.world.webhook_urls) == 2
        assert f"{BASE}-2/{SECRET}" in screen
        assert "moved_to_fixing" in screen

    async def test_another_echo_ends_with_4_and_says_that_it_is_not_known(
        self, sandbox: Sandbox
    ) -> None:
        echo: dict[str, Any] = {"webhook_urls": [], "webhook_triggers": []}
        sandbox.faults.add(Fault("body", operation="webhooks.update", body=echo))
        result = await run("webhooks", "set", BASE, environ=with_secret(sandbox))
        assert result.code == 4
        assert "not known" in result.err
        assert SECRET not in result.err


class TestShow:
    async def test_says_that_nothing_tells_and_changes_nothing(self, sandbox: Sandbox) -> None:
        register(sandbox, f"{BASE}/{SECRET}")
        result = await run("webhooks", "show", environ=environment(sandbox))
        assert (result.code, result.out) == (1, "")
        assert "--ask" in result.err
        assert {entry.method for entry in sandbox.ledger} == {"GET"}

    async def test_asks_if_told_to_in_a_way_that_changes_nothing(self, sandbox: Sandbox) -> None:
        register(sandbox, f"{BASE}/{SECRET}")
        result = await run("webhooks", "show", "--ask", environ=environment(sandbox))
        assert result.code == 0, result.err
        assert result.json[0]["webhook_urls"] == [f"{BASE}/***"]
        assert sandbox.world.webhook_urls == [f"{BASE}/{SECRET}"]
        assert set(sandbox.ledger[-1].body) == {"nothing_to_change"}

    async def test_shows_what_an_answer_to_a_get_tells(self, sandbox: Sandbox) -> None:
        told = {"webhook_urls": [BASE], "webhook_triggers": ["moved_to_ready"]}
        sandbox.faults.add(Fault("body", method="GET", path="/companies/webhook", body=told))
        result = await run("webhooks", "show", environ=environment(sandbox))
        assert result.json == [told]


class TestDelete:
    async def test_deletes_them(self, sandbox: Sandbox) -> None:
        register(sandbox, BASE)
        result = await run("webhooks", "delete", "--yes", environ=environment(sandbox))
        assert result.code == 0
        assert sandbox.world.webhook_urls == []


class TestWithoutAnyCall:
    """What needs no service is done in this process."""

    @staticmethod
    def invoke(*arguments: str, **variables: str) -> Result:
        names = ("CUBICASA_API_KEY", "CUBICASA_BASE_URL", "CUBICASA_WEBHOOK_SECRET")
        env = {**dict.fromkeys(names), **variables}
        return CliRunner().invoke(cubicasa, ["webhooks", *arguments], env=env)

    def test_dry_runs_need_no_key(self) -> None:
        result = self.invoke("set", BASE, "--dry-run", CUBICASA_WEBHOOK_SECRET=SECRET)
        assert result.exit_code == 0
        assert json.loads(result.stdout)["webhook_urls"] == [f"{BASE}/***"]
        assert self.invoke("delete", "--dry-run").exit_code == 0

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (("ftp://h.test/a",), "entry 1 is not an absolute http or https URL"),
            ((BASE, "https://h.test/a b"), "entry 2 is not an absolute http or https URL"),
            (("ftp://h.test/a", "--secret", SECRET), "must be an absolute http or https URL"),
            ((BASE, BASE), "webhook_urls: entry 2 is the same as entry 1"),
            ((BASE, "--secret", ""), "A webhook secret has 16 characters or more"),
        ],
    )
    def test_what_could_not_be_set_is_refused_by_a_dry_run_too(
        self, arguments: tuple[str, ...], words: str
    ) -> None:
        result = self.invoke("set", *arguments, "--dry-run")
        assert result.exit_code == 2
        assert words in result.stderr
        assert result.stdout == ""

    @pytest.mark.parametrize("trigger", ["moved_to_redy", "moved_to_ready"])
    def test_a_trigger_that_is_not_known_is_noted_and_taken(self, trigger: str) -> None:
        result = self.invoke("set", BASE, "--trigger", trigger, "--dry-run")
        assert result.exit_code == 0
        assert json.loads(result.stdout)["webhook_triggers"] == [trigger]
        note = f"Note: {trigger!r} is no known trigger; known are moved_to_draft, "
        assert result.stderr.startswith(note) is (trigger == "moved_to_redy")

    def test_a_new_secret_is_long_and_another_each_time(self) -> None:
        made = {self.invoke("secret").stdout for _ in range(2)}
        assert {len(one.strip()) for one in made} == {43}
        assert len(made) == 2

    @pytest.mark.parametrize("secret", ["short", "no/path/could/keep/this/one"])
    def test_a_secret_that_cannot_be_one_ends_with_2(self, secret: str) -> None:
        result = self.invoke("set", BASE, "--dry-run", CUBICASA_WEBHOOK_SECRET=secret)
        assert result.exit_code == 2
        assert secret not in result.output

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            ((), "A secret is needed"),
            (("--secret", "short"), "has 16 characters or more"),
            (("--secret", SECRET, "--exec", "'"), "cannot be read"),
            (("--secret", SECRET, "--exec", " "), "is empty"),
            (("--secret", SECRET, "--exec", "./nowhere --all"), "'./nowhere' is no program"),
            (("--secret", SECRET, "--exec", "nowhere-to-be-found"), "is no program"),
            (("--secret", SECRET, "--exec", str(Path(__file__))), "may be executed"),
            (("--secret", SECRET, "--port", "99999"), "0<=x<=65535"),
            (("--secret", SECRET, "--port", "-1"), "0<=x<=65535"),
            (("--secret", SECRET, "--inbox", "mysql://x/y"), "store"),
            (("--secret", SECRET), "No api key"),
        ],
    )
    def test_what_cannot_work_ends_with_2(
        self, options: tuple[str, ...], words: str, tmp_path: Path
    ) -> None:
        inbox = str(tmp_path / "inbox.db")
        arguments = ("listen", "--port", "0", "--exec", "true", "--inbox", inbox, *options)
        result = self.invoke(*arguments)
        assert result.exit_code == 2, result.output
        assert words in result.output
        assert SECRET not in result.output


@attrs.frozen
class Listening:
    """The command that receives, and where."""

    child: Child
    url: str
    base: str

    @property
    def lines(self) -> list[dict[str, Any]]:
        whole = self.child.output.rpartition("\n")[0]  # the last may be half written
        return [json.loads(line) for line in whole.splitlines()]

    def outcomes(self) -> list[str]:
        return [line["outcome"] for line in self.lines if line["type"] == "event"]


@asynccontextmanager
async def listening(
    sandbox: Sandbox, directory: Path, command: str, *options: str, secrets: tuple[str, ...] = ()
) -> AsyncGenerator[Listening]:
    async with started(
        *("webhooks", "listen", "--port", "0", "--exec", command, "--sweep", "0", *options),
        environ=with_secret(sandbox, *secrets),
        cwd=directory,
    ) as child:
        await until(lambda: ", inbox " in child.errors or child.process.returncode is not None)
        assert "Listening on " in child.errors, child.errors
        base = child.errors.partition("Listening on ")[2].split("/SECRET")[0].split(",")[0]
        register(sandbox, SECRETS.url(base))
        sandbox.webhooks.patience = 600.0  # a call is made once, however slow the machine is
        yield Listening(child, SECRETS.url(base), base)


def python(code: str) -> str:
    return shlex.join([sys.executable, "-c", code])


WRITE = """
import json, os, sys
told = json.load(sys.stdin)
told["environment"] = {k: v for k, v in os.environ.items() if k.startswith("CUBICASA_")}
print("some words")
json.dump(told, open(told["order"]["id"], "w"))
"""


class TestListen:
    async def test_runs_the_command_with_the_event_and_the_order(
        self, sandbox: Sandbox, tmp_path: Path
    ) -> None:
        async with listening(sandbox, tmp_path, python(WRITE)) as running:
            order = sandbox.world.add_order(status="Ready")
            await until(running.outcomes)
            await sandbox.webhooks.settled()
            running.child.process.send_signal(signal.SIGTERM)
            result = await running.child.end()
        assert result.code == 0, result.err
        (line,) = result.json
        assert (line["order_id"], line["outcome"], line["attempt"]) == (order.id, "handled", 1)
        assert (line["reason"], line["product_type"]) == ("first delivery", "products_2d")
        told = json.loads((tmp_path / order.id).read_text())
        assert told["event"] == dict(sandbox.webhooks.calls[0].body)
        assert told["order"]["delivery_assets"]["home_report"]["pdf_urls"]
        assert (told["reason"], told["attempt"], told["source"]) == ("first delivery", 1, "webhook")
        assert {
            name: value
            for name, value in told["environment"].items()
            if name.startswith("CUBICASA_EVENT_")
        } == {
            "CUBICASA_EVENT_ORDER_ID": order.id,
            "CUBICASA_EVENT_STATUS": "Ready",
            "CUBICASA_EVENT_PREVIOUS_STATUS": "Pending",
            "CUBICASA_EVENT_REASON": "first delivery",
            "CUBICASA_EVENT_PRODUCT_TYPE": "products_2d",
            "CUBICASA_EVENT_ATTEMPT": "1",
            "CUBICASA_EVENT_SOURCE": "webhook",
        }
        assert "CUBICASA_WEBHOOK_SECRET" not in told["environment"]
        assert "some words" in result.err
        assert SECRET not in result.out + result.err

    async def test_a_command_that_fails_is_run_again_and_at_last_left_for_a_person(
        self, sandbox: Sandbox, tmp_path: Path
    ) -> None:
        options = ("--attempts", "2", "--retry-after", "0.01")
        async with listening(sandbox, tmp_path, python("exit(3)"), *options) as running:
            order = sandbox.world.add_order(status="Ready")
            await until(lambda: len(running.outcomes()) == 2)
            assert running.outcomes() == ["waiting", "dead"]
            running.child.process.send_signal(signal.SIGINT)
            assert (await running.child.end()).code == 0
        variables = environment(None)
        listed = await run("webhooks", "dead", environ=variables, cwd=tmp_path)
        (letter,) = listed.json
        assert (letter["order_id"], letter["attempts"]) == (order.id, 2)
        assert letter["reason"] == "CommandFailedError: it ended with 3"
        code, screen = await on_a_terminal("webhooks", "dead", environ=variables, cwd=tmp_path)
        assert (code, "1 dead letter." in screen) == (0, True)
        wrong = await run("webhooks", "requeue", environ=variables, cwd=tmp_path)
        assert wrong.code == 2
        again = await run("webhooks", "requeue", "--all", environ=variables, cwd=tmp_path)
        assert again.out == "1 event will be handled again.\n"
        handled = self.handling(sandbox, tmp_path, python(WRITE))
        async with handled as child:
            await until(lambda: '"handled"' in child.output)
        assert (tmp_path / order.id).exists()

    @pytest.mark.parametrize("command", [("dead",), ("requeue", "--all")])
    async def test_looking_into_an_inbox_makes_none(
        self, tmp_path: Path, command: tuple[str, ...]
    ) -> None:
        result = await run("webhooks", *command, environ=environment(None), cwd=tmp_path)
        assert (result.code, list(tmp_path.iterdir())) == (2, [])
        assert result.err == "Error: There is no inbox webhooks.inbox. Name it by --inbox.\n"

    @staticmethod
    @asynccontextmanager
    async def handling(sandbox: Sandbox, directory: Path, command: str) -> AsyncGenerator[Child]:
        async with started(
            *("webhooks", "handle", "--exec", command, "--sweep", "0"),
            environ=environment(sandbox),
            cwd=directory,
        ) as child:
            yield child

    async def test_takes_former_secrets_and_no_others(
        self, sandbox: Sandbox, tmp_path: Path
    ) -> None:
        secrets = (SECRET, FORMER)
        async with listening(sandbox, tmp_path, python(""), secrets=secrets) as running:
            assert await post(f"{running.base}/{FORMER}", b"{}") == 400
            assert await post(f"{running.base}/guessed", b"{}") == 404

    async def test_ctrl_c_lets_a_running_command_come_to_its_end(
        self, sandbox: Sandbox, tmp_path: Path
    ) -> None:
        code = """
import pathlib, time
pathlib.Path("begun").touch()
while not pathlib.Path("may end").exists():
    time.sleep(0.01)
pathlib.Path("ended").touch()
"""
        async with listening(sandbox, tmp_path, python(code)) as running:
            sandbox.world.add_order(status="Ready")
            await until(lambda: (tmp_path / "begun").exists())
            running.child.process.send_signal(signal.SIGINT)
            await until(lambda: "Stopping" in running.child.errors)
            (tmp_path / "may end").touch()
            result = await running.child.end()
        assert (result.code, result.json[-1]["outcome"]) == (0, "handled")
        assert (tmp_path / "ended").exists()

    async def test_a_second_ctrl_c_ends_the_command_and_gives_the_event_back(
        self, sandbox: Sandbox, tmp_path: Path
    ) -> None:
        code = "import pathlib, time; pathlib.Path('begun').touch(); time.sleep(60)"
        async with listening(sandbox, tmp_path, python(code)) as running:
            sandbox.world.add_order(status="Ready")
            await until(lambda: (tmp_path / "begun").exists())
            running.child.process.send_signal(signal.SIGINT)
            await until(lambda: "Stopping" in running.child.errors)
            running.child.process.send_signal(signal.SIGINT)
            result = await running.child.end()
        assert result.code == 130, result.err
        assert "Traceback" not in result.err
        async with self.handling(sandbox, tmp_path, python("")) as child:
            await until(lambda: '"handled"' in child.output)
            assert '"attempt": 1' in child.output

    async def test_a_command_that_takes_too_long_is_ended_and_counts_as_failed(
        self, sandbox: Sandbox, tmp_path: Path
    ) -> None:
        code = "import time; time.sleep(60)"
        options = ("--timeout", "0.2", "--attempts", "1")
        async with listening(sandbox, tmp_path, python(code), *options) as running:
            sandbox.world.add_order(status="Ready")
            await until(running.outcomes)
            assert "did not end within 0.2 seconds" in running.lines[0]["message"]

    async def test_a_sweep_finds_what_no_call_told(self, sandbox: Sandbox, tmp_path: Path) -> None:
        async with listening(sandbox, tmp_path, python(""), "--sweep", "0.05") as running:
            sandbox.world.webhook_urls = []
            order = sandbox.world.add_order(status="Pending")
            await until(lambda: len(sandbox.ledger.of("orders.list")) >= 2)
            sandbox.world.advance(order.id)
            await until(running.outcomes)
            await until(lambda: len(running.lines) == 2)
            found, handled = sorted(running.lines, key=lambda line: line["type"] == "event")
            assert (found["type"], found["found"]) == ("sweep", True)
            assert (handled["order_id"], handled["outcome"]) == (order.id, "handled")

    async def test_a_port_that_is_taken_is_said_and_ends_with_2(
        self, sandbox: Sandbox, tmp_path: Path
    ) -> None:
        port = sandbox.origin.rpartition(":")[2]
        arguments = ("webhooks", "listen", "--port", port, "--exec", "true", "--no-secret")
        result = await run(*arguments, environ=environment(sandbox), cwd=tmp_path)
        assert (result.code, "cannot listen" in result.err) == (2, True)

    async def test_what_cannot_be_kept_is_said_and_what_comes_often_is_counted(
        self, sandbox: Sandbox, tmp_path: Path
    ) -> None:
        async with listening(sandbox, tmp_path, python("")) as running:
            for _ in range(3):
                assert await post(running.url, b"no event") == 400
            with closing(sqlite3.connect(tmp_path / "webhooks.inbox")) as inbox:
                inbox.execute("DROP TABLE webhook_events")
                inbox.commit()
            for _ in range(3):
                assert await post(running.url, BODY) == 503
            said = running.child.errors
        assert said.count("A webhook brought what is no event") == 1
        assert said.count("A webhook's event could not be stored: ") == 1
        assert SECRET not in said

    async def test_who_reads_no_more_ends_it_without_a_word_and_loses_no_event(
        self, sandbox: Sandbox, tmp_path: Path
    ) -> None:
        reading, writing = os.pipe()
        os.close(reading)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, *COMMAND, "webhooks", "listen", "--port", "0", "--sweep", "0"),
            *("--exec", python("")),
            env=with_secret(sandbox),
            cwd=tmp_path,
            stdout=writing,
            stderr=asyncio.subprocess.PIPE,
        )
        os.close(writing)
        assert process.stderr is not None
        said = (await process.stderr.readline()).decode()
        base = said.partition("Listening on ")[2].split("/SECRET")[0]
        register(sandbox, SECRETS.url(base))
        for _ in range(3):
            sandbox.world.add_order(status="Ready")
        assert (await process.wait(), await process.stderr.read()) == (130, b"")
        await sandbox.webhooks.settled()
        stored = [call for call in sandbox.webhooks.calls if call.status == 200]
        async with Inbox(tmp_path / "webhooks.inbox") as inbox:
            kept = Counter(await inbox.counts())
        assert kept[State.HANDLED] >= 1, kept
        assert kept.total() == len(stored), kept


def test_faults_are_said_once_a_minute_and_counted(capsys: pytest.CaptureFixture[str]) -> None:
    log = logging.getLogger("cubicasa_async.delivery")
    with saying_faults():
        for second in (0, 1, 59, 61):
            record = log.makeRecord(
                *(log.name, logging.ERROR, "inbox.py", 1), "No room: %s", (second,), None
            )
            record.created = second
            log.handle(record)
        log.warning("It is told otherwise.")
    log.error("Nobody listens.")
    assert capsys.readouterr().err.splitlines() == [
        "No room: 0",
        "No room: 61 (2 more like this before)",
    ]
