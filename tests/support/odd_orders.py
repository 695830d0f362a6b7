"""A list of orders as the sandbox would not serve it."""

from __future__ import annotations

from typing import Any

from aiohttp import web

DEEP = 40
"""Where in the list an upheaval strikes."""


class OddOrders:
    """Orders by a server that may hide drafts, answer for what it does not list, and change.

    Attributes:
        orders: The entries in the order in which they are listed.
        unlisted: What is answered for but not listed.
        hides_drafts: Whether drafts are listed only where they are asked for.
        upheavals: In how many walks the whole list is yet to be replaced by another.
        asked: The orders whose details were asked for.
    """

    def __init__(self) -> None:
        self.orders: list[dict[str, Any]] = []
        self.unlisted: list[dict[str, Any]] = []
        self.hides_drafts = False
        self.upheavals = 0
        self.asked: list[str] = []
        self._calm = True
        self._next = 0

    def add(self, number: int, status: str = "Draft", **changes: Any) -> dict[str, Any]:
        info = {"status": status, "external_id": f"E-{number}", "created_at": float(number)}
        entry = {"id": f"o{number}", "info": info, "address": {}, **changes}
        self.orders.insert(0, entry)
        return entry

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/orders", self.listed)
        app.router.add_get("/orders/{order_id}", self.one)
        return app

    async def one(self, request: web.Request) -> web.Response:
        wanted = request.match_info["order_id"]
        self.asked.append(wanted)
        for order in [*self.orders, *self.unlisted]:
            if order.get("id") == wanted:
                return web.json_response(order)
        return web.json_response({"message": "Order not found."}, status=404)

    async def listed(self, request: web.Request) -> web.Response:
        offset, limit = int(request.query["offset"]), int(request.query["limit"])
        orders = self.orders
        if "status" in request.query:
            orders = [one for one in orders if one["info"]["status"] == request.query["status"]]
        elif self.hides_drafts:
            orders = [one for one in orders if one["info"]["status"] != "Draft"]
        items = orders[offset : offset + limit]
        after = offset + len(items)
        self._calm = self._calm or offset == 0
        if self.upheavals and self._calm and offset >= DEEP:
            self.upheavals -= 1
            self._calm = False
            count, self._next = len(self.orders), self._next + len(self.orders)
            self.orders.clear()
            for number in range(self._next, self._next + count):
                self.add(number)
        pagination = {
            "has_more": after < len(orders),
            "limit": limit,
            "next_offset": after,
            "previous_offset": max(0, offset - limit),
        }
        return web.json_response({"pagination": pagination, "items": items})
