"""What the benchmarks' figures rest on: equal work, pairing, honest verdicts."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree as ET

import attrs
import pytest

from benchmarks import measure
from benchmarks.chart import svg
from benchmarks.goals import AtMost, Faster, GrowsLess
from benchmarks.measure import CPU, WALL, Figure, Growth, Missing, Ratio, Spread, compare
from benchmarks.report import Result, markdown, text
from benchmarks.rows import ROWS, Row
from benchmarks.server import ORDERS, Probe, at, order, page, running
from cubicasa_async import AsyncCubiCasa


@pytest.fixture(scope="module")
def base_url() -> Iterator[str]:
    with running() as url:
        yield url


def ratio(name: str, *rounds: float, is_base: bool = False) -> Ratio:
    return Ratio(name, {CPU: Spread(rounds), WALL: Spread(rounds)}, CPU, 0.001, is_base)


@pytest.fixture(scope="module")
def peers() -> Any:
    for package in ("orjson", "pydantic", "openapi_python_client"):
        pytest.importorskip(package, reason="comes with the dependency group `bench`")
    from benchmarks import peers

    return peers


@pytest.fixture(scope="module")
def decoders(peers: Any) -> Iterator[Any]:
    with peers.decoders() as (found, missing):
        assert not missing
        yield found


class TestEqualWork:
    def test_all_peers_decode_a_page_to_equal_values(self, peers: Any, decoders: Any) -> None:
        wrong = [peers.differences(page(0, 100), decode) for decode in decoders.values()]
        assert wrong == [[]] * 6

    def test_typed_peers_give_aware_times_and_the_renamed_key(
        self, peers: Any, decoders: Any
    ) -> None:
        for name in (peers.OURS, peers.PYDANTIC, peers.CATTRS):
            first = decoders[name](page(0, 1)).items[0]
            assert first.info.created_at.tzinfo is not None
            assert first.info.status.is_known
            assert first.address.postal_code == "55411"

    @pytest.mark.parametrize(
        ("was", "becomes"),
        [
            ('"is_scan_order": true', '"is_scan_order": false'),
            ('"postalCode": "04101"', '"postalCode": null'),
            (".904049", ".904048"),
        ],
    )
    def test_a_peer_that_reads_something_else_is_found(
        self, peers: Any, was: str, becomes: str
    ) -> None:
        body = page(0, 100)
        spoilt = body.replace(was.encode(), becomes.encode())
        assert spoilt != body

        def misread(_: bytes) -> Any:
            return peers.our_page(spoilt)

        assert peers.differences(body, misread)

    def test_a_peer_that_loses_an_order_is_found(self, peers: Any) -> None:
        def lossy(_: bytes) -> Any:
            return peers.our_page(page(0, 99))

        assert peers.differences(page(0, 100), lossy) == ["99 orders instead of 100"]

    def test_a_generator_that_is_not_there_is_named(
        self, peers: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def nowhere(name: str) -> None:
            return None

        monkeypatch.setattr("benchmarks.generated.find_spec", nowhere)
        with peers.decoders() as (_, missing):
            assert missing == [Missing(peers.GENERATED, "openapi-python-client is not installed")]


class TestServer:
    def test_a_page_of_100_orders_has_about_88_kilobytes(self) -> None:
        sizes = [len(page(offset, 100)) for offset in range(0, ORDERS, 100)]
        assert 87_000 < min(sizes) <= max(sizes) < 89_000

    def test_a_page_holds_the_orders_it_should(self) -> None:
        last = json.loads(page(140, 100, orders=150))
        assert last["items"] == [order(number) for number in range(140, 150)]
        assert not last["pagination"]["has_more"]

    async def test_a_client_walks_as_many_orders_as_the_address_says(self, base_url: str) -> None:
        url = at(base_url, orders=250)
        async with AsyncCubiCasa("bench", base_url=url) as client:
            assert len([each async for each in client.orders.list(limit=100)]) == 250

    async def test_answers_come_as_late_as_the_address_says(self, base_url: str) -> None:
        async with AsyncCubiCasa("bench", base_url=at(base_url, latency=0.05)) as client:
            begun = time.monotonic()
            await client.orders.get("00000000-0000-4000-8000-000000000000")
            # The server has a clock of its own; they may differ by a tick of a coarse one.
            assert time.monotonic() - begun >= 0.03

    def test_the_server_tells_how_long_it_was_at_work(
        self, base_url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        clock = SimpleNamespace(perf_counter=itertools.count().__next__)
        monkeypatch.setattr("benchmarks.server.time", clock)
        probe = Probe(base_url)
        before = probe.busy()
        rate = probe.rate("/orders?limit=100&offset=0", seconds=3.5, connections=3)
        assert rate == 3 * 3 / 5  # the clock is read six times, and three rounds are asked for
        assert probe.busy() > before


class TestCores:
    @pytest.mark.skipif(measure.two_cores() is None, reason="there are not two cores to choose")
    def test_a_server_that_is_started_late_still_gets_the_other_core(self) -> None:
        program = """
