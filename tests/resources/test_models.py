from __future__ import annotations

import copy
import json
import pickle
from datetime import UTC, datetime, timedelta
from typing import Any, Final, cast

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cubicasa_async import (
    AsyncCubiCasa,
    DeliveryAssets,
    FieldError,
    HomeReport,
    NewUser,
    Order,
    OrderStatus,
    Pager,
    Role,
    Undecodable,
    User,
    Webhooks,
)
from cubicasa_async.core import codec
from cubicasa_async.core.codec import CodecError
from cubicasa_async.core.models import Model
from cubicasa_async.core.values import OpenEnum, is_nothing
from cubicasa_async.errors import (
    AnswerError,
    CubiCasaError,
    DecodeError,
    InvalidInputError,
    UndecodableItemsError,
)
from cubicasa_async.resources.change_requests import ChangeRequestReceipt
from cubicasa_async.resources.index import ENDPOINTS
from cubicasa_async.sandbox import Fault, Kind, Sandbox
from tests.contract.payloads import anything, payloads, seconds, texts
from tests.sandbox.support import sample
from tests.support.payloads import ORDER_ID, Place, order, page, path, places, replaced

ANSWERS: Final = sorted(
    {one.response for one in ENDPOINTS if one.response and issubclass(one.response, Model)},
    key=lambda cls: cls.__name__,
)
NOTHINGS: Final[list[Any]] = [
    None,
    "",
    [],
    {},
    [None],
    [[], ""],
    {"pdf_urls": None},
    {"pdf_urls": [], "other": {"deep": None}},
]


few: Final = settings(max_examples=20)


def attempt(value: Any, cls: type[Model]) -> tuple[Model | None, tuple[FieldError, ...]]:
    """What a value is read into, or what is wrong with it."""
    try:
        return codec.structure(value, cls), ()
    except CodecError as exc:
        return None, exc.problems


def delivered(assets: Any) -> Order:
    return codec.structure(order(delivery_assets=assets), Order)


# What was delivered


@pytest.mark.parametrize("nothing", NOTHINGS, ids=repr)
def test_nothing_delivered_is_none_in_whatever_form_it_comes(nothing: Any) -> None:
    assert delivered(nothing).delivery_assets is None


def test_a_row_without_assets_has_none() -> None:
    row = order()
    del row["delivery_assets"]
    assert codec.structure(row, Order).delivery_assets is None


@pytest.mark.parametrize("nothing", NOTHINGS, ids=repr)
@pytest.mark.parametrize(
    "product", [field.name for field in attrs.fields(DeliveryAssets) if field.name != "extra"]
)
def test_a_product_that_is_nothing_is_none_in_whatever_form_it_comes(
    product: str, nothing: Any
) -> None:
    assets = delivered({"seen": True, product: nothing}).delivery_assets
    assert assets is not None
    assert assets == DeliveryAssets()
    assert assets.extra == {"seen": True}


@pytest.mark.parametrize("nothing", [None, "", [], {}, [None], [""]], ids=repr)
def test_a_list_of_files_that_is_nothing_is_empty(nothing: Any) -> None:
    assets = delivered({"home_report": {"pdf_urls": nothing, "seen": 1}}).delivery_assets
    assert assets is not None
    assert assets.home_report == HomeReport(pdf_urls=())


@pytest.mark.parametrize("key", ["home_report", "homereport"])
def test_the_home_report_is_read_by_both_its_names(key: str) -> None:
    assets = delivered({key: {"pdf_urls": ["https://files.example.test/h.pdf"]}}).delivery_assets
    assert assets is not None
    assert assets.home_report == HomeReport(pdf_urls=("https://files.example.test/h.pdf",))
    assert assets.extra == {}


@pytest.mark.parametrize("nothing", NOTHINGS, ids=repr)
@pytest.mark.parametrize("pair", [("home_report", "homereport"), ("homereport", "home_report")])
def test_a_name_of_the_home_report_that_says_nothing_does_not_hide_the_other(
    pair: tuple[str, str], nothing: Any
) -> None:
    assets = delivered({pair[0]: nothing, pair[1]: {"pdf_urls": ["u"]}}).delivery_assets
    assert assets is not None
    assert assets.home_report == HomeReport(pdf_urls=("u",))


