"""Request classes: their keyword arguments, their form in JSON, and the way back."""

from __future__ import annotations

import inspect
import json
import typing
from typing import Any

import attrs
import pytest

from cubicasa_async import OrderPreferences, Style2D, Style3D, Video
from cubicasa_async.core import checks, codec
from cubicasa_async.core.values import UNSET
from cubicasa_async.errors import InvalidInputError
from cubicasa_async.resources.change_requests import ChangeRequestBody, ChangeRequestFields
from cubicasa_async.resources.company import MergeRequest, MergeRequestFields
from cubicasa_async.resources.drafts import DraftFields, DraftRequest
from cubicasa_async.resources.gotoscan import GoToScanFields, GoToScanRequest
from cubicasa_async.resources.index import ENDPOINTS
from cubicasa_async.resources.orders import RedrawFields, RedrawRequest
from cubicasa_async.resources.properties import PropertyFields, PropertyRequest
from cubicasa_async.resources.users import UserFields, UserRequest, UserUpdate, UserUpdateFields

KEYWORDS: dict[type[Any], Any] = {
    PropertyRequest: PropertyFields,
    DraftRequest: DraftFields,
    RedrawRequest: RedrawFields,
    GoToScanRequest: GoToScanFields,
    UserRequest: UserFields,
    UserUpdate: UserUpdateFields,
    MergeRequest: MergeRequestFields,
    ChangeRequestBody: ChangeRequestFields,
}
REQUESTS = {endpoint.request for endpoint in ENDPOINTS if endpoint.request is not None}

VALUES: dict[str, Any] = {
    "email": "a@example.test",
    "owner_email": "a@example.test",
    "client_email": "a@example.test",
    "latitude": 44.5,
    "longitude": -93.5,
    "add_ons": ["gla", "express_sla"],
    "products": ["products_2d"],
    "img_urls": ["https://example.test/1.jpg"],
    "source": ["https://example.test/plan.pdf"],
    "webhook_urls": ["https://example.test/hook"],
    "webhook_triggers": ["moved_to_ready"],
    "order_preferences": OrderPreferences(
        style_2d=Style2D(style_template_id="t", add_info="dark"),
        style_3d=Style3D(
            video=Video(speed="slow", layout=None), furniture_set=None, include_basement=True
        ),
    ),
}


def nullable(cls: type[Any]) -> set[str]:
    hints = typing.get_type_hints(cls)
    return {name for name, hint in hints.items() if type(None) in typing.get_args(hint)}


def given(cls: type[Any], *, needed: bool = False, nulls: bool = False) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for field in attrs.fields(cls):
        if field.default is attrs.NOTHING:
            fields[field.name] = VALUES.get(field.name, f"some {field.name}")
        elif not needed:
            value = VALUES.get(field.name, f"some {field.name}")
            fields[field.name] = None if nulls and field.name in nullable(cls) else value
    return fields


def needed(cls: type[Any]) -> set[str]:
    return {field.name for field in attrs.fields(cls) if field.default is attrs.NOTHING}


@pytest.mark.parametrize("cls", KEYWORDS, ids=lambda cls: cls.__name__)
def test_keyword_arguments_and_request_agree(cls: type[Any]) -> None:
    keywords = KEYWORDS[cls]
    assert set(typing.get_type_hints(keywords)) == {field.name for field in attrs.fields(cls)}
    assert set(keywords.__required_keys__) == needed(cls)


def test_control_a_field_that_only_one_of_them_has_is_seen() -> None:
    @attrs.frozen(kw_only=True)
    class Grown(DraftRequest):
        brand_new: str = checks.required(checks.text)

    KEYWORDS[Grown] = DraftFields
    try:
        with pytest.raises(AssertionError):
            test_keyword_arguments_and_request_agree(Grown)
    finally:
        del KEYWORDS[Grown]


@pytest.mark.parametrize("cls", sorted(REQUESTS, key=str), ids=lambda cls: cls.__name__)
@pytest.mark.parametrize("form", ["full", "needed", "nulls"])
def test_a_request_comes_back_from_what_was_sent(cls: type[Any], form: str) -> None:
    fields = given(cls, needed=form == "needed", nulls=form == "nulls")
    request: Any = checks.build(cls, fields, what="The request")
    sent = json.loads(codec.encode(request))
    assert checks.from_wire(cls, sent, what="The request") == request
    assert sent == codec.unstructure(request)


@pytest.mark.parametrize("cls", sorted(REQUESTS, key=str), ids=lambda cls: cls.__name__)
def test_what_is_not_given_is_not_sent_and_null_is(cls: type[Any]) -> None:
    least: Any = checks.build(cls, given(cls, needed=True), what="The request")
    assert json.loads(codec.encode(least)).keys() == needed(cls)
    empty: Any = checks.build(cls, given(cls, nulls=True), what="The request")
    nulls = json.loads(codec.encode(empty))
    assert len(nulls) == len(attrs.fields(cls))
    assert len([value for value in nulls.values() if value is None]) == len(nullable(cls))


@pytest.mark.parametrize("cls", sorted(REQUESTS, key=str), ids=lambda cls: cls.__name__)
def test_null_is_refused_where_the_type_does_not_allow_it(cls: type[Any]) -> None:
    for field in attrs.fields(cls):
        if field.name not in nullable(cls):
            fields = {**given(cls, needed=True), field.name: None}
            with pytest.raises(InvalidInputError) as caught:
                checks.build(cls, fields, what="The request")
            assert [fault.field for fault in caught.value.field_errors] == [field.name]


@pytest.mark.parametrize("cls", sorted(REQUESTS, key=str), ids=lambda cls: cls.__name__)
def test_every_field_is_checked(cls: type[Any]) -> None:
    for field in attrs.fields(cls):
        fields = {**given(cls, needed=True), field.name: object()}
        with pytest.raises(InvalidInputError) as caught:
            checks.build(cls, fields, what="The request")
        assert [fault.field for fault in caught.value.field_errors] == [field.name]


def test_passwords_are_not_shown() -> None:
    for cls in REQUESTS:
        for field in attrs.fields(cls):
            if "password" in field.name:
                assert not field.repr, f"{cls.__name__}.{field.name}"


def test_a_default_is_either_nothing_given_or_none_at_all() -> None:
    for cls in REQUESTS:
        assert inspect.getdoc(cls)
        for field in attrs.fields(cls):
            assert field.default in (UNSET, attrs.NOTHING), f"{cls.__name__}.{field.name}"
