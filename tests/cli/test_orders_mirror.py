"""`cubicasa orders mirror`, `find` and `twins` in child processes, against a sandbox here."""

from __future__ import annotations

import random
from pathlib import Path

import attrs
import pytest

from cubicasa_async.sandbox import Fault, Sandbox
from tests.support.commands import Result, environment, run, started
from tests.support.mirrors import Meddler, assert_consistent, held, there
from tests.support.terminal import on_a_terminal
from tests.support.waiting import until

GET = "orders.get"


@attrs.frozen
class Shop:
    """A directory with a mirror, and the server that it is of."""

    directory: Path
    sandbox: Sandbox

    @property
    def target(self) -> str:
        return str(self.directory / "orders.db")

    async def orders(self, *arguments: str, **environ: str) -> Result:
        variables = environment(self.sandbox, **environ)
        result = await run("orders", *arguments, environ=variables, cwd=self.directory)
        assert "Traceback" not in result.err
        for place in filter(Path.is_file, self.directory.rglob("*")):
            assert self.sandbox.api_key.encode() not in place.read_bytes()
        return result


@pytest.fixture
def shop(tmp_path: Path, sandbox: Sandbox) -> Shop:
    sandbox.world.add_examples(30)
    return Shop(tmp_path, sandbox)


async def test_it_makes_a_copy_and_keeps_it_current(shop: Shop) -> None:
    first = await shop.orders("mirror", "orders.db")
    assert first.code == 0
    assert {row["outcome"] for row in first.rows} == {"new"}
    assert first.summary == {
        "type": "summary",
        "orders": 30,
        "outcomes": {"new": 30},
        "details": 30,
        "seconds": first.summary["seconds"],
    }
    moved = shop.sandbox.world.orders[0]
    before = moved.status
    shop.sandbox.world.set_status(moved.id, "Fixing")
    second = await shop.orders("mirror", "orders.db", "--format", "jsonl")
    assert second.code == 0
    lines = {line["type"]: line for line in second.json if line["type"] != "file"}
    assert lines["order"] == {
        "type": "order",
        "order_id": moved.id,
        "outcome": "changed",
        "status": "Fixing",
        "previous_status": before,
        "message": "",
    }
    assert lines["summary"]["outcomes"] == {"changed": 1, "unchanged": 29}
    assert "Of 30 orders: 0 new, 1 changed, 29 unchanged" in second.err
    files = {line["path"]: line["rows"] for line in second.json if line["type"] == "file"}
    assert files["orders.db.export/orders.jsonl"] == 30
    assert len((shop.directory / "orders.db.export/history.jsonl").read_text().splitlines()) == 31
    assert await held(shop.target) == there(shop.sandbox)


async def test_kill_9_at_any_moment_leaves_a_mirror_that_is_right(shop: Shop) -> None:
    chance = random.Random(7)
    meddler = Meddler(shop.sandbox, 7)
    variables = environment(shop.sandbox)
    for _ in range(4):
        moment = chance.randrange(3, 25)
        answered = len(shop.sandbox.ledger) + moment
        # However late the kill comes, the run has not come to its end: it has 30 orders to read.
        shop.sandbox.faults.add(
            Fault("delay", seconds=0.005, times=moment), Fault("stall", skip=moment + 2)
        )
        async with started(
            "orders", "mirror", "orders.db", environ=variables, cwd=shop.directory
        ) as child:
            await until(lambda: len(shop.sandbox.ledger) >= answered)  # noqa: B023 # at once
            child.process.kill()
            assert (await child.end()).code == -9
        if Path(shop.target).exists():
            await assert_consistent(shop.target)
        shop.sandbox.faults.clear()
        meddler.meddle(5)
        for order in shop.sandbox.world.orders:
            order.info = f"changed {chance.random()}"
    assert (await shop.orders("mirror", "orders.db")).code == 0
    assert await held(shop.target) == there(shop.sandbox)
    await assert_consistent(shop.target)
    assert (await shop.orders("mirror", "orders.db")).summary["details"] == 0


async def test_details_that_fail_end_it_with_1(shop: Shop) -> None:
    bad = shop.sandbox.world.orders[0].id
    shop.sandbox.faults.add(Fault("html", operation=GET, path=f"*{bad}"))
    result = await shop.orders("mirror", "orders.db")
    assert (result.code, result.summary["outcomes"]) == (1, {"new": 29, "failed": 1})


