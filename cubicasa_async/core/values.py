"""Value types that requests and answers share: open enums, "not given", "nothing"."""

from __future__ import annotations

import enum
from typing import Any, Final, Literal, Self, TypeVar, cast

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

    def __reduce_ex__(self, _: object) -> tuple[type[Self], tuple[str]]:
        # Early releases of Python 3.11 look a member up by name, and find none that is not listed.
        return type(self), (self._value_,)

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


def is_nothing(value: Any) -> bool:
    """Whether a JSON value says nothing, however deep it is nested."""
    waiting: list[Any] = [value]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            waiting.extend(cast("dict[str, Any]", value).values())
        elif isinstance(value, list):
            waiting.extend(value)  # pyright: ignore[reportUnknownArgumentType] # JSON
        elif value is not None and value != "":
            return False
    return True
