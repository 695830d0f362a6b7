"""Ways to decode a page of orders, ours and others', and the proof that they do the same work."""

from __future__ import annotations

import functools
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import Enum
from typing import Any, cast
from uuid import UUID

import attrs
import orjson
from cattrs import Converter
from cattrs.gen import make_dict_structure_fn, override
from pydantic import BaseModel

from benchmarks import pydantic_models
from benchmarks.generated import NotGeneratedError, generated_client
from benchmarks.goals import OURS
from benchmarks.measure import Missing
from cubicasa_async import Address, Order
from cubicasa_async.core.paging import read_page
from cubicasa_async.core.wire import Answer
from cubicasa_async.resources.orders import LIST

DICTS = "orjson.loads to dicts"
PYDANTIC = "pydantic validate_json"
CATTRS = "cattrs, its defaults"
GENERATED = "openapi-python-client"

Decode = Callable[[bytes], Any]


def our_page(body: bytes) -> Any:
    """What a pager does with the bytes of a page."""
    return read_page(LIST, Answer(200, {"content-length": str(len(body))}, body), 0)


def our_page_with_times(body: bytes) -> Any:
    """The same, and all times are built: others build them at once, ours when they are read."""
    page = our_page(body)
    for item in page.items:
        times(item)
    return page


def times(item: Any) -> tuple[Any, Any]:
    """Both times of an order, read from an object."""
    return item.info.created_at, item.info.first_delivered_at


@functools.cache
def _converter() -> Converter:
    """Cattrs with what these types need, and nothing that makes it faster or stricter."""
    converter = Converter()
    converter.register_structure_hook(datetime, lambda value, _: datetime.fromtimestamp(value, UTC))
    renamed = make_dict_structure_fn(Address, converter, postal_code=override(rename="postalCode"))
    converter.register_structure_hook(Address, renamed)
    return converter


@attrs.frozen
class _Items:
    items: tuple[Order, ...]


def cattrs_page(body: bytes) -> Any:
    return _converter().structure(orjson.loads(body), _Items)


@contextmanager
def decoders() -> Generator[tuple[dict[str, Decode], list[Missing]]]:
    """All decoders by name, and those that are missing here."""
    found: dict[str, Decode] = {
        DICTS: orjson.loads,
        OURS: our_page_with_times,
        f"{OURS}, times left unread": our_page,
        PYDANTIC: pydantic_models.Page.model_validate_json,
        CATTRS: cattrs_page,
    }
    try:
        with generated_client() as generated:
            yield {**found, GENERATED: generated.decode}, []
    except NotGeneratedError as exc:
        yield found, [Missing(GENERATED, str(exc))]


def differences(body: bytes, decode: Decode) -> list[str]:
    """In which orders of a page a decoder says something else than the JSON text."""
    expected = [plain(item) for item in orjson.loads(body)["items"]]
    page = decode(body)
    items: list[Any] = page["items"] if decode is orjson.loads else page.items
    found = [plain(item) for item in items]
    wrong = [f"{a} is not {b}" for a, b in zip(found, expected, strict=False) if a != b]
    if len(found) != len(expected):
        wrong.append(f"{len(found)} orders instead of {len(expected)}")
    return wrong


def plain(value: Any) -> Any:
    """A decoded value as JSON has it, without nulls: what any decoder must agree on."""
    if isinstance(value, BaseModel):
        value = dict(value)
    elif hasattr(value, "__attrs_attrs__"):
        value = attrs.asdict(value, recurse=False)
    if isinstance(value, Mapping):
        fields = cast("Mapping[str, Any]", value)
        said = {_wire_name(key): plain(item) for key, item in fields.items()}
        return {key: item for key, item in said.items() if item is not None and item != {}}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in cast("list[Any]", value)]
    if isinstance(value, datetime):
        return value.timestamp()
    if isinstance(value, Enum):
        return value.value
    return str(value) if isinstance(value, UUID) else value


def _wire_name(key: str) -> str:
    return {"postal_code": "postalCode"}.get(key, key)
