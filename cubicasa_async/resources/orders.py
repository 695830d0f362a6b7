"""Operations on orders."""

from __future__ import annotations

from collections.abc import Awaitable, Iterable, Mapping
from contextlib import aclosing
from typing import TypedDict, Unpack

import attrs

from cubicasa_async.config import RequestOptions
from cubicasa_async.core import checks, codec, wire
from cubicasa_async.core.endpoint import Effect, Endpoint, Evidence
from cubicasa_async.core.paging import Pager
from cubicasa_async.core.values import Unset
from cubicasa_async.errors import (
    FieldError,
    InvalidInputError,
    Undecodable,
    UndecodableItemsError,
)
from cubicasa_async.resources.base import Resource
from cubicasa_async.resources.order import AddOn, Order, OrderStatus, PackageType
from cubicasa_async.resources.properties import (
    OrderPreferences,
    PropertyFields,
    PropertyRequest,
)
from cubicasa_async.resources.waiting import Wait, Waker
from cubicasa_async.resources.walks import walk_all


@attrs.frozen(kw_only=True)
class Upgrade:
    """The body of an upgrade (documented).

    Attributes:
        package_type: The package to change to; None keeps the present one.
        add_ons: What is to be delivered besides.
    """

    package_type: str | Unset | None = checks.optional(checks.text)
    add_ons: tuple[str, ...] | Unset | None = checks.optional(checks.texts)


@attrs.frozen(kw_only=True)
class Redelivery:
    """The body of a re-delivery (inferred).

    Attributes:
        order_preferences: How the plans are to look.
    """

    order_preferences: OrderPreferences = checks.nested(OrderPreferences, needed=True)


@attrs.frozen(kw_only=True)
class RedrawRequest(PropertyRequest):
    """The body of a redraw order (required fields observed).

    Attributes:
        source: URLs of the plans to draw from (that it is a list of URLs is inferred).
        owner_email: E-mail address of the user it belongs to.
    """

    source: tuple[str, ...] = checks.required(checks.some_texts)
    owner_email: str | Unset | None = checks.optional(checks.email)


class _OptionalRedrawFields(TypedDict, total=False):
    owner_email: str | None


class RedrawFields(PropertyFields, _OptionalRedrawFields):
    """Keyword arguments of a redraw, as RedrawRequest describes them."""

    source: Iterable[str]


@attrs.frozen(kw_only=True)
class CombinedPdf:
    """All plans of an order in one PDF; which of the two is answered is inferred.

    Attributes:
        content: The PDF itself, if the answer was one.
        url: Where it can be fetched, without the api key, if the answer named a URL.
    """

    content: bytes | None = attrs.field(default=None, repr=False)
    url: str | None = None


LIST = Endpoint(
    operation="orders.list",
    method="GET",
    path="/orders",
    response=Order,
    effect=Effect.READ,
    evidence=Evidence.DOCUMENTED,
)
GET = Endpoint(
    operation="orders.get",
    method="GET",
    path="/orders/{order_id}",
    response=Order,
    effect=Effect.READ,
    evidence=Evidence.DOCUMENTED,
)
UPGRADE = Endpoint(
    operation="orders.upgrade",
    method="POST",
    path="/orders/{order_id}/post-purchase",
    request=Upgrade,
    response=Order,
    effect=Effect.PURCHASE,
    evidence=Evidence.DOCUMENTED,
)
REDELIVER = Endpoint(
    operation="orders.redeliver",
    method="POST",
    path="/orders/{order_id}/redeliver",
    request=Redelivery,
    response=Order,
    effect=Effect.CREATE,
    evidence=Evidence.INFERRED,
)
COMBINED_PDF = Endpoint(
    operation="orders.combined_pdf",
    method="GET",
    path="/orders/{order_id}/combined-pdf",
    response=CombinedPdf,
    effect=Effect.READ,
    evidence=Evidence.OBSERVED,
)
CREATE_REDRAW = Endpoint(
    operation="orders.create_redraw",
    method="POST",
    path="/orders",
    request=RedrawRequest,
    response=Order,
    effect=Effect.PURCHASE,
    evidence=Evidence.OBSERVED,
)


