"""The base of what the server answers with: attrs classes that JSON is decoded into natively.

An object is stored as a msgspec Struct, which msgspec fills from JSON without a step between. Its
class is an attrs class all the same: `attrs.fields`, `evolve`, `asdict` and cattrs work with it,
and type checkers see `attrs.frozen(kw_only=True)`.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    Final,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

import attrs
import msgspec

__all__ = [
    "AlsoNamed",
    "Foreign",
    "Model",
    "Sparse",
    "WireName",
    "model",
    "optional",
    "other_names",
    "put",
    "wire_name",
    "wire_names",
]

_WIRE: Final = "cubicasa_async.wire"
_ALSO: Final = "cubicasa_async.also"
_FIRST_SECOND: Final = datetime(1, 1, 1, tzinfo=UTC).timestamp()
_LAST_SECOND: Final = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp()


@attrs.frozen
class WireName:
    """Marks a model's field, by `Annotated`, whose JSON key differs from its Python name."""

    name: str


@attrs.frozen
class AlsoNamed:
    """Marks a field of a Sparse model, by `Annotated`, that also comes under another JSON key."""

    name: str


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


def other_names(cls: type) -> dict[str, str]:
    """JSON key to read as by the other key it comes under."""
    names = wire_names(cls)
    return {
        field.metadata[_ALSO]: names[field.name]
        for field in attrs.fields(cls)
        if _ALSO in field.metadata
    }


def optional(cls: Any) -> Any:
    """X of `X | None`; None for other types."""
    inner = [arg for arg in get_args(cls) if arg is not type(None)]
    found = get_origin(cls) in {Union, types.UnionType} and len(inner) == 1
    return inner[0] if found else None


class Foreign(type):
    """Makes stand-ins for types that msgspec is to leave to the codec's hook."""

    stands_for: type

    def __instancecheck__(cls, instance: object) -> bool:
        return instance is None or isinstance(instance, cls.stands_for)


class _NoExtra(Mapping[str, Any]):
    """The `extra` of all objects that have none: one for all, as most have none."""

    def __getitem__(self, key: str) -> Any:
        raise KeyError(key)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0

    def __repr__(self) -> str:
        return "{}"

    def __reduce__(self) -> str:
        return "_NO_EXTRA"


_NO_EXTRA: Final[Mapping[str, Any]] = _NoExtra()


class _NotFromJson:
    """No JSON value is of this type, so that no key of an answer fills `extra`."""


if TYPE_CHECKING:
    from attrs import frozen as model

    def put(instance: object, name: str, value: object) -> None:
        """Set a field of an object that is not yet in anybody's hands."""

    class _Stored: ...

else:
    put = msgspec.structs.force_setattr

    def model(*, kw_only):
        """Make a class a model. What type checkers are told by it is the metaclass's doing."""
        assert kw_only  # noqa: S101 # nothing else was asked for so far
        return lambda cls: cls

    class _Models(type(msgspec.Struct)):
        """Makes attrs classes whose objects are stored as Structs."""

        def __new__(cls, name, bases, namespace, **settings):
            scope = vars(sys.modules[namespace["__module__"]])
            texts = types.SimpleNamespace(__annotations__=namespace.get("__annotations__", {}))
            marked = get_type_hints(texts, scope, {}, include_extras=True)
            hints = {key: _bare(hint) for key, hint in marked.items()}
            given = {key: namespace.get(key, attrs.NOTHING) for key in hints}
            these = {key: _field(given[key], marked[key]) for key in hints}
            body = {
                **namespace,
                **{key: _stored(key, given[key], marked[key]) for key in hints},
                "__annotations__": {key: _for_msgspec(key, hint) for key, hint in hints.items()},
            }
            made = super().__new__(
                cls, name, bases, body,
                frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False, **settings,
            )  # fmt: skip
            msgspec.json.Decoder(made)  # reads the annotations, once for all
            made.__annotations__ = hints
            for key, hint in hints.items():
                if datetime in {hint, optional(hint)}:
                    setattr(made, key, _time(vars(made)[key]))
            return attrs.define(
                made, these=these, kw_only=True, eq=False, repr=False,
                slots=False, init=False, match_args=False, getstate_setstate=False,
            )  # fmt: skip

    def _field(given, hint):
        if isinstance(given, type(attrs.field())):
            return given
        return attrs.field(default=given, metadata=_metadata(hint))

    def _stored(key, given, hint):
        name = _metadata(hint).get(_WIRE, key)
        if isinstance(given, type(attrs.field())):
            field = attrs.fields(attrs.make_class("_", {key: given}))[0]
            name, given = field.metadata.get(_WIRE, key), field.default
        if isinstance(given, attrs.Factory):
            return msgspec.field(default_factory=given.factory, name=name)
        default = msgspec.NODEFAULT if given is attrs.NOTHING else given
        return msgspec.field(default=default, name=name)

    def _metadata(hint):
        keys = {WireName: _WIRE, AlsoNamed: _ALSO}
        marks = getattr(hint, "__metadata__", ())
        return {keys[type(mark)]: mark.name for mark in marks}

    def _bare(hint):
        return get_args(hint)[0] if get_origin(hint) is Annotated else hint

    def _for_msgspec(key, hint):
        if key == "extra":
            return _NotFromJson
        if (inner := optional(hint)) is not None:
            return _for_msgspec(key, inner) | None
        if hint is datetime:
            return Annotated[float, msgspec.Meta(ge=_FIRST_SECOND, le=_LAST_SECOND)]
        if isinstance(hint, type) and issubclass(hint, Sparse):
            return Foreign(hint.__name__, (), {"stands_for": hint})
        return hint

    def _time(slot):
        """A field that holds seconds as they came, checked, until it is asked for its time."""
        get, from_seconds = slot.__get__, datetime.fromtimestamp

        def read(self):
            value = get(self)
            return from_seconds(value, UTC) if value.__class__ is float else value

        return property(read)

    class _Stored(msgspec.Struct, metaclass=_Models):
        # As attrs would write them; it would do so for each class anew, which takes its time.

        def _compared(self):
            cls = type(self)
            return cls, [getattr(self, field.name) for field in attrs.fields(cls) if field.eq]

        def __eq__(self, other):
            if type(other) is not type(self):
                return NotImplemented
            return self._compared() == other._compared()

        def __hash__(self):
            cls, values = self._compared()
            return hash((cls, *values))

        def __repr__(self):
            shown = [
                f"{field.name}={(repr if field.repr is True else field.repr)(value)}"
                for field in attrs.fields(type(self))
                if field.repr
                for value in [getattr(self, field.name)]
            ]
            return f"{type(self).__qualname__}({', '.join(shown)})"


@model(kw_only=True)
class Model(_Stored):
    """Base of everything the server answers with.

    Attributes:
        extra: Fields the server sent that this library does not know, as parsed from JSON. They
            do not count in comparisons and are written back when the object is serialised.
    """

    extra: Mapping[str, Any] = attrs.field(default=_NO_EXTRA, eq=False, repr=False)


@model(kw_only=True)
class Sparse(Model):
    """A model in which "nothing" comes in many forms: null, "", [], {}, an object of nulls.

    All of them are read as the field's default. Something of another shape than expected is kept in
    `extra` as it came; if all of it is, in that of the object that it is a part of.
    """