def test_two_home_reports_are_both_kept() -> None:
    both = {"home_report": {"pdf_urls": ["a"]}, "homereport": {"pdf_urls": ["b"]}}
    assets = delivered(both).delivery_assets
    assert assets is not None
    assert assets.home_report == HomeReport(pdf_urls=("a",))
    assert assets.extra == {"homereport": {"pdf_urls": ["b"]}}


def test_unknown_products_and_formats_are_kept() -> None:
    assets = delivered(
        {"hologram": {"urls": ["u"]}, "snapshot": {"image_urls": ["s"], "webp_urls": ["w"]}}
    ).delivery_assets
    assert assets is not None
    assert assets.extra == {"hologram": {"urls": ["u"]}}
    assert assets.snapshot is not None
    assert assets.snapshot.extra == {"webp_urls": ["w"]}


@pytest.mark.parametrize("shape", [["https://files.example.test/1.pdf"], "u", 7, True], ids=repr)
@pytest.mark.parametrize("key", ["listing_floorplans", "home_report", "homereport", "tour"])
def test_a_product_of_another_shape_is_kept_as_it_came_and_harms_no_other(
    key: str, shape: Any
) -> None:
    name = "home_report" if key == "homereport" else key
    sent = {key: shape, "property_data": {"json_urls": ["p"]}}
    read = delivered(sent)
    assets = read.delivery_assets
    assert assets is not None
    assert getattr(assets, name) is None
    assert assets.extra == {name: shape}
    assert assets.property_data is not None
    assert assets.property_data.json_urls == ("p",)
    written = codec.unstructure(read)
    assert written["delivery_assets"][name] == shape
    assert codec.structure(written, Order) == read


@pytest.mark.parametrize("shape", [["u"], "u", 7, True], ids=repr)
def test_assets_that_are_no_object_are_kept_as_they_came_and_harm_nothing_else(shape: Any) -> None:
    read = delivered(shape)
    assert read == codec.structure(order(), Order)
    assert read.delivery_assets is None
    assert read.extra == {"delivery_assets": shape}
    written = codec.unstructure(read)
    assert written["delivery_assets"] == shape
    assert codec.structure(written, Order).extra == read.extra


def test_what_is_wrong_beside_assets_that_are_no_object_is_said_alone() -> None:
    with pytest.raises(CodecError) as caught:
        codec.structure(order(delivery_assets=["u"], id=7), Order)
    assert [problem.field for problem in caught.value.problems] == ["$.id"]


@pytest.mark.parametrize("key", ["home_report", "homereport"])
@pytest.mark.parametrize("files", [["https://a.test/1.pdf", 7], "https://a.test/1.pdf"], ids=repr)
def test_files_of_another_shape_are_kept_as_they_came_and_found(key: str, files: Any) -> None:
    read = delivered({key: {"pdf_urls": files}})
    assert read.delivery_assets is not None
    assert read.delivery_assets.home_report == HomeReport()
    assert read.delivery_assets.home_report is not None
    assert read.delivery_assets.home_report.extra == {"pdf_urls": files}
    assert [asset.url for asset in read.assets()] == ["https://a.test/1.pdf"]


# The known answers


@pytest.mark.parametrize(
    ("name", "cls"),
    [
        ("08-add-new-user.response", NewUser),
        ("15-upgrade-order.response", Order),
        ("17-get-order.observed.response", Order),
        ("20-add-change-request.response", ChangeRequestReceipt),
        ("24-update-draft-order.response", Order),
        ("27-update-company-webhooks.response", Webhooks),
    ],
)
def test_a_known_answer_is_read_whole(name: str, cls: type[Model]) -> None:
    sent = sample(name)
    read = codec.structure(sent, cls)
    assert read.extra == {}
    assert not differences(sent, codec.unstructure(read))


