from __future__ import annotations

import unicodedata
from typing import Any

import pytest

from cubicasa_async.bulk.intake import check_row
from cubicasa_async.bulk.keys import derived_key
from cubicasa_async.bulk.outcomes import Rejected
from cubicasa_async.bulk.rows import Row
from cubicasa_async.core import checks
from cubicasa_async.resources.drafts import DraftRequest

ADDRESS = {
    "street": "7 Münchner Freiheit",
    "suite": "2b",
    "city": "München",
    "state": "Bayern",
    "postal_code": "80802",
    "country": "Germany",
    "owner_email": "owner@example.test",
}


def key(**changes: Any) -> str:
    given = {name: value for name, value in {**ADDRESS, **changes}.items() if value is not None}
    return derived_key(checks.build(DraftRequest, given, what="The row"))


@pytest.mark.parametrize(
    "changes",
    [
        {"street": "7  MÜNCHNER   Freiheit "},
        {"city": unicodedata.normalize("NFD", "München")},
        {"owner_email": "other@example.test"},
        {"info": "ring twice", "latitude": 48.1, "package_type": "plus"},
    ],
    ids=["case and spaces", "form of accents", "owner", "what is not the address"],
)
def test_one_address_has_one_key(changes: dict[str, Any]) -> None:
    assert key(**changes) == key()


@pytest.mark.parametrize("part", ["street", "suite", "city", "state", "postal_code", "country"])
def test_each_part_of_the_address_counts(part: str) -> None:
    assert key(**{part: "another"}) != key()


def test_parts_do_not_run_into_each_other() -> None:
    assert key(street="1 Main", suite="St 2") != key(street="1 Main St", suite="2")
    assert key(suite=None, state="x") != key(suite="x", state=None)


def test_a_key_is_the_same_in_every_release() -> None:
    assert key() == "addr-863bf97bb4ff9d47ea96"


def test_a_key_of_its_own_is_kept() -> None:
    checked = check_row(Row(1, {**ADDRESS, "external_id": "L-1"}), derive_keys=True)
    assert not isinstance(checked, Rejected)
    assert checked.key == "L-1"
