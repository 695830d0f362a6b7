"""The course of the questions: few, one after the other, each by GET."""

from __future__ import annotations

from typing import Final

import attrs

from cubicasa_async.client import AsyncCubiCasa
from cubicasa_async.config import RequestOptions
from cubicasa_async.core.endpoint import Evidence
from cubicasa_async.core.walk import Page
from cubicasa_async.live import answers, paging
from cubicasa_async.live.asking import Asker, Seen
from cubicasa_async.live.findings import Finding, Verdict
from cubicasa_async.resources.order import Order, OrderStatus

ROUNDS: Final = 3
"""How often the paging questions are asked while the list changes meanwhile."""

MOST_CALLS: Final = ROUNDS * len(paging.OFFSETS) + 13
"""The most calls that a probe makes."""

TRIES: Final = 2
"""How often a call is tried at most."""

_OPTIONS: Final = RequestOptions(retries=TRIES - 1)


@attrs.frozen
class Report:
    """What a probe settled.

    Attributes:
        findings: Fact by fact.
        reading: How offsets count.
        calls: How many calls were made.
    """

    findings: tuple[Finding, ...]
    reading: paging.Reading | None
    calls: int


async def probe(client: AsyncCubiCasa) -> Report:
    """Ask the service that the client is set to about what is not documented.

    Only operations that read are called, by GET, at most MOST_CALLS of them; nothing is stored.
    Calls that fail are findings, not errors.
    """
    asker = Asker(client, _OPTIONS)
    users = await asker.ask("users.list")
    seen = [
        await asker.ask("company.info"),
        await asker.ask("company.package"),
        users,
        await _user(asker, users),
        await asker.ask("offices.list"),
    ]
    first, judgement = await _paging(asker)
    drafts = await _list(asker, paging.SIZE, status=OrderStatus.DRAFT)
    many = await _list(asker, answers.MANY)
    drafts_after = await _list(asker, paging.SIZE, status=OrderStatus.DRAFT)
    ready = await _list(asker, paging.SIZE, status=OrderStatus.READY)
    listed = many.page() or first.page()
    newest = listed.items[0].id if listed and listed.items else None
    delivered = _ready(ready.page()) or _ready(listed)
    order = await _of_order(asker, "orders.get", newest, "no order was listed")
    changes = await _of_order(asker, "change_requests.list", newest, "no order was listed")
    pdf = await _of_order(asker, "orders.combined_pdf", delivered, "no order is Ready")
    seen += [first, order, changes]
    rest = [drafts, many, ready]
    if delivered and delivered != newest:  # its files show more of the order object
        rest.append(await asker.ask("orders.get", order_id=delivered))
    findings = [
        *map(answers.existence, [*seen, pdf]),
        *dict.fromkeys(filter(None, map(answers.shape, [*seen, *rest]))),
        _offsets(judgement),
        answers.pagination(first),
        answers.newest_first(listed),
        answers.holds_drafts(listed, drafts.page(), drafts_after.page()),
        answers.honours_filter(OrderStatus.READY, ready.page()),
        answers.rows_without_assets(listed),
        answers.large_pages(many),
        answers.combined_pdf(pdf),
        answers.novelties([*seen, *rest]),
    ]
    reading = judgement.reading if isinstance(judgement, paging.Judgement) else None
    return Report(tuple(findings), reading, asker.calls)


async def _paging(asker: Asker) -> tuple[Seen, paging.Judgement | Seen]:
    """The first page, and what the pages say of offsets, or the question that failed."""
    first, judged = await _round(asker)
    for _ in range(ROUNDS - 1):
        if isinstance(judged, Seen) or not judged.again:
            break
        first, judged = await _round(asker)
    return first, judged


async def _round(asker: Asker) -> tuple[Seen, paging.Judgement | Seen]:
    first = await _list(asker, paging.SIZE, paging.OFFSETS[0])
    page = first.page(paging.OFFSETS[0])
    if page is None:
        return first, first
    pages = [page]
    for offset in paging.OFFSETS[1:] if page.has_more else ():
        seen = await _list(asker, paging.SIZE, offset)
        page = seen.page(offset)
        if page is None:
            return first, seen
        pages.append(page)
    return first, paging.judge(pages)


async def _list(asker: Asker, limit: int, offset: int = 0, **filters: str) -> Seen:
    query = {"limit": str(limit), "offset": str(offset), **filters}
    return await asker.ask("orders.list", query=query)


async def _user(asker: Asker, users: Seen) -> Seen:
    page = users.page()
    email = next((user.email for user in page.items if user.email), None) if page else None
    if not email:
        return asker.omit("users.get", "no user with an e-mail address was listed")
    return await asker.ask("users.get", email=email)


async def _of_order(asker: Asker, operation: str, order_id: str | None, otherwise: str) -> Seen:
    if order_id is None:
        return asker.omit(operation, otherwise)
    return await asker.ask(operation, order_id=order_id)


def _ready(orders: Page[Order] | None) -> str | None:
    found = orders.items if orders else ()
    return next((order.id for order in found if order.status == OrderStatus.READY), None)


def _offsets(judged: paging.Judgement | Seen) -> Finding:
    fact, grade = "how offsets count, and what next_offset means", Evidence.INFERRED
    if isinstance(judged, Seen):
        return Finding(fact, grade, answers.why(judged), Verdict.OPEN)
    reading, seen = judged.reading, f"{judged.reading.value}: {judged.seen}"
    if reading.is_answer:
        return Finding(fact, grade, seen, Verdict.SETTLED)
    verdict = Verdict.REFUTED if reading is paging.Reading.UNLIKE else Verdict.OPEN
    return Finding(fact, grade, seen, verdict)
