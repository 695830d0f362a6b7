"""Run the benchmarks and print their table. Nothing is judged here."""

from __future__ import annotations

import argparse
import asyncio
import platform
from importlib.metadata import version

from benchmarks import bulk_import, drafts, orders
from benchmarks.measure import settle_memory
from benchmarks.server import running

BENCHMARKS = {"orders": orders, "drafts": drafts, "bulk_import": bulk_import}


async def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("names", nargs="*", choices=[[], *BENCHMARKS], help="which; all by default")
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    arguments = parser.parse_args()
    packages = ", ".join(f"{name} {version(name)}" for name in ("aiohttp", "cattrs", "msgspec"))
    print(f"{platform.python_implementation()} {platform.python_version()}, {packages}")
    print("Ratios of medians to the base, [quartiles], median time of a slice.\n")
    settle_memory()
    for name in arguments.names or BENCHMARKS:
        with running() as base_url:
            print(BENCHMARKS[name].TITLE)
            for ratio in await BENCHMARKS[name].run(base_url, quick=arguments.quick):
                print(f"  {ratio}")
            print()


asyncio.run(main())
