"""JSON bytes to attrs classes and back, by the rules of one cattrs converter.

Types are strict: nothing is coerced, a wrong type is refused with its JSON path. New fields and
new enum values are kept. What is well formed is read natively by the same rules (`core.native`),
as long as nobody extends them; all else by the converter, and a bad answer once more in detail,
so that the error names every fault.
"""

from __future__ import annotations

import copy
import re
import types
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from itertools import repeat
from typing import Any, TypeVar, cast, get_args, get_origin, get_type_hints

import attrs
import msgspec
from cattrs import BaseConverter
from cattrs.errors import ClassValidationError, IterableValidationError
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn, override

from cubicasa_async.core.models import Model, Sparse, optional, other_names, put, wire_names
from cubicasa_async.core.native import Listed, Native, Rules
from cubicasa_async.core.values import OpenEnum, is_nothing
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
    if cls is str:
        return value
    known: str | None = getattr(cls, "_value2member_map_", {}).get(value)  # spares a slow call
    return cls(value) if known is None else known


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
    cls = get_args(tuple_type)[0]
    list_type: Any = types.GenericAlias(list, (cls,))
    structure_list = converter.get_structure_hook(list_type)
    structure = converter.get_structure_hook(cls)

    def hook(value: Any, _: Any) -> tuple[Any, ...]:
        if type(value) is not list:
            raise _refuse("a list", value)
        if converter.detailed_validation:
            return tuple(structure_list(value, list_type))
        return tuple(map(structure, value, repeat(cls)))  # pyright: ignore[reportUnknownArgumentType] # JSON

    return hook


def _model_hook(cls: type[Model], converter: BaseConverter) -> Callable[[Any, Any], Any]:
    names = wire_names(cls)
    known = frozenset(names.values())
    hints = get_type_hints(cls)
    sparse = [wire for name, wire in names.items() if _is_sparse(optional(hints[name]))]
    overrides: dict[str, Any] = {name: override(rename=wire) for name, wire in names.items()}
    structure = make_dict_structure_fn(cls, converter, extra=override(omit=True), **overrides)

    def hook(value: Any, _: Any) -> Model:
        if type(value) is not dict:
            raise _refuse("an object", value)
        fields = cast("dict[str, Any]", value)
        misshapen = {key: fields[key] for key in sparse if _misshapen(fields.get(key))}
        model = structure({**fields, **dict.fromkeys(misshapen)} if misshapen else fields, cls)
        if misshapen or not fields.keys() <= known:
            extra = {key: item for key, item in fields.items() if key not in known}
            put(model, "extra", {**extra, **misshapen})
        return model

    return hook


def _sparse_hook(cls: type[Sparse], converter: BaseConverter) -> Callable[[Any, Any], Any]:
    structure = _model_hook(cls, converter)
    renamed = other_names(cls)
    hints = get_type_hints(cls)
    types_by_key = {wire: hints[name] for name, wire in wire_names(cls).items()}

    def fits(key: str, value: Any) -> bool:
        try:
            converter.structure(value, types_by_key.get(key, Any))
        except Exception:  # noqa: BLE001 # cattrs raises groups and what its hooks raise
            return False
        return True

    def hook(value: Any, _: Any) -> Model:
        if type(value) is not dict:
            raise _refuse("an object", value)
        said = {k: v for k, v in cast("dict[str, Any]", value).items() if not is_nothing(v)}
        for other, name in renamed.items():
            if other in said and name not in said:
                said[name] = said.pop(other)
        try:
            return cast("Model", structure(said, cls))
        except Exception:  # noqa: BLE001 # as above
            misshapen = {key: item for key, item in said.items() if not fits(key, item)}
        model: Model = structure({k: v for k, v in said.items() if k not in misshapen}, cls)
        put(model, "extra", {**model.extra, **misshapen})
        return model

    return hook


def _optional_hook(union: Any, converter: BaseConverter) -> Callable[[Any, Any], Any]:
    cls = optional(union)
    structure = converter.get_structure_hook(cls)
    if _is_sparse(cls):
        return lambda value, _: None if is_nothing(value) else structure(value, cls)
    return lambda value, _: None if value is None else structure(value, cls)


def _misshapen(value: Any) -> bool:
    """Whether a value that should be a Sparse object says something, but is none."""
    return type(value) is not dict and not is_nothing(value)


def _is_sparse(cls: Any) -> bool:
    return isinstance(cls, type) and issubclass(cls, Sparse)


def _model_dump_hook(cls: type[Model], converter: BaseConverter) -> Callable[[Any], dict[str, Any]]:
    dump = _plain_dump_hook(cls, converter)

    def hook(model: Model) -> dict[str, Any]:
        # A misshapen part is in `extra` under the name of a field, which is then None.
        return {**dump(model), **model.extra}

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


def _is_optional(cls: Any) -> bool:
    return optional(cls) is not None


def _is_tuple(cls: Any) -> bool:
    return get_origin(cls) is tuple and get_args(cls)[1:] == (...,)


def _is_model(cls: Any) -> bool:
    return isinstance(cls, type) and issubclass(cls, Model)


def _is_request(cls: Any) -> bool:
    return isinstance(cls, type) and attrs.has(cls) and not issubclass(cls, Model)


