"""One function per operation: what the API does when it is called.

Each gets a `Call` whose parts are valid by the contract and answers JSON, or refuses. Where the
contract is silent the smallest honest thing is done; the document's `x-evidence` says where.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import attrs

from cubicasa_async.sandbox import shapes
from cubicasa_async.sandbox.collection import NewestFirst, T
from cubicasa_async.sandbox.drawings import pages
from cubicasa_async.sandbox.paging import Reading, envelope
from cubicasa_async.sandbox.records import Order, User
from cubicasa_async.sandbox.world import World

__all__ = ["HANDLERS", "Answer", "Call", "RefusedError"]


@attrs.frozen
class Call:
    """A valid request: the state it meets, and its parts."""

    world: World
    reading: Reading
    max_limit: int
    path: Mapping[str, str]
    query: Mapping[str, Any]
    body: Mapping[str, Any]

    def page(
        self,
        items: NewestFirst[T],
        render: Callable[[T], Any],
        keep: Callable[[T], bool] | None = None,
    ) -> Answer:
        """The page of a list that the query asks for."""
        return Answer(
            envelope(
                items,
                render,
                reading=self.reading,
                limit=min(self.query["limit"], self.max_limit),
                offset=self.query["offset"],
                keep=keep,
            )
        )

    def order(self, *, draft: bool = False, statuses: tuple[str, ...] = ()) -> Order:
        """The order of the path, in one of the statuses if any are given."""
        order = self.world.orders.get(self.path["order_id"])
        if order is None:
            raise RefusedError(404, "Order not found.")
        allowed = ("Draft",) if draft else statuses
        if allowed and order.status not in allowed:
            raise RefusedError(
                409, f"The order is {order.status}; this needs {' or '.join(allowed)}."
            )
        return order


@attrs.frozen
class Answer:
    """A 200.

    Attributes:
        body: The JSON value, or bytes of `content_type`.
        created: The ids of what came into being.
        changed: Whether anything was done; False also for what changed nothing.
        content_type: The media type.
    """

    body: Any
    created: tuple[str, ...] = ()
    changed: bool = True
    content_type: str = "application/json"


class RefusedError(Exception):
    """The server answers no: a status and a message."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


def _message(text: str, *created: str) -> Answer:
    return Answer({"message": text}, created=created)


def company_info(call: Call) -> Answer:
    """The profile (observed)."""
    return Answer({"profile": dict(call.world.company)})


def company_package(call: Call) -> Answer:
    """The company's package (inferred)."""
    return Answer(dict(call.world.package))


def company_send_merge_request(call: Call) -> Answer:
    """Mails the other company (inferred)."""
    mail = call.world.add_mail(call.body.get("email") or "", "Merge request")
    return _message("Merge request sent.", mail.id)


def offices_list(call: Call) -> Answer:
    """A page of offices."""
    return call.page(call.world.offices, shapes.office)


def offices_create(call: Call) -> Answer:
    """A new office."""
    office = call.world.add_office(call.body["name"])
    return Answer(shapes.office(office), created=(office.id,))


def users_list(call: Call) -> Answer:
    """A page of people."""
    return call.page(call.world.users, shapes.user)


def users_create(call: Call) -> Answer:
    """A new person; an address that is known or an office that is not are refused (inferred)."""
    world, body = call.world, call.body
    if world.user_by_email(body["email"]):
        raise RefusedError(409, "A user with this email exists already.")
    _known_office(call)
    user = world.add_user(
        body["email"],
        role=body["role"],
        office_id=body["office_id"],
        password=body.get("password"),
    )
    invited = user.password is None
    return Answer(
        {
            "email": user.email,
            "id": user.id,
            "message": "An invitation was mailed and must be completed before the first login."
            if invited
            else "The user was created.",
            "role": user.role,
        },
        created=(user.id,),
    )


def users_get(call: Call) -> Answer:
    """A person by e-mail address."""
    return Answer(shapes.user(_user_by_email(call.world, call.path["user_id"])))


def users_update(call: Call) -> Answer:
    """Sets what is given."""
    user, body = _user(call), call.body
    if "office_id" in body:
        _known_office(call)
    for name, value in body.items():
        setattr(user, name, value)
    return Answer(shapes.user(user), changed=bool(body))


