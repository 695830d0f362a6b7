from __future__ import annotations

import copy
import importlib
import pickle
import pkgutil
import re
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import cubicasa_async
from cubicasa_async import errors
from cubicasa_async.errors import (
    AnswerError,
    Attempt,
    CallTimeoutError,
    CubiCasaError,
    FieldError,
    InvalidInputError,
    Outcome,
    Undecodable,
    UndecodableItemsError,
)


def drawn() -> dict[str, str]:
    """The parent of each class, as the docstring draws it."""
    above: list[str] = []
    parents: dict[str, str] = {}
    assert errors.__doc__ is not None
    for line in errors.__doc__.splitlines():
        match = re.match(r"( {4}[ │]*(?:[├└]─ )?)([A-Z]\w+Error)\b", line)
        if match is None:
            continue
        depth = (len(match[1]) - 4) // 4
        del above[depth:]
        if above:
            parents[match[2]] = above[-1]
        above.append(match[2])
    return parents


def subclasses(cls: type[CubiCasaError]) -> list[type[CubiCasaError]]:
    found = [cls]
    for sub in cls.__subclasses__():
        if sub.__module__.startswith("cubicasa_async"):
            found += subclasses(sub)
    return found


def everywhere() -> list[type[CubiCasaError]]:
    """All error classes of the whole package."""
    for module in pkgutil.walk_packages(cubicasa_async.__path__, "cubicasa_async."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    return subclasses(CubiCasaError)


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    real = {
        cls.__name__: base.__name__
        for cls in everywhere()
        for base in cls.__bases__
        if issubclass(base, CubiCasaError)
    }
    assert drawn() == real


def test_control_a_class_that_is_not_drawn_is_seen() -> None:
    class ForgottenError(CubiCasaError):
        pass

    ForgottenError.__module__ = "cubicasa_async.errors"
    try:
        assert ForgottenError in everywhere()
        assert "ForgottenError" not in drawn()
    finally:
        ForgottenError.__module__ = __name__


def test_all_classes_live_in_one_module_and_say_what_they_mean() -> None:
    for cls in everywhere():
        assert cls.__module__ == "cubicasa_async.errors"
        assert cls.__doc__


def pickled(error: CubiCasaError) -> Any:
    return pickle.loads(pickle.dumps(error))  # noqa: S301 # our own bytes


ATTEMPTS = (
    Attempt(datetime(2026, 1, 1, tzinfo=UTC), 0.5, "answer", 503, Outcome.REFUSED, "503", 1.0),
    Attempt(datetime(2026, 1, 1, tzinfo=UTC), 0.5, "send", None, Outcome.UNKNOWN, "lost"),
)
FAULTS = [FieldError("street", "is required"), FieldError("a[0].b", "must be text")]


def make(cls: type[CubiCasaError]) -> CubiCasaError:
    error: CubiCasaError
    if issubclass(cls, AnswerError):
        error = cls(
            "Refused.",
            status=400,
            outcome=Outcome.REFUSED,
            body=b"{}",
            headers={"a": "b"},
            field_errors=FAULTS,
        )
    elif issubclass(cls, UndecodableItemsError):
        error = cls("Unreadable.", [Undecodable({"id": 1}, tuple(FAULTS))], 1)
    elif issubclass(cls, InvalidInputError):
        error = cls("Refused.", FAULTS)
    else:
        error = cls("It failed.")
    error.attempts = ATTEMPTS
    error.operation = "drafts.create"
    error.retry_at = datetime(2026, 1, 1, tzinfo=UTC)
    error.cursor = "abc"
    return error


@pytest.mark.parametrize("cls", subclasses(CubiCasaError), ids=lambda cls: cls.__name__)
@pytest.mark.parametrize("copied", [pickled, copy.copy, copy.deepcopy])
def test_an_error_survives_pickle_and_copy(cls: type[CubiCasaError], copied: Any) -> None:
    error = make(cls)
    again = copied(error)
    assert type(again) is cls
    assert again.args == error.args
    assert vars(again) == vars(error)
    assert str(again) == str(error)
    assert again.outcome is error.outcome
    assert again.transient == error.transient


@pytest.mark.parametrize("cls", subclasses(CubiCasaError), ids=lambda cls: cls.__name__)
def test_an_error_says_its_sentence_and_how_often_it_was_tried(cls: type[CubiCasaError]) -> None:
    error = make(cls)
    assert str(error).startswith(error.message)
    assert "(tried 2 times)" in str(error)
    error.attempts = ATTEMPTS[:1]
    assert "tried" not in str(error)


def test_faults_are_shown_with_their_fields_but_not_without_end() -> None:
    assert str(make(InvalidInputError)) == (
        "Refused. (tried 2 times) [street: is required; a[0].b: must be text]"
    )
    many = [FieldError(f"field-{number}", "is wrong") for number in range(25)]
    assert str(InvalidInputError("Refused.", many)).endswith("; and 15 more]")


def test_a_fault_of_the_whole_shows_no_field() -> None:
    assert str(FieldError("", "is wrong")) == "is wrong"


def test_a_timeout_is_also_the_standard_one() -> None:
    assert issubclass(CallTimeoutError, TimeoutError)
    with pytest.raises(TimeoutError):
        raise CallTimeoutError("Too long.", outcome=Outcome.UNKNOWN)


def test_an_error_may_be_made_without_a_message() -> None:
    assert str(CubiCasaError.__new__(CubiCasaError)) == "CubiCasaError"


@given(st.text(), st.sampled_from(Outcome))
def test_any_message_survives(message: str, outcome: Outcome) -> None:
    again = pickle.loads(pickle.dumps(CubiCasaError(message, outcome=outcome)))  # noqa: S301 # ours
    assert (again.message, again.outcome) == (message, outcome)
