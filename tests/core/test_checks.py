from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cubicasa_async import (
    UNSET,
    DraftRequest,
    FieldError,
    OrderPreferences,
    Style2D,
    Style3D,
    Video,
)
from cubicasa_async.core import checks
from cubicasa_async.errors import InvalidInputError, Outcome
from tests.support.payloads import DRAFT


def build(**fields: Any) -> DraftRequest:
    return checks.build(DraftRequest, {**DRAFT, **fields}, what="The draft")


def faults(**fields: Any) -> dict[str, str]:
    with pytest.raises(InvalidInputError) as caught:
        build(**fields)
    assert caught.value.outcome is Outcome.NOT_SENT
    return {fault.field: fault.message for fault in caught.value.field_errors}


def test_valid_fields_become_a_request() -> None:
    draft = build(latitude=1, add_ons=["gla"], suite=None)
    assert draft.street == DRAFT["street"]
    assert draft.latitude == 1.0
    assert draft.add_ons == ("gla",)
    assert draft.suite is None
    assert draft.state is UNSET


def test_unset_counts_as_not_given() -> None:
    assert build(suite=UNSET).suite is UNSET
    assert faults(street=UNSET) == {"street": "is required"}


def test_all_faults_are_named_at_once() -> None:
    found = faults(
        city="",
        owner_email="nobody",
        latitude=91,
        postalcode="00000",
        order_preferences={"style_3d": {"video": {"sped": "slow"}, "include_basement": "yes"}},
    )
    assert set(found) == {
        "city",
        "owner_email",
        "latitude",
        "postalcode",
        "order_preferences.style_3d.video.sped",
        "order_preferences.style_3d.include_basement",
    }


def test_all_that_is_missing_is_named_at_once() -> None:
    with pytest.raises(InvalidInputError) as caught:
        checks.build(DraftRequest, {}, what="The draft")
    assert [fault.field for fault in caught.value.field_errors] == list(DRAFT)


def test_the_error_is_a_sentence_that_names_the_fields() -> None:
    with pytest.raises(InvalidInputError) as caught:
        build(city="")
    assert str(caught.value) == (
        "The draft was not sent: its fields are not valid. [city: must not be empty]"
    )


@pytest.mark.parametrize(
    ("given", "meant"),
    [("postalcode", "postal_code"), ("postalCode", "postal_code"), ("exernal_id", "external_id")],
)
def test_a_misspelt_field_is_refused_with_the_one_that_is_meant(given: str, meant: str) -> None:
    assert faults(**{given: "x"}) == {given: f"unknown field; did you mean {meant!r}?"}


def test_a_field_like_no_other_is_refused_with_those_that_there_are() -> None:
    assert faults(qqqqqq="x")["qqqqqq"].startswith("unknown field; known are street, city")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"street": None}, "is required"),
        ({"street": 7}, "must be text, not int"),
        ({"street": b"1 Example Street"}, "must be text, not bytes"),
        ({"street": " \t"}, "must not be empty"),
        ({"street": "a\x00b"}, "holds control or replacement characters; the text is damaged"),
        ({"street": "Stra\ufffde"}, "holds control or replacement characters; the text is damaged"),
        ({"street": "\ud800"}, "holds half a character (a lone surrogate)"),
        ({"owner_email": "a@b"}, "'a@b' is not an e-mail address"),
        ({"owner_email": "a@b.test, c@d.test"}, "'a@b.test, c@d.test' is not an e-mail address"),
        ({"latitude": "44.5"}, "must be a number, not str"),
        ({"latitude": True}, "must be a number, not bool"),
        ({"latitude": float("nan")}, "nan is not between -90 and 90"),
        ({"longitude": -180.1}, "-180.1 is not between -180 and 180"),
        ({"add_ons": "gla"}, "must be a list of texts"),
        ({"add_ons": 7}, "must be a list of texts"),
        ({"add_ons": ["gla", 7]}, "must be text, not int"),
        ({"order_preferences": "dark"}, "must be a OrderPreferences or a mapping of its fields"),
    ],
)
def test_a_wrong_value_is_refused_with_the_reason(fields: dict[str, Any], message: str) -> None:
    assert faults(**fields) == {next(iter(fields)): message}


def test_the_edges_of_a_range_belong_to_it() -> None:
    assert build(latitude=-90, longitude=180).longitude == 180.0


def test_lists_may_be_any_iterable() -> None:
    assert build(add_ons=(name for name in ["gla", "express_sla"])).add_ons == (
        "gla",
        "express_sla",
    )


def test_nested_fields_may_be_objects_or_mappings() -> None:
    mapping = {"style_2d": {"add_info": "dark"}, "style_3d": {"video": {"speed": "slow"}}}
    objects = OrderPreferences(
        style_2d=Style2D(add_info="dark"), style_3d=Style3D(video=Video(speed="slow"))
    )
    assert build(order_preferences=mapping) == build(order_preferences=objects)
    assert build(order_preferences=objects).order_preferences == objects


def test_nested_objects_are_checked_like_mappings() -> None:
    preferences = OrderPreferences(style_2d=Style2D(add_info=""))
    assert faults(order_preferences=preferences) == {
        "order_preferences.style_2d.add_info": "must not be empty"
    }


@given(st.dictionaries(st.sampled_from([*DRAFT, "latitude", "add_ons", "x"]), st.from_type(object)))
def test_any_values_are_a_request_or_refused(fields: dict[str, object]) -> None:
    refused: tuple[FieldError, ...] | None = None
    try:
        checks.build(DraftRequest, fields, what="The draft")
    except InvalidInputError as exc:
        refused = exc.field_errors
    assert refused is None or refused


@pytest.mark.parametrize(
    "value", [None, "", ".", "..", "a b", "a\nb", "a\x00", "\ud800", " ", "\u200b"]
)
def test_an_identifier_that_would_change_the_path_is_refused(value: object) -> None:
    with pytest.raises(InvalidInputError) as caught:
        checks.check_id(value, "order_id")
    assert [fault.field for fault in caught.value.field_errors] == ["order_id"]


@pytest.mark.parametrize("value", ["x", "00000000-0000-4000-8000-000000000017", "a/b", "ä", "%2e"])
def test_other_identifiers_are_taken_as_they_are(value: str) -> None:
    assert checks.check_id(value, "order_id") == value
