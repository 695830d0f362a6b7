"""`python -m cubicasa_async.sandbox`: a sandbox until Ctrl-C."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence

from cubicasa_async.sandbox.paging import Reading
from cubicasa_async.sandbox.server import Sandbox, serve


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a sandbox.

    Returns:
        The exit code: 0 after Ctrl-C, 1 if it cannot listen.
    """
    parser = argparse.ArgumentParser(
        prog="python -m cubicasa_async.sandbox",
        description="A stateful sandbox of the CubiCasa Integrate API on this machine.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to bind")
    parser.add_argument("--port", type=int, default=8377, help="port to bind, 0 takes a free one")
    parser.add_argument("--api-key", help="the key to accept; a random one by default")
    parser.add_argument(
        "--reading", choices=list(Reading), default=Reading.ZERO_BASED, help="how offsets count"
    )
    parser.add_argument("--max-limit", type=int, default=100, help="most records of a page")
    parser.add_argument("--seed", type=int, default=0, help="of the ids and of random faults")
    parser.add_argument("--orders", type=int, default=0, help="example orders at the start")
    options = parser.parse_args(arguments)

    def started(sandbox: Sandbox) -> None:
        sys.stdout.write(f"CUBICASA_BASE_URL={sandbox.base_url}\n")
        if options.api_key is None:
            sys.stdout.write(f"CUBICASA_API_KEY={sandbox.api_key}\n")
        sys.stdout.flush()

    try:
        asyncio.run(
            serve(
                host=options.host,
                port=options.port,
                api_key=options.api_key,
                reading=options.reading,
                max_limit=options.max_limit,
                seed=options.seed,
                orders=options.orders,
                started=started,
            )
        )
    except KeyboardInterrupt:
        return 0
    except (OSError, OverflowError, ValueError) as error:  # an overflow is a port above 65535
        sys.stderr.write(f"The sandbox cannot start: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
