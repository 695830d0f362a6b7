"""Control over the file host, by HTTP, under `/_sandbox/files`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import attrs

from cubicasa_async.sandbox.faults import Fault
from cubicasa_async.sandbox.files import Habits

if TYPE_CHECKING:
    from cubicasa_async.sandbox.server import Sandbox

__all__ = ["FILE_ACTIONS"]


def _files(sandbox: Sandbox, body: dict[str, Any], order_id: str) -> Any:
    del body, order_id
    host = sandbox.file_host
    return {
        "origin": host.origin,
        "saw_key": host.saw_key,
        "size": host.size,
        "habits": attrs.asdict(host.habits),
        "faults": [fault.to_json() for fault in host.faults],
        "fetches": [attrs.asdict(fetch) for fetch in host.fetches],
    }


def _set_habits(sandbox: Sandbox, body: dict[str, Any], order_id: str) -> Any:
    sandbox.file_host.habits = Habits.from_json(body)
    return _files(sandbox, {}, order_id)


def _set_size(sandbox: Sandbox, body: dict[str, Any], order_id: str) -> Any:
    size, path = body.get("size"), body.get("path")
    if not isinstance(size, int) or size < 0:
        raise ValueError("The body needs a size in bytes.")
    if path is None:
        sandbox.file_host.size = size
    else:
        sandbox.file_host.contents.sizes[str(path)] = size
    return _files(sandbox, {}, order_id)


def _change(sandbox: Sandbox, body: dict[str, Any], order_id: str) -> Any:
    path = body.get("path")
    if not isinstance(path, str):
        raise TypeError("The body needs the path of a file.")
    sandbox.file_host.contents.change(path)
    return _files(sandbox, {}, order_id)


def _add_fault(sandbox: Sandbox, body: dict[str, Any], order_id: str) -> Any:
    del order_id
    fault = Fault.from_json(body)
    sandbox.file_host.faults.add(fault)
    return {"fault": fault.to_json()}


def _clear_faults(sandbox: Sandbox, body: dict[str, Any], order_id: str) -> Any:
    sandbox.file_host.faults.clear()
    return _files(sandbox, body, order_id)


FILE_ACTIONS: Final[dict[tuple[str, str], Callable[[Sandbox, dict[str, Any], str], Any]]] = {
    ("GET", "files"): _files,
    ("PUT", "files/habits"): _set_habits,
    ("PUT", "files/size"): _set_size,
    ("POST", "files/change"): _change,
    ("POST", "files/faults"): _add_fault,
    ("DELETE", "files/faults"): _clear_faults,
}
