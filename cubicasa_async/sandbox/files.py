"""The other origin: a host of files that wants no key and tells if it ever sees one."""

from __future__ import annotations

import hashlib
import json
from typing import Final

import attrs
from aiohttp import web

from cubicasa_async.sandbox.listener import Listener
from cubicasa_async.sandbox.wire import Connection, Payload

__all__ = ["Fetch", "FileHost"]

_TYPES: Final = {
    "jpg": ("image/jpeg", b"\xff\xd8\xff\xe0"),
    "png": ("image/png", b"\x89PNG\r\n\x1a\n"),
    "pdf": ("application/pdf", b"%PDF-1.4\n"),
    "json": ("application/json", b""),
}


@attrs.frozen
class Fetch:
    """One request as the file host saw it."""

    method: str
    path: str
    range: str | None
    status: int


class FileHost:
    """Serves the delivered files.

    Any path has a file: its bytes follow from the path, so they are the same each time.

    Attributes:
        saw_key: Whether a request ever came with an `api-key` header, which must never happen:
            files are fetched without the key.
        fetches: The requests, oldest first.
        size: How many bytes a file has.
    """

    def __init__(self, host: str = "127.0.0.1") -> None:
        self._listener = Listener(self._handle, host, 0)
        self.size = 20_000
        self.reset()

    @property
    def origin(self) -> str:
        """Scheme, address and port."""
        return self._listener.origin

    async def start(self) -> None:
        """Begin to listen on a free port."""
        await self._listener.start()

    async def close(self) -> None:
        """Close all connections at once."""
        await self._listener.close()

    def reset(self) -> None:
        """Forget what was seen."""
        self.saw_key: bool = False
        self.fetches: list[Fetch] = []

    def content(self, path: str) -> bytes:
        """The bytes of the file at a path such as `/an-order/1/plans.pdf`."""
        _, start = _TYPES.get(path.rpartition(".")[2], ("", b""))
        if path.endswith(".json"):
            return json.dumps({"path": path}).encode()
        return start + hashlib.shake_128(path.encode()).digest(max(self.size - len(start), 0))

    async def _handle(self, request: web.BaseRequest, connection: Connection) -> web.StreamResponse:
        await connection.discard()
        path, wanted = request.rel_url.raw_path, request.headers.get("Range")
        self.saw_key = self.saw_key or "api-key" in request.headers
        payload = self._answer(request, path)
        self.fetches.append(Fetch(request.method, path, wanted, payload.status))
        return payload.response()

    def _answer(self, request: web.BaseRequest, path: str) -> Payload:
        if request.method not in ("GET", "HEAD"):
            return Payload(405, b"", "text/plain")
        whole = self.content(path)
        kind, _ = _TYPES.get(path.rpartition(".")[2], ("text/html", b""))
        headers = {
            "Accept-Ranges": "bytes",
            "ETag": f'"{hashlib.sha256(whole).hexdigest()[:16]}"',
        }
        try:
            part = request.http_range
        except ValueError:
            part = slice(None)
        if (
            part.start is None
            or request.headers.get("If-Range", headers["ETag"]) != headers["ETag"]
        ):
            return Payload(200, whole, kind, headers)
        begin, end, _ = part.indices(len(whole))
        if begin >= end:
            return Payload(416, b"", kind, {"Content-Range": f"bytes */{len(whole)}"})
        headers["Content-Range"] = f"bytes {begin}-{end - 1}/{len(whole)}"
        return Payload(206, whole[begin:end], kind, headers)
