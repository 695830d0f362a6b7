"""The console: a page for people, at `/`, over the control interface.

It is served to this machine only, as all control is, and needs nothing from outside. What it
changes, it changes by the control interface, so that none of it stands in the ledger.
"""

from __future__ import annotations

import functools
import hashlib
import json
from importlib import resources
from typing import TYPE_CHECKING, Final

from aiohttp import web

from cubicasa_async.sandbox.console.state import facts, state
from cubicasa_async.sandbox.wire import Payload

if TYPE_CHECKING:
    from cubicasa_async.sandbox.server import Sandbox

__all__ = ["PAGE", "console"]

PAGE: Final = "console.html"

_TYPES: Final = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
_HEADERS: Final = {
    "Cache-Control": "no-cache",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_PAGE_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'"
)
_FILE_POLICY: Final = "sandbox; default-src 'none'; frame-ancestors 'none'"
_LARGEST: Final = 1 << 20


def console(sandbox: Sandbox, request: web.BaseRequest, path: str) -> Payload:
    """Answer one GET or HEAD; `path` is what follows the console's own prefix."""
    if path == "state":
        found = Payload.of_json(200, state(sandbox, request.query))
    elif path == "facts":
        found = Payload.of_json(200, facts(sandbox))
    elif path.startswith("file/"):
        # By way of the file host itself, with a signature that is valid now.
        where = sandbox.file_host.signed(f"{sandbox.file_host.origin}/{path[5:]}")
        return Payload(302, b"", "text/plain", {**_HEADERS, "Location": where})
    elif path.startswith("preview/"):
        # Past the file host, whose record of requests and faults are those of the client.
        return _preview(sandbox, path.removeprefix("preview"))
    else:
        static = _static().get(path)
        if static is None:
            return _refusal(404, "The console has no such page.")
        found = static
    return _unless_known(found, request.headers.get("If-None-Match"))


def _unless_known(found: Payload, known: str | None) -> Payload:
    etag = f'"{hashlib.sha256(found.body).hexdigest()[:32]}"'
    headers = {**_HEADERS, "Content-Security-Policy": _PAGE_POLICY, "ETag": etag}
    if known == etag:
        return Payload(304, b"", found.content_type, headers)
    return Payload(200, found.body, found.content_type, headers)


def _preview(sandbox: Sandbox, path: str) -> Payload:
    content = sandbox.file_host.contents.of(path)
    if content.size > _LARGEST:
        return _refusal(404, "The file is too large to be shown here.")
    headers = {**_HEADERS, "Content-Security-Policy": _FILE_POLICY}
    return Payload(200, b"".join(content.part()), content.kind, headers)


def _refusal(status: int, message: str) -> Payload:
    return Payload(status, json.dumps({"message": message}).encode(), headers=_HEADERS)


@functools.cache
def _static() -> dict[str, Payload]:
    folder = resources.files(__name__) / "static"
    return {
        file.name: Payload(200, file.read_bytes(), kind)
        for file in folder.iterdir()
        if (kind := _TYPES.get(file.name.rpartition(".")[2]))
    }
