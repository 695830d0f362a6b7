"""All operations in one list, in the vendor's order."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import attrs

from cubicasa_async.core.endpoint import Endpoint
from cubicasa_async.errors import ConfigError
from cubicasa_async.resources import (
    change_requests,
    company,
    drafts,
    gotoscan,
    offices,
    orders,
    users,
    webhooks,
)

ENDPOINTS: Final[tuple[Endpoint[Any], ...]] = (
    company.INFO,
    company.PACKAGE,
    company.SEND_MERGE_REQUEST,
    offices.LIST,
    offices.CREATE,
    users.LIST,
    users.CREATE,
    users.GET,
    users.UPDATE,
    users.CHANGE_PASSWORD,
    users.SEND_PASSWORD_RESET,
    users.DELETE,
    orders.LIST,
    orders.UPGRADE,
    orders.REDELIVER,
    orders.GET,
    orders.COMBINED_PDF,
    orders.CREATE_REDRAW,
    change_requests.CREATE,
    change_requests.LIST,
    change_requests.GET,
    drafts.CREATE,
    drafts.UPDATE,
    drafts.DELETE,
    gotoscan.CREATE,
    webhooks.UPDATE,
    webhooks.DELETE,
)

_CORRECTION = re.compile(r"(?:(GET|POST|PUT|PATCH|DELETE) )?(/(?:[A-Za-z0-9_./-]|\{[a-z_]+\})*)")
_VARIABLE = re.compile(r"\{([a-z_]+)\}")


def corrected(paths: Mapping[str, str]) -> dict[str, Endpoint[Any]]:
    """Endpoints whose path the user corrects, by operation.

    Args:
        paths: "PATH" or "METHOD PATH" by operation, as in
            `{"offices.list": "GET /companies/offices"}`.

    Raises:
        ConfigError: An operation or a path cannot be understood.
    """
    known: dict[str, Endpoint[Any]] = {endpoint.operation: endpoint for endpoint in ENDPOINTS}
    found: dict[str, Endpoint[Any]] = {}
    for operation, text in paths.items():
        endpoint = known.get(operation)
        if endpoint is None:
            raise ConfigError(
                f"paths: there is no operation {operation!r}; `cubicasa endpoints` lists them."
            )
        match = _CORRECTION.fullmatch(text)
        if match is None or ".." in text:
            raise ConfigError(
                f"paths: {text!r} for {operation} must look like 'GET /offices' or '/offices'."
            )
        method, path = match[1] or endpoint.method, match[2]
        if set(_VARIABLE.findall(path)) != set(_VARIABLE.findall(endpoint.path)):
            raise ConfigError(
                f"paths: {path!r} for {operation} must hold the same variable parts as "
                f"{endpoint.path!r}."
            )
        found[operation] = attrs.evolve(endpoint, method=method, path=path)
    return found