def test_a_delivered_order_has_its_files() -> None:
    read = codec.structure(sample("17-get-order.observed.response"), Order)
    assets = read.delivery_assets
    assert assets is not None
    assert assets.extra == {}
    assert assets.listing_floorplans is not None
    assert assets.listing_floorplans.jpg_urls == (
        "https://example.test/0.jpg",
        "https://example.test/1.jpg",
    )
    assert assets.listing_floorplans.svg_urls == ()
    assert assets.tour is not None
    assert assets.tour.type == "floorplan_tour"
    assert (assets.snapshot, assets.property_data, assets.cad_files) == (None, None, None)
    assert read.info is not None
    assert read.info.order_type == "Tier3-LiDAR"
    assert read.address is not None
    assert read.address.postal_code == "00000"


async def test_the_known_list_of_users_is_read(sandbox: Sandbox, client: AsyncCubiCasa) -> None:
    sandbox.faults.add(Fault(Kind.BODY, body=sample("07-list-all-users.response")))
    page = await client.users.list()
    users = [record.item for record in page.records]
    assert (page.has_more, page.next_offset) == (True, 21)
    assert all(isinstance(user, User) for user in users)
    first, second, third = cast("list[User]", users)
    assert (first.name, second.role, third.created_at) == (None, Role.COLLABORATOR, None)


# Wrong answers, as the caller meets them


async def test_a_wrong_type_is_told_by_its_json_path_and_the_rest_is_kept(
    sandbox: Sandbox, client: AsyncCubiCasa
) -> None:
    broken = replaced(order(), ("address", "postalCode"), 55411)
    broken["info"]["product"]["add_ons"] = ["gla", None]
    sandbox.faults.add(Fault(Kind.BODY, body=broken))
    with pytest.raises(DecodeError) as caught:
        await client.orders.get(ORDER_ID)
    error = caught.value
    assert {problem.field: problem.message for problem in error.problems} == {
        "$.info.product.add_ons[1]": "expected text, found null",
        "$.address.postalCode": "expected text, found a whole number",
    }
    assert "$.address.postalCode" in str(error)
    kept = error.partial
    assert isinstance(kept, Order)
    assert kept.id == ORDER_ID
    assert kept.address is not None
    assert (kept.address.postal_code, kept.address.city) == (None, "Sampletown")
    assert json.loads(error.body) == broken


async def test_nothing_is_kept_of_an_answer_without_what_makes_it_one(
    sandbox: Sandbox, client: AsyncCubiCasa
) -> None:
    sandbox.faults.add(Fault(Kind.BODY, body=order(id=None)))
    with pytest.raises(DecodeError) as caught:
        await client.orders.get(ORDER_ID)
    assert [problem.field for problem in caught.value.problems] == ["$.id"]
    assert caught.value.partial is None


async def collect(pager: Pager[Order], ids: list[str]) -> None:
    async for one in pager:
        ids.append(one.id)  # noqa: PERF401 # what was given before an error counts


BAD_ROWS: Final[list[Any]] = [
    None,
    7,
    "text",
    [],
    {},
    {"id": None},
    order(id=7),
    order(info={"status": None, "created_at": "now"}),
]


@pytest.mark.parametrize("bad", BAD_ROWS, ids=lambda row: str(row)[:40])
async def test_one_bad_row_neither_vanishes_nor_takes_the_others_with_it(
    bad: Any, sandbox: Sandbox, client: AsyncCubiCasa
) -> None:
    rows = [order(id="a"), bad, order(id="b")]
    sandbox.faults.add(Fault(Kind.BODY, body=page(rows)))
    records = (await client.orders.list()).records
    assert [type(record.item) for record in records] == [Order, Undecodable, Order]
    given: list[str] = []
    with pytest.raises(UndecodableItemsError) as caught:
        await collect(client.orders.list(), given)
    assert given == ["a", "b"]
    (kept,) = caught.value.items
    assert kept.raw == bad
    assert all(problem.field.startswith("$.items[1]") for problem in kept.problems)
    strict: list[str] = []
    with pytest.raises(UndecodableItemsError):
        await collect(client.orders.list(strict=True), strict)
    assert strict == ["a"]


