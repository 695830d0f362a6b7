"""Draft orders: a property waiting for its photographer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypedDict, Unpack

import attrs

from cubicasa_async.config import RequestOptions
from cubicasa_async.core import checks
from cubicasa_async.core.endpoint import Effect, Endpoint, Evidence
from cubicasa_async.core.values import Unset
from cubicasa_async.resources.base import Resource
from cubicasa_async.resources.orders import Order


@attrs.frozen(kw_only=True)
class Video:
    """Style of the 3D video (documented)."""

    speed: str | Unset | None = checks.optional(checks.text)
    layout: str | Unset | None = checks.optional(checks.text)


@attrs.frozen(kw_only=True)
class Style2D:
    """Style of the 2D plans (documented)."""

    style_template_id: str | Unset | None = checks.optional(checks.text)
    add_info: str | Unset | None = checks.optional(checks.text)


@attrs.frozen(kw_only=True)
class Style3D:
    """Style of the 3D plans (documented)."""

    video: Video | Unset | None = checks.nested(Video)
    furniture_set: str | Unset | None = checks.optional(checks.text)
    include_basement: bool | Unset | None = checks.optional(checks.boolean)
    add_info: str | Unset | None = checks.optional(checks.text)


@attrs.frozen(kw_only=True)
class OrderPreferences:
    """How the plans of one order are to look (documented)."""

    style_2d: Style2D | Unset | None = checks.nested(Style2D)
    style_3d: Style3D | Unset | None = checks.nested(Style3D)


@attrs.frozen(kw_only=True)
class DraftRequest:
    """The body of a draft order (documented).

    Attributes:
        street: Street with house number.
        city: City.
        country: Country.
        owner_email: E-mail address of the user who is to scan.
        suite: Unit within the building.
        state: State or region.
        postal_code: Postal code, as text.
        info: A note for the scan.
        latitude: Degrees north, -90 to 90; the mobile app lists the nearest drafts by it.
        longitude: Degrees east, -180 to 180.
        external_id: Your own identifier. Nothing says that the server keeps it unique.
        package_type: What is to be delivered.
        add_ons: What is to be delivered besides.
        order_preferences: How the plans are to look.
    """

    street: str = checks.required(checks.text)
    city: str = checks.required(checks.text)
    country: str = checks.required(checks.text)
    owner_email: str = checks.required(checks.email)
    suite: str | Unset | None = checks.optional(checks.text)
    state: str | Unset | None = checks.optional(checks.text)
    postal_code: str | Unset | None = checks.optional(checks.text, wire="postalCode")
    info: str | Unset | None = checks.optional(checks.text)
    latitude: float | Unset | None = checks.optional(checks.between(-90, 90))
    longitude: float | Unset | None = checks.optional(checks.between(-180, 180))
    external_id: str | Unset | None = checks.optional(checks.text)
    package_type: str | Unset | None = checks.optional(checks.text)
    add_ons: tuple[str, ...] | Unset | None = checks.optional(checks.texts)
    order_preferences: OrderPreferences | Unset | None = checks.nested(OrderPreferences)


class OptionalDraftFields(TypedDict, total=False):
    """Fields of a draft that may be left out; None is sent as null."""

    suite: str | None
    state: str | None
    postal_code: str | None
    info: str | None
    latitude: float | None
    longitude: float | None
    external_id: str | None
    package_type: str | None
    add_ons: Iterable[str] | None
    order_preferences: OrderPreferences | Mapping[str, object] | None


class DraftFields(OptionalDraftFields):
    """Keyword arguments of a draft, as DraftRequest describes them."""

    street: str
    city: str
    country: str
    owner_email: str


CREATE = Endpoint(
    operation="drafts.create",
    method="POST",
    path="/orders/draft",
    request=DraftRequest,
    response=Order,
    effect=Effect.CREATE,
    evidence=Evidence.OBSERVED,
)
UPDATE = Endpoint(
    operation="drafts.update",
    method="PATCH",
    path="/orders/draft/{order_id}",
    request=DraftRequest,
    response=Order,
    effect=Effect.REPLACE,
    evidence=Evidence.DOCUMENTED,
)


class Drafts(Resource):
    """Making and changing draft orders."""

    async def create(
        self, *, options: RequestOptions | None = None, **fields: Unpack[DraftFields]
    ) -> Order:
        """Create a draft order (path observed, method and fields documented).

        A call whose outcome is UNKNOWN is never repeated here, as a repeat could make a second
        draft: look for the `external_id` among the orders first, or use `bulk.import_drafts`,
        which does.

        Args:
            options: Settings of this call.
            **fields: `street`, `city`, `country` and `owner_email`; optionally `suite`, `state`,
                `postal_code`, `info`, `latitude`, `longitude`, `external_id`, `package_type`,
                `add_ons` and `order_preferences`. See DraftRequest.

        Raises:
            InvalidInputError: Fields are missing, unknown or wrong. Nothing was sent.
            BadRequestError: The server refused them (REFUSED); see `field_errors`.
            CubiCasaError: The call failed; see `outcome`.
        """
        draft = checks.build(DraftRequest, fields, what="The draft order")
        return await self.send(draft, options=options)

    async def send(self, draft: DraftRequest, *, options: RequestOptions | None = None) -> Order:
        """Create a draft order from a request that was built and checked before.

        Raises:
            CubiCasaError: As for `create`.
        """
        return await self._call(CREATE, options, body=draft)

    async def update(
        self,
        order_id: str,
        *,
        options: RequestOptions | None = None,
        **fields: Unpack[DraftFields],
    ) -> Order:
        """Change a draft order (documented).

        `street`, `city`, `country` and `owner_email` must be given here too (documented). Whether
        an optional field that is left out is kept or cleared is not known.

        Args:
            order_id: The draft's identifier.
            options: Settings of this call.
            **fields: As for `create`.

        Raises:
            InvalidInputError: Fields are missing, unknown or wrong. Nothing was sent.
            NotFoundError: There is no such draft (REFUSED).
            CubiCasaError: The call failed; see `outcome`.
        """
        draft = checks.build(DraftRequest, fields, what="The draft order")
        return await self._call(UPDATE, options, ids={"order_id": order_id}, body=draft)
