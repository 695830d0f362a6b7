"""Operations of the synchronous client, one class per resource.

Generated from the async classes by `python cubicasa_async/sync/_generate.py`; not edited by hand.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar, Unpack, overload

from cubicasa_async.client import AsyncCubiCasa
from cubicasa_async.config import RequestOptions
from cubicasa_async.core.endpoint import Effect
from cubicasa_async.core.wire import Response
from cubicasa_async.resources import (
    change_requests,
    company,
    drafts,
    gotoscan,
    offices,
    orders,
    users,
    webhooks,
)
from cubicasa_async.resources.base import Message
from cubicasa_async.resources.change_requests import (
    ChangeRequest,
    ChangeRequestFields,
    ChangeRequestReceipt,
)
from cubicasa_async.resources.company import Company, CompanyPackage, MergeRequestFields
from cubicasa_async.resources.drafts import DraftFields, DraftRequest
from cubicasa_async.resources.gotoscan import GoToScanFields
from cubicasa_async.resources.offices import Office
from cubicasa_async.resources.order import AddOn, Order, OrderStatus, PackageType
from cubicasa_async.resources.orders import CombinedPdf, RedrawFields
from cubicasa_async.resources.properties import OrderPreferences
from cubicasa_async.resources.users import NewUser, User, UserFields, UserUpdateFields
from cubicasa_async.resources.waiting import Waker
from cubicasa_async.resources.webhooks import Webhooks, WebhookTrigger
from cubicasa_async.sync.base import Twin
from cubicasa_async.sync.paging import SyncPager
from cubicasa_async.sync.portal import Portal

T = TypeVar("T")


class Companies(Twin[company.Companies]):
    """The company that the api key belongs to."""

    def info(self, *, options: RequestOptions | None = None) -> Company:
        """Get the company's profile (observed).

        Raises:
            CubiCasaError: The call failed; see `outcome`.
        """
        return self.portal.run(self.asynchronous.info(options=options))

    def package(self, *, options: RequestOptions | None = None) -> CompanyPackage:
        """Get the company's package (path and answer inferred).

        Raises:
            CubiCasaError: The call failed; see `outcome`.
        """
        return self.portal.run(self.asynchronous.package(options=options))

    def send_merge_request(
        self, *, options: RequestOptions | None = None, **fields: Unpack[MergeRequestFields]
    ) -> Message:
        """Ask another company to merge with this one (path and body inferred).

        A call whose outcome is UNKNOWN is not repeated, as a repeat could ask twice.

        Args:
            options: Settings of this call; `extra_body` adds fields that are not known here.
            **fields: `email`, `message`. See MergeRequest.

        Raises:
            InvalidInputError: A field is unknown or wrong. Nothing was sent.
            CubiCasaError: The call failed; see `outcome`.
        """
        return self.portal.run(self.asynchronous.send_merge_request(options=options, **fields))


class Offices(Twin[offices.Offices]):
    """The company's offices."""

    def list(
        self,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        strict: bool = False,
        options: RequestOptions | None = None,
    ) -> SyncPager[Office]:
        """List the offices (path and rows inferred).

        Args:
            limit: Records per page; the client's page_size by default.
            cursor: Where to start, from another pager's `cursor` or an error's.
            strict: Fail at the first row that cannot be read, not after all others.
            options: Settings of each page's call.

        Returns:
            A pager: ask it for one `page()`, or iterate over all.

        Raises:
            InvalidInputError: An argument is not valid. Nothing was sent.
        """
        return SyncPager(
            self.portal,
            self.asynchronous.list(limit=limit, cursor=cursor, strict=strict, options=options),
        )

    def create(self, *, name: str, options: RequestOptions | None = None) -> Office:
        """Add an office (path and body inferred).

        A call whose outcome is UNKNOWN is not repeated, as a repeat could make a second one.

        Args:
            name: Its name.
            options: Settings of this call; `extra_body` adds fields that are not known here.

        Raises:
            InvalidInputError: The name is blank. Nothing was sent.
            CubiCasaError: The call failed; see `outcome`.
        """
        return self.portal.run(self.asynchronous.create(name=name, options=options))