def users_delete(call: Call) -> Answer:
    """The orders stay and lose their assignee (documented)."""
    call.world.delete_user(_user(call))
    return _message("The user was deleted.")


def users_change_password(call: Call) -> Answer:
    """A wrong old password is a 403 (inferred)."""
    user = _user_by_email(call.world, call.body["email"])
    if user.password != call.body["old_password"]:
        raise RefusedError(403, "The old password is wrong.")
    user.password = call.body["new_password"]
    return _message("The password was changed.")


def users_send_password_reset(call: Call) -> Answer:
    """Mails a link."""
    user = _user_by_email(call.world, call.body["email"])
    return _message("The mail was sent.", call.world.add_mail(user.email, "Password reset").id)


def orders_list(call: Call) -> Answer:
    """A page of orders without their files, of some statuses if asked for."""
    statuses = call.query["status"]

    def keep(order: Order) -> bool:
        return order.status in statuses

    return call.page(call.world.orders, shapes.order_row, keep if statuses else None)


def orders_get(call: Call) -> Answer:
    """An order with its files."""
    return Answer(shapes.order(call.order()))


def orders_upgrade(call: Call) -> Answer:
    """Buys a package (null keeps it) and add-ons; each call that names one is a purchase."""
    order = call.order(statuses=("Pending", "Ready", "Fixing"))
    package: str | None = call.body.get("package_type")
    add_ons: list[str] = call.body.get("add_ons") or []
    if package is None and not add_ons:
        return Answer(shapes.order(order), changed=False)
    purchase = call.world.add_purchase(order, package, add_ons)
    order.package_type = package or order.package_type
    order.add_ons = [*order.add_ons, *(name for name in add_ons if name not in order.add_ons)]
    return Answer(shapes.order(order), created=(purchase.id,))


def orders_redeliver(call: Call) -> Answer:
    """Delivers again at once in another style (inferred)."""
    order = call.order(statuses=("Ready",))
    preferences = call.body.get("order_preferences")
    if preferences is not None:
        order.order_preferences = preferences
    redelivery = call.world.add_redelivery(order, preferences)
    return Answer(shapes.order(order), created=(redelivery.id,))


def orders_combined_pdf(call: Call) -> Answer:
    """The PDF with a page for each floor, by its URL or itself (both inferred)."""
    order, world = call.order(statuses=("Ready", "Fixing")), call.world
    base = order.asset_base or f"{world.asset_base}/{order.id}/{order.deliveries}"
    url = f"{base}/combined.pdf"
    if not world.combined_pdf_as_bytes:
        return Answer({"url": url})
    return Answer(
        pages(urlsplit(url).path, world.address_of(order.id)), content_type="application/pdf"
    )


def orders_create_redraw(call: Call) -> Answer:
    """An order drawn from files, in production at once (inferred)."""
    return _purchased(call, status="Pending", is_scan_order=False, source=list(call.body["source"]))


def change_requests_create(call: Call) -> Answer:
    """Moves the order to Fixing (documented)."""
    order = call.order(statuses=("Ready", "Fixing"))
    request = call.world.add_change_request(
        order,
        products=call.body["products"],
        text=call.body["text"],
        img_urls=call.body.get("img_urls") or [],
    )
    return Answer(
        {"id": request.id, "message": "change request sent successfully!"}, created=(request.id,)
    )


def change_requests_list(call: Call) -> Answer:
    """A page of an order's change requests."""
    order = call.order()
    return call.page(
        call.world.change_requests,
        shapes.change_request,
        lambda request: request.order_id == order.id,
    )


def change_requests_get(call: Call) -> Answer:
    """One change request of an order."""
    order = call.order()
    request = call.world.change_requests.get(call.path["change_request_id"])
    if request is None or request.order_id != order.id:
        raise RefusedError(404, "Change request not found.")
    return Answer(shapes.change_request(request))


def drafts_create(call: Call) -> Answer:
    """A new draft. The same `external_id` twice makes two: no uniqueness is documented."""
    order = call.world.add_order(**_order_fields(call.body))
    return Answer(shapes.order(order), created=(order.id,))


