"""Value types that requests and answers share: open enums, "not given", the base of models."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Any, Final, Literal, TypeVar, cast

import attrs

E = TypeVar("E", bound="OpenEnum")


class OpenEnum(enum.StrEnum):
    """A set of texts that the server may extend.

    A text that is not listed becomes a member of its own that equals that text, so nothing is
    refused or lost when the vendor adds a value.
    """

    @classmethod
    def _missing_(cls: type[E], value: object) -> E | None:
        if not isinstance(value, str):
            return None
        member = str.__new__(cls, value)
        member._name_ = value
        member._value_ = value
        return member

    @property
    def is_known(self) -> bool:
        """Whether this library lists the value."""
        return self._value_ in type(self)._value2member_map_

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._value_!r})"


class Unset(enum.Enum):
    """The type of UNSET."""

    UNSET = "UNSET"

    def __bool__(self) -> Literal[False]:
        return False

    def __repr__(self) -> str:
        return "UNSET"


UNSET: Final = Unset.UNSET
"""Not given, and therefore not sent; None is sent as null."""


@attrs.frozen(kw_only=True)
class Model:
    """Base of everything the server answers with.

    Attributes:
        extra: Fields the server sent that this library does not know, as parsed from JSON. They
            do not count in comparisons and are written back when the object is serialised.
    """

    extra: Mapping[str, Any] = attrs.field(factory=dict[str, Any], eq=False, repr=False)


@attrs.frozen(kw_only=True)
class Sparse(Model):
    """A model in which "nothing" comes in many forms: null, "", [], {}, an object of nulls.

    All of them are read as the field's default. Something of another shape than expected, where
    another Sparse model is expected, is kept in `extra` as it came.
    """


def is_nothing(value: Any) -> bool:
    """Whether a JSON value says nothing."""
    if isinstance(value, dict):
        return all(map(is_nothing, cast("dict[str, Any]", value).values()))
    if isinstance(value, list):
        return all(map(is_nothing, value))  # pyright: ignore[reportUnknownArgumentType] # JSON
    return value is None or value == ""


_WIRE = "cubicasa_async.wire"
_ALSO = "cubicasa_async.also"


def also_named(name: str) -> dict[str, str]:
    """Metadata for a field of a Sparse model that also comes under another JSON key."""
    return {_ALSO: name}


def other_names(cls: type) -> dict[str, str]:
    """JSON key to read as by the other key it comes under."""
    names = wire_names(cls)
    return {
        field.metadata[_ALSO]: names[field.name]
        for field in attrs.fields(cls)
        if _ALSO in field.metadata
    }


def wire_name(name: str) -> dict[str, str]:
    """Metadata for an attrs field whose JSON key differs from its Python name."""
    return {_WIRE: name}


def wire_names(cls: type) -> dict[str, str]:
    """JSON key by Python name for the fields of an attrs class, without `extra`."""
    return {
        field.name: field.metadata.get(_WIRE, field.name)
        for field in attrs.fields(cls)
        if field.name != "extra"
    }
