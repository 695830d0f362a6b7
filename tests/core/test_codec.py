from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cubicasa_async import UNSET, DraftRequest, FieldError, Order, OrderStatus, Style2D
from cubicasa_async.core import codec
from cubicasa_async.core.codec import CodecError
from cubicasa_async.resources.properties import OrderPreferences
from tests.support.payloads import DRAFT, Place, order, path, places, replaced

OTHERS: list[Any] = [None, True, 0, 7, 2.5, "", "text", [], [None], {}, {"id": "x"}]

PLACES = [place for place in places(order()) if "delivery_assets" not in place]
"""Where an answer is strict. Of delivered files "nothing" comes in many forms (observed)."""


def faults(value: Any) -> dict[str, str]:
    with pytest.raises(CodecError) as caught:
        codec.structure(value, Order)
    return {problem.field: problem.message for problem in caught.value.problems}


def test_an_order_is_read_under_its_python_names() -> None:
    read = codec.structure(order(), Order)
    assert read.status is OrderStatus.DRAFT
    assert read.external_id == "EXT-1"
    assert read.address is not None
    assert read.address.postal_code == "00000"
    assert read.info is not None
    assert read.info.product is not None
    assert read.info.product.add_ons == ("gla", "express_sla")


def test_an_order_is_written_back_as_it_came() -> None:
    assert codec.unstructure(codec.structure(order(), Order)) == order()
    assert json.loads(codec.encode(codec.structure(order(), Order))) == order()


def test_what_the_server_leaves_out_is_none() -> None:
    read = codec.structure({"id": "x"}, Order)
    assert (read.info, read.address, read.delivery_assets) == (None, None, None)


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (("id",), None, "expected text, found null"),
        (("id",), 7, "expected text, found a whole number"),
        (("info",), [], "expected an object, found a list"),
        (("info", "status"), True, "expected text, found a boolean"),
        (("info", "is_scan_order"), 1, "expected true or false, found a whole number"),
        (("info", "is_scan_order"), "true", "expected true or false, found text"),
        (("info", "total_scanned_area"), "12", "expected a number, found text"),
        (("info", "total_scanned_area"), True, "expected a number, found a boolean"),
        (("info", "total_scanned_area"), 10**400, "the number is too large"),
        (("info", "created_at"), "now", "expected a number of seconds since 1970, found text"),
        (("info", "created_at"), 1e30, "the number of seconds is no date of this calendar"),
        (("info", "product", "add_ons"), "gla", "expected a list, found text"),
        (("info", "product", "add_ons", 1), None, "expected text, found null"),
        (("address", "postalCode"), 55411, "expected text, found a whole number"),
        (("address", "latitude"), {}, "expected a number, found an object"),
    ],
)
def test_a_wrong_type_is_refused_with_its_json_path(place: Place, value: Any, message: str) -> None:
    assert faults(replaced(order(), place, value)) == {path(place): message}


def test_a_missing_field_is_named() -> None:
    assert faults({"info": None}) == {"$.id": "is missing"}


def test_all_faults_are_named_at_once() -> None:
    broken = order(id=1)
    broken["info"]["status"] = None
    broken["info"]["created_at"] = "now"
    broken["info"]["product"]["add_ons"] = [1, "gla", 2]
    broken["address"]["postalCode"] = 1
    assert set(faults(broken)) == {
        "$.id",
        "$.info.created_at",
        "$.info.product.add_ons[0]",
        "$.info.product.add_ons[2]",
        "$.address.postalCode",
    }


def test_the_path_begins_where_the_caller_says() -> None:
    assert codec.explain(order(id=1), Order, path="$.items[3]")[0].field == "$.items[3].id"


def test_new_fields_are_within_reach_and_written_back() -> None:
    payload = order(shiny={"new": [1]})
    payload["info"]["product"]["tier"] = 3
    read = codec.structure(payload, Order)
    assert read.extra == {"shiny": {"new": [1]}}
    assert read.info is not None
    assert read.info.product is not None
    assert read.info.product.extra == {"tier": 3}
    assert codec.unstructure(read) == payload


def test_a_known_field_is_not_hidden_by_a_new_one_of_its_python_name() -> None:
    payload = order()
    payload["address"]["postal_code"] = "other"
    read = codec.structure(payload, Order)
    assert read.address is not None
    assert read.address.postal_code == "00000"
    assert codec.unstructure(read) == payload


def test_a_new_field_named_extra_is_kept_too() -> None:
    read = codec.structure(order(extra="read all about it"), Order)
    assert read.extra == {"extra": "read all about it"}
    assert codec.unstructure(read) == order(extra="read all about it")


def test_new_enum_values_keep_their_text() -> None:
    payload = replaced(order(), ("info", "status"), "Archived")
    read = codec.structure(payload, Order)
    assert read.status == OrderStatus("Archived")
    assert codec.unstructure(read) == payload