async def test_faults_of_the_whole_have_their_codes(shop: Shop) -> None:
    refused = await shop.orders("mirror", "orders.db", CUBICASA_API_KEY="wrong-key")
    assert refused.code == 3
    assert "Error: The job stopped before its end." in refused.err
    (shop.directory / "rows.csv").write_text("street\n" * 100)
    foreign = await shop.orders("mirror", "rows.csv")
    assert foreign.code == 2
    assert "rows.csv is not a database. Name another file." in foreign.err
    secret = "p-a-s-s-w-o-r-d"
    unknown = await shop.orders("mirror", f"mysql://me:{secret}@host/db")
    assert unknown.code == 2
    assert secret not in unknown.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--recheck", "soon"), "no length of time such as 90m, 12h, 7d or 2w"),
        (("--output", "there"), "Say with --format"),
        (("--export-only",), "Say with --format"),
    ],
)
async def test_a_wrong_command_line_is_said(
    shop: Shop, arguments: tuple[str, ...], said: str
) -> None:
    result = await shop.orders("mirror", "orders.db", *arguments)
    assert result.code == 2
    assert said in result.err
    assert len(shop.sandbox.ledger) == 0


async def test_files_can_be_written_without_asking_the_service(shop: Shop) -> None:
    await shop.orders("mirror", "orders.db")
    asked = len(shop.sandbox.ledger)
    result = await shop.orders(
        "mirror", "orders.db", "--export-only", "--format", "csv", "--output", "out"
    )
    assert result.code == 0
    assert (shop.directory / "out" / "orders.csv").exists()
    assert len(shop.sandbox.ledger) == asked


async def test_orders_are_found_and_twins_shown(shop: Shop) -> None:
    home = {"city": "New Orleans", "state": "Louisiana"}
    draft = shop.sandbox.world.add_order(street="615 Bourbon St", external_id="L-1", **home)
    made = shop.sandbox.world.add_order(street="615 Bourbon Street", status="Ready", **home)
    await shop.orders("mirror", "orders.db")
    for options in ((), ("--mirror", "orders.db")):
        by_key = await shop.orders("find", "--external-id", "L-1", *options)
        assert [row["id"] for row in by_key.json] == [draft.id]
        by_address = await shop.orders("find", "615 Bourbon, New Orleans, LA", *options)
        assert [row["id"] for row in by_address.json] == [made.id, draft.id]
        assert "same house number" in by_address.json[0]["reasons"]
        [pair] = (await shop.orders("twins", *options)).json
        assert (pair["draft"]["id"], pair["order"]["id"]) == (draft.id, made.id)
    both = await shop.orders("find", "1 Main St", "--external-id", "L-1")
    assert both.code == 2
    assert "Give an address or --external-id." in both.err


class TestOnATerminal:
    async def test_there_is_a_line_that_moves_a_table_and_a_summary(self, shop: Shop) -> None:
        variables = environment(shop.sandbox)
        await on_a_terminal("orders", "mirror", "orders.db", environ=variables, cwd=shop.directory)
        shop.sandbox.world.set_status(shop.sandbox.world.orders[0].id, "Fixing")
        code, screen = await on_a_terminal(
            "orders", "mirror", "orders.db", environ=variables, cwd=shop.directory
        )
        assert code == 0
        assert "orders, " in screen
        assert "/s, 1 details, 0 failed" in screen
        assert "to Fixing" in screen
        assert "Of 30 orders: 0 new, 1 changed, 29 unchanged, 0 came back" in screen
        assert '{"type"' not in screen

    async def test_twins_are_a_table_with_reasons(self, shop: Shop) -> None:
        for fields in ({"external_id": "L-1"}, {"status": "Ready"}):
            shop.sandbox.world.add_order(street="615 Bourbon St", city="Salem", **fields)
        variables = environment(shop.sandbox)
        code, screen = await on_a_terminal("orders", "twins", environ=variables, cwd=shop.directory)
        assert code == 0
        assert "score" in screen
        assert "1 pair." in screen
        assert not Path(shop.target).exists(), "looking makes no mirror"
