"""What a mirror holds beside what the server has, and a naive mirror as a control."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import AsyncIterable
from typing import Any

import attrs
from sqlalchemy import text

from cubicasa_async import AsyncCubiCasa
from cubicasa_async.bulk import MirrorOutcome
from cubicasa_async.bulk.mirror.tables import SCHEMA
from cubicasa_async.sandbox import Sandbox, shapes
from cubicasa_async.store import Store


async def query(target: str, sql: str, **values: Any) -> list[dict[str, Any]]:
    """Rows of a mirror, asked as a person would."""
    async with Store(target, SCHEMA, create=False) as store, store.reading() as connection:
        return [dict(row) for row in (await connection.execute(text(sql), values)).mappings()]


async def kinds(outcomes: AsyncIterable[MirrorOutcome]) -> Counter[str]:
    """How many outcomes of each kind there were."""
    return Counter([outcome.kind async for outcome in outcomes])


async def held(target: str) -> dict[str, Any]:
    """The orders that a mirror takes to be there, as the server answered them."""
    rows = await query(target, "SELECT id, raw FROM orders WHERE vanished_at IS NULL")
    return {row["id"]: json.loads(row["raw"]) for row in rows}


def there(sandbox: Sandbox) -> dict[str, Any]:
    """The same of the server."""
    return {order.id: shapes.order(order) for order in sandbox.world.orders}


async def assert_consistent(target: str) -> None:
    """The tables agree with each other."""
    for wrong in _WRONG:
        assert await query(target, wrong) == []


_WRONG = [
    """
    SELECT id FROM orders WHERE id NOT IN (SELECT order_id FROM history WHERE event = 'first seen')
    """,
    """
    SELECT order_id FROM history WHERE event = 'first seen' GROUP BY order_id HAVING count(*) > 1
    """,
    """
    SELECT id FROM orders WHERE details_at IS NOT NULL AND failure IS NULL AND status = 'Ready'
    AND id NOT IN (SELECT order_id FROM assets)
    """,
    """
    SELECT o.id FROM orders o JOIN history h ON h.order_id = o.id
    WHERE h.entry = (SELECT max(entry) FROM history WHERE order_id = o.id) AND h.status <> o.status
    """,
]


@attrs.define
class Meddler:
    """Makes, moves and deletes orders of a sandbox, by chance but the same for a seed.

    Each move shows in the order's row: one that does not cannot be noticed by listing.
    """

    sandbox: Sandbox
    seed: int
    touched: set[str] = attrs.field(factory=set[str])
    _random: random.Random = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._random = random.Random(self.seed)

    def meddle(self, times: int = 1) -> None:
        world, chance = self.sandbox.world, self._random
        for _ in range(times):
            what = chance.random()
            if what < 0.4 or not world.orders:
                order = world.add_order(external_id=f"M-{self.seed}-{chance.random()}")
            else:
                order = world.orders[chance.randrange(len(world.orders))]
                if what < 0.6:
                    world.delete(order.id)
                else:
                    statuses = {"Draft", "Pending", "Ready", "Fixing"} - {order.status}
                    world.set_status(order.id, chance.choice(sorted(statuses)))
                    order.info = f"moved {chance.random()}"
            self.touched.add(order.id)


class NaiveMirror:
    """What people write first: to where `next_offset` points, and what was not there is gone."""

    def __init__(self) -> None:
        self.orders: dict[str, Any] = {}

    async def run(self, client: AsyncCubiCasa, *, limit: int) -> None:
        seen: dict[str, Any] = {}
        offset = 0
        while True:
            asked = {"limit": str(limit), "offset": str(offset)}
            page = (await client.request("GET", "/orders", query=asked)).data
            for row in page["items"]:
                seen[row["id"]] = (await client.request("GET", f"/orders/{row['id']}")).data
            offset = page["pagination"]["next_offset"]
            if len(page["items"]) < limit:
                break
        self.orders = seen
