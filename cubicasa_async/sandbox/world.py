"""The state of the sandbox: a company, its people and its orders.

Ids come from a seed and times from a clock, so a run can be repeated exactly.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable, Mapping
from typing import Any, Final

import attrs

from cubicasa_async.sandbox.changes import Delivery, StatusChange
from cubicasa_async.sandbox.collection import NewestFirst
from cubicasa_async.sandbox.records import (
    ChangeRequest,
    Mail,
    Office,
    Order,
    Purchase,
    Redelivery,
    User,
)

__all__ = ["NEXT", "World"]

NEXT: Final[Mapping[str, str]] = {
    "Draft": "Pending",
    "New": "Pending",
    "Pending": "Ready",
    "Fixing": "Ready",
}
"""The status that production moves an order to (documented, but for New: inferred)."""


_STATUSES: Final = ("Draft", "Pending", "Ready", "Fixing")
_ORDER_FIELDS: Final = tuple(
    field.name for field in attrs.fields(Order) if field.name not in ("id", "number", "created_at")
)


class World:
    """Everything the server knows.

    Attributes:
        orders: Newest first.
        users: Newest first; one manager at the start.
        offices: Newest first; one at the start.
        change_requests: Newest first, of all orders.
        company: The company's profile, `name` and `email`.
        package: The company's package, `package_type` and `add_ons`.
        webhook_urls: What `webhooks.update` set last.
        webhook_triggers: The same.
        purchases: What was bought, oldest first.
        redeliveries: The re-deliveries asked for, oldest first.
        deliveries: What was delivered, oldest first.
        changes: The changes of orders' statuses, oldest first.
        on_change: Is told of each change of an order's status.
        mails: The mails that would have been sent, oldest first.
        patch_clears: Whether an optional field left out of a draft's PATCH is cleared. Unknown of
            the real server; False by default.
        combined_pdf_as_bytes: Whether the combined PDF is answered as the PDF itself and not as
            JSON with its URL. Unknown of the real server; False by default.
        asset_base: Where the URLs of delivered files begin.
    """

    def __init__(self, clock: Callable[[], float], seed: int = 0) -> None:
        self._clock = clock
        self._seed = seed
        self.asset_base = "https://files.example.test"
        self.on_change: Callable[[StatusChange], None] | None = None
        self.reset()

    def reset(self) -> None:
        """Return to the state, the ids and the settings of the beginning."""
        self._random = random.Random(self._seed)  # noqa: S311 # ids to repeat, not secrets
        self._number = 0
        self._last_time = 0.0
        self.orders: NewestFirst[Order] = NewestFirst()
        self.users: NewestFirst[User] = NewestFirst()
        self.offices: NewestFirst[Office] = NewestFirst()
        self.change_requests: NewestFirst[ChangeRequest] = NewestFirst()
        self.company: dict[str, str] = {"name": "Sandbox Company", "email": "manager@sandbox.test"}
        self.package: dict[str, Any] = {"package_type": "base", "add_ons": []}
        self.webhook_urls: list[str] = []
        self.webhook_triggers: list[str] = []
        self.purchases: list[Purchase] = []
        self.redeliveries: list[Redelivery] = []
        self.deliveries: list[Delivery] = []
        self.changes: list[StatusChange] = []
        self.mails: list[Mail] = []
        self.patch_clears = False
        self.combined_pdf_as_bytes = False
        office = self.add_office("Head office")
        manager = self.add_user(self.company["email"], role="Manager", office_id=office.id)
        manager.name, manager.surname = "Sandbox", "Manager"
        manager.email_confirmed = True
        self.mails.clear()

    def now(self) -> float:
        """The clock's time, later by a microsecond at least than any answered before."""
        self._last_time = max(self._clock(), self._last_time + 1e-6)
        return self._last_time

    def new_id(self) -> str:
        """The next uuid of the seed."""
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))

    def _next_number(self) -> int:
        self._number += 1
        return self._number

    def add_order(self, **fields: Any) -> Order:
        """Make an order, by default a draft at an example address.

        Args:
            **fields: Attributes of `Order`. With the status Ready it is delivered at once.

        Raises:
            TypeError: An order has no such attribute, or not of this type.
        """
        unknown = sorted(set(fields) - set(_ORDER_FIELDS))
        if unknown:
            raise TypeError(
                f"An order has no {', '.join(unknown)}; it knows {', '.join(_ORDER_FIELDS)}."
            )
        fields.setdefault("created_by", self.company["email"])
        order = Order(id=self.new_id(), number=self._next_number(), created_at=self.now(), **fields)
        self.orders.add(order)
        self._move(order, order.status, previous="Pending" if order.status == "Ready" else None)
        return order

    def add_examples(self, count: int) -> None:
        """Make orders at different addresses, their statuses in turn."""
        for number in range(1, count + 1):
            self.add_order(
                street=f"{number} Example Street",
                external_id=f"EXAMPLE-{number}",
                status=_STATUSES[number % len(_STATUSES)],
            )

    def order(self, order_id: str) -> Order:
        """The order with this id.

        Raises:
            LookupError: There is none.
        """
        order = self.orders.get(order_id)
        if order is None:
            raise LookupError(f"There is no order {order_id}.")
        return order

    def address_of(self, order_id: str) -> str:
        """The address of an order in one line, or "" if there is no such order."""
        order = self.orders.get(order_id)
        return ", ".join(filter(None, (order.street, order.city, order.state))) if order else ""

    def advance(self, order_id: str, *products: str) -> str:
        """Do production's next step: Draft to Pending to Ready, or Fixing to Ready.

        Args:
            order_id: The order.
            *products: What is delivered, if anything; as for `set_status`.

        Returns:
            The new status.

        Raises:
            LookupError: There is no such order.
            ValueError: The order is in a status that production does not move.
        """
        order = self.order(order_id)
        following = NEXT.get(order.status)
        if following is None:
            raise ValueError(f"Order {order_id} is {order.status}; production does not move it.")
        return self.set_status(order_id, following, *products)

    def set_status(self, order_id: str, status: str, *products: str) -> str:
        """Give an order any status; to Ready it is delivered. From Ready to Ready is an edit.

        Args:
            order_id: The order.
            status: The new status.
            *products: What is delivered, each by itself; what the open change requests concern,
                or `products_2d`, by default.

        Raises:
            LookupError: There is no such order.
        """
        order = self.order(order_id)
        self._move(order, status, *products, previous=order.status)
        return status

    def delete(self, order_id: str) -> None:
        """Remove an order and its change requests.

        Raises:
            LookupError: There is no such order.
        """
        self.orders.remove(self.order(order_id))
        for request in [one for one in self.change_requests if one.order_id == order_id]:
            self.change_requests.remove(request)

    def _move(self, order: Order, status: str, *products: str, previous: str | None) -> None:
        order.status = status
        if status != "Ready":
            self._tell(order, previous)
            return
        fixed = [one for one in self.change_requests if one.order_id == order.id]
        asked = [name for one in fixed if one.status == "open" for name in one.products]
        order.model_id = order.model_id or self.new_id()
        order.total_scanned_area = order.total_scanned_area or 100.5
        if order.first_delivered_at is None:
            order.first_delivered_at = self.now()
        for request in fixed:
            request.status = "done"
        for product in products or tuple(dict.fromkeys(asked)) or ("products_2d",):
            order.deliveries += 1
            order.asset_base = f"{self.asset_base}/{order.id}/{order.deliveries}"
            self.deliveries.append(
                Delivery(order.id, order.deliveries, product, previous, order.asset_base)
            )
            self._tell(order, previous, product)

    def _tell(self, order: Order, previous: str | None, product: str | None = None) -> None:
        change = StatusChange(
            order.id, order.status, previous, order.model_id, product, self._clock()
        )
        self.changes.append(change)
        if self.on_change is not None:
            self.on_change(change)

    def add_change_request(
        self, order: Order, *, products: list[str], text: str, img_urls: list[str]
    ) -> ChangeRequest:
        """Ask for a change, which moves the order to Fixing."""
        request = self.change_requests.add(
            ChangeRequest(
                id=self.new_id(),
                number=self._next_number(),
                order_id=order.id,
                products=products,
                text=text,
                img_urls=img_urls,
                created_at=self.now(),
            )
        )
        self._move(order, "Fixing", previous=order.status)
        return request

    def add_office(self, name: str) -> Office:
        """Open an office."""
        return self.offices.add(Office(self.new_id(), self._next_number(), name))

    def add_user(
        self, email: str, *, role: str, office_id: str | None = None, password: str | None = None
    ) -> User:
        """Add a person; without a password an invitation is mailed."""
        user = User(
            self.new_id(),
            self._next_number(),
            email,
            role,
            self.now(),
            office_id=office_id,
            password=password,
            email_confirmed=password is not None,
        )
        if password is None:
            self.add_mail(email, "Invitation")
        return self.users.add(user)

    def user_by_email(self, email: str) -> User | None:
        """The person with this address, or None."""
        return next((user for user in self.users if user.email == email), None)

    def delete_user(self, user: User) -> None:
        """Remove a person; their orders stay and lose their assignee (documented)."""
        self.users.remove(user)
        for order in self.orders:
            if order.owner_email == user.email:
                order.owner_email = None

    def add_purchase(self, order: Order, package_type: str | None, add_ons: list[str]) -> Purchase:
        """Write down something bought for an order."""
        purchase = Purchase(self.new_id(), order.id, package_type, tuple(add_ons))
        self.purchases.append(purchase)
        return purchase

    def add_redelivery(
        self, order: Order, order_preferences: Mapping[str, Any] | None
    ) -> Redelivery:
        """Deliver an order again with another style."""
        redelivery = Redelivery(self.new_id(), order.id, order_preferences)
        self.redeliveries.append(redelivery)
        self._move(order, "Ready", previous=order.status)
        return redelivery

    def add_mail(self, to: str, subject: str) -> Mail:
        """Write down a mail."""
        mail = Mail(self.new_id(), to, subject)
        self.mails.append(mail)
        return mail
