"""JSON bytes to attrs classes and back, on one cattrs converter.

Types are strict: nothing is coerced, a wrong type is refused with its JSON path. New fields and
new enum values are kept. A good answer is decoded by a fast converter; a bad one is decoded a
second time in detail, so that the error names every fault.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar, cast, get_args, get_origin

import attrs
import msgspec
from cattrs import BaseConverter, Converter, transform_error
from cattrs.errors import ClassValidationError
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn, override

from cubicasa_async.core.values import Model, OpenEnum, wire_names
from cubicasa_async.errors import FieldError

T = TypeVar("T")


class CodecError(Exception):
    """Why a text or value could not be decoded.

    Attributes:
        problems: Each fault with its JSON path.
        incomplete: True if the JSON text ends too early.
    """

    def __init__(self, problems: tuple[FieldError, ...], *, incomplete: bool = False) -> None:
        super().__init__("; ".join(map(str, problems)))
        self.problems = problems
        self.incomplete = incomplete


class _WrongTypeError(Exception):
    """A value has another JSON type than its field."""


_JSON_TYPES: Mapping[type, str] = {
    type(None): "null",
    bool: "a boolean",
    int: "a whole number",
    float: "a number",
    str: "text",
    list: "a list",
    dict: "an object",
}


def _refuse(expected: str, value: object) -> _WrongTypeError:
    return _WrongTypeError(f"expected {expected}, found {_JSON_TYPES.get(type(value), 'a value')}")


def _text(value: object, cls: type[str]) -> str:
    if type(value) is not str:
        raise _refuse("text", value)
    return value if cls is str else cls(value)


def _bool(value: object, _: type[bool]) -> bool:
    if type(value) is not bool:
        raise _refuse("true or false", value)
    return value


def _int(value: object, _: type[int]) -> int:
    if type(value) is not int:
        raise _refuse("a whole number", value)
    return value


def _float(value: object, _: type[float]) -> float:
    if type(value) is float:
        return value
    if type(value) is int:
        try:
            return float(value)
        except OverflowError:
            raise _WrongTypeError("the number is too large") from None
    raise _refuse("a number", value)


def _time(value: object, _: type[datetime]) -> datetime:
    if type(value) is not float and type(value) is not int:
        raise _refuse("a number of seconds since 1970", value)
    try:
        return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        raise _WrongTypeError("the number of seconds is no date of this calendar") from None


def _tuple_hook(tuple_type: Any, converter: BaseConverter) -> Callable[[Any, Any], Any]:
    list_type: Any = types.GenericAlias(list, get_args(tuple_type)[:1])
    structure = converter.get_structure_hook(list_type)

    def hook(value: Any, _: Any) -> tuple[Any, ...]:
        if type(value) is not list:
            raise _refuse("a list", value)
        return tuple(structure(value, list_type))

    return hook


def _model_hook(cls: type[Model], converter: BaseConverter) -> Callable[[Any, Any], Any]:
    names = wire_names(cls)
    known = frozenset(names.values())
    overrides: dict[str, Any] = {name: override(rename=wire) for name, wire in names.items()}
    structure = make_dict_structure_fn(cls, converter, extra=override(omit=True), **overrides)

    def hook(value: Any, _: Any) -> Model:
        if type(value) is not dict:
            raise _refuse("an object", value)
        fields = cast("dict[str, Any]", value)
        model = structure(fields, cls)
        if not fields.keys() <= known:
            extra = {key: item for key, item in fields.items() if key not in known}
            object.__setattr__(model, "extra", extra)
        return model

    return hook


def _model_dump_hook(cls: type[Model], converter: BaseConverter) -> Callable[[Any], dict[str, Any]]:
    dump = _plain_dump_hook(cls, converter)

    def hook(model: Model) -> dict[str, Any]:
        return {**model.extra, **dump(model)}

    return hook


def _plain_dump_hook(cls: type[Any], converter: BaseConverter) -> Callable[[Any], dict[str, Any]]:
    overrides: dict[str, Any] = {
        name: override(rename=wire) for name, wire in wire_names(cls).items()
    }
    if issubclass(cls, Model):
        overrides["extra"] = override(omit=True)
    # "Not given" is the default of every optional field of a request, and is left out.
    return make_dict_unstructure_fn(
        cls, converter, _cattrs_omit_if_default=not issubclass(cls, Model), **overrides
    )


def _is_tuple(cls: Any) -> bool:
    return get_origin(cls) is tuple and get_args(cls)[1:] == (...,)


def _is_model(cls: Any) -> bool:
    return isinstance(cls, type) and issubclass(cls, Model)


def _is_request(cls: Any) -> bool:
    return isinstance(cls, type) and attrs.has(cls) and not issubclass(cls, Model)


def _make_converter(*, detailed: bool) -> Converter:
    converter = Converter(detailed_validation=detailed)
    converter.register_structure_hook(str, _text)
    converter.register_structure_hook(bool, _bool)
    converter.register_structure_hook(int, _int)
    converter.register_structure_hook(float, _float)
    converter.register_structure_hook(datetime, _time)
    converter.register_unstructure_hook(datetime, datetime.timestamp)
    converter.register_unstructure_hook(OpenEnum, lambda member: member.value)
    converter.register_structure_hook_factory(_is_tuple, _tuple_hook)
    converter.register_structure_hook_factory(_is_model, _model_hook)
    converter.register_unstructure_hook_factory(_is_request, _plain_dump_hook)
    converter.register_unstructure_hook_factory(_is_model, _model_dump_hook)
    return converter


converter = _make_converter(detailed=False)
"""Where a type's decoding is defined. Register a hook here and on `detailed` to extend it."""