class Orders(Resource):
    """Reading orders, and buying more for them."""

    def list(
        self,
        *,
        status: OrderStatus | str | Iterable[OrderStatus | str] | None = None,
        limit: int | None = None,
        cursor: str | None = None,
        strict: bool = False,
        window: int = 1,
        options: RequestOptions | None = None,
    ) -> Pager[Order]:
        """List orders, newest first (documented). Rows have no `delivery_assets` (observed).

        Args:
            status: Only orders in this status, or in one of these.
            limit: Records per page; the client's page_size by default.
            cursor: Where to start, from another pager's `cursor` or an error's.
            strict: Fail at the first row that cannot be read, not after all others.
            window: How many pages may be under way at once. The proof that nothing is skipped
                stays the same; a page that was fetched too early is fetched again.
            options: Settings of each page's call.

        Returns:
            A pager: await it for one page, or iterate over all orders.

        Raises:
            InvalidInputError: A status, the limit, the cursor or the window is not valid. Nothing
                was sent.
        """
        return self._list(
            LIST,
            options,
            query=[("status", value) for value in _statuses(status)],
            limit=limit,
            cursor=cursor,
            strict=strict,
            window=window,
        )

    async def get(self, order_id: str, *, options: RequestOptions | None = None) -> Order:
        """Get one order with its files (documented).

        Raises:
            NotFoundError: There is no such order (REFUSED).
            CubiCasaError: The call failed; see `outcome`.
        """
        return await self._call(GET, options, ids={"order_id": order_id})

    async def find_by_external_id(
        self, external_id: str, *, options: RequestOptions | None = None
    ) -> tuple[Order, ...]:
        """Find all orders with an external_id, newest first, with proof that none is missed.

        The server is not known to search, so all orders are listed: `bulk.mirror_orders` keeps a
        copy that can be asked at once. Nothing says that the server keeps an external_id unique.
        The orders are rows of the list, without `delivery_assets` (observed).

        Args:
            external_id: Your own identifier.
            options: Settings of each page's call.

        Returns:
            All of them; none, one or several.

        Raises:
            InvalidInputError: The external_id is empty. Nothing was sent.
            GapError: The list moved too fast for a proof, three times.
            UndecodableItemsError: An entry could not be read that may be one of them.
            CubiCasaError: A call failed; see `outcome`.
        """
        if not external_id:
            fault = FieldError("external_id", "must be text and not empty")
            raise InvalidInputError("The orders were not asked for.", [fault])
        found: dict[str, Order] = {}
        pages = walk_all(lambda status: self.list(status=status, options=options))
        async with aclosing(pages):
            async for page in pages:
                for entry in page.undecodable:
                    _check_is_another(entry, external_id)
                for order in page.items:
                    if order.external_id == external_id:
                        found[order.id] = order
                    else:  # it may have been another before
                        found.pop(order.id, None)
        return tuple(sorted(found.values(), key=_age))

    async def wait_until(
        self,
        order_id: str,
        status: OrderStatus | str | Iterable[OrderStatus | str] = OrderStatus.READY,
        *,
        deadline: float = 86_400.0,
        first_gap: float = 15.0,
        longest_gap: float = 600.0,
        waker: Waker | None = None,
        options: RequestOptions | None = None,
    ) -> Order:
        """Wait until an order stands where it should, for hours if need be.

        The order is read again and again, in gaps that grow and vary by chance. A read that fails
        for the moment does not end the wait. An order that stands there already is given at once.

        Args:
            order_id: The order's identifier.
            status: Where it is to stand, or several of which one will do.
            deadline: Seconds after which to give up; a day by default. The last look is taken just
                before, and 0 is for one look.
            first_gap: Seconds between the first two looks at most; each further gap is half as
                long again.
            longest_gap: Seconds between two looks at most.
            waker: Tells of changes, so that the order is read at once, as OrderSignals of
                `cubicasa_async.delivery.waits` does; at most every 2 seconds.
            options: Settings of each read.

        Raises:
            WaitTimeoutError: It did not get there in time; says what was last seen.
            NotFoundError: There is no such order, or none any more; says what was last seen.
            InvalidInputError: An argument is not valid. Nothing was sent.
            CubiCasaError: The order cannot be read, and looking again would not help.
        """
        wait = Wait(
            order_id=checks.check_id(order_id, "order_id"),
            statuses=status,
            deadline=deadline,
            first_gap=first_gap,
            longest_gap=longest_gap,
            waker=waker,
            runtime=self.transport.runtime,
        )
        complete = options.over(self.options) if options else self.options

        def look(left: float) -> Awaitable[Order]:
            bound = min(left, complete.deadline or left)
            return self.get(order_id, options=attrs.evolve(complete, deadline=bound))

        return await wait.until_there(look)

    async def upgrade(
        self,
        order_id: str,
        *,
        package_type: PackageType | str | None = None,
        add_ons: Iterable[AddOn | str] = (),
        options: RequestOptions | None = None,
    ) -> Order:
        """Buy another package or add-ons for a delivered order (documented). It costs money.

        Once sent it is never repeated, whatever comes back: if its outcome is UNKNOWN, look at
        the order's `info.product` before calling again.

        Args:
            order_id: The order's identifier.
            package_type: The package to change to; None keeps the present one.
            add_ons: What to buy besides; `info.product.purchasable_add_ons` tells what there is.
            options: Settings of this call.

        Raises:
            InvalidInputError: Nothing is asked for, or a value is wrong. Nothing was sent.
            CubiCasaError: The call failed; see `outcome`.
        """
        body = checks.build(
            Upgrade, {"package_type": package_type, "add_ons": add_ons}, what="The upgrade"
        )
        if body.package_type is None and not body.add_ons:
            fault = FieldError("add_ons", "name a package_type or at least one add-on")
            raise InvalidInputError("The upgrade was not sent: it asks for nothing.", [fault])
        return await self._call(UPGRADE, options, ids={"order_id": order_id}, body=body)

    async def redeliver(
        self,
        order_id: str,
        *,
        order_preferences: OrderPreferences | Mapping[str, object],
        options: RequestOptions | None = None,
    ) -> Order:
        """Have an order delivered again in another style (method documented, the rest inferred).

        Args:
            order_id: The order's identifier.
            order_preferences: How the plans are to look.
            options: Settings of this call.

        Raises:
            InvalidInputError: A preference is wrong. Nothing was sent.
            CubiCasaError: The call failed; see `outcome`.
        """
        given = {"order_preferences": order_preferences}
        body = checks.build(Redelivery, given, what="The re-delivery")
        return await self._call(REDELIVER, options, ids={"order_id": order_id}, body=body)

    async def combined_pdf(
        self, order_id: str, *, options: RequestOptions | None = None
    ) -> CombinedPdf:
        """Get all plans of an order in one PDF (path observed, both shapes of answer inferred).

        Raises:
            DecodeError: The answer is neither a PDF nor JSON that names one.
            CubiCasaError: The call failed; see `outcome`.
        """
        return await self._call(
            COMBINED_PDF, options, ids={"order_id": order_id}, read=_read_combined_pdf
        )

    async def create_redraw(
        self, *, options: RequestOptions | None = None, **fields: Unpack[RedrawFields]
    ) -> Order:
        """Order a drawing from existing plans (observed, method documented). It costs money.

        Once sent it is never repeated, whatever comes back: if its outcome is UNKNOWN, look at
        your orders before calling again.

        Args:
            options: Settings of this call.
            **fields: `street`, `city`, `country` and `source`; optionally `owner_email` and the
                others of PropertyRequest. See RedrawRequest.

        Raises:
            InvalidInputError: Fields are missing, unknown or wrong. Nothing was sent.
            BadRequestError: The server refused them (REFUSED); see `field_errors`.
            CubiCasaError: The call failed; see `outcome`.
        """
        body = checks.build(RedrawRequest, fields, what="The redraw order")
        return await self._call(CREATE_REDRAW, options, body=body)