# Open enumerations and times


def enums() -> list[type[OpenEnum]]:
    return OpenEnum.__subclasses__()


@pytest.mark.parametrize("enum", enums())
@few
@given(text=texts)
def test_an_enumeration_takes_every_text_and_changes_none(enum: type[OpenEnum], text: str) -> None:
    member = enum(text)
    assert member == text
    assert hash(member) == hash(text)
    assert {text: 1}[member] == 1
    assert (str(member), f"{member}", json.dumps(member)) == (text, text, json.dumps(text))
    assert member.is_known == (text in [known.value for known in enum])
    for again in (pickle.loads(pickle.dumps(member)), copy.copy(member), copy.deepcopy(member)):  # noqa: S301 # our own
        assert again == member
        assert type(again) is enum


@pytest.mark.parametrize("enum", enums())
@pytest.mark.parametrize("value", [None, 7, True, b"Ready", []])
def test_an_enumeration_takes_nothing_but_text(enum: type[OpenEnum], value: Any) -> None:
    with pytest.raises(ValueError, match="is not a valid"):
        enum(value)


def test_a_new_value_is_told_from_a_known_one() -> None:
    assert OrderStatus.READY.is_known
    assert not OrderStatus("Archived").is_known
    assert repr(OrderStatus("Archived")) == "OrderStatus('Archived')"
    assert OrderStatus("Ready") is OrderStatus.READY


def made(created_at: Any) -> Any:
    return codec.structure({"id": "x", "created_at": created_at}, User).created_at


@few
@given(seconds)
def test_a_time_is_read_and_written_without_a_change(value: float) -> None:
    read = made(value)
    assert read.tzinfo is UTC
    assert abs(read - datetime(1970, 1, 1, tzinfo=UTC) - timedelta(seconds=value)) <= timedelta(
        microseconds=1
    )
    assert made(read.timestamp()) == read


@few
@given(st.integers(0, 4_102_444_800_000_000))
def test_a_time_given_in_microseconds_is_written_as_it_came(microseconds: int) -> None:
    value = microseconds / 1_000_000
    assert codec.unstructure(codec.structure({"id": "x", "created_at": value}, User)) == {
        "id": "x",
        "email": None,
        "name": None,
        "surname": None,
        "role": None,
        "email_confirmed": None,
        "created_at": value,
    }


# Copies

ERRORS: Final[list[CubiCasaError]] = [
    DecodeError(
        "no",
        problems=codec.explain(order(id=1), Order),
        partial=codec.structure(order(), Order),
        body=b"{}",
    ),
    UndecodableItemsError("no", [Undecodable({"id": None}, codec.explain({}, Order))], 1),
    InvalidInputError("no", codec.explain({}, Order)),
    AnswerError("no", status=418, outcome=CubiCasaError.outcome, headers={"a": "b"}),
]


def copies(value: Any) -> list[Any]:
    return [
        copy.copy(value),
        copy.deepcopy(value),
        *(pickle.loads(pickle.dumps(value, protocol)) for protocol in range(2, 6)),  # noqa: S301 # our own
    ]


@pytest.mark.parametrize("cls", ANSWERS)
@few
@given(data=st.data())
def test_objects_survive_copying_and_pickling(cls: type[Model], data: st.DataObject) -> None:
    read = codec.structure(data.draw(payloads(cls)), cls)
    for again in copies(read):
        assert again == read
        assert type(again) is cls
        assert codec.unstructure(again) == codec.unstructure(read)


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_errors_survive_copying_and_pickling_with_what_they_hold(error: CubiCasaError) -> None:
    error.cursor = "here"
    for again in copies(error):
        assert type(again) is type(error)
        assert str(again) == str(error)
        assert vars(again) == vars(error)


# Any answer at all


