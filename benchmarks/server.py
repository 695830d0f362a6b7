"""A server of prepared bytes in a process of its own, so that it is not what is measured."""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
from collections.abc import Generator
from functools import cache
from urllib.parse import parse_qs, urlsplit

PREFIX = "/api/integrate/v3"
ORDERS = 10_000


def order(number: int) -> dict[str, object]:
    """An order of the size of the documentation's example, about 900 bytes."""
    street = f"{number} North Washington Avenue"
    return {
        "id": f"00000000-0000-4000-8000-{number:012d}",
        "info": {
            "status": ("Draft", "Pending", "Ready")[number % 3],
            "created_by": "manager@example.com",
            "location": f"{street} Cubi suite Minneapolis",
            "order_type": "vbim",
            "first_delivered_at": None,
            "created_at": 1716238626.904049 - number,
            "is_scan_order": True,
            "total_scanned_area": 0,
            "go2scan": None,
            "external_id": None,
            "add_info": "",
            "style_template": None,
            "model_id": None,
            "product": {
                "add_ons": ["gla"],
                "over_limits": [],
                "package_type": "base",
                "purchasable_add_ons": ["express_sla"],
                "purchasable_package_types": ["plus"],
            },
        },
        "address": {
            "city": "Minneapolis",
            "country": "United States",
            "full_address": f"{street}, Minneapolis, Minnesota 55411, United States",
            "latitude": 44.986947,
            "longitude": -93.275918,
            "number": "",
            "postalCode": "55411",
            "state": "Minnesota",
            "street": street,
            "suite": "Cubi suite",
        },
        "delivery_assets": None,
    }


def answer(body: bytes) -> bytes:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return head.encode() + b"\r\n" + body


@cache
def page(offset: int, limit: int, empty: bool) -> bytes:
    total = 0 if empty else ORDERS
    items = [order(number) for number in range(offset, min(offset + limit, total))]
    following = offset + len(items)
    pagination = {
        "has_more": following < total,
        "limit": limit,
        "next_offset": following,
        "previous_offset": max(offset - limit, 0),
    }
    return answer(json.dumps({"pagination": pagination, "items": items}).encode())


DRAFT = answer(json.dumps(order(0)).encode())


class Prepared(asyncio.Protocol):
    """Answers GET of /orders with a page, of /orders/ID with an order, any POST with a draft."""

    def __init__(self) -> None:
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[:end].decode()
            length = 0
            for line in head.split("\r\n")[1:]:
                name, _, value = line.partition(":")
                if name.lower() == "content-length":
                    length = int(value)
            if len(self._buffer) < end + 4 + length:
                return
            self._buffer = self._buffer[end + 4 + length :]
            self._transport.write(self._answer(*head.split(" ", 2)[:2]))

    @staticmethod
    def _answer(method: str, target: str) -> bytes:
        parts = urlsplit(target)
        if method == "POST" or parts.path != f"{PREFIX}/orders":
            return DRAFT
        query = parse_qs(parts.query)
        # A filtered list stands for an account without drafts.
        return page(int(query["offset"][0]), int(query["limit"][0]), "empty" in query)


async def main() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Prepared, "127.0.0.1", 0, backlog=512)
    for offset in range(0, ORDERS, 99):
        page(offset, 100, False)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


@contextlib.contextmanager
def running() -> Generator[str]:
    """The base URL of a server that runs until the block ends."""
    command = [sys.executable, "-m", "benchmarks.server"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}{PREFIX}"
        finally:
            process.kill()


if __name__ == "__main__":
    asyncio.run(main())
