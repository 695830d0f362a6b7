"""What type checkers see of the synchronous client; mypy and pyright read this file, too."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import assert_type

from cubicasa_async import (
    ChangeRequestReceipt,
    CombinedPdf,
    CubiCasa,
    NewUser,
    Order,
    Page,
    RequestOptions,
    Response,
    User,
)
from cubicasa_async.bulk import RowOutcome
from cubicasa_async.sandbox import Sandbox
from cubicasa_async.sync import SyncPager, import_drafts
from tests.support.payloads import DRAFT


def test_the_types_of_results(sandbox: Sandbox, twin: CubiCasa, tmp_path: Path) -> None:
    draft = twin.drafts.create(
        street="1 Example Street",
        city="Sampletown",
        country="United States",
        owner_email="owner@example.test",
        external_id="EXT-1",
    )
    assert_type(draft, Order)
    assert_type(twin.orders.get(draft.id), Order)
    pager = twin.orders.list(status="Draft")
    assert_type(pager, SyncPager[Order])
    assert_type(pager.page(), Page[Order])
    assert_type(pager.cursor, str)
    for order in pager:
        assert_type(order, Order)
    for page in twin.orders.list().pages():
        assert_type(page, Page[Order])
    assert_type(twin.users.list().items(), Generator[User, None, None])
    assert_type(twin.with_options(RequestOptions(retries=1)), CubiCasa)
    outcomes = import_drafts(twin, [DRAFT], journal=tmp_path / "journal")
    assert_type(outcomes, Generator[RowOutcome, None, None])


def the_types_of_what_is_not_called(twin: CubiCasa) -> None:
    assert_type(twin.users.create(email="a@example.test", role="User", office_id="1"), NewUser)
    assert_type(twin.change_requests.create("1", products=["tour"], text="x"), ChangeRequestReceipt)
    assert_type(twin.request("GET", "/orders/1", model=Order), Response[Order])
    assert_type(twin.orders.combined_pdf("1"), CombinedPdf)
    assert_type(twin.portal.run(twin.asynchronous.orders.get("1")), Order)
    with twin as same:
        assert_type(same, CubiCasa)
    twin.orders.get(1)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    twin.company.send_merge_request(
        colour="red"  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
    )
