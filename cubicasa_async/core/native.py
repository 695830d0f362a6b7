"""JSON straight into models: what the codec's rules make of what is well formed, but natively.

Whatever is out of the ordinary raises, and is then left to the codec's converter.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final, Generic, TypeVar, cast, get_args, get_origin, get_type_hints

import msgspec
from cattrs import Converter

from cubicasa_async.core.models import Foreign, Model, Sparse, optional, put, wire_names
from cubicasa_async.core.values import is_nothing

T = TypeVar("T")

_UNKNOWN_FIELD: Final = "Object contains unknown field"


class Rules(Converter):
    """A converter that knows whether somebody added to its rules.

    Attributes:
        extended: Whether a hook for reading was registered since this was last set to False.
    """

    extended: bool = False

    def register_structure_hook(self, *args: Any, **kwargs: Any) -> Any:
        """As in cattrs."""
        self.extended = True
        return super().register_structure_hook(*args, **kwargs)

    def register_structure_hook_func(self, *args: Any, **kwargs: Any) -> Any:
        """As in cattrs."""
        self.extended = True
        return super().register_structure_hook_func(*args, **kwargs)

    def register_structure_hook_factory(self, *args: Any, **kwargs: Any) -> Any:
        """As in cattrs."""
        self.extended = True
        hook = super().register_structure_hook_factory(*args, **kwargs)  # pyright: ignore[reportUnknownVariableType] # as cattrs has it
        return cast("Any", hook)


class Pagination(msgspec.Struct):
    """The head of a page; what else it holds is not read."""

    has_more: bool
    next_offset: int | None = None


class Listed(msgspec.Struct, Generic[T]):
    """A page of a list (documented): `{"pagination": {...}, "items": [...]}`."""

    pagination: Pagination
    items: list[T]


class Native:
    """Reads by the rules of a converter, as long as nobody has added to them.

    Args:
        rules: The converter. What is Sparse is read by it alone.
    """

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._decoders: dict[Any, Callable[[bytes], Any]] = {}

    def reads(self, cls: type) -> bool:
        """Whether objects of a class are read natively."""
        is_model = issubclass(cls, Model) and not issubclass(cls, Sparse)
        return is_model and not self._rules.extended

    def decoder(self, cls: type[T]) -> Callable[[bytes], T] | None:
        """What reads JSON text; it raises whatever it may. None if a class is not read natively."""
        return self._decoder(cls, cls)

    def list_decoder(self, cls: type[T]) -> Callable[[bytes], Listed[T]] | None:
        """The same for a page of a list of it."""
        return self._decoder(cls, cast("Any", Listed)[cls])

    def _decoder(self, cls: type, whole: Any) -> Callable[[bytes], Any] | None:
        if self._rules.extended:
            return None
        found = self._decoders.get(whole)
        if found is None and self.reads(cls):
            found = msgspec.json.Decoder(whole, dec_hook=self._read_foreign).decode
            self._decoders[whole] = found
        return found

    def convert(self, value: Any, cls: type[T]) -> T:
        """Plain objects to an object. Raises whatever it may."""
        try:
            return msgspec.convert(value, cls, dec_hook=self._read_foreign)
        except msgspec.ValidationError as exc:
            if not str(exc).startswith(_UNKNOWN_FIELD):
                raise
        return cast("T", self._with_extra(value, cls))

    def _with_extra(self, value: Any, cls: Any) -> Any:
        """An object whose unknown fields, and those of its parts, are kept in `extra`."""
        parts = _parts(cls)
        known: dict[str, Any] = {}
        extra: dict[str, Any] = {}
        for key, item in value.items():
            if key not in parts:
                extra[key] = item
            elif (part := parts[key]) is None or item is None:
                known[key] = item
            else:
                known[key] = part(self._with_extra, item)
        made = msgspec.convert(known, cls, dec_hook=self._read_foreign)
        if extra:
            put(made, "extra", extra)
        return made

    def _read_foreign(self, stand_in: type, value: Any) -> Any:
        cls = cast("Foreign", stand_in).stands_for
        return None if is_nothing(value) else cast("Any", self._rules.structure(value, cls))


_Read = Callable[[Any, type[Model]], Model]


@cache
def _parts(cls: type[Model]) -> Mapping[str, Callable[[_Read, Any], Any] | None]:
    """The known JSON keys of a class, and how those are read that hold models."""
    hints = get_type_hints(cls)
    return {wire: _part(hints[name]) for name, wire in wire_names(cls).items()}


def _part(hint: Any) -> Callable[[_Read, Any], Any] | None:
    cls = optional(hint) or hint
    if get_origin(cls) is tuple and (inner := _part(get_args(cls)[0])):
        return lambda read, value: tuple([inner(read, item) for item in value])
    if isinstance(cls, type) and issubclass(cls, Model) and not issubclass(cls, Sparse):
        return lambda read, value: read(value, cls)
    return None