from benchmarks.measure import stay_on, two_cores
first = two_cores()
stay_on(first[0])
assert two_cores() == first and first[0] != first[1]
"""
        subprocess.run([sys.executable, "-c", program], check=True)


class Machine:
    """A clock that only slices move, each time more: a machine that gets slower."""

    def __init__(self) -> None:
        self.time = 0.0
        self.factor = 1.0
        self.calls: list[str] = []

    def clock(self) -> float:
        return self.time

    def slice(self, name: str, cost: float) -> Callable[[], Any]:
        async def run() -> None:
            self.calls.append(name)
            self.time += cost * self.factor
            self.factor += 0.25

        return run


class TestPairing:
    @pytest.fixture
    def machine(self, monkeypatch: pytest.MonkeyPatch) -> Machine:
        machine = Machine()
        monkeypatch.setattr(measure, "CLOCKS", {machine.clock: "steps"})
        return machine

    async def test_a_machine_that_gets_slower_does_not_change_a_ratio(
        self, machine: Machine
    ) -> None:
        variants = {"double": machine.slice("double", 2), "half": machine.slice("half", 0.5)}
        base, double, half = await compare(
            ("base", machine.slice("base", 1)), variants, rounds=5, clock=machine.clock
        )
        assert base.spread.rounds == pytest.approx([1] * 5)
        assert double.spread.rounds == pytest.approx([2] * 5)
        assert half.spread.rounds == pytest.approx([0.5] * 5)

    async def test_each_variant_stands_between_two_slices_of_its_base(
        self, machine: Machine
    ) -> None:
        variants = {name: machine.slice(name, 1) for name in ("a", "b")}
        await compare(("base", machine.slice("base", 1)), variants, rounds=4, clock=machine.clock)
        timed = machine.calls[3:]  # the others warmed up
        assert timed.count("a") == timed.count("b") == 4
        for before, own, after in zip(timed, timed[1:], timed[2:], strict=False):
            assert own == "base" or before == after == "base"

    async def test_an_unpaired_ratio_would_change(self, machine: Machine) -> None:
        """Shows that the machine above is one on which pairing matters."""
        base, double = machine.slice("base", 1), machine.slice("double", 2)
        times = [0.0]
        for run in (base, *itertools.repeat(double, 5)):
            await run()
            times.append(machine.time)
        base_time, *double_times = (b - a for a, b in itertools.pairwise(times))
        assert max(double_times) / base_time > 3


class TestGoals:
    FIGURES = (
        ratio("aiohttp + orjson", 0.9, 1.0, 1.1, is_base=True),
        ratio("cubicasa_async", 1.4, 1.5, 1.6),
        ratio("httpx", 3.0, 3.0, 3.0),
        Missing("other", "it is not installed"),
    )

    @pytest.mark.parametrize(
        ("goal", "verdict"),
        [
            (AtMost(1.5, "aiohttp"), "met"),
            (AtMost(1.25, "aiohttp"), "missed by 20%"),
            (AtMost(0.5, "httpx"), "met"),
            (Faster(2, "httpx"), "met"),
            (Faster(3, "httpx"), "missed by 50%"),
            (Faster(2, "other"), "not measured (it is not installed)"),
            (AtMost(2, "curl"), "not measured (curl is not part of this run)"),
        ],
    )
    def test_a_verdict_says_by_how_much(self, goal: AtMost | Faster, verdict: str) -> None:
        assert goal.judge(self.FIGURES).text == verdict

    def test_what_is_measured_against_the_base_is_not_blurred_by_its_noise(self) -> None:
        assert AtMost(1, "aiohttp").judge(self.FIGURES).found == "1.50 [1.40..1.60] x"

    def test_a_goal_uses_its_own_clock(self) -> None:
        slow_by_wall = Ratio("cubicasa_async", {CPU: Spread((1, 1)), WALL: Spread((5, 5))}, CPU, 1)
        figures = [ratio("base", 1, 1, is_base=True), slow_by_wall]
        assert AtMost(2, "base").judge(figures).text == "met"
        assert AtMost(2, "base", clock=WALL).judge(figures).text == "missed by 150%"

    def test_growth_is_judged_by_its_bound(self) -> None:
        figures = [Growth("walk", 40, 48), Growth("import", 40, 55)]
        assert GrowsLess(10, "walk").judge(figures).text == "met"
        assert GrowsLess(10, "import").judge(figures).text == "missed by 50%"


class TestReport:
    RESULT = Result(
        Row("Walk <quickly>", "walks", (AtMost(1.25, "aiohttp"), Faster(2, "other"))),
        TestGoals.FIGURES,
        0.25,
    )

    def test_the_report_names_goals_misses_and_what_is_missing(self) -> None:
        report = markdown([self.RESULT], where=["The server."], chart="results.svg")
        assert "1.50 [1.40..1.60] x | missed by 20% |" in report
        assert "| other | not measured: it is not installed |  |" in report
        assert "25% of the time" in report

    def test_ratios_and_growth_stand_below_their_own_headings(self) -> None:
        result = attrs.evolve(self.RESULT, figures=[*TestGoals.FIGURES, Growth("large", 40, 48)])
        lines = markdown([result], where=[], chart="").splitlines()
        first = lines.index("| | ratio [quartiles] | median |")
        second = lines.index("| | peak growth | from, to |")
        assert all(line.startswith("|") for line in lines[first : first + 5])
        assert lines[second + 2].startswith("| large | +8.0 MB |")

    def test_a_quick_run_is_not_judged(self) -> None:
        assert "missed" in text(self.RESULT, judged=True)
        assert "missed" not in text(self.RESULT, judged=False)

    def test_the_chart_is_valid_and_fits_both_themes(self) -> None:
        chart = ET.fromstring(svg([self.RESULT]))  # noqa: S314 # our own
        space = "{http://www.w3.org/2000/svg}"
        bars = [
            (bar.get("class"), float(bar.get("width", 0))) for bar in chart.iter(f"{space}rect")
        ]
        assert [kind for kind, _ in bars] == ["peer", "ours", "peer"]
        assert [width for _, width in bars] == sorted(width for _, width in bars)
        assert "prefers-color-scheme: dark" in "".join(chart.itertext())
        assert "Walk <quickly>" in list(chart.itertext())


class TestRows:
    async def test_a_row_without_its_peers_says_what_is_missing(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def absent(name: str) -> None:
            raise ModuleNotFoundError(name="pydantic")

        monkeypatch.setattr("importlib.import_module", absent)
        figures: list[Figure] = await ROWS["decode"].run("http://127.0.0.1", quick=True)
        assert figures == [Missing(ROWS["decode"].title, "pydantic is not installed")]
