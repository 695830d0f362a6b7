from __future__ import annotations

import copy
import json
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cubicasa_async import UNSET, OrderStatus
from cubicasa_async.core.models import Model
from cubicasa_async.core.values import Unset


def test_a_listed_value_is_its_member() -> None:
    assert OrderStatus("Ready") is OrderStatus.READY
    assert OrderStatus.READY.is_known


def test_a_value_that_is_not_listed_keeps_its_text() -> None:
    archived = OrderStatus("Archived")
    assert isinstance(archived, OrderStatus)
    assert not archived.is_known
    assert archived == "Archived"
    assert archived == OrderStatus("Archived")
    assert archived != OrderStatus.READY
    assert archived.value == archived.name == str(archived) == f"{archived}" == "Archived"
    assert repr(archived) == "OrderStatus('Archived')"


def test_a_value_that_is_not_listed_does_not_become_listed_by_being_used() -> None:
    before = list(OrderStatus)
    assert not OrderStatus("Archived").is_known
    assert not OrderStatus("Archived").is_known
    assert list(OrderStatus) == before


@given(st.text())
def test_any_text_is_a_value_that_equals_hashes_and_sorts_as_that_text(text: str) -> None:
    value = OrderStatus(text)
    assert value == text
    assert hash(value) == hash(text)
    assert {value: 1}[text] == 1  # type: ignore[index] # a text finds what equals it
    assert json.dumps(value) == json.dumps(text)


@pytest.mark.parametrize("text", ["Ready", "Archived", ""])
def test_values_survive_pickle_and_copy(text: str) -> None:
    value = OrderStatus(text)
    for again in (pickle.loads(pickle.dumps(value)), copy.copy(value), copy.deepcopy(value)):  # noqa: S301 # our own bytes
        assert type(again) is OrderStatus
        assert again == value
        assert again.is_known is value.is_known


@pytest.mark.parametrize("value", [None, 1, b"Ready", ["Ready"]])
def test_what_is_no_text_is_no_value(value: object) -> None:
    with pytest.raises(ValueError, match="is not a valid OrderStatus"):
        OrderStatus(value)  # type: ignore[arg-type] # wrong on purpose


def test_not_given_is_false_alone_and_not_none() -> None:
    assert not UNSET
    assert UNSET is not None
    assert repr(UNSET) == "UNSET"
    assert copy.deepcopy(UNSET) is pickle.loads(pickle.dumps(UNSET)) is UNSET is Unset.UNSET  # noqa: S301 # our own bytes


def test_unknown_fields_do_not_count_in_comparisons() -> None:
    assert Model(extra={"new": 1}) == Model()
