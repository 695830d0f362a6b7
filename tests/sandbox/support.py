from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

import aiohttp
import attrs

from cubicasa_async.sandbox import Sandbox

DATA = Path(__file__).parent / "data"
DRAFT: dict[str, Any] = {
    "street": "1 Example Street",
    "city": "Sampletown",
    "country": "United States",
    "owner_email": "owner@example.test",
}


def sample(name: str) -> Any:
    return json.loads((DATA / f"{name}.json").read_text(encoding="utf-8"))


def draft(**fields: Any) -> dict[str, Any]:
    return {**DRAFT, **fields}


@attrs.frozen
class Reply:
    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.content)


@attrs.frozen
class Caller:
    """A plain HTTP client with the key: nothing of the package's own client."""

    session: aiohttp.ClientSession
    sandbox: Sandbox

    async def __call__(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        data: bytes | IO[bytes] | None = None,
        key: str | None = None,
        headers: Mapping[str, str] | None = None,
        read: bool = True,
    ) -> Reply:
        """Call the API; a path that begins with /_sandbox is taken below the origin."""
        base = self.sandbox.origin if path.startswith("/_sandbox") else self.sandbox.base_url
        wanted = dict(headers or {})
        if key != "":
            wanted["api-key"] = self.sandbox.api_key if key is None else key
        async with self.session.request(
            method,
            base + path,
            json=body,
            data=data,
            headers=wanted,
            allow_redirects=False,
        ) as response:
            content = await response.read() if read else b""
            return Reply(response.status, response.headers.copy(), content)


async def until(holds: Callable[[], object]) -> None:
    while not holds():  # noqa: ASYNC110 # what is awaited is the server's and has no event
        await asyncio.sleep(0.001)


@attrs.frozen
class RawReply:
    content: bytes
    reset: bool


async def raw_call(
    sandbox: Sandbox, method: str, path: str, body: Any = None, *, last: bool = False
) -> RawReply:
    """Send one request over a bare socket and read to the connection's end.

    The server ends it after the answer only if it is said to be the last one.
    """
    host, port = sandbox.origin.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    content, reset = b"", False
    try:
        data = b"" if body is None else json.dumps(body).encode()
        head = (
            f"{method} /api/integrate/v3{path} HTTP/1.1\r\nHost: {host}\r\n"
            f"api-key: {sandbox.api_key}\r\nContent-Length: {len(data)}\r\n"
            "Content-Type: application/json\r\n"
            f"Connection: {'close' if last else 'keep-alive'}\r\n\r\n"
        )
        writer.write(head.encode() + data)
        await writer.drain()
        while part := await reader.read(65536):
            content += part
    except ConnectionResetError:
        reset = True
    finally:
        writer.close()
        await asyncio.gather(writer.wait_closed(), return_exceptions=True)
    return RawReply(content, reset)
