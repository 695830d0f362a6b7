"""How requests are built and answers are read, without any connection."""

from __future__ import annotations

import contextlib
import gzip
import json
import zlib
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from cubicasa_async import Effect, Evidence, Order
from cubicasa_async.core import wire
from cubicasa_async.core.endpoint import Endpoint
from cubicasa_async.core.wire import Answer
from cubicasa_async.errors import (
    AnswerError,
    AuthenticationError,
    BadRequestError,
    ConflictError,
    DecodeError,
    FieldError,
    ForbiddenError,
    InvalidInputError,
    NotFoundError,
    Outcome,
    RateLimitError,
    RedirectError,
    ResponseTooLargeError,
    ServerError,
)
from tests.support.payloads import order

BASE = URL("https://api.example.test/api/integrate/v3")
REFUSED, UNKNOWN = Outcome.REFUSED, Outcome.UNKNOWN


def endpoint(effect: Effect = Effect.READ, path: str = "/orders/{order_id}") -> Endpoint[Order]:
    return Endpoint(
        operation="things.do",
        method="POST",
        path=path,
        response=Order,
        effect=effect,
        evidence=Evidence.DOCUMENTED,
    )


NOTHING: Endpoint[None] = Endpoint(
    operation="things.drop",
    method="DELETE",
    path="/things",
    response=None,
    effect=Effect.REPLACE,
    evidence=Evidence.DOCUMENTED,
)


def answer(status: int, body: Any = b"", **headers: str) -> Answer:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Answer(status, {name.replace("_", "-"): text for name, text in headers.items()}, raw)


def failure(status: int, body: Any = b"", effect: Effect = Effect.READ) -> AnswerError:
    with pytest.raises(AnswerError) as caught:
        wire.read(endpoint(effect), answer(status, body))
    return caught.value


def unreadable(body: Any, effect: Effect = Effect.READ, **headers: str) -> DecodeError:
    with pytest.raises(DecodeError) as caught:
        wire.read(endpoint(effect), answer(200, body, **headers))
    return caught.value


def test_a_request_has_its_path_and_query_filled_in() -> None:
    query = "status=a+b&status=%C3%A4%26c"
    request = wire.build(str(BASE), endpoint(), path={"order_id": "x"}, query=query)
    assert request.method == "POST"
    assert str(request.url) == f"{BASE}/orders/x?{query}"
    assert request.body is None


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        ("a/b", "a%2Fb"),
        ("a%2Fb", "a%252Fb"),
        ("%2e%2e", "%252e%252e"),
        ("a?b#c", "a%3Fb%23c"),
        ("first+last@example.test", "first%2Blast%40example.test"),
        ("{order_id}", "%7Border_id%7D"),
        ("ä", "%C3%A4"),
    ],
)
def test_a_part_of_the_path_is_sent_as_it_is_meant(value: str, sent: str) -> None:
    request = wire.build(str(BASE), endpoint(), path={"order_id": value})
    assert request.url.raw_path == f"{BASE.raw_path}/orders/{sent}"


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_any_part_of_the_path_stays_one_part_and_comes_back_whole(value: str) -> None:
    request = wire.build(str(BASE), endpoint(), path={"order_id": value})
    sent = str(request.url).removeprefix(f"{BASE}/orders/")
    assert not set(sent) & set("/?#")
    assert unquote(sent) == value


def test_a_path_that_was_given_encoded_is_not_decoded() -> None:
    given_path = endpoint(path="/a%2Fb/../c//d")
    assert str(wire.build(str(BASE), given_path, path={}).url) == f"{BASE}/a%2Fb/../c//d"


def test_fields_added_by_hand_are_sent_beside_the_checked_ones() -> None:
    request = wire.build(
        str(BASE), endpoint(), path={"order_id": "x"}, body={"a": 1}, extra_body={"b": 2}
    )
    assert request.body == b'{"a":1,"b":2}'


def test_a_body_without_a_form_in_json_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="no form in JSON"):
        wire.build(str(BASE), endpoint(), path={"order_id": "x"}, body={"a": object()})


CLASSES: dict[int, type[AnswerError]] = {
    300: RedirectError, 301: RedirectError, 302: RedirectError, 303: RedirectError,
    304: RedirectError, 307: RedirectError, 308: RedirectError, 400: BadRequestError,
    401: AuthenticationError, 402: AnswerError, 403: ForbiddenError, 404: NotFoundError,
    405: AnswerError, 409: ConflictError, 410: NotFoundError, 413: AnswerError,
    422: BadRequestError, 429: RateLimitError, 451: AnswerError, 500: ServerError,
    501: ServerError, 502: ServerError, 503: ServerError, 504: ServerError, 599: ServerError,
}  # fmt: skip


@pytest.mark.parametrize("status", CLASSES)
def test_a_status_has_its_class_and_outcome(status: int) -> None:
    for effect in Effect:
        error = failure(status, effect=effect)
        assert type(error) is CLASSES[status]
        assert error.status == status
        told_no = 400 <= status <= 499 or status in (307, 308, 503)
        reads = effect is Effect.READ and status < 400
        assert error.outcome is (REFUSED if told_no or reads else UNKNOWN)
        assert error.transient == (status in (429, 500, 502, 503, 504))
        assert ("look before you repeat" in str(error)) == (
            error.outcome is UNKNOWN and effect is not Effect.READ
        )


@given(st.integers(100, 999).filter(lambda status: not 200 <= status <= 299), st.binary())
def test_any_status_and_body_is_an_error_of_ours(status: int, body: bytes) -> None:
    error = failure(status, body, Effect.CREATE)
    assert error.body == body
    assert f"({status})" in str(error)


