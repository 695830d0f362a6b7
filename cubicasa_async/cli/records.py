"""Objects of the API as people read them: a table of several, the facts of one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, cast

import attrs
import click
from rich.console import Console

from cubicasa_async.cli import output
from cubicasa_async.cli.tables import Facts, Rows, count, print_rows
from cubicasa_async.core import codec
from cubicasa_async.core.models import Model
from cubicasa_async.resources.order import Order


def print_facts(fields: Mapping[str, Any]) -> None:
    """Print names and values below each other; what says nothing is left out."""
    Console().print(Facts(dict(_flat(fields, ""))))


def print_model(value: Model) -> None:
    """Print the facts of an object. Of an order's files it says how many there are."""
    fields = _fields(value)
    if not isinstance(value, Order):
        print_facts(fields)
        return
    del fields["delivery_assets"]  # URLs, any of which may hold a secret of its own
    print_facts(fields)
    if files := len(value.assets()):
        click.echo(f"{count(files, 'asset')}; `cubicasa assets list {value.id}` lists them.")


def print_models(cls: type[Model], found: Sequence[Model], one: str) -> None:
    """Print objects of a class as a table; columns of which nothing is known are left out."""
    names = [field.name for field in attrs.fields(cls) if field.name != "extra"]
    shown = [name for name in names if any(_cell(getattr(item, name)) for item in found)]
    rows = [[_cell(getattr(item, name)) or "-" for name in shown] for item in found]
    headings = [name.replace("_", " ") for name in shown]
    print_rows(Rows(headings, rows), f"{count(len(found), one)}.")


def _fields(value: Model) -> dict[str, Any]:
    own = [field.name for field in attrs.fields(type(value)) if field.name != "extra"]
    return {**{name: getattr(value, name) for name in own}, **value.extra}


def _flat(value: object, name: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, Model):
        value = _fields(value)
    if isinstance(value, Mapping):
        for key, item in cast("Mapping[str, Any]", value).items():
            yield from _flat(item, f"{name}.{key}" if name else key)
    elif any(map(_is_complex, _items(value))):
        for number, item in enumerate(_items(value), 1):
            yield from _flat(item, f"{name}[{number}]")
    elif text := _cell(value):
        yield name, text


def _items(value: object) -> Sequence[Any]:
    """What is in a list; nothing, if it is none."""
    return cast("Sequence[Any]", value) if isinstance(value, (list, tuple)) else ()


def _is_complex(value: object) -> bool:
    return isinstance(value, (Model, Mapping, list, tuple))


def _cell(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case datetime():
            return value.astimezone(UTC).isoformat(" ", "seconds").replace("+00:00", " UTC")
        case list() | tuple():
            return ", ".join(map(_cell, cast("Sequence[Any]", value)))
        case Model() | Mapping():
            return output.json_text(codec.unstructure(cast("object", value)))
        case _:
            return str(value)
