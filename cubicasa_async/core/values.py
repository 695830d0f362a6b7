"""Value types that requests and answers share: open enums, "not given", the base of models."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Any, Final, Literal, TypeVar

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


_WIRE = "cubicasa_async.wire"


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
