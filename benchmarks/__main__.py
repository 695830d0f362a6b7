"""Run the benchmarks and print their table. A missed goal is no failure."""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.chart import svg
from benchmarks.measure import settle_memory, stay_on, two_cores
from benchmarks.report import Result, load, machine, markdown, text
from benchmarks.rows import ROWS
from benchmarks.server import Probe, order_id, running

HERE = Path(__file__).parent
RESULTS, CHART = HERE / "RESULTS.md", HERE / "results.svg"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    known = ", ".join(ROWS)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which; all by default: {known}")
    parser.add_argument("--quick", action="store_true", help="few rounds; nothing is judged")
    parser.add_argument("--skip", action="append", default=[], metavar="NAME", help="all but this")
    arguments = parser.parse_args()
    if unknown := {*arguments.names, *arguments.skip} - ROWS.keys():
        parser.error(f"there is no {', '.join(sorted(unknown))}; known are {known}")
    cores = two_cores()
    if cores:
        stay_on(cores[0])
    settle_memory()
    where = [machine(), load()]
    print(*filter(None, where), sep="\n")
    print("Ratios to the first line of each row: median [quartiles], median time of a slice.\n")
    with running(cores[1] if cores else None) as base_url:
        where.append(_server_alone(Probe(base_url)))
        print(f"{where[-1]}\n")
        names = arguments.names or [name for name in ROWS if name not in arguments.skip]
        results = asyncio.run(_measure(names, base_url, quick=arguments.quick))
    if arguments.quick:
        print("A quick run has few rounds and short lists: too little to judge by.")
    elif not arguments.names:
        where += [f"Left out of this run: {name}." for name in arguments.skip]
        RESULTS.write_text(
            markdown(results, where=filter(None, where), chart=CHART.name), encoding="utf-8"
        )
        CHART.write_text(svg(results), encoding="utf-8")
        print(f"Written: {RESULTS.name}, {CHART.name}")


async def _measure(names: Sequence[str], base_url: str, *, quick: bool) -> list[Result]:
    results: list[Result] = []
    probe = Probe(base_url)
    for name in names:
        begun, busy = time.perf_counter(), probe.busy()
        figures = await ROWS[name].run(base_url, quick=quick)
        took = time.perf_counter() - begun
        results.append(Result(ROWS[name], figures, (probe.busy() - busy) / took))
        print(text(results[-1], judged=not quick))
        print(f"  {name} took {took:.0f} s.\n", flush=True)
    return results


def _server_alone(probe: Probe) -> str:
    orders = probe.rate(f"/orders/{order_id(0)}")
    pages = probe.rate("/orders?limit=100&offset=0")
    return (
        f"The server alone gives {orders:,.0f} orders or {pages:,.0f} pages of 100 per second "
        "to 20 connections that read bytes."
    )


if __name__ == "__main__":
    main()
