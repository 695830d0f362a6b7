"""A server of prepared bytes in a process of its own, so that it is not what is measured.

What it pretends is said by the address: how many orders there are, and how late it answers.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Generator
from urllib.parse import parse_qs, urlsplit

from benchmarks.measure import settle_memory, stay_on

PREFIX = "/api/integrate/v3"
ORDERS = 10_000
_KEPT = 1_500
_PLACES = (
    ("North Washington Avenue", "Minneapolis", "Minnesota", "55411", 44.986947, -93.275918),
    ("Elm Street", "Springfield", "Illinois", "62704", 39.781721, -89.650148),
    ("Old Harbour Road", "Portland", "Maine", "04101", 43.659100, -70.256819),
    ("Willow Creek Parkway", "Denver", "Colorado", "80202", 39.739236, -104.990251),
)


def order(number: int) -> dict[str, object]:
    """An order as a list shows it: the documented example's shape and size, about 880 bytes."""
    street, city, state, code, latitude, longitude = _PLACES[number % len(_PLACES)]
    street = f"{100 + number % 900} {street}"
    ready = number % 5 != 0
    created = round(1_716_238_626.904049 - 611.25 * number, 6)
    return {
        "id": f"00000000-0000-4000-8000-{number:012d}",
        "info": {
            "status": "Ready" if ready else ("Draft", "Pending", "Fixing")[number % 3],
            "created_by": "manager@example.com",
            "location": f"{street} Cubi suite {city}",
            "order_type": "vbim",
            "first_delivered_at": created + 43_210.5 if ready else None,
            "created_at": created,
            "is_scan_order": number % 7 != 0,
            "total_scanned_area": 0 if number % 3 else 1432.25,
            "go2scan": None,
            "external_id": f"EXT{number:05d}" if number % 2 else None,
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
            "city": city,
            "country": "United States",
            "full_address": f"{street}, {city}, {state} {code}, United States",
            "latitude": latitude,
            "longitude": longitude,
            "number": "",
            "postalCode": code,
            "state": state,
            "street": street,
            "suite": "Cubi suite",
        },
    }


@functools.cache
def _after_id(number: int) -> str:
    return json.dumps(order(number)).partition(",")[2]


def page(offset: int, limit: int, orders: int = ORDERS) -> bytes:
    """The body of a page of a list of so many orders."""
    numbers = range(offset, min(offset + limit, orders))
    following = offset + len(numbers)
    pagination = {
        "has_more": following < orders,
        "limit": limit,
        "next_offset": following,
        "previous_offset": max(offset - limit, 0),
    }
    items = (f'{{"id": "{order_id(number)}",{_after_id(number % ORDERS)}' for number in numbers)
    return f'{{"pagination": {json.dumps(pagination)}, "items": [{", ".join(items)}]}}'.encode()


def order_id(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012d}"


ONE_ORDER = json.dumps({**order(0), "delivery_assets": None}).encode()


def at(base_url: str, *, orders: int = ORDERS, latency: float = 0) -> str:
    """The base URL under which there are so many orders, and answers come `latency` s late."""
    origin = base_url.removesuffix(PREFIX)
    return f"{origin}/{orders}-orders/{latency * 1e3:g}-ms{PREFIX}"


_TARGET = re.compile(rf"(?:/(\d+)-orders/(\d+)-ms)?{re.escape(PREFIX)}(/.*)")


@functools.lru_cache(_KEPT)
def answer_to(method: str, target: str) -> tuple[bytes, float]:
    """The answer to a request, and how many seconds late it comes."""
    found = _TARGET.fullmatch(target)
    if found is None:
        return b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", 0
    orders, latency, rest = found.groups()
    parts = urlsplit(rest)
    body = ONE_ORDER
    if method == "GET" and parts.path == "/orders":
        query = parse_qs(parts.query)
        limit, offset = int(query["limit"][0]), int(query["offset"][0])
        body = page(offset, limit, int(orders or ORDERS))
    return _ok(body), int(latency or 0) / 1e3


def _ok(body: bytes) -> bytes:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return head.encode() + b"\r\n" + body


_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class Prepared(asyncio.Protocol):
    """Answers GET of /orders with a page, all else with an order."""

    def __init__(self) -> None:
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        answers: list[bytes] = []
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            length = _LENGTH.search(self._buffer, 0, end)
            end += 4 + int(length[1] if length else 0)
            if len(self._buffer) < end:
                break
            method, target, _ = self._buffer.split(b" ", 2)
            self._buffer = self._buffer[end:]
            if target == b"/busy":
                answers.append(_ok(str(time.process_time()).encode()))
                continue
            answer, latency = answer_to(method.decode(), target.decode())
            if latency:
                asyncio.get_running_loop().call_later(latency, self._transport.write, answer)
            else:
                answers.append(answer)
        if answers:
            self._transport.writelines(answers)


async def main() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Prepared, "127.0.0.1", 0, backlog=512)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


@contextlib.contextmanager
def running(core: int | None = None) -> Generator[str]:
    """The base URL of a server that runs until the block ends, on a core of its own if given."""
    command = [sys.executable, "-m", "benchmarks.server", *([] if core is None else [str(core)])]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}{PREFIX}"
        finally:
            process.kill()


class Probe:
    """Asks the server about itself, over bare sockets."""

    def __init__(self, base_url: str) -> None:
        parts = urlsplit(base_url)
        assert parts.hostname is not None
        assert parts.port is not None
        self._address = parts.hostname, parts.port

    def busy(self) -> float:
        """Seconds of CPU time that the server has spent."""
        with socket.create_connection(self._address) as connection:
            connection.sendall(_request("/busy"))
            return float(connection.recv(1 << 10).rpartition(b"\r\n")[2])

    def rate(self, path: str, *, seconds: float = 0.3, connections: int = 20) -> float:
        """Answers per second to so many connections that read nothing but bytes."""
        target = PREFIX + path
        length = len(answer_to("GET", target)[0])
        answered, buffer = 0, bytearray(1 << 20)
        with contextlib.ExitStack() as stack:
            opened = [
                stack.enter_context(socket.create_connection(self._address))
                for _ in range(connections)
            ]
            begun = time.perf_counter()
            while time.perf_counter() - begun < seconds:
                for connection in opened:
                    connection.sendall(_request(target))
                for connection in opened:
                    missing = length
                    while missing:
                        missing -= connection.recv_into(buffer, missing)
                answered += connections
            return answered / (time.perf_counter() - begun)


def _request(target: str) -> bytes:
    return f"GET {target} HTTP/1.1\r\nHost: bench\r\n\r\n".encode()


if __name__ == "__main__":
    if sys.argv[1:]:
        stay_on(int(sys.argv[1]))
    settle_memory()
    # A Ctrl-C at the terminal is meant for the one who started this.
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main())
    os._exit(0)