def _make_converter(*, detailed: bool) -> Rules:
    converter = Rules(detailed_validation=detailed)
    converter.register_structure_hook(str, _text)
    converter.register_structure_hook(bool, _bool)
    converter.register_structure_hook(int, _int)
    converter.register_structure_hook(float, _float)
    converter.register_structure_hook(datetime, _time)
    converter.register_unstructure_hook(datetime, datetime.timestamp)
    converter.register_unstructure_hook(OpenEnum, lambda member: member.value)
    converter.register_structure_hook_factory(_is_tuple, _tuple_hook)
    converter.register_structure_hook_factory(_is_model, _model_hook)
    converter.register_structure_hook_factory(_is_sparse, _sparse_hook)
    converter.register_structure_hook_factory(_is_optional, _optional_hook)
    converter.register_unstructure_hook_factory(_is_request, _plain_dump_hook)
    converter.register_unstructure_hook_factory(_is_model, _model_dump_hook)
    converter.extended = False
    return converter


converter: Rules = _make_converter(detailed=False)
"""Where a type's decoding is defined. Register a hook here and on `detailed` to extend it."""

_native = Native(converter)

detailed: Rules = _make_converter(detailed=True)
"""The same rules, slower, with the path of every fault."""


def parse(body: bytes) -> Any:
    """JSON text (UTF-8) to plain objects. Raises CodecError."""
    try:
        return msgspec.json.decode(body)
    except msgspec.DecodeError as exc:
        incomplete = "truncated" in str(exc)
        reason = "the JSON text ends too early" if incomplete else f"not JSON: {exc}"
        raise CodecError((FieldError("$", reason),), incomplete=incomplete) from None
    except UnicodeDecodeError:
        raise CodecError((FieldError("$", "not JSON: the text is not UTF-8"),)) from None
    except RecursionError:
        raise CodecError((FieldError("$", "the JSON text is nested too deeply"),)) from None


def read(body: bytes, cls: type[T]) -> T | None:
    """JSON text to a model; None if it is not well formed throughout: see `parse`, `structure`."""
    decode = _native.decoder(cls)
    try:
        return decode(body) if decode else None
    except Exception:  # noqa: BLE001 # whatever it was, the converter says what is wrong
        return None


def read_listed(body: bytes, cls: type[T]) -> Listed[T] | None:
    """JSON text to a page of a list; None if it is not well formed throughout."""
    decode = _native.list_decoder(cls)
    try:
        return decode(body) if decode else None
    except Exception:  # noqa: BLE001 # whatever it was, the converter says what is wrong
        return None


def structure(value: Any, cls: type[T], *, path: str = "$") -> T:
    """Plain objects to an attrs class. Raises CodecError with all faults, below `path`."""
    if _native.reads(cls):
        with suppress(Exception):
            return _native.convert(value, cls)
    try:
        return converter.structure(value, cls)
    except Exception:  # noqa: BLE001 # whatever it was, the detailed decode says what is wrong
        raise CodecError(explain(value, cls, path=path)) from None


def explain(value: Any, cls: Any, *, path: str = "$") -> tuple[FieldError, ...]:
    """Every fault of a value that could not be structured, with its JSON path."""
    try:
        detailed.structure(value, cls)
    except Exception as exc:  # noqa: BLE001 # cattrs raises groups and what its hooks raise
        return tuple(_faults(exc, path, value))
    return (FieldError(path, "could not be read"),)


def _faults(exc: BaseException, path: str, value: Any) -> Iterator[FieldError]:
    if isinstance(exc, ClassValidationError):
        parts, others = exc.group_exceptions()
        fields = as_mapping(value)
        for inner, note in parts:
            name = _sent_name(exc.cl, note.name, fields)
            yield from _faults(inner, f"{path}.{name}", fields.get(name))
        for inner in others:
            yield from _faults(inner, path, value)
    elif isinstance(exc, IterableValidationError):
        for inner, place in exc.group_exceptions()[0]:
            yield from _faults(inner, f"{path}[{place.index}]", value[place.index])
    else:
        yield FieldError(path, "is missing" if isinstance(exc, KeyError) else str(exc))


def _sent_name(cls: type, name: str, fields: Mapping[str, Any]) -> str:
    """The JSON key that a field was read from."""
    wire = wire_names(cls).get(name, name)
    others = (other for other, field in other_names(cls).items() if field == wire)
    found = next((other for other in others if other in fields), wire)
    return found if is_nothing(fields.get(wire)) else wire


_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]")


def salvage(value: Any, cls: type[T], problems: tuple[FieldError, ...]) -> T | None:
    """What is left of a value without its faulty parts; None if that is not enough."""
    value = copy.deepcopy(value)
    # From the end, so that the places of list entries stay right while others are taken out.
    for problem in reversed(problems):
        place: Any = value
        steps = [name or int(index) for name, index in _STEP.findall(problem.field)]
        try:
            for step in steps[:-1]:
                place = place[step]
            del place[steps[-1]]
        except (LookupError, TypeError):
            return None
    try:
        return converter.structure(value, cls)
    except Exception:  # noqa: BLE001 # then nothing can be saved
        return None


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
