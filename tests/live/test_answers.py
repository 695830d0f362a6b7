"""The facts that cannot be staged by a sandbox, from answers made by hand."""

from __future__ import annotations

from typing import Any

import pytest

from cubicasa_async import OrderStatus
from cubicasa_async.core import codec
from cubicasa_async.core.wire import Answer
from cubicasa_async.live import Verdict
from cubicasa_async.live.answers import (
    combined_pdf,
    existence,
    holds_drafts,
    honours_filter,
    large_pages,
    newest_first,
    pagination,
    rows_without_assets,
)
from cubicasa_async.live.asking import Seen
from cubicasa_async.resources import orders
from cubicasa_async.resources.index import ENDPOINTS
from tests.live.support import listed, row
from tests.support.payloads import page

JSON = {"content-type": "application/json"}


def seen(body: bytes, status: int = 200, operation: str = "orders.combined_pdf") -> Seen:
    (endpoint,) = (one for one in ENDPOINTS if one.operation == operation)
    return Seen(endpoint, Answer(status, JSON, body))


def draft(number: int) -> dict[str, Any]:
    return row(f"draft-{number}", "Draft", float(number))


def test_drafts_on_the_list_are_seen() -> None:
    found = holds_drafts(listed(row(), draft(2)), None, None)
    assert found.verdict is Verdict.CONFIRMED
    assert found.seen == "1 of 2 rows are drafts"


@pytest.mark.parametrize("has_more", [False, True])
def test_a_draft_newer_than_the_list_and_not_on_it_refutes(has_more: bool) -> None:
    orders = listed(row("1", created_at=5.0), row("2", created_at=3.0), has_more=has_more)
    drafts = listed(draft(4))
    assert holds_drafts(orders, drafts, drafts).verdict is Verdict.REFUTED


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (listed(), listed()),
        (listed(draft(4)), listed()),
        (listed(), listed(draft(4))),
        (None, None),
        (listed(draft(2)), listed(draft(2))),
        (listed(row("9", "Pending", 4.0)), listed(row("9", "Pending", 4.0))),
    ],
    ids=["none", "deleted meanwhile", "made meanwhile", "not asked", "older", "no draft"],
)
def test_no_other_draft_refutes(before: Any, after: Any) -> None:
    orders = listed(row("1", created_at=5.0), row("2", created_at=3.0), has_more=True)
    assert holds_drafts(orders, before, after).verdict is Verdict.OPEN


def test_a_filter_that_is_not_honoured_is_refuted() -> None:
    ready = OrderStatus.READY
    assert honours_filter(ready, listed(row())).verdict is Verdict.CONFIRMED
    assert honours_filter(ready, listed()).verdict is Verdict.OPEN
    assert honours_filter(ready, None).verdict is Verdict.OPEN
    found = honours_filter(ready, listed(row(), draft(1)))
    assert found.verdict is Verdict.REFUTED
    assert found.seen == "asked for Ready, also Draft came"


def test_rows_with_files_refute_that_they_have_none() -> None:
    files = {"tour": {"link": "https://files.example.test/tour"}}
    assert rows_without_assets(listed(row(delivery_assets=files))).verdict is Verdict.REFUTED
    assert rows_without_assets(listed(row(delivery_assets=None))).verdict is Verdict.CONFIRMED
    assert rows_without_assets(listed(draft(1))).verdict is Verdict.OPEN
    assert rows_without_assets(None).verdict is Verdict.OPEN


@pytest.mark.parametrize(
    ("times", "verdict"),
    [
        ([3.0, 2.0, 1.0], Verdict.CONFIRMED),
        ([3.0, 3.0, None, 1.0], Verdict.CONFIRMED),
        ([1.0, 2.0, 3.0], Verdict.REFUTED),
        ([3.0, 1.0, 2.0], Verdict.REFUTED),
        ([2.0, 2.0], Verdict.OPEN),
        ([2.0], Verdict.OPEN),
        ([], Verdict.OPEN),
    ],
)
def test_the_order_of_the_list(times: list[float | None], verdict: Verdict) -> None:
    rows = [row(str(number), created_at=time) for number, time in enumerate(times)]
    assert newest_first(listed(*rows)).verdict is verdict


def test_missing_keys_of_the_pagination_are_refuted() -> None:
    full = page([], next_offset=20, limit=20, previous_offset=0)
    assert pagination(seen(codec.encode(full), operation="orders.list")).verdict is (
        Verdict.CONFIRMED
    )
    found = pagination(seen(codec.encode(page([])), operation="orders.list"))
    assert found.verdict is Verdict.REFUTED
    assert found.seen == "it holds has_more"


def test_a_large_page_that_is_refused_is_an_answer() -> None:
    assert large_pages(seen(b"{}", 400, "orders.list")).verdict is Verdict.SETTLED
    assert large_pages(seen(b"{}", 500, "orders.list")).verdict is Verdict.OPEN


@pytest.mark.parametrize(
    ("body", "status", "verdict"),
    [
        (b"%PDF-1.4", 200, Verdict.SETTLED),
        (b'{"pdf_url": "https://files.example.test/1"}', 200, Verdict.SETTLED),
        (b'{"link": "https://files.example.test/1"}', 200, Verdict.REFUTED),
        (b"[]", 200, Verdict.REFUTED),
        (b"{}", 409, Verdict.OPEN),
        (b"<html>", 200, Verdict.OPEN),
    ],
)
def test_the_shape_of_the_combined_pdf(body: bytes, status: int, verdict: Verdict) -> None:
    assert combined_pdf(seen(body, status)).verdict is verdict


def test_an_answer_of_no_known_kind_says_nothing_of_its_path() -> None:
    assert existence(seen(b"hello")).verdict is Verdict.OPEN
    assert existence(Seen(orders.LIST, omitted="nothing to ask for")).seen == "nothing to ask for"
