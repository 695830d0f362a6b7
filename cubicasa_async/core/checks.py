"""Request bodies checked here, before anything is sent: all faults at once, each with its field.

The server accepts unknown keys and ignores them (observed), so a misspelt optional field would
vanish without a word. Nothing misspelt leaves this module.
"""

from __future__ import annotations

import difflib
import functools
import math
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit

import attrs

from cubicasa_async.core.models import wire_name, wire_names
from cubicasa_async.core.values import UNSET
from cubicasa_async.errors import FieldError, InvalidInputError

T = TypeVar("T")
Check = Callable[[Any], Any]
"""Takes a value, gives it back in the form that is sent, raises ValueError with the reason."""

_CHECK = "cubicasa_async.check"
_NESTED = "cubicasa_async.nested"
_NULL = "cubicasa_async.null"
_EMAIL = re.compile(r"[^@\s<>(),;:]+@[^@\s<>(),;:.]+(\.[^@\s<>(),;:.]+)+")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffd]")


def required(check: Check, *, wire: str | None = None) -> Any:
    """An attrs field that must be given."""
    return attrs.field(metadata=_metadata(check, wire))


def optional(check: Check, *, wire: str | None = None, null: bool = True) -> Any:
    """An attrs field that may be left out, or, if it may be `null`, be None to send null."""
    return attrs.field(default=UNSET, metadata={**_metadata(check, wire), _NULL: null})


def nested(cls: type, *, needed: bool = False) -> Any:
    """An attrs field that holds another checked class, or a mapping of its fields."""
    return attrs.field(default=attrs.NOTHING if needed else UNSET, metadata={_NESTED: cls})


def checked_by(check: Check) -> dict[str, Any]:
    """Metadata for an attrs field that is written out, as for one that must not show in repr."""
    return _metadata(check, None)


def _metadata(check: Check, wire: str | None) -> dict[str, Any]:
    return {_CHECK: check, **(wire_name(wire) if wire else {})}


def text(value: Any) -> str:
    """Text that is not blank."""
    if not isinstance(value, str):
        raise ValueError(f"must be text, not {type(value).__name__}")  # noqa: TRY004 # one kind of fault
    if not value.strip():
        raise ValueError("must not be empty")
    if _CONTROL.search(value):
        raise ValueError("holds control or replacement characters; the text is damaged")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError("holds half a character (a lone surrogate)") from None
    return str(value)


def email(value: Any) -> str:
    """One e-mail address."""
    if not _EMAIL.fullmatch(text(value)):
        raise ValueError(f"{value!r} is not an e-mail address")
    return str(value)


def boolean(value: Any) -> bool:
    """True or False."""
    if not isinstance(value, bool):
        raise ValueError(f"must be True or False, not {type(value).__name__}")  # noqa: TRY004 # as above
    return value


def between(low: float, high: float) -> Check:
    """A finite number in a closed range."""

    def check(value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise ValueError(f"must be a number, not {type(value).__name__}")  # noqa: TRY004 # as above
        if not math.isfinite(value) or not low <= value <= high:
            raise ValueError(f"{value!r} is not between {low:g} and {high:g}")
        return float(value)

    return check


def texts(value: Any) -> tuple[str, ...]:
    """Any number of texts."""
    if isinstance(value, (str, bytes)) or not hasattr(value, "__iter__"):
        raise ValueError("must be a list of texts")  # as above
    return tuple(text(item) for item in value)


def some_texts(value: Any) -> tuple[str, ...]:
    """At least one text."""
    found = texts(value)
    if not found:
        raise ValueError("must hold at least one entry")
    return found


def urls(value: Any) -> tuple[str, ...]:
    """Any number of absolute http or https URLs."""
    found = texts(value)
    for item in found:
        parts = urlsplit(item)
        whole = item.split() == [item]
        if parts.scheme not in {"http", "https"} or not parts.hostname or not whole:
            raise ValueError(f"{item!r} is not an absolute http or https URL")
    return found


def build(cls: type[T], given: Mapping[str, object], *, what: str) -> T:
    """Make a request body of `cls` from values by field name.

    Values that are UNSET count as not given.

    Raises:
        InvalidInputError: Fields are missing, unknown or wrong; it names all of them.
    """
    values, faults = _collect(cls, given, "")
    if faults:
        raise InvalidInputError(f"{what} was not sent: its fields are not valid.", faults)
    return cls(**values)


def from_wire(cls: type[T], body: Mapping[str, object], *, what: str) -> T:
    """Make a request body of `cls` again from the JSON object it was sent as."""
    given = {name: body[wire] for name, wire in wire_names(cls).items() if wire in body}
    return build(cls, given, what=what)


def check_id(value: object, field: str) -> str:
    """An identifier that can stand in a path.

    Raises:
        InvalidInputError: It is empty, not text, or would change the path.
    """
    found = str(value) if value is not None else ""
    if not found or found in {".", ".."} or not found.isprintable() or " " in found:
        raise InvalidInputError(
            "The call was not sent: an identifier is not valid.",
            [FieldError(field, f"{found!r} is not an identifier")],
        )
    return found


@attrs.frozen
class _Field:
    """What is wanted of a field: a value that passes the check, unless it is of an inner class."""

    needed: bool
    null: bool
    check: Check
    inner: type | None


@functools.cache
def _fields(cls: type) -> Mapping[str, _Field]:
    return {
        field.name: _Field(
            field.default is attrs.NOTHING,
            field.metadata.get(_NULL, True),
            field.metadata.get(_CHECK),
            field.metadata.get(_NESTED),
        )
        for field in attrs.fields(cls)
    }


def _collect(
    cls: type, given: Mapping[str, object], prefix: str
) -> tuple[dict[str, Any], list[FieldError]]:
    fields = _fields(cls)
    values: dict[str, Any] = {}
    faults: list[FieldError] = []
    for name in given:
        if name not in fields:
            near = difflib.get_close_matches(str(name), fields, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(fields)}"
            faults.append(FieldError(f"{prefix}{name}", f"unknown field; {hint}"))
    for name, field in fields.items():
        value = given.get(name, UNSET)
        if value is UNSET or (value is None and field.needed):
            if field.needed:
                faults.append(FieldError(prefix + name, "is required"))
            continue
        if value is None:
            values[name] = None
            if not field.null:
                faults.append(FieldError(prefix + name, "must not be null"))
        elif field.inner is not None:
            values[name], inner_faults = _nested(field.inner, value, f"{prefix}{name}")
            faults += inner_faults
        else:
            try:
                values[name] = field.check(value)
            except ValueError as exc:
                faults.append(FieldError(prefix + name, str(exc)))
    return values, faults


def _nested(cls: type, value: object, name: str) -> tuple[object, list[FieldError]]:
    if isinstance(value, cls):
        value = {name: getattr(value, name) for name in wire_names(cls)}
    if not isinstance(value, Mapping):
        return None, [FieldError(name, f"must be a {cls.__name__} or a mapping of its fields")]
    values, faults = _collect(cls, cast("Mapping[str, object]", value), f"{name}.")
    return (None if faults else cls(**values)), faults