class Users(Twin[users.Users]):
    """The people of the company."""

    def list(
        self,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        strict: bool = False,
        options: RequestOptions | None = None,
    ) -> SyncPager[User]:
        """List the users (documented).

        Args:
            limit: Records per page; the client's page_size by default.
            cursor: Where to start, from another pager's `cursor` or an error's.
            strict: Fail at the first row that cannot be read, not after all others.
            options: Settings of each page's call.

        Returns:
            A pager: ask it for one `page()`, or iterate over all.

        Raises:
            InvalidInputError: An argument is not valid. Nothing was sent.
        """
        return SyncPager(
            self.portal,
            self.asynchronous.list(limit=limit, cursor=cursor, strict=strict, options=options),
        )

    def create(
        self, *, options: RequestOptions | None = None, **fields: Unpack[UserFields]
    ) -> NewUser:
        """Add a user (documented).

        A call whose outcome is UNKNOWN is not repeated: look for the address among the users.

        Args:
            options: Settings of this call.
            **fields: `email`, `role` and `office_id`; optionally `password`. See UserRequest.

        Raises:
            InvalidInputError: Fields are missing, unknown or wrong. Nothing was sent.
            CubiCasaError: The call failed; see `outcome`.
        """
        return self.portal.run(self.asynchronous.create(options=options, **fields))

    def get(self, email: str, *, options: RequestOptions | None = None) -> User:
        """Get a user by e-mail address (path inferred).

        Raises:
            InvalidInputError: The address is none. Nothing was sent.
            NotFoundError: There is no such user (REFUSED).
            CubiCasaError: The call failed; see `outcome`.
        """
        return self.portal.run(self.asynchronous.get(email, options=options))

    def update(
        self,
        user_id: str,
        *,
        options: RequestOptions | None = None,
        **fields: Unpack[UserUpdateFields],
    ) -> User:
        """Change a user (method documented, path and body inferred).

        Args:
            user_id: The user's identifier.
            options: Settings of this call; `extra_body` adds fields that are not known here.
            **fields: `name`, `surname`, `role`, `office_id`. What is left out is not sent.

        Raises:
            InvalidInputError: Fields are unknown or wrong, or none is given. Nothing was sent.
            NotFoundError: There is no such user (REFUSED).
            CubiCasaError: The call failed; see `outcome`.
        """
        return self.portal.run(self.asynchronous.update(user_id, options=options, **fields))

    def change_password(
        self,
        *,
        email: str,
        old_password: str,
        new_password: str,
        options: RequestOptions | None = None,
    ) -> Message:
        """Change a user's password (documented).

        After a lost answer and a repeat, a refusal may mean that the first attempt changed it.

        Raises:
            InvalidInputError: A field is wrong. Nothing was sent.
            CubiCasaError: The call failed; see `outcome`.
        """
        return self.portal.run(
            self.asynchronous.change_password(
                email=email, old_password=old_password, new_password=new_password, options=options
            )
        )

    def send_password_reset(self, email: str, *, options: RequestOptions | None = None) -> Message:
        """Mail a link to reset the password (documented).

        A call whose outcome is UNKNOWN is not repeated, as a repeat could mail twice.

        Raises:
            InvalidInputError: The address is none. Nothing was sent.
            CubiCasaError: The call failed; see `outcome`.
        """
        return self.portal.run(self.asynchronous.send_password_reset(email, options=options))

    def delete(self, user_id: str, *, options: RequestOptions | None = None) -> None:
        """Delete a user (documented). Their orders stay and lose their assignee.

        Raises:
            NotFoundError: There is no such user (REFUSED). After a lost answer and a repeat this
                may mean that the first attempt deleted them.
            CubiCasaError: The call failed; see `outcome`.
        """
        self.portal.run(self.asynchronous.delete(user_id, options=options))


