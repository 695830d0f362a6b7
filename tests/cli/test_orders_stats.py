"""`cubicasa orders stats`, in child processes and on consoles of any width."""

from __future__ import annotations

import io
from pathlib import Path

import attrs
import pytest
from rich.console import Console

from cubicasa_async.bulk import Mirror
from cubicasa_async.bulk.stats import Stats, read_stats
from cubicasa_async.cli.stats import show
from tests.support.commands import Result, environment, run
from tests.support.terminal import on_a_terminal
from tests.support.turnaround import AS_OF, BY_HAND, HOUR, fill


@pytest.fixture
async def shop(tmp_path: Path) -> Path:
    await fill(str(tmp_path / "orders.db"))
    return tmp_path


async def stats_in(shop: Path, *arguments: str) -> Result:
    result = await run("orders", "stats", *arguments, environ=environment(None), cwd=shop)
    assert "Traceback" not in result.err
    return result


async def test_piped_it_is_one_line_of_json_and_needs_no_key(shop: Path) -> None:
    result = await stats_in(shop, "orders.db", "--html", "page.html", "--stuck-after", "2w")
    assert (result.code, result.err) == (0, "")
    told, file = result.json
    assert file == {"type": "file", "path": "page.html"}
    assert "<title>Turnaround of orders</title>" in (shop / "page.html").read_text()
    assert told["as_of"] == AS_OF.isoformat()
    assert (told["orders"], told["vanished"]) == (BY_HAND["orders"], BY_HAND["vanished"])
    assert told["statuses"] == BY_HAND["statuses"]
    times = {name: told["delivery"][name] for name in ("orders", "unknown", "negative")}
    assert times == {"orders": 5, "unknown": 3, "negative": 1}
    assert told["delivery"]["median_seconds"] == 20 * 3600
    assert told["delivery"]["ninetieth_seconds"] == 50 * 3600
    assert told["delivery"]["histogram"][4] == {
        "from_seconds": 6 * 3600,
        "below_seconds": 12 * 3600,
        "orders": 2,
    }
    assert told["change_requests"] == {
        "delivered": 9,
        "fixed": 2,
        "rate": 2 / 9,
        "evidence": "inferred",
    }
    assert told["drafts"]["stuck"] == 2
    assert told["drafts"]["oldest"][0]["at_least"] is True
    assert told["twins"]["best"][0]["draft"]["external_id"] == "L-6"
    assert [week["week"] for week in told["weeks"]][-3:] == ["2026-03-09", "later", "unknown"]


async def test_options_narrow_it(shop: Path) -> None:
    result = await stats_in(
        shop, "orders.db", "--since", "2026-03-05", "--weeks", "1", "--no-twins", "--max", "0"
    )
    [told] = result.json
    assert [week["week"] for week in told["weeks"]] == ["earlier", "2026-03-09", "later"]
    assert told["twins"] is None
    assert told["since"] == "2026-03-05T00:00:00+00:00"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("none.db",), "Error: There is no order mirror at none.db."),
        (("orders.db", "--html", "no/page.html"), "The page no/page.html cannot be written"),
        (("orders.db", "--stuck-after", "soon"), "no length of time such as 90m, 12h, 7d or 2w"),
        (("orders.db", "--stuck-after", "9" * 99 + "d"), "is longer than 36500 days"),
        (("orders.db", "--since", "yesterday"), "does not match the format"),
    ],
)
async def test_what_cannot_be_done_is_said(
    shop: Path, arguments: tuple[str, ...], said: str
) -> None:
    result = await stats_in(shop, *arguments)
    assert (result.code, result.out) == (2, "")
    assert said in " ".join(result.err.replace("│", " ").split())


async def test_on_a_terminal_it_is_tables_and_bars(shop: Path) -> None:
    code, screen = await on_a_terminal(
        *("orders", "stats", "orders.db", "--html", "page.html"),
        environ=environment(None),
        cwd=shop,
    )
    assert code == 0
    assert '{"type"' not in screen
    for said in (
        "As of the run that ended at 2026-03-11 12:00 UTC.",
        "Of 5 orders, half took 20 h at most, and nine tenths took 2.1 days at most.",
        "2 of 9 delivered orders (22.2%).",
        "2 of 3 drafts older than 14 days.",
        "at least 38.5 days",
        "1 draft in 1 pair.",
        "The page is in page.html.",
    ):
        assert said in screen
    assert "6 to 12 h █" in screen


@pytest.fixture
async def stats(shop: Path) -> Stats:
    async with Mirror(str(shop / "orders.db")) as mirror:
        return await read_stats(mirror)


def shown(stats: Stats, *, width: int, encoding: str = "utf-8") -> str:
    written = io.BytesIO()
    console = Console(file=io.TextIOWrapper(written, encoding=encoding), width=width)
    show(stats, console)
    console.file.flush()
    return written.getvalue().decode(encoding)


@pytest.mark.parametrize("width", [50, 80, 200])
def test_it_is_as_wide_as_the_terminal_at_most(stats: Stats, width: int) -> None:
    lines = shown(stats, width=width).splitlines()
    assert max(map(len, lines)) <= width
    [all_weeks] = [line for line in lines if line.startswith("all ")]
    assert all_weeks.split()[1:] == ["3", "3", "1", "6", "1", "3"]


def test_weeks_before_the_first_order_are_left_out(stats: Stats) -> None:
    alone = attrs.evolve(stats, weeks=stats.weeks[1:])
    weeks = [line.split()[0] for line in shown(alone, width=80).splitlines() if line[:2] == "20"]
    assert weeks[0] == "2026-01-26"
    assert weeks[-1] == "2026-03-09"
    assert len(weeks) == 7


def test_bars_are_drawn_where_blocks_cannot_be(stats: Stats) -> None:
    text = shown(stats, width=80, encoding="ascii")
    assert "  6 to 12 h ############################################################ 2" in text
    assert " 12 to 24 h ############################## 1" in text


def test_an_empty_mirror_is_said_and_nothing_else() -> None:
    assert "no run was made yet" in shown(Stats(stuck_after=HOUR), width=80)
    empty = shown(Stats(stuck_after=HOUR, as_of=AS_OF, complete=True), width=80)
    assert "The mirror holds no orders." in empty
    assert "Delivery time" not in empty