def _read_combined_pdf(endpoint: Endpoint[CombinedPdf], answer: wire.Answer) -> CombinedPdf:
    if 200 <= answer.status <= 299 and answer.body.lstrip()[:5] == b"%PDF-":
        if not answer.is_measured and b"%%EOF" not in answer.body[-1024:]:
            problem = FieldError("$", "the PDF ends too early")
            raise wire.unexpected(endpoint, answer, (problem,), incomplete=True)
        return CombinedPdf(content=answer.body)
    named = codec.as_mapping(wire.read_value(endpoint, answer))
    for key in ("url", "download_url", "pdf_url"):
        if isinstance(url := named.get(key), str) and url:
            return CombinedPdf(url=url)
    problem = FieldError("$", "expected a PDF, or JSON with url, download_url or pdf_url")
    raise wire.unexpected(endpoint, answer, (problem,))


def _check_is_another(entry: Undecodable, external_id: str) -> None:
    info = codec.as_mapping(entry.raw).get("info")
    named = codec.as_mapping(info).get("external_id")
    has_another = isinstance(info, dict) and (named is None or isinstance(named, str))
    if named == external_id or not has_another:
        message = "An entry of the list could not be read. It may be one of those looked for."
        raise UndecodableItemsError(message, [entry], 1)


def _age(order: Order) -> float:
    made = order.info.created_at if order.info else None
    return -made.timestamp() if made else 0.0


def _statuses(
    status: OrderStatus | str | Iterable[OrderStatus | str] | None,
) -> tuple[str, ...]:
    if status is None:
        return ()
    try:
        found = checks.some_texts([status] if isinstance(status, str) else status)
    except ValueError as exc:
        message = "The list was not asked for: its filter is not valid."
        raise InvalidInputError(message, [FieldError("status", str(exc))]) from None
    return tuple(str(value) for value in found)