detailed = _make_converter(detailed=True)
"""The same rules, slower, with the path of every fault."""


def parse(body: bytes) -> Any:
    """JSON text (UTF-8) to plain objects. Raises CodecError."""
    try:
        return msgspec.json.decode(body)
    except msgspec.DecodeError as exc:
        incomplete = "truncated" in str(exc)
        reason = "the JSON text ends too early" if incomplete else f"not JSON: {exc}"
        raise CodecError((FieldError("$", reason),), incomplete=incomplete) from None
    except RecursionError:
        raise CodecError((FieldError("$", "the JSON text is nested too deeply"),)) from None


def structure(value: Any, cls: type[T], *, path: str = "$") -> T:
    """Plain objects to an attrs class. Raises CodecError with all faults, below `path`."""
    try:
        return converter.structure(value, cls)
    except Exception:  # noqa: BLE001 # whatever it was, the detailed decode says what is wrong
        raise CodecError(explain(value, cls, path=path)) from None


def explain(value: Any, cls: Any, *, path: str = "$") -> tuple[FieldError, ...]:
    """Every fault of a value that could not be structured, with its JSON path."""
    try:
        detailed.structure(value, cls)
    except Exception as exc:  # noqa: BLE001 # cattrs raises groups and what its hooks raise
        return tuple(_faults(exc, path))
    return (FieldError(path, "could not be read"),)


def _faults(exc: Exception, path: str) -> list[FieldError]:
    if not isinstance(exc, ExceptionGroup):
        return [FieldError(path, _wording(exc, None))]
    found: list[FieldError] = []
    group = cast("ExceptionGroup[Exception]", exc)
    for line in transform_error(group, path=path, format_exception=_wording):
        message, _, where = line.rpartition(" @ ")
        found.append(FieldError(where, message))
    return found


def _wording(exc: BaseException, _: type | None) -> str:
    if isinstance(exc, KeyError):
        return "is missing"
    if isinstance(exc, ClassValidationError):
        return "could not be read"
    return str(exc)


def unstructure(value: object) -> Any:
    """An attrs object to plain objects under their JSON names."""
    return converter.unstructure(value)


def encode(value: object) -> bytes:
    """An attrs object to JSON text."""
    return msgspec.json.encode(unstructure(value))


def as_mapping(value: Any) -> Mapping[str, Any]:
    """The value if it is a JSON object, else an empty one."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def as_list(value: Any) -> list[Any]:
    """The value if it is a JSON list, else an empty one."""
    return value if type(value) is list else []  # pyright: ignore[reportUnknownVariableType] # JSON
