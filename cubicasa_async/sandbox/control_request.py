"""A request to the control interface: who may make one, and what it holds."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, cast

import attrs
from aiohttp import web

if TYPE_CHECKING:
    from cubicasa_async.sandbox.server import Sandbox

__all__ = ["Actions", "Asked", "is_local"]


@attrs.frozen
class Asked:
    """What is asked of the control interface.

    Attributes:
        sandbox: Of which sandbox.
        body: The JSON object that was sent, or an empty one.
        item: The id or number in the path; "" where the path has none.
    """

    sandbox: Sandbox
    body: dict[str, Any]
    item: str = ""

    def texts(self, name: str) -> list[str]:
        """A list of texts, empty if it is not given.

        Raises:
            TypeError: It is something else.
        """
        value = cast("list[object]", self.body.get(name, []))
        if type(value) is not list or not all(isinstance(one, str) for one in value):
            raise TypeError(f"{name} is a list of texts.")
        return cast("list[str]", value)


Actions = Mapping[tuple[str, str], Callable[[Asked], Any]]
"""What answers a method and a path, in which `{id}` stands for any one part."""


def is_local(request: web.BaseRequest) -> bool:
    """Whether it comes from this machine, and was meant for it.

    The Host header counts too: a name that was made to point here is a page of somebody else.
    """
    name = request.url.host or ""
    return _is_loopback(request.remote or "") and (name == "localhost" or _is_loopback(name))


def _is_loopback(text: str) -> bool:
    try:
        return ipaddress.ip_address(text.partition("%")[0]).is_loopback
    except ValueError:
        return False
