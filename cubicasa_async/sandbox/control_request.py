"""What a request to the control interface has to be, and what its body holds."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any, cast

from aiohttp import web

__all__ = ["is_local", "texts"]


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


def texts(body: Mapping[str, Any], name: str) -> list[str]:
    """A list of texts, empty if it is not given. Raises TypeError if it is something else."""
    value = cast("list[object]", body.get(name, []))
    if type(value) is not list or not all(isinstance(one, str) for one in value):
        raise TypeError(f"{name} is a list of texts.")
    return cast("list[str]", value)