def test_times_are_aware_and_in_utc() -> None:
    read = codec.structure(order(), Order)
    assert read.info is not None
    created_at = read.info.created_at
    assert created_at is not None
    assert created_at == datetime(2024, 5, 20, 20, 57, 6, 904049, tzinfo=UTC)
    assert created_at.tzinfo is UTC


@given(st.integers(0, 4_102_444_800_000_000))
def test_times_round_trip_to_the_microsecond(microseconds: int) -> None:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)
    payload = replaced(order(), ("info", "created_at"), moment.timestamp())
    read = codec.structure(payload, Order)
    assert read.info is not None
    assert read.info.created_at == moment
    assert codec.unstructure(read) == payload


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1e18, 10**400])
def test_a_number_that_is_no_time_is_refused(value: float) -> None:
    assert set(faults(replaced(order(), ("info", "created_at"), value))) == {"$.info.created_at"}


@pytest.mark.parametrize("value", OTHERS, ids=repr)
@pytest.mark.parametrize("place", PLACES, ids=path)
def test_another_type_anywhere_is_refused_with_its_path_or_read_unchanged(
    place: Place, value: Any
) -> None:
    changed = replaced(order(), place, value)
    read, problems = attempted(changed)
    if read is None:
        assert problems
        assert all(problem.field.startswith(path(place)) for problem in problems)
        assert all(problem.message for problem in problems)
    else:
        written = codec.unstructure(read)
        assert same(changed, written), (changed, written)


def attempted(value: Any) -> tuple[Order | None, tuple[FieldError, ...]]:
    """What a value was read into, or why it was not."""
    try:
        return codec.structure(value, Order), ()
    except CodecError as exc:
        return None, exc.problems


def same(sent: Any, written: Any) -> bool:
    """Whether all that was sent is written, with the same types; what was left out is null."""
    if isinstance(sent, dict):
        mine = codec.as_mapping(sent)
        return type(written) is dict and all(
            same(mine[key], value) if key in mine else value is None
            for key, value in codec.as_mapping(written).items()
        )
    if isinstance(sent, list):
        ours, theirs = codec.as_list(sent), codec.as_list(written)
        return type(written) is list and len(ours) == len(theirs) and all(map(same, ours, theirs))
    kinds: set[type] = {type(sent), type(written)}
    return bool(sent == written) and (len(kinds) == 1 or kinds == {int, float})


def test_control_a_coercing_codec_is_seen() -> None:
    assert same({"id": "x", "area": 1}, {"id": "x", "area": 1.0, "info": None})
    assert not same({"id": None}, {"id": "None"})
    assert not same({"area": True}, {"area": 1.0})
    assert not same({"tags": ["a", "b"]}, {"tags": ["a"]})


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


@given(place=st.sampled_from(list(places(order()))), value=json_values)
def test_nothing_but_our_error_is_raised(place: Place, value: Any) -> None:
    _, problems = attempted(replaced(order(), place, value))
    assert all(problem.field.startswith("$") for problem in problems)


@given(st.binary() | st.text().map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_bytes_are_json_or_our_error(body: bytes) -> None:
    fields = ["$"]
    try:
        codec.parse(body)
    except CodecError as exc:
        fields = [problem.field for problem in exc.problems]
    assert fields == ["$"]


@pytest.mark.parametrize("body", [b"", b"{", b'{"id": "x', b"[1,", b'{"id": "x"'])
def test_a_cut_text_is_told_from_a_wrong_one(body: bytes) -> None:
    with pytest.raises(CodecError) as caught:
        codec.parse(body)
    assert caught.value.incomplete


@pytest.mark.parametrize(
    "body",
    [b"<html>", b"{]", b"NaN", b'{"id": tru}', b'"\xff"', b'{"id": "\\ud800", "info": null}'],
)
def test_a_wrong_text_is_not_taken_for_a_cut_one(body: bytes) -> None:
    with pytest.raises(CodecError) as caught:
        codec.parse(body)
    assert not caught.value.incomplete


def test_a_text_nested_without_end_is_refused() -> None:
    with pytest.raises(CodecError, match="nested too deeply"):
        codec.parse(b"[" * 100_000)


def test_requests_say_what_was_given_and_nothing_else() -> None:
    draft = DraftRequest(
        **DRAFT,
        suite=None,
        postal_code="00000",
        add_ons=("gla",),
        order_preferences=OrderPreferences(style_2d=Style2D(add_info="dark")),
    )
    assert draft.state is UNSET
    assert json.loads(codec.encode(draft)) == {
        **DRAFT,
        "suite": None,
        "postalCode": "00000",
        "add_ons": ["gla"],
        "order_preferences": {"style_2d": {"add_info": "dark"}},
    }


def test_enum_members_are_sent_as_their_text() -> None:
    assert codec.encode([OrderStatus.READY, OrderStatus("Archived")]) == b'["Ready","Archived"]'