def test_the_observed_400_names_its_fields() -> None:
    said = {
        "validation_error": {
            "body_params": [
                {"loc": ["street"], "msg": "field required"},
                {"loc": ["order_preferences", "style_2d", 0], "msg": "str type expected"},
            ],
            "query_params": [{"loc": ["limit"], "msg": "too large", "type": "value_error"}],
        }
    }
    error = failure(400, said)
    assert error.field_errors == (
        FieldError("street", "field required"),
        FieldError("order_preferences.style_2d.0", "str type expected"),
        FieldError("limit", "too large"),
    )
    assert "[street: field required; " in str(error)


@pytest.mark.parametrize(
    "said",
    [
        [], 7, None, {"validation_error": None}, {"validation_error": {"body_params": 7}},
        {"validation_error": {"body_params": [None]}}, {"validation_error": {"x": [{"loc": 7}]}},
        {"validation_error": {"body_params": [{"loc": ["a"], "msg": {"b": 1}}]}},
    ],
)  # fmt: skip
def test_an_envelope_of_another_shape_is_no_other_error(said: Any) -> None:
    assert type(failure(400, said)) is BadRequestError


@pytest.mark.parametrize("key", ["message", "error", "detail", "description"])
def test_what_the_server_says_in_words_is_passed_on(key: str) -> None:
    assert "The server says: Not today." in str(failure(403, {key: "Not \n today."}))
    assert len(str(failure(403, {key: "x" * 10_000}))) < 500


def test_a_page_of_html_is_not_passed_on_in_words() -> None:
    error = failure(404, b"<!doctype html><p>Not Found</p>")
    assert "Not Found" not in str(error)
    assert error.body.startswith(b"<!doctype")


def test_an_error_keeps_a_bounded_part_of_the_body() -> None:
    assert len(failure(500, b"x" * 1_000_000).body) == wire.KEPT_BODY == 65536
    assert len(unreadable(b"x" * 1_000_000).body) == wire.KEPT_BODY


def test_a_good_answer_is_read() -> None:
    for status in (200, 201, 202, 299):
        assert wire.read(endpoint(), answer(status, order())).id == order()["id"]


@pytest.mark.parametrize("effect", Effect)
def test_a_web_page_with_200_is_no_success(effect: Effect) -> None:
    for error in (
        unreadable(b"\n <html>Sign in</html>", effect),
        unreadable(b"Sign in", effect, content_type="text/html; charset=utf-8"),
    ):
        assert "a web page instead of JSON" in str(error)
        assert error.outcome is UNKNOWN
        assert not error.transient
        assert ("look before you repeat" in str(error)) == (effect is not Effect.READ)


def test_a_success_without_id_is_no_success() -> None:
    error = unreadable({"info": None}, Effect.CREATE)
    assert error.problems == error.field_errors == (FieldError("$.id", "is missing"),)
    assert error.outcome is UNKNOWN
    assert "look before you repeat" in str(error)


def test_a_cut_text_may_be_asked_for_again_and_a_wrong_one_not() -> None:
    assert unreadable(b'{"id": "x"').transient
    assert unreadable(b"").transient
    assert not unreadable(b"{]").transient
    assert not unreadable([]).transient


def test_what_can_be_read_of_a_bad_answer_is_kept() -> None:
    error = unreadable(order(info={"status": 7, "external_id": "EXT-1"}))
    assert isinstance(error.partial, Order)
    assert error.partial.external_id == "EXT-1"
    assert error.partial.status is None
    assert unreadable(order(id=None)).partial is None


def test_an_operation_that_answers_nothing_useful_takes_anything() -> None:
    for body in (b"", b"  ", b"null", b'{"message": "done"}'):
        assert wire.read(NOTHING, answer(200, body)) is None
    with pytest.raises(DecodeError):
        wire.read(NOTHING, answer(200, b"<html>Sign in</html>"))


BODY = b'{"id": "x"}' * 100
RAW_DEFLATE = zlib.compress(BODY)[2:-4]


@pytest.mark.parametrize(
    ("encoding", "packed"),
    [
        ("", BODY),
        ("identity", BODY),
        ("gzip", gzip.compress(BODY, mtime=0)),
        ("x-gzip", gzip.compress(BODY, mtime=0)),
        ("deflate", zlib.compress(BODY)),
        ("deflate", RAW_DEFLATE),
    ],
)
def test_bodies_are_inflated(encoding: str, packed: bytes) -> None:
    assert wire.inflate(packed, encoding, len(BODY)) == BODY


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_inflating_stops_at_the_bound(encoding: str) -> None:
    bomb = gzip.compress(b" " * 10_000_000)
    with pytest.raises(ResponseTooLargeError, match="larger than 1000 bytes"):
        wire.inflate(bomb, encoding, 1000)
    assert len(wire.inflate(bomb, encoding, 10_000_000)) == 10_000_000


@pytest.mark.parametrize("packed", [b"{}", gzip.compress(BODY, mtime=0)[:-9], b"\x1f\x8b"])
def test_damaged_bodies_are_no_bodies(packed: bytes) -> None:
    for encoding in ("gzip", "deflate"):
        with pytest.raises(zlib.error):
            wire.inflate(packed, encoding, 10_000)


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "x"])
def test_an_encoding_that_was_not_asked_for_is_refused(encoding: str) -> None:
    with pytest.raises(ValueError, match="unexpected Content-Encoding"):
        wire.inflate(b"{}", encoding, 1000)


@given(st.binary(), st.sampled_from(["gzip", "deflate"]))
def test_any_bytes_are_inflated_or_damaged(packed: bytes, encoding: str) -> None:
    with contextlib.suppress(zlib.error, ResponseTooLargeError):
        assert len(wire.inflate(packed, encoding, 1000)) <= 1000
