"""JSON as a server may send it, made up from the classes it is read into."""

from __future__ import annotations

import types
from datetime import datetime
from typing import Any, Final, Union, get_args, get_origin, get_type_hints

import attrs
from hypothesis import strategies as st

from cubicasa_async.core.models import Model, other_names, wire_names
from cubicasa_async.core.values import OpenEnum

Json = st.SearchStrategy[Any]

texts: Final = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
seconds: Final = st.floats(-6e10, 2.5e11).map(lambda value: round(value, 6)) | st.integers(0, 2**33)
numbers: Final = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**53), 2**53)
anything: Final = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=4,
)


def payloads(cls: type[Model], *, unknown: bool = True) -> Json:
    """Objects that can be read into a class: any field may be left out that is not required.

    Args:
        cls: The class.
        unknown: Whether there are fields too that the class does not know.
    """
    hints = get_type_hints(cls)
    names = wire_names(cls)
    others = other_names(cls)
    known = {*names.values(), *others}
    required: dict[str, Json] = {}
    optional: dict[str, Json] = {}
    for field in attrs.fields(cls):
        if field.name in names:
            where = required if field.default is attrs.NOTHING else optional
            where[names[field.name]] = values(hints[field.name], unknown=unknown)
    optional.update({other: optional[name] for other, name in others.items()})
    objects = st.fixed_dictionaries(required, optional=optional)
    if not unknown:
        return objects
    new = texts.filter(lambda name: name not in known)
    more = st.dictionaries(new, anything, max_size=2)
    return st.tuples(more, objects).map(lambda parts: {**parts[0], **parts[1]})


def values(hint: Any, *, unknown: bool = True) -> Json:
    """Values that can be read into a type."""
    if hint is Any:
        return anything
    if get_origin(hint) in {Union, types.UnionType}:
        return st.one_of([values(arg, unknown=unknown) for arg in get_args(hint)])
    if get_origin(hint) is tuple:
        return st.lists(values(get_args(hint)[0], unknown=unknown), max_size=3)
    if issubclass(hint, Model):
        return payloads(hint, unknown=unknown)
    if issubclass(hint, OpenEnum):
        return st.sampled_from([member.value for member in hint]) | texts
    return _PLAIN[hint]


_PLAIN: Final[dict[Any, Json]] = {
    type(None): st.none(),
    str: texts,
    bool: st.booleans(),
    int: st.integers(),
    float: numbers,
    datetime: seconds,
}