class Orders(Twin[orders.Orders]):
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
    ) -> SyncPager[Order]:
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
            A pager: ask it for one `page()`, or iterate over all orders.

        Raises:
            InvalidInputError: A status, the limit, the cursor or the window is not valid. Nothing
                was sent.
        """
        return SyncPager(
            self.portal,
            self.asynchronous.list(
                status=status,
                limit=limit,
                cursor=cursor,
                strict=strict,
                window=window,
                options=options,
            ),
        )

    def get(self, order_id: str, *, options: RequestOptions | None = None) -> Order:
        """Get one order with its files (documented).

        Raises:
            NotFoundError: There is no such order (REFUSED).
            CubiCasaError: The call failed; see `outcome`.
        """
        return self.portal.run(self.asynchronous.get(order_id, options=options))

    def find_by_external_id(
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
        return self.portal.run(self.asynchronous.find_by_external_id(external_id, options=options))

    def wait_until(
        self,
        order_id: str,
        status: OrderStatus | str | Iterable[OrderStatus | str] = OrderStatus.READY,
        *,
        deadline: float = 86400.0,
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
        return self.portal.run(
            self.asynchronous.wait_until(
                order_id,
                status,
                deadline=deadline,
                first_gap=first_gap,
                longest_gap=longest_gap,
                waker=waker,
                options=options,
            )
        )

    def upgrade(
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
        return self.portal.run(
            self.asynchronous.upgrade(
                order_id, package_type=package_type, add_ons=add_ons, options=options
            )
        )

    def redeliver(
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
        return self.portal.run(
            self.asynchronous.redeliver(
                order_id, order_preferences=order_preferences, options=options
            )
        )

    def combined_pdf(self, order_id: str, *, options: RequestOptions | None = None) -> CombinedPdf:
        """Get all plans of an order in one PDF (path observed, both shapes of answer inferred).

        Raises:
            DecodeError: The answer is neither a PDF nor JSON that names one.
            CubiCasaError: The call failed; see `outcome`.
        """
        return self.portal.run(self.asynchronous.combined_pdf(order_id, options=options))

    def create_redraw(
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
        return self.portal.run(self.asynchronous.create_redraw(options=options, **fields))


class ChangeRequests(Twin[change_requests.ChangeRequests]):
    """Asking for changes and following them."""

    def create(
        self,
        order_id: str,
        *,
        options: RequestOptions | None = None,
        **fields: Unpack[ChangeRequestFields],
    ) -> ChangeRequestReceipt:
        """Ask for a change of a delivered order (documented).

        The order's status becomes `Fixing`; it usually takes 2 to 24 hours (documented). A call
        whose outcome is UNKNOWN is not repeated, as a repeat could make a second request.

        Args:
            order_id: The order's identifier.
            options: Settings of this call.
            **fields: `products` and `text`; optionally `img_urls`. See ChangeRequestBody.

        Raises:
            InvalidInputError: Fields are missing, unknown or wrong. Nothing was sent.
            NotFoundError: There is no such order (REFUSED).
            CubiCasaError: The call failed; see `outcome`.
        """
        return self.portal.run(self.asynchronous.create(order_id, options=options, **fields))

    def list(
        self,
        order_id: str,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        strict: bool = False,
        options: RequestOptions | None = None,
    ) -> SyncPager[ChangeRequest]:
        """List the change requests of an order (method documented, path and rows inferred).

        Args:
            order_id: The order's identifier.
            limit: Records per page; the client's page_size by default.
            cursor: Where to start, from another pager's `cursor` or an error's.
            strict: Fail at the first row that cannot be read, not after all others.
            options: Settings of each page's call.

        Returns:
            A pager: ask it for one `page()`, or iterate over all.

        Raises:
            InvalidInputError: An argument is not valid. Nothing was sent.
        """
        return SyncPager(
            self.portal,
            self.asynchronous.list(
                order_id, limit=limit, cursor=cursor, strict=strict, options=options
            ),
        )

    def get(
        self, order_id: str, change_request_id: str, *, options: RequestOptions | None = None
    ) -> ChangeRequest:
        """Get a change request (path documented, answer inferred).

        Raises:
            NotFoundError: There is no such order or change request (REFUSED).
            CubiCasaError: The call failed; see `outcome`.
        """
        return self.portal.run(self.asynchronous.get(order_id, change_request_id, options=options))


class Drafts(Twin[drafts.Drafts]):
    """Making and changing draft orders."""

    def create(
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
                `add_ons` and `order_preferences`. See PropertyRequest.

        Raises:
            InvalidInputError: Fields are missing, unknown or wrong. Nothing was sent.
            BadRequestError: The server refused them (REFUSED); see `field_errors`.
            CubiCasaError: The call failed; see `outcome`.
        """
        return self.portal.run(self.asynchronous.create(options=options, **fields))

    def send(self, draft: DraftRequest | bytes, *, options: RequestOptions | None = None) -> Order:
        """Create a draft order from a request that was built and checked before.

        Args:
            draft: The request, or the JSON text of one.
            options: Settings of this call.

        Raises:
            CubiCasaError: As for `create`.
        """
        return self.portal.run(self.asynchronous.send(draft, options=options))

    def update(
        self, order_id: str, *, options: RequestOptions | None = None, **fields: Unpack[DraftFields]
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
        return self.portal.run(self.asynchronous.update(order_id, options=options, **fields))

    def delete(self, order_id: str, *, options: RequestOptions | None = None) -> None:
        """Delete a draft order (method documented, path inferred).

        Raises:
            NotFoundError: There is no such draft (REFUSED). After a lost answer and a repeat this
                may mean that the first attempt deleted it.
            CubiCasaError: The call failed; see `outcome`.
        """
        self.portal.run(self.asynchronous.delete(order_id, options=options))


class GoToScan(Twin[gotoscan.GoToScan]):
    """Orders that are scanned by somebody at the property."""

    def create(
        self, *, options: RequestOptions | None = None, **fields: Unpack[GoToScanFields]
    ) -> Order:
        """Order a GoToScan (path and body inferred). It costs money.

        Once sent it is never repeated, whatever comes back: if its outcome is UNKNOWN, look at
        your orders before calling again.

        Args:
            options: Settings of this call; `extra_body` adds fields that are not known here.
            **fields: `street`, `city` and `country`; optionally `client_name`, `client_email`,
                `client_phone`, `owner_email` and the others of PropertyRequest.

        Raises:
            InvalidInputError: Fields are missing, unknown or wrong. Nothing was sent.
            CubiCasaError: The call failed; see `outcome`.
        """
        return self.portal.run(self.asynchronous.create(options=options, **fields))


class WebhookSettings(Twin[webhooks.WebhookSettings]):
    """Which URLs CubiCasa calls, and when."""

    def update(
        self,
        *,
        webhook_urls: Iterable[str],
        webhook_triggers: Iterable[WebhookTrigger | str],
        options: RequestOptions | None = None,
    ) -> Webhooks:
        """Set the webhooks; it replaces what was set before (documented).

        The server answers 200 also to what it ignores (observed), so the answer is compared with
        what was asked for: the same URLs and triggers, each once, in any order.

        Args:
            webhook_urls: Which URLs are called.
            webhook_triggers: When they are called.
            options: Settings of this call.

        Raises:
            InvalidInputError: A URL is none, or something is given twice. Nothing was sent.
            EchoMismatchError: The server answered other webhooks than were asked for. Which are
                in force is UNKNOWN then; setting them once more is harmless.
            CubiCasaError: The call failed; see `outcome`.
        """
        return self.portal.run(
            self.asynchronous.update(
                webhook_urls=webhook_urls, webhook_triggers=webhook_triggers, options=options
            )
        )

    def delete(self, *, options: RequestOptions | None = None) -> None:
        """Delete the company's webhooks (path inferred).

        Raises:
            CubiCasaError: The call failed; see `outcome`.
        """
        self.portal.run(self.asynchronous.delete(options=options))


class Operations:
    """All that a synchronous client can do.

    Attributes:
        company: The company that the key belongs to.
        offices: Its offices.
        users: Its people.
        orders: Reading orders, and buying more for them.
        change_requests: Asking for changes of delivered plans.
        drafts: Making, changing and deleting draft orders.
        gotoscan: Orders that are scanned by somebody at the property.
        webhooks: Which URLs CubiCasa calls, and when.
    """

    portal: Portal
    asynchronous: AsyncCubiCasa
    company: Companies
    offices: Offices
    users: Users
    orders: Orders
    change_requests: ChangeRequests
    drafts: Drafts
    gotoscan: GoToScan
    webhooks: WebhookSettings

    def _furnish(self, portal: Portal, asynchronous: AsyncCubiCasa) -> None:
        self.portal = portal
        self.asynchronous = asynchronous
        self.company = Companies(portal, asynchronous.company)
        self.offices = Offices(portal, asynchronous.offices)
        self.users = Users(portal, asynchronous.users)
        self.orders = Orders(portal, asynchronous.orders)
        self.change_requests = ChangeRequests(portal, asynchronous.change_requests)
        self.drafts = Drafts(portal, asynchronous.drafts)
        self.gotoscan = GoToScan(portal, asynchronous.gotoscan)
        self.webhooks = WebhookSettings(portal, asynchronous.webhooks)

    @overload
    def request(
        self,
        method: str,
        path: str,
        *,
        model: type[T],
        query: Mapping[str, str] | Sequence[tuple[str, str]] = (),
        body: Mapping[str, Any] | None = None,
        effect: Effect | None = None,
        options: RequestOptions | None = None,
    ) -> Response[T]: ...

    @overload
    def request(
        self,
        method: str,
        path: str,
        *,
        model: None = None,
        query: Mapping[str, str] | Sequence[tuple[str, str]] = (),
        body: Mapping[str, Any] | None = None,
        effect: Effect | None = None,
        options: RequestOptions | None = None,
    ) -> Response[Any]: ...

    def request(
        self,
        method: str,
        path: str,
        *,
        model: type[Any] | None = None,
        query: Mapping[str, str] | Sequence[tuple[str, str]] = (),
        body: Mapping[str, Any] | None = None,
        effect: Effect | None = None,
        options: RequestOptions | None = None,
    ) -> Response[Any]:
        """Call any path of the API, with retries, deadline and errors as for all other calls.

        Args:
            method: HTTP method.
            path: Path below the base URL, beginning with "/", encoded where it must be.
            model: Class to read the answer into. Without one, `data` is what the JSON text says,
                or None if the answer is something else than JSON; its `body` is there in any case.
            query: Query parameters.
            body: JSON object to send.
            effect: What a repeat would do. By default GET and HEAD are READ, PUT, PATCH and
                DELETE are REPLACE, and all others are CREATE, which is never repeated blindly.
            options: Settings of this call.

        Raises:
            InvalidInputError: The method or path cannot be used. Nothing was sent.
            CubiCasaError: The call failed; see `outcome`.
        """
        return self.portal.run(
            self.asynchronous.request(
                method, path, model=model, query=query, body=body, effect=effect, options=options
            )
        )
