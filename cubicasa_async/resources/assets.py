"""What was delivered: files by product, each list one file per floor (keys observed).

The files lie on other hosts, are fetched without the api key, and their URLs may expire.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Annotated, Any, Final, cast
from urllib.parse import urlsplit

import attrs

from cubicasa_async.core.file_names import safe_name
from cubicasa_async.core.models import AlsoNamed, Sparse, model


@model(kw_only=True)
class ListingFloorplans(Sparse):
    """2D plans; `_dim` means with dimensions drawn (observed)."""

    jpg_urls: tuple[str, ...] = ()
    jpg_urls_dim: tuple[str, ...] = ()
    png_urls: tuple[str, ...] = ()
    svg_urls: tuple[str, ...] = ()
    pdf_urls: tuple[str, ...] = ()
    pdf_urls_dim: tuple[str, ...] = ()
    zip_urls: tuple[str, ...] = ()
    zip_urls_dim: tuple[str, ...] = ()


@model(kw_only=True)
class HomeReport(Sparse):
    """The home report (observed)."""

    pdf_urls: tuple[str, ...] = ()


@model(kw_only=True)
class GlaPackage(Sparse):
    """Gross living area, as PDF and JSON (observed; the names of its keys are inferred)."""

    pdf_urls: tuple[str, ...] = ()
    json_urls: tuple[str, ...] = ()


@model(kw_only=True)
class Snapshot(Sparse):
    """The snapshot (observed)."""

    image_urls: tuple[str, ...] = ()
    pdf_urls: tuple[str, ...] = ()


@model(kw_only=True)
class PropertyData(Sparse):
    """Data of the property (observed)."""

    json_urls: tuple[str, ...] = ()


@model(kw_only=True)
class Tour(Sparse):
    """The tour (observed)."""

    link: str | None = None
    mls_compliance_link: str | None = None
    type: str | None = None


@model(kw_only=True)
class DeliveryAssets(Sparse):
    """Files by product (observed). A product that came as any kind of nothing is None.

    A product of another shape than expected is found in `extra`, as it came. `floorplans_3d`,
    `video_3d` and `cad_files` are of unknown shape.
    """

    listing_floorplans: ListingFloorplans | None = None
    home_report: Annotated[HomeReport | None, AlsoNamed("homereport")] = None
    gla_package: GlaPackage | None = None
    snapshot: Snapshot | None = None
    property_data: PropertyData | None = None
    tour: Tour | None = None
    floorplans_3d: Any = None
    video_3d: Any = None
    cad_files: Any = None


@attrs.frozen(kw_only=True)
class Asset:
    """One delivered file, or a page to look at.

    Attributes:
        product: The product it belongs to, as the answer calls it, such as `listing_floorplans`;
            `delivery_assets` if the answer has no products.
        format: What it is, such as "jpg" or "pdf": by its key, else by the end of its URL;
            "link" if its key calls it one and its URL does not end as that of a file;
            None if neither tells.
        floor: Its place in its list, from 1, if it stands in one. That a list has one file per
            floor is observed; which floor is which is not known.
        dimensioned: Whether it has dimensions drawn (observed).
        url: Where it can be fetched, without the api key, as the answer has it. It may expire, and
            it may hold a signature, so it is not shown.
        place: Where it stands in `delivery_assets`, such as `listing_floorplans.jpg_urls[0]`.
        name: A file name for it: the same for the same place and format, whatever else is in the
            URL, different from all others of the order, and fit for every system. Where no key
            tells the format, its extension changes with that of the URL.
    """

    product: str
    format: str | None
    floor: int | None
    dimensioned: bool
    url: str = attrs.field(repr=False)
    place: str
    name: str

    @property
    def is_page(self) -> bool:
        """Whether it is a page to look at and not a file, as the tour is (observed)."""
        return self.format == "link"


# A text that is a URL as a whole, also one that cannot be used: nothing is left out in silence.
_URL: Final = re.compile(
    r"([a-z][a-z0-9+.-]*://\S|//(?=[^\s/?#]+/))[^\s/?#]*([/?#].*)?", re.IGNORECASE | re.DOTALL
)
_URL_KEY: Final = re.compile(r"(.*?)_?urls?(_dim)?", re.IGNORECASE)
_PAGE_KEY: Final = re.compile(r"(.*_)?links?", re.IGNORECASE)
_ENDING: Final = re.compile(r"\.([a-z0-9]{1,5})", re.IGNORECASE)
_FORMATS: Final = frozenset(
    "jpg jpeg png svg pdf zip json gif webp tif tiff heic bmp dxf dwg ifc rvt skp obj mtl fbx stl "  # noqa: SIM905 # a list of words
    "glb gltf usdz ply e57 mp4 mov webm avi csv txt xml xlsx docx html".split()
)
_PAGES: Final = frozenset({None, "html"})
_Place = tuple[str | int, ...]


def list_assets(products: Any) -> tuple[Asset, ...]:
    """All that was delivered, in the order of the answer; nothing in any form yields nothing.

    Args:
        products: Files by product, as plain objects. What is of unknown shape yields every URL
            that stands anywhere inside.
    """
    found: list[Asset] = []
    taken: set[str] = set()
    for place, url in _urls(products):
        asset = _asset(place, url)
        if asset.name in taken:
            stem, dot, ending = asset.name.rpartition(".")
            digest = hashlib.sha256(asset.place.encode("utf-8", "surrogatepass")).hexdigest()[:8]
            apart = f"{stem}-{digest}{dot}{ending}" if stem else f"{asset.name}-{digest}"
            asset = attrs.evolve(asset, name=apart)
        taken.add(asset.name)
        found.append(asset)
    return tuple(found)


def _urls(value: Any) -> Iterator[tuple[_Place, str]]:
    """Every text that is a URL, with the way to it."""
    waiting: list[tuple[_Place, Any]] = [((), value)]  # a list: nesting may be deep
    while waiting:
        place, inner = waiting.pop()
        if isinstance(inner, str):
            if place and _URL.fullmatch(inner.strip()):
                yield place, inner.strip()
        elif isinstance(inner, dict):
            items = cast("dict[str, Any]", inner).items()
            waiting.extend(((*place, key), part) for key, part in reversed(items))
        elif isinstance(inner, (list, tuple)):
            parts = list(enumerate(cast("list[Any]", inner)))
            waiting.extend(((*place, number), part) for number, part in reversed(parts))


def _asset(place: _Place, url: str) -> Asset:
    words: list[str] = []
    kind: str | None = None
    ending = _by_ending(url)
    dimensioned = False
    for step in place[1:]:
        if isinstance(step, int):
            words.append(str(step + 1))
            continue
        matched = _URL_KEY.fullmatch(step)
        word = matched[1] if matched else step
        dimensioned = dimensioned or bool(matched and matched[2])
        if _PAGE_KEY.fullmatch(step):
            kind = "link" if ending in _PAGES else ending
        elif matched and word.lower() in _FORMATS:
            kind = word.lower()
            continue
        if word:
            words.append(word)
    kind = kind or ending
    named = "-".join([str(place[0]), *words, *(["dim"] if dimensioned else [])])
    return Asset(
        product=str(place[0]),
        format=kind,
        floor=place[-1] + 1 if isinstance(place[-1], int) else None,
        dimensioned=dimensioned,
        url=url,
        place=_written(place),
        name=safe_name(named, None if kind == "link" else kind),
    )


def _by_ending(url: str) -> str | None:
    try:
        ending = _ENDING.fullmatch(PurePosixPath(urlsplit(url).path).suffix)
    except ValueError:  # brackets that hold no address
        return None
    return ending[1].lower() if ending and ending[1].lower() in _FORMATS else None


def _written(place: _Place) -> str:
    first, *others = place
    return str(first) + "".join(f"[{s}]" if isinstance(s, int) else f".{s}" for s in others)
