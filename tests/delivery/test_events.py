from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cubicasa_async import OrderStatus
from cubicasa_async.core import codec
from cubicasa_async.delivery import DeliveryType, Event, Reason, parse_event
from cubicasa_async.errors import EventError
from cubicasa_async.resources.change_requests import ProductType

SAMPLE: dict[str, Any] = {
    "id": "00000000-0000-4000-8000-000000000028",
    "current_status": "Ready",
    "previous_status": "Pending",
    "model_id": "00000000-0000-4000-8000-000000000030",
    "product_type": "products_2d",
    "delivery_type": "new",
}


def parse(**changed: Any) -> Event:
    return parse_event(json.dumps({**SAMPLE, **changed}).encode())


def test_the_documented_body_is_read_into_types() -> None:
    event = parse()
    assert event.order_id == SAMPLE["id"]
    assert event.current_status is OrderStatus.READY
    assert event.previous_status is OrderStatus.PENDING
    assert event.model_id == SAMPLE["model_id"]
    assert event.product_type is ProductType.PRODUCTS_2D
    assert event.delivery_type is DeliveryType.NEW
    assert not event.extra


@pytest.mark.parametrize(
    ("current", "previous", "reason"),
    [
        ("Ready", "Pending", Reason.FIRST_DELIVERY),
        ("Ready", "Fixing", Reason.FIX),
        ("Ready", "Ready", Reason.EDIT),
        ("Ready", "Draft", None),
        ("Ready", "Polished", None),
        ("Ready", None, None),
        ("Fixing", "Ready", None),
        ("Pending", "Pending", None),
    ],
)
def test_an_event_says_why_the_order_became_ready(
    current: str, previous: str | None, reason: Reason | None
) -> None:
    assert parse(current_status=current, previous_status=previous).reason is reason


def test_unknown_values_keep_their_text_and_unknown_keys_are_kept() -> None:
    event = parse(current_status="Archived", product_type="products_4d", floor=2)
    assert (event.current_status, event.product_type) == ("Archived", "products_4d")
    assert not event.current_status.is_known
    assert event.extra == {"floor": 2}
    assert codec.unstructure(event) == {
        **SAMPLE,
        "current_status": "Archived",
        "product_type": "products_4d",
        "floor": 2,
    }


def test_only_the_order_and_its_status_have_to_be_there() -> None:
    event = parse_event(b'{"id": "o", "current_status": "Ready"}')
    assert event.identity == ("o", "Ready", None, None, None, None)


@pytest.mark.parametrize("name", SAMPLE)
def test_each_part_of_the_tuple_tells_events_apart(name: str) -> None:
    other = parse(**{name: "other"})
    assert other.identity != parse().identity
    assert other.key != parse().key


def test_the_key_depends_on_nothing_but_the_identity() -> None:
    assert parse(floor=1).key == parse(floor=2).key == parse().key
    assert parse(model_id=None).key != parse(model_id="None").key
    # Two parts that run into each other are not the same as two that do not.
    assert parse(model_id="a", product_type="bc").key != parse(model_id="ab", product_type="c").key


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"", "$"),
        (b"{", "$"),
        (b"null", "$"),
        (b"[]", "$"),
        (b"\xff", "$"),
        (b"[" * 100_000, "$"),
        (b"{}", "$.id"),
        (b'{"id": "o"}', "$.current_status"),
        (b'{"id": 7, "current_status": "Ready"}', "$.id"),
        (b'{"id": "", "current_status": "Ready"}', "$.id"),
        (b'{"id": "..", "current_status": "Ready"}', "$.id"),
        (b'{"id": "a\\u0000b", "current_status": "Ready"}', "$.id"),
        (b'{"id": "o", "current_status": null}', "$.current_status"),
        (b'{"id": "o", "current_status": "Re\\u0000ady"}', "$.current_status"),
        (b'{"id": "o", "current_status": "Ready", "model_id": 7}', "$.model_id"),
        (b'{"id": "o", "current_status": "Ready", "model_id": "\\u0000"}', "$.model_id"),
    ],
)
def test_what_is_no_event_is_refused_with_the_place(body: bytes, field: str) -> None:
    with pytest.raises(EventError) as caught:
        parse_event(body)
    assert field in [fault.field for fault in caught.value.field_errors]
    again = pickle.loads(pickle.dumps(caught.value))  # noqa: S301 # our own bytes
    assert str(again) == str(copy.copy(caught.value)) == str(caught.value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
ALMOST = st.fixed_dictionaries(
    {}, optional={name: st.just(value) | JSON for name, value in SAMPLE.items()}
)


def reads_or_refuses(body: bytes) -> None:
    refusal: EventError | None = None
    try:
        event = parse_event(body)
    except EventError as exc:
        refusal = exc
    else:
        assert parse_event(codec.encode(event)) == event
        assert event.order_id.isprintable()
        assert len(event.key) == 64
    assert refusal is None or (refusal.field_errors and str(refusal))


@given(st.binary(max_size=200))
@example(b'{"id": "\\ud800", "current_status": "Ready"}')
@example(b"1e999")
@example(b"\xef\xbb\xbf{}")
def test_any_bytes_are_an_event_or_one_error(body: bytes) -> None:
    reads_or_refuses(body)


@settings(max_examples=200)
@given(ALMOST)
def test_anything_like_an_event_is_an_event_or_one_error(value: dict[str, Any]) -> None:
    reads_or_refuses(json.dumps(value).encode("utf-8", "surrogatepass"))


@given(st.data())
def test_a_cut_or_damaged_event_is_an_event_or_one_error(data: st.DataObject) -> None:
    body = bytearray(json.dumps(SAMPLE).encode())
    for _ in range(data.draw(st.integers(0, 3))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    reads_or_refuses(bytes(body[: data.draw(st.integers(0, len(body)))]))
