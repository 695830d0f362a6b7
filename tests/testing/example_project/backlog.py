"""Tells how many orders stand where: a script for every night."""

from __future__ import annotations

import sys
from collections import Counter

from cubicasa_async import CubiCasa


def backlog(client: CubiCasa) -> Counter[str]:
    """How many orders there are of each status."""
    return Counter(str(order.status) for order in client.orders.list())


def main() -> None:
    """Count, with the key of the environment."""
    with CubiCasa.from_env() as client:
        for status, count in sorted(backlog(client).items()):
            sys.stdout.write(f"{status}: {count}\n")


if __name__ == "__main__":
    main()