def differences(sent: Any, written: Any, place: str = "$", *, sparse: bool = False) -> list[str]:
    """Where what was sent is not what is written; nothing may come as another nothing if sparse."""
    kinds: set[Any] = {type(sent), type(written)}
    if sparse and is_nothing(sent):
        return [] if is_nothing(written) else [place]
    if kinds == {dict}:
        fields, others = codec.as_mapping(sent), codec.as_mapping(written)
        renamed = is_nothing(fields.get("home_report")) and "homereport" not in others
        found: list[str] = []
        for key, value in fields.items():
            if key == "home_report" and renamed:
                continue  # it said nothing, and the other may stand in its place
            name = "home_report" if key == "homereport" and renamed else key
            loose = sparse or key == "delivery_assets"
            if name not in others and not (loose and is_nothing(value)):
                found.append(f"{place}.{key}")
            else:
                inner = f"{place}.{key}"
                found += differences(value, others.get(name), inner, sparse=loose)
        return found
    if kinds == {list}:
        ones, twins = codec.as_list(sent), codec.as_list(written)
        if len(ones) != len(twins):
            return [place]
        return [
            fault
            for index, (one, other) in enumerate(zip(ones, twins, strict=True))
            for fault in differences(one, other, f"{place}[{index}]", sparse=sparse)
        ]
    alike = len(kinds) == 1 or kinds == {int, float}
    return [] if alike and sent == written else [place]


@pytest.mark.parametrize(
    ("sent", "written"),
    [
        ({"a": None}, {"a": "None"}),
        ({"a": True}, {"a": 1.0}),
        ({"a": 1}, {"a": "1"}),
        ({"a": ["x", "y"]}, {"a": ["x"]}),
        ({"a": 1}, {}),
        ({"a": ""}, {"a": None}),
        ({"delivery_assets": {"tour": "x"}}, {"delivery_assets": {"tour": None}}),
    ],
)
def test_control_a_change_on_the_way_is_seen(sent: Any, written: Any) -> None:
    assert differences(sent, written)


@pytest.mark.parametrize("cls", ANSWERS)
@few
@given(data=st.data())
def test_every_answer_is_read_and_written_without_loss(
    cls: type[Model], data: st.DataObject
) -> None:
    sent = data.draw(payloads(cls))
    read = codec.structure(sent, cls)
    written = codec.unstructure(read)
    assert not differences(sent, written)
    again = codec.structure(codec.parse(codec.encode(read)), cls)
    assert again == read
    assert codec.unstructure(again) == written


@pytest.mark.parametrize("cls", ANSWERS)
@few
@given(data=st.data())
def test_a_change_anywhere_is_refused_with_its_path_or_read_as_it_came(
    cls: type[Model], data: st.DataObject
) -> None:
    sent = data.draw(payloads(cls))
    place: Place = data.draw(st.sampled_from(list(places(sent))))
    changed = replaced(sent, place, data.draw(anything))
    read, problems = attempt(changed, cls)
    if read is not None:
        assert not differences(changed, codec.unstructure(read))
    else:
        assert problems
        assert all(problem.field.startswith(path(place)) for problem in problems)
        partial = codec.salvage(changed, cls, problems)
        assert partial is None or type(partial) is cls


@pytest.mark.parametrize("cls", ANSWERS)
@few
@given(data=st.data())
def test_a_missing_field_is_named_or_none(cls: type[Model], data: st.DataObject) -> None:
    sent = data.draw(payloads(cls, unknown=False))
    if not sent:
        return
    key = data.draw(st.sampled_from(sorted(sent)))
    left = {name: value for name, value in sent.items() if name != key}
    read, problems = attempt(left, cls)
    if read is not None:
        assert codec.unstructure(read)[key] is None
    else:
        assert list(map(str, problems)) == [f"$.{key}: is missing"]


@pytest.mark.parametrize("cls", ANSWERS)
@few
@given(value=anything)
def test_any_json_is_read_or_refused_with_a_path(cls: type[Model], value: Any) -> None:
    read, problems = attempt(value, cls)
    assert (read is None) == bool(problems)
    assert all(problem.field.startswith("$") for problem in problems)
