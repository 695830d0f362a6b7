"""Reading natively is the converter's reading, only faster."""

from __future__ import annotations

import json
import pickle
from copy import copy, deepcopy
from datetime import UTC, datetime
from typing import Annotated, Any, Final, cast, get_type_hints

import attrs
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cubicasa_async import Order, OrderInfo, OrderStatus
from cubicasa_async.core import codec
from cubicasa_async.core.models import Model, Sparse, WireName, model, wire_names
from cubicasa_async.core.native import Native, Rules
from cubicasa_async.resources.index import ENDPOINTS
from tests.contract.payloads import anything, payloads
from tests.support.payloads import Place, order, places, replaced

READ_NATIVELY: Final = sorted(
    {
        one.response
        for one in ENDPOINTS
        if one.response and issubclass(one.response, Model) and not issubclass(one.response, Sparse)
    },
    key=lambda cls: cls.__name__,
)
FIRST, LAST = "0001-01-01T00:00:00+00:00", "9999-12-31T23:59:59+00:00"

some: Final = settings(max_examples=25)


@model(kw_only=True)
class Part(Model):
    when: datetime
    numbers: tuple[int, ...] = ()


@model(kw_only=True)
class Whole(Model):
    """A model with all that a field may be."""

    parts: tuple[Part, ...] = ()
    part: Part | None = None
    status: OrderStatus | None = None
    share: Annotated[float, WireName("Share")] = 0.5
    anything: Any = None


def plain(value: Any) -> Any:
    """An object and its parts as plain values, with what is in `extra`, and with their types."""
    if isinstance(value, Model):
        fields = {field.name: getattr(value, field.name) for field in attrs.fields(type(value))}
        return type(value), {name: plain(inner) for name, inner in fields.items()}
    if isinstance(value, (tuple, list)):
        inside = cast("list[Any]", value)
        return type(inside), [plain(inner) for inner in inside]
    return type(value), value


def natively(value: Any, cls: type[Model]) -> Model | None:
    native = Native(codec.converter)
    try:
        return native.convert(value, cls)
    except Exception:  # noqa: BLE001 # whatever it is, the converter reads the value then
        return None


def by_converter(value: Any, cls: type[Model]) -> Model | None:
    try:
        return codec.converter.structure(value, cls)
    except Exception:  # noqa: BLE001 # as above
        return None


def without_empty(described: Any) -> Any:
    """The same for whatever stands for an `extra` with nothing in it."""
    return json.loads(json.dumps(described, default=str).replace("_NoExtra", "dict"))


@some
@given(st.data())
@pytest.mark.parametrize("cls", [*READ_NATIVELY, Whole])
def test_what_is_read_natively_is_what_the_converter_reads(
    cls: type[Model], data: st.DataObject
) -> None:
    value = data.draw(payloads(cls))
    natural = natively(value, cls)
    assert natural is not None
    assert without_empty(plain(natural)) == without_empty(plain(by_converter(value, cls)))
    from_text = codec.read(json.dumps(value).encode(), cls)
    assert from_text is None or plain(from_text) == plain(natural)


@some
@given(st.data())
def test_what_the_converter_refuses_is_not_read_natively_and_the_other_way_round(
    data: st.DataObject,
) -> None:
    place: Place = data.draw(st.sampled_from(list(places(order()))))
    value = replaced(order(), place, data.draw(anything))
    natural, converted = natively(value, Order), by_converter(value, Order)
    if natural is not None:
        assert without_empty(plain(natural)) == without_empty(plain(converted))


def test_control_a_reader_that_drops_unknown_fields_is_found_out() -> None:
    class Careless(msgspec.Struct):
        id: str

    assert natively(order(id="a", new=1), Order) == by_converter(order(id="a", new=1), Order)
    assert not hasattr(msgspec.convert({"id": "a", "new": 1}, Careless), "new")
    assert codec.structure(order(id="a", new=1), Order).extra == {"new": 1}


def test_unknown_fields_are_kept_where_they_were() -> None:
    value = {
        "new": 1,
        "part": {"when": 0, "newer": [2]},
        "parts": [{"when": 1}, {"when": 2, "newest": {"a": 3}}],
    }
    read = natively(value, Whole)
    assert isinstance(read, Whole)
    assert read.extra == {"new": 1}
    assert read.part is not None
    assert read.part.extra == {"newer": [2]}
    assert [dict(part.extra) for part in read.parts] == [{}, {"newest": {"a": 3}}]


def as_ready(_: Any, __: Any) -> OrderStatus:
    return OrderStatus.READY


def never(_: Any) -> bool:
    return False


def unmade(_: Any) -> Any:
    raise AssertionError("it makes hooks of no type")


def test_a_rule_that_is_added_holds_for_what_was_read_natively_before() -> None:
    rules = Rules()
    rules.extended = False
    native = Native(rules)
    assert native.decoder(Whole) is not None
    rules.register_structure_hook(OrderStatus, as_ready)
    assert native.decoder(Whole) is None
    assert native.list_decoder(Whole) is None
    assert not native.reads(Whole)


@pytest.mark.parametrize(
    ("way", "arguments"),
    [
        ("register_structure_hook", (int, as_ready)),
        ("register_structure_hook_func", (never, as_ready)),
        ("register_structure_hook_factory", (never, unmade)),
    ],
)
def test_whichever_way_a_rule_is_added_it_is_noticed(way: str, arguments: tuple[Any, ...]) -> None:
    rules = Rules()
    rules.extended = False
    getattr(rules, way)(*arguments)
    assert rules.extended


@pytest.mark.parametrize(
    "text", [FIRST, "1970-01-01T00:00:00+00:00", "2024-05-20T20:57:06.904049+00:00", LAST]
)
def test_a_time_is_aware_utc_to_the_microsecond(text: str) -> None:
    time = datetime.fromisoformat(text)
    read = codec.structure({"created_at": time.timestamp()}, OrderInfo)
    assert read.created_at == time
    assert read.created_at is not None
    assert read.created_at.tzinfo is UTC


@pytest.mark.parametrize("seconds", [1e12, -1e12, 253402300800, True, "0"])
def test_a_number_that_is_no_time_is_refused_as_the_order_is_read(seconds: Any) -> None:
    with pytest.raises(codec.CodecError, match="created_at"):
        codec.structure({"created_at": seconds}, OrderInfo)


def test_a_model_is_an_attrs_class_in_all_that_people_use() -> None:
    info = OrderInfo(status=OrderStatus.READY, created_at=datetime(2024, 1, 1, tzinfo=UTC))
    assert attrs.has(OrderInfo)
    assert wire_names(Whole)["share"] == "Share"
    assert get_type_hints(OrderInfo)["created_at"] == datetime | None
    assert attrs.evolve(info, location="here").location == "here"
    assert attrs.asdict(info)["created_at"] == datetime(2024, 1, 1, tzinfo=UTC)
    assert info == attrs.evolve(info)
    assert hash(info) == hash(attrs.evolve(info))
    assert repr(info).startswith("OrderInfo(status=OrderStatus('Ready')")
    for again in (copy(info), deepcopy(info), pickle.loads(pickle.dumps(info))):  # noqa: S301 # our own bytes
        assert again == info
        assert again.extra == {}
    with pytest.raises(AttributeError):
        info.location = "there"  # type: ignore[misc] # on purpose
    with pytest.raises(TypeError):
        OrderInfo(OrderStatus.READY)  # type: ignore[call-arg] # pyright: ignore[reportCallIssue] # on purpose
