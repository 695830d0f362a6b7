"""Control over the file host, by HTTP, under `/_sandbox/files`."""

from __future__ import annotations

from typing import Any, Final

import attrs

from cubicasa_async.sandbox.control_request import Actions, Asked
from cubicasa_async.sandbox.fault_control import plan_of
from cubicasa_async.sandbox.files import Habits

__all__ = ["FILE_ACTIONS"]


def _files(asked: Asked) -> Any:
    host = asked.sandbox.file_host
    return {
        "origin": host.origin,
        "saw_key": host.saw_key,
        "size": host.size,
        "habits": attrs.asdict(host.habits),
        **plan_of(host.faults),
        "fetches": [attrs.asdict(fetch) for fetch in host.fetches],
    }


def _set_habits(asked: Asked) -> Any:
    asked.sandbox.file_host.habits = Habits.from_json(asked.body)
    return _files(asked)


def _set_size(asked: Asked) -> Any:
    size, path = asked.body.get("size"), asked.body.get("path")
    if type(size) is not int or size < 0:
        raise ValueError("The body needs a size in bytes.")
    if path is None:
        asked.sandbox.file_host.size = size
    else:
        asked.sandbox.file_host.contents.sizes[str(path)] = size
    return _files(asked)


def _change(asked: Asked) -> Any:
    path = asked.body.get("path")
    if not isinstance(path, str):
        raise TypeError("The body needs the path of a file.")
    asked.sandbox.file_host.contents.change(path)
    return _files(asked)


FILE_ACTIONS: Final[Actions] = {
    ("GET", "files"): _files,
    ("PUT", "files/habits"): _set_habits,
    ("PUT", "files/size"): _set_size,
    ("POST", "files/change"): _change,
}
