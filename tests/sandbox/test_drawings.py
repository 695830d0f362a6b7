from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator
from xml.etree import ElementTree as ET

import pytest

from cubicasa_async.sandbox import Sandbox
from cubicasa_async.sandbox.drawings import File, areas, drawing

KINDS = ("png", "jpg", "svg", "pdf")


def drawn(path: str, address: str = "", version: int = 0) -> File:
    file = drawing(path, address, version)
    assert file is not None
    return file


def filled(path: str, size: int) -> bytes:
    content = drawn(path).filled(size, lambda count: b"\xfe" * count)
    assert content is not None
    return content


def chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 8
    while at < len(png):
        (length,) = struct.unpack_from(">I", png, at)
        name, data = png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        assert struct.unpack_from(">I", png, at + 8 + length) == (zlib.crc32(name + data),)
        yield name, data
        at += 12 + length


def test_a_png_has_right_sums_and_all_its_pixels() -> None:
    for content in (drawn("/o/1/floor-0.png").whole, filled("/o/1/floor-0.png", 20_000)):
        parts = dict(chunks(content))
        width, height, depth, colour = struct.unpack(">IIBB", parts[b"IHDR"][:10])
        pixels = zlib.decompress(parts[b"IDAT"])
        assert (depth, colour, len(pixels)) == (8, 0, height * (width + 1))
        assert 0.05 < sum(value < 100 for value in pixels) / len(pixels) < 0.4, "walls on paper"


def test_a_jpeg_consists_of_whole_segments() -> None:
    for size in (20_000, 90_000, 500_000):
        content = filled("/o/1/floor-0.jpg", size)
        at, markers = 2, [content[1]]
        while markers[-1] != 0xDA:
            assert content[at] == 0xFF
            markers.append(content[at + 1])
            at += 2 + int.from_bytes(content[at + 2 : at + 4], "big")
        assert {0xD8, 0xE0, 0xFE, 0xDB, 0xC0, 0xC4, 0xDA} == set(markers)
        assert not re.search(rb"\xff[^\x00]", content[at:-2]), "no marker inside the pixels"


def test_an_svg_is_well_formed_and_says_the_address() -> None:
    text = drawn("/o/1/floor-0.svg", 'Fish & "Chips" <Lane>').whole
    root = ET.fromstring(text)  # noqa: S314 # our own
    words = [one.text for one in root.iter("{http://www.w3.org/2000/svg}text")]
    assert 'Fish & "Chips" <Lane>' in words
    ET.fromstring(filled("/o/1/floor-0.svg", 20_001))  # noqa: S314 # our own


@pytest.mark.parametrize("size", [0, 20_000])
def test_a_pdf_finds_each_of_its_objects(size: int) -> None:
    content = filled("/o/1/plans.pdf", size) if size else drawn("/o/1/plans.pdf").whole
    (start,) = re.findall(rb"startxref\n(\d+)\n%%EOF\n\Z", content[-1024:])
    table = content[int(start) :]
    assert table.startswith(b"xref\n0 8\n")
    places = [int(place) for place in re.findall(rb"(\d{10}) 00000 n ", table)]
    for number, place in enumerate(places, 1):
        assert content[place:].startswith(b"%d 0 obj\n" % number)
    for length, stream in re.findall(
        rb"/Length (\d+) >>\nstream\n(.*?)\nendstream", content, re.DOTALL
    ):
        assert len(stream) == int(length)
    assert content.count(b"/Type /Page ") == 2, "a page for each floor"


def test_brackets_in_an_address_do_not_end_a_text_of_a_pdf() -> None:
    assert rb"(1 Oak \(rear\) \\ Yard) Tj" in drawn("/o/1/plans.pdf", r"1 Oak (rear) \ Yard").whole


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_is_always_the_same_and_another_for_all_that_it_follows_from(kind: str) -> None:
    first = drawn(f"/o/1/floor-0.{kind}", "1 Oak").whole
    drawing.cache_clear()
    assert drawn(f"/o/1/floor-0.{kind}", "1 Oak").whole == first
    others = {
        drawn(f"/p/1/floor-0.{kind}", "1 Oak").whole,
        drawn(f"/o/2/floor-0.{kind}", "1 Oak").whole,
        drawn(f"/o/1/floor-1.{kind}", "1 Oak").whole,
        drawn(f"/o/1/floor-0.dim.{kind}", "1 Oak").whole,
        drawn(f"/o/1/floor-0.{kind}", "2 Oak").whole,
        drawn(f"/o/1/floor-0.{kind}", "1 Oak", 1).whole,
    }
    assert len(others | {first}) == 7


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_filled_up_to_the_byte(kind: str) -> None:
    least = len(drawn(f"/o/1/floor-0.{kind}").whole)
    assert least < 20_000, "the usual size of a file has to have room for it"
    for size in (least, least + 40, 20_000, 65_000, 131_072, 1_000_000):
        if size >= least:
            assert len(filled(f"/o/1/floor-0.{kind}", size)) == size
    assert drawn(f"/o/1/floor-0.{kind}").filled(least - 1, bytes) is None


@pytest.mark.parametrize("order", [str(number) for number in range(40)])
def test_any_order_can_be_drawn(order: str) -> None:
    for floor in (0, 1):
        path, address = f"/{order}/1/floor-{floor}.dim", "Élan Straße\0 \ud800 5, ßßßß " * 5
        ET.fromstring(drawn(f"{path}.svg", address).whole)  # noqa: S314 # our own
        drawn(f"{path}.pdf", address)
        assert len(drawn(f"{path}.jpg", address).whole) < 20_000
        parts = dict(chunks(drawn(f"{path}.png", address).whole))
        assert len(zlib.decompress(parts[b"IDAT"])) == 304 * 385


@pytest.mark.parametrize("path", ["/o/1/x.zip", "/o/1/x.mp4", "/x.dwg"])
def test_what_is_no_picture_is_not_drawn(path: str) -> None:
    assert drawing(path) is None


def test_what_is_delivered_is_drawn_with_the_address_of_the_order() -> None:
    sandbox = Sandbox()
    order = sandbox.world.add_order(status="Ready", street="7 Harbour View")
    svg = sandbox.file_host.content(f"/{order.id}/1/floor-0.svg")
    assert b"7 Harbour View, Sampletown" in svg
    assert len(svg) == sandbox.file_host.size
    told = sandbox.file_host.content(f"/{order.id}/1/gla.json").decode()
    assert str(areas(order.id)[0]) in told