def drafts_update(call: Call) -> Answer:
    """Replaces what is given; what is left out is kept, or cleared if the world is set so."""
    order = call.order(draft=True)
    fields = _order_fields(call.body)
    if call.world.patch_clears:
        fields = {**_CLEARED, "add_ons": list[str](), **fields}
    for name, value in fields.items():
        setattr(order, name, value)
    return Answer(shapes.order(order))


def drafts_delete(call: Call) -> Answer:
    """Only a draft can be deleted (inferred)."""
    call.world.delete(call.order(draft=True).id)
    return _message("The draft order was deleted.")


def gotoscan_create(call: Call) -> Answer:
    """An order that waits for somebody to scan; its status and `go2scan` are inferred."""
    contact = {name: call.body.get(name) for name in _CONTACT}
    return _purchased(call, status="New", go2scan=contact)


def webhooks_update(call: Call) -> Answer:
    """Replaces what is given and echoes both; other keys change nothing (observed)."""
    world, body = call.world, call.body
    world.webhook_urls = list(body.get("webhook_urls", world.webhook_urls))
    world.webhook_triggers = list(body.get("webhook_triggers", world.webhook_triggers))
    return Answer(
        {"webhook_urls": world.webhook_urls, "webhook_triggers": world.webhook_triggers},
        changed=bool(body),
    )


def webhooks_delete(call: Call) -> Answer:
    """Forgets the URLs and the triggers."""
    call.world.webhook_urls, call.world.webhook_triggers = [], []
    return _message("The webhook was deleted.")


HANDLERS: Final[Mapping[str, Callable[[Call], Answer]]] = {
    "company.info": company_info,
    "company.package": company_package,
    "company.send_merge_request": company_send_merge_request,
    "offices.list": offices_list,
    "offices.create": offices_create,
    "users.list": users_list,
    "users.create": users_create,
    "users.get": users_get,
    "users.update": users_update,
    "users.change_password": users_change_password,
    "users.send_password_reset": users_send_password_reset,
    "users.delete": users_delete,
    "orders.list": orders_list,
    "orders.get": orders_get,
    "orders.upgrade": orders_upgrade,
    "orders.redeliver": orders_redeliver,
    "orders.combined_pdf": orders_combined_pdf,
    "orders.create_redraw": orders_create_redraw,
    "change_requests.create": change_requests_create,
    "change_requests.list": change_requests_list,
    "change_requests.get": change_requests_get,
    "drafts.create": drafts_create,
    "drafts.update": drafts_update,
    "drafts.delete": drafts_delete,
    "gotoscan.create": gotoscan_create,
    "webhooks.update": webhooks_update,
    "webhooks.delete": webhooks_delete,
}

_CONTACT: Final = ("client_name", "client_email", "client_phone")
_SAME: Final = (
    "street",
    "suite",
    "city",
    "state",
    "country",
    "info",
    "latitude",
    "longitude",
    "external_id",
    "owner_email",
    "package_type",
    "order_preferences",
)
_OPTIONAL: Final = ("suite", "state", "info", "latitude", "longitude", "external_id")
_CLEARED: Final = dict.fromkeys((*_OPTIONAL, "postal_code", "package_type", "order_preferences"))


def _order_fields(body: Mapping[str, Any]) -> dict[str, Any]:
    fields: dict[str, Any] = {name: body[name] for name in _SAME if name in body}
    if "postalCode" in body:
        fields["postal_code"] = body["postalCode"]
    if "add_ons" in body:
        fields["add_ons"] = list(body["add_ons"] or ())
    return fields


def _purchased(call: Call, **fields: Any) -> Answer:
    order = call.world.add_order(**_order_fields(call.body), **fields)
    call.world.add_purchase(order, order.package_type, order.add_ons)
    return Answer(shapes.order(order), created=(order.id,))


def _user(call: Call) -> User:
    user = call.world.users.get(call.path["user_id"])
    if user is None:
        raise RefusedError(404, "User not found.")
    return user


def _user_by_email(world: World, email: str) -> User:
    user = world.user_by_email(email)
    if user is None:
        raise RefusedError(404, "User not found.")
    return user


def _known_office(call: Call) -> None:
    if call.world.offices.get(call.body["office_id"]) is None:
        raise RefusedError(404, "Office not found.")
