"""All that was delivered, as one list, whatever the answer looks like."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cubicasa_async import Asset, Order
from cubicasa_async.core import codec
from cubicasa_async.core.file_names import FORMER, MANIFEST, is_safe, safe_name, version_name

RESERVED = {"con", "prn", "aux", "nul", *(f"{p}{n}" for p in ("com", "lpt") for n in range(10))}
OBSERVED: dict[str, Any] = {
    "listing_floorplans": {
        "jpg_urls": ["https://f.test/0.jpg", "https://f.test/1.jpg"],
        "jpg_urls_dim": ["https://f.test/d0.jpg"],
        "png_urls": ["https://f.test/0.png"],
        "svg_urls": [],
        "pdf_urls": ["https://f.test/m.pdf?signature=a%2Bb"],
        "pdf_urls_dim": None,
    },
    "home_report": {"pdf_urls": ["https://f.test/h.pdf"]},
    "tour": {"link": "https://f.test/t", "mls_compliance_link": "https://f.test/u", "type": "x"},
    "floorplans_3d": None,
    "gla_package": [],
    "snapshot": {"image_urls": None, "pdf_urls": None},
    "property_data": {},
    "cad_files": "",
}


def assets(delivery: Any) -> tuple[Asset, ...]:
    return codec.structure({"id": "order", "delivery_assets": delivery}, Order).assets()


def test_the_observed_answer_as_a_flat_list() -> None:
    shown = [(a.product, a.format, a.floor, a.dimensioned, a.name) for a in assets(OBSERVED)]
    assert shown == [
        ("listing_floorplans", "jpg", 1, False, "listing_floorplans-1.jpg"),
        ("listing_floorplans", "jpg", 2, False, "listing_floorplans-2.jpg"),
        ("listing_floorplans", "jpg", 1, True, "listing_floorplans-1-dim.jpg"),
        ("listing_floorplans", "png", 1, False, "listing_floorplans-1.png"),
        ("listing_floorplans", "pdf", 1, False, "listing_floorplans-1.pdf"),
        ("home_report", "pdf", 1, False, "home_report-1.pdf"),
        ("tour", "link", None, False, "tour-link"),
        ("tour", "link", None, False, "tour-mls_compliance_link"),
    ]
    pdf = assets(OBSERVED)[4]
    assert pdf.url == "https://f.test/m.pdf?signature=a%2Bb"
    assert pdf.place == "listing_floorplans.pdf_urls[0]"
    assert [a.name for a in assets(OBSERVED) if a.is_page] == [
        "tour-link",
        "tour-mls_compliance_link",
    ]


@pytest.mark.parametrize(
    "nothing", [None, "", [], {}, {"home_report": None}, {"home_report": {"pdf_urls": None}}]
)
def test_nothing_in_any_form_yields_nothing(nothing: Any) -> None:
    assert assets(nothing) == ()
    assert codec.structure({"id": "order"}, Order).assets() == ()


@pytest.mark.parametrize(
    ("product", "found"),
    [
        ({"floorplans_3d": "https://f.test/a.glb"}, [("glb", "floorplans_3d.glb")]),
        ({"video_3d": {"url": "https://f.test/a.MP4?x=1"}}, [("mp4", "video_3d.mp4")]),
        ({"video_3d": {"a": {"b": ["https://f.test/a"]}}}, [(None, "video_3d-a-b-1")]),
        ({"cad_files": {"dwg_urls": ["https://f.test/1"]}}, [("dwg", "cad_files-1.dwg")]),
        ({"snapshot": ["https://f.test/a.png"]}, [("png", "snapshot-1.png")]),
        (
            {"snapshot": {"image_urls": ["https://f.test/a.jpeg"]}},
            [("jpeg", "snapshot-image-1.jpeg")],
        ),
        ({"new_thing": [{"page_link": "http://f.test/p"}]}, [("link", "new_thing-1-page_link")]),
        ({"new_thing": {"text": "see https://f.test", "n": 1, "b": True}}, []),
        ({"new_thing": {"broken": "https://[f.test/x.pdf"}}, [(None, "new_thing-broken")]),
        ({"tour": {"link": "https://f.test/t/index.html"}}, [("link", "tour-link")]),
        ({"tour": {"pdf_link": "https://f.test/x.PDF?a=b"}}, [("pdf", "tour-pdf_link.pdf")]),
        ({"video_3d": {"link": "https://f.test/v.mp4"}}, [("mp4", "video_3d-link.mp4")]),
    ],
)
def test_products_of_unknown_shape_yield_their_urls(
    product: Any, found: list[tuple[str | None, str]]
) -> None:
    assert [(asset.format, asset.name) for asset in assets(product)] == found


@pytest.mark.parametrize(
    "url",
    [
        "https://f.test/615 Bourbon St.jpg",
        "https://f.test/Größe <1>.jpg",
        "https://f.test/a\nb.jpg",
        "HTTPS://f.test?file=a b",
        "//f.test/x.jpg",
        "s3://bucket/x.jpg",
        "file:///x.jpg",
    ],
)
@pytest.mark.parametrize("key", ["listing_floorplans", "new_thing"])
def test_a_url_that_is_odd_or_of_no_use_is_not_left_out(key: str, url: str) -> None:
    (asset,) = assets({key: {"jpg_urls": [f" {url}\n"]}})
    assert (asset.url, asset.format) == (url, "jpg")


@pytest.mark.parametrize(
    "text", ["https://f.test is where it is", "// a remark", "//", "//x", "a: b", "1/2", "://x/y"]
)
def test_a_text_that_is_no_url_is_no_asset(text: str) -> None:
    assert assets({"new_thing": text}) == ()


@pytest.mark.parametrize(
    ("delivery", "found"),
    [
        (["https://f.test/a.jpg", 7], [("delivery_assets[0]", "delivery_assets-1.jpg")]),
        ([{"url": "https://f.test/a"}], [("delivery_assets[0].url", "delivery_assets-1")]),
        ("https://f.test/a.jpg", [("delivery_assets", "delivery_assets.jpg")]),
        ("none, sorry", []),
        (7, []),
    ],
)
def test_an_answer_without_products_yields_its_urls(
    delivery: Any, found: list[tuple[str, str]]
) -> None:
    listed = assets(delivery)
    assert [(asset.place, asset.name) for asset in listed] == found
    assert {asset.product for asset in listed} <= {"delivery_assets"}


def test_a_url_at_any_depth_is_found() -> None:
    deep: Any = "https://f.test/a.pdf"
    for _ in range(60):
        deep = {"x": [deep]}
    (asset,) = assets({"new_thing": deep})
    assert asset.url == "https://f.test/a.pdf"
    assert len(asset.name) < 130


def test_a_name_stays_when_the_url_and_other_products_change() -> None:
    before = {asset.place: asset.name for asset in assets(OBSERVED)}
    moved = {"a_new_product": ["https://g.test/x.pdf"], **OBSERVED}
    moved["home_report"] = {"pdf_urls": ["https://g.test/other?signature=z"]}
    after = {asset.place: asset.name for asset in assets(moved)}
    assert before.items() <= after.items()


def test_a_url_is_not_shown_with_its_signature() -> None:
    assert "signature" not in repr(assets(OBSERVED))


_KEYS = st.sampled_from(
    ["CON", "con", "nul", "..", "../x", "a b", "Größe", "Gro\u0308ße", "former"]
)
_JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.text(max_size=5) | st.sampled_from(["https://f.test/a.pdf", "https://f.test/b"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(_KEYS | st.text(max_size=300), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(st.dictionaries(_KEYS | st.text(min_size=1, max_size=20), _JSON, max_size=5))
def test_names_are_different_and_fit_every_system(delivery: dict[str, Any]) -> None:
    names = [asset.name for asset in assets(delivery)]
    assert len({name.casefold() for name in names}) == len(names)
    for name in names:
        fits(name)
    assert names == [asset.name for asset in assets(delivery)]


def fits(name: str) -> None:
    assert is_safe(name)
    assert 0 < len(name) <= 150
    assert name == name.lower()
    assert name.isascii()
    assert not set(name) & set('<>:"/\\|?* \0')
    assert not name.startswith((".", "-"))
    assert not name.endswith((".", " "))
    assert name.partition(".")[0] not in RESERVED
    assert name not in {FORMER, MANIFEST}


@given(st.text(max_size=400), st.sampled_from([None, "pdf"]))
def test_any_text_makes_a_safe_name(text: str, extension: str | None) -> None:
    fits(safe_name(text, extension))
    fits(version_name(safe_name(text, extension), 12))


@given(st.text(max_size=20), st.text(max_size=20))
def test_different_texts_make_different_names(one: str, other: str) -> None:
    assert (safe_name(one) == safe_name(other)) == (one == other)


@pytest.mark.parametrize(
    "name",
    ["", "..", "../x", "a/b", "con.pdf", "nul", "A.pdf", "a\\b", "x.", ".x", MANIFEST, FORMER],
)
def test_a_name_that_is_not_of_ours_is_seen(name: str) -> None:
    assert not is_safe(name)
