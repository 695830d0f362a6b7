"""What was delivered: files by product, each list one file per floor (keys observed).

The files lie on other hosts, are fetched without the api key, and their URLs may expire.
"""

from __future__ import annotations

from typing import Any

import attrs

from cubicasa_async.core.values import Sparse, also_named


@attrs.frozen(kw_only=True)
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


@attrs.frozen(kw_only=True)
class HomeReport(Sparse):
    """The home report (observed)."""

    pdf_urls: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class GlaPackage(Sparse):
    """Gross living area, as PDF and JSON (observed; the names of its keys are inferred)."""

    pdf_urls: tuple[str, ...] = ()
    json_urls: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class Snapshot(Sparse):
    """The snapshot (observed)."""

    image_urls: tuple[str, ...] = ()
    pdf_urls: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class PropertyData(Sparse):
    """Data of the property (observed)."""

    json_urls: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class Tour(Sparse):
    """The tour (observed)."""

    link: str | None = None
    mls_compliance_link: str | None = None
    type: str | None = None


@attrs.frozen(kw_only=True)
class DeliveryAssets(Sparse):
    """Files by product (observed). A product that came as any kind of nothing is None.

    A product of another shape than expected is found in `extra`, as it came. `floorplans_3d`,
    `video_3d` and `cad_files` are of unknown shape.
    """

    listing_floorplans: ListingFloorplans | None = None
    home_report: HomeReport | None = attrs.field(default=None, metadata=also_named("homereport"))
    gla_package: GlaPackage | None = None
    snapshot: Snapshot | None = None
    property_data: PropertyData | None = None
    tour: Tour | None = None
    floorplans_3d: Any = None
    video_3d: Any = None
    cad_files: Any = None
