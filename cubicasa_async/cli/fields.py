"""Options of a command, derived from the declaration of the request body that they make."""

from __future__ import annotations

import inspect
import re
import types
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Union, get_args, get_origin, get_type_hints, is_typeddict

import attrs
import click

from cubicasa_async.cli.options import one_of
from cubicasa_async.core.values import OpenEnum, Unset
from cubicasa_async.resources.order import Product

_ENTRY = re.compile(r"^ {4}(\w+): (.+(?:\n {8}.+)*)", re.MULTILINE)
_TYPES: Mapping[type, click.ParamType[Any]] = {float: click.FLOAT, bool: click.BOOL}


@attrs.frozen
class Field:
    """One value of a request body.

    Attributes:
        path: Where it stands: names of fields, from the outside in.
        kind: Its type: str, float, bool, or tuple of texts.
        needed: Whether the body must have it.
        secret: Whether it must not be seen.
        help: What it is.
        known: The texts that are known for it; others may be given.
    """

    path: tuple[str, ...]
    kind: type
    needed: bool
    secret: bool
    help: str
    known: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """Its name as a parameter of the command, unlike that of any other option."""
        return "__".join(("field", *self.path))

    @property
    def option(self) -> str:
        """What is typed for it. Of what is nested, the outermost name is left out."""
        name = "-".join(self.path[1:] or self.path).replace("_", "-")
        return f"--{name.removesuffix('s') if self.kind is tuple else name}"

    def parameter(self) -> click.Option:
        """It as an option. A secret is asked for; others can see the command lines of a machine."""
        names = [self.key, self.option]
        if self.secret:
            return click.Option(names, is_flag=True, help="Ask for it; it is not shown.")
        text = f"{self.help}{' Required.' if self.needed else ''}"
        if self.known:
            text += f" Known: {', '.join(self.known)}."
        if self.kind is tuple:
            text += " May be repeated."
        return click.Option(
            names,
            type=_TYPES.get(self.kind, click.STRING),
            multiple=self.kind is tuple,
            metavar="yes|no" if self.kind is bool else None,
            help=text,
            shell_complete=one_of(self.known),
        )


def fields_of(cls: type, method: Callable[..., Any]) -> Iterator[Field]:
    """The values of a request body that `method` takes by name."""
    hints = _argument_types(method)
    for field in _walk(cls, ()):
        known = _known_texts(hints.get(field.path[0]))
        yield attrs.evolve(field, known=known) if len(field.path) == 1 else field


def nested(values: Mapping[tuple[str, ...], object]) -> dict[str, Any]:
    """Values by their paths as the mapping of mappings that a method takes."""
    found: dict[str, Any] = {}
    for path, value in values.items():
        inner = found
        for name in path[:-1]:
            inner = inner.setdefault(name, {})
        inner[path[-1]] = value
    return found


def _walk(cls: type, path: tuple[str, ...]) -> Iterator[Field]:
    hints, texts = get_type_hints(cls), _texts(cls)
    for field in attrs.fields(cls):
        inner = _without_nothing(hints[field.name])
        place = (*path, field.name)
        if attrs.has(inner):
            yield from _walk(inner, place)
            continue
        words = texts.get(field.name) or f"{field.name.replace('_', ' ').capitalize()}."
        if path:
            words = f"{_subject(cls)}: {words[0].lower()}{words[1:]}"
        yield Field(
            path=place,
            kind=get_origin(inner) or inner,
            needed=field.default is attrs.NOTHING and not path,
            secret=field.repr is False,
            help=words,
        )


def _texts(cls: type) -> dict[str, str]:
    """What the docstrings of a class and its bases say of each field."""
    found: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        _, _, attributes = inspect.cleandoc(vars(base).get("__doc__") or "").partition(
            "Attributes:\n"
        )
        for name, text in _ENTRY.findall(attributes):
            found[name] = " ".join(text.split())
    return found


def _subject(cls: type) -> str:
    """What the docstring of a class says it is, without the grade."""
    return inspect.cleandoc(cls.__doc__ or "").partition(" (")[0].rstrip(".")


def _argument_types(method: Callable[..., Any]) -> dict[str, Any]:
    """The types of what a method takes by name."""
    found = {**get_type_hints(Product), **get_type_hints(method)}
    for unpacked in list(found.values()):
        for inner in get_args(unpacked):
            if is_typeddict(inner):
                named = get_type_hints(inner)
                found |= {name: hint for name, hint in named.items() if _known_texts(hint)}
    return found


def _known_texts(hint: Any) -> tuple[str, ...]:
    """The values of an open enum within a type."""
    if isinstance(hint, type) and issubclass(hint, OpenEnum):
        return tuple(map(str, hint))
    return next((found for inner in get_args(hint) if (found := _known_texts(inner))), ())


def _without_nothing(hint: Any) -> Any:
    """X of `X | Unset | None`."""
    if get_origin(hint) in {Union, types.UnionType}:
        (hint,) = (one for one in get_args(hint) if one not in {Unset, type(None)})
    return hint
