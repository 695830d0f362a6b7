"""The page with plots: it loads nothing, says in tables what it shows, and is written whole."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree as ET

import attrs
import pytest

from cubicasa_async.bulk import Mirror
from cubicasa_async.bulk.stats import Stats, StuckDraft, page, read_stats, write_page
from cubicasa_async.bulk.stats.style import DARK, LIGHT
from cubicasa_async.errors import StoreError
from tests.support.turnaround import AS_OF, HOUR, PASTS, Past, fill

HOSTILE = '"><script src=//evil.example></script>&lt;'
_VOID = {"meta", "br"}


@pytest.fixture
async def stats(tmp_path: Path) -> Stats:
    pasts = [
        *PASTS,
        Past("odd", HOSTILE, AS_OF),
        Past("odd-draft", "Draft", AS_OF - 999 * HOUR, more={"full_address": HOSTILE}),
    ]
    async with Mirror(await fill(str(tmp_path / "mirror.db"), pasts)) as mirror:
        return await read_stats(mirror)


class Reader(HTMLParser):
    """Reads a page as a browser does, and notes what is in it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def loads(text: str) -> list[str]:
    """What a page would load from elsewhere, or run."""
    found: list[str] = []
    for tag, given in Reader(text).tags:
        wanted = {"src", "href", "xlink:href", "data", "action", "srcset"} & given.keys()
        found += [f"{tag} {name}" for name in wanted]
        found += [f"{tag} {name}" for name in given if name.startswith("on")]
        found += [tag] if tag in {"script", "link", "iframe", "object", "img"} else []
    return found + re.findall(r"url\(|@import", text)


async def test_it_loads_nothing_and_runs_nothing_whatever_an_order_says(stats: Stats) -> None:
    text = page(stats)
    reader = Reader(text)
    assert reader.open == []
    assert loads(text) == []
    assert HOSTILE in "".join(reader.text), "it is shown as the text that it is"
    policies = [given["content"] for _, given in reader.tags if "http-equiv" in given]
    assert policies == ["default-src 'none'; style-src 'unsafe-inline'"]


def test_control_a_page_that_loads_something_is_seen() -> None:
    assert loads(f"<p>{HOSTILE}</p><i style='x:url(a)'></i>") == ["script src", "script", "url("]


def plots(text: str) -> list[ET.Element]:
    found = map(ET.fromstring, re.findall(r"<svg .*?</svg>", text, re.DOTALL))
    return [svg for svg in found if svg.get("role") == "img"]


async def test_each_plot_has_a_title_a_description_and_a_table_beside_it(stats: Stats) -> None:
    text = page(stats)
    drawn = plots(text)
    assert len(drawn) == 6
    ids = re.findall(r'\bid="([^"]+)"', text)
    assert len(ids) == len(set(ids))
    for svg in drawn:
        by_id = {part.get("id"): part.text for part in svg if part.get("id")}
        assert all(by_id[name] for name in svg.get("aria-labelledby", "").split())
    for section in text.split("<section")[1:]:
        assert section.count('role="img"') <= section.count("<table>")
    tags = Reader(text).tags
    assert ("html", {"lang": "en-GB"}) in tags
    assert all(given.get("scope") == "col" for tag, given in tags if tag == "th")


async def test_plots_show_what_the_tables_say(stats: Stats) -> None:
    for name, said in (("fixes", ["2", "7"]), ("delivery", ["2", "1", "1", "1"])):
        [svg] = [one for one in plots(page(stats)) if name in one.get("aria-labelledby", "")]
        assert [part.text for part in svg if part.get("text-anchor") == "start"] == said
        widths = [float(part.get("width", "")) for part in svg if part.tag == "rect"]
        most = max(map(int, said))
        assert widths == pytest.approx([max(widths) * int(n) / most for n in said], abs=0.1)
    [weeks] = [svg for svg in plots(page(stats)) if "weeks" in svg.get("aria-labelledby", "")]
    told = [part[0].text for part in weeks if part.tag == "rect"]
    assert told[-7:] == [
        *("2026-03-02, Fixing: 1", "2026-03-02, Ready: 4", "2026-03-02, (vanished): 1"),
        *("2026-03-09, Draft: 1", "2026-03-09, Ready: 1", f"2026-03-09, {HOSTILE}: 1"),
        "2026-03-09, (not said): 1",
    ]


async def test_the_figures_and_their_grade_are_in_it(stats: Stats) -> None:
    text = " ".join(Reader(page(stats)).text)
    for said in (
        "As of the run that ended at 2026-03-11 12:00 UTC.",
        "Times are UTC, and weeks begin on Monday.",
        "Of 5 orders, half took 20 h at most, and nine tenths took 2.1 days at most.",
        "Not counted: 1 delivered order whose first_delivered_at lies before created_at.",
        "2 of 9 delivered orders (22.2%).",
        "that nothing else leads to it is inferred",
        "1 draft in 1 pair.",
        "The details of 1 order could not be read",
    ):
        assert said in text


def test_an_empty_mirror_makes_a_page_that_says_so() -> None:
    for stats, said in (
        (Stats(stuck_after=HOUR), "no run was made yet"),
        (Stats(stuck_after=HOUR, as_of=AS_OF, complete=True), "The mirror holds no orders."),
        (Stats(stuck_after=HOUR, as_of=AS_OF, since=AS_OF), "There are no such orders."),
    ):
        text = page(stats)
        assert said in text
        assert plots(text) == []


def brightness(colour: str) -> float:
    """Relative luminance, as the accessibility guidelines define it."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted((brightness(one), brightness(other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["day", "night"])
def test_colours_stand_out(colours: dict[str, str]) -> None:
    assert contrast("#ffffff", "#000000") == pytest.approx(21)
    for name, colour in colours.items():
        if name not in {"ground", "line"}:
            least = 4.5 if name in {"text", "quiet"} else 3.0
            assert contrast(colour, colours["ground"]) >= least, name


async def test_it_takes_its_place_only_when_it_is_whole(stats: Stats, tmp_path: Path) -> None:
    place = tmp_path / "out" / "page.html"
    with pytest.raises(StoreError, match="cannot be written: No such file or directory"):
        write_page(place, stats)
    place.parent.mkdir()
    write_page(place, stats)
    before = place.read_text(encoding="utf-8")
    assert before == page(stats)
    broken = StuckDraft(
        order_id="1", external_id=None, address="\ud800", since=AS_OF, age=HOUR, at_least=False
    )
    with pytest.raises(StoreError, match="cannot be written"):
        write_page(place, attrs.evolve(stats, stuck_drafts=(broken,)))
    assert place.read_text(encoding="utf-8") == before
    with pytest.raises(StoreError, match="cannot be written"):
        write_page(place.parent, stats)
    assert list(place.parent.iterdir()) == [place]
    assert [path.name for path in tmp_path.iterdir() if path.name.endswith(".part")] == []
