"""The key is seen by its host and by nobody else, even if the server gives it back."""

from __future__ import annotations

import copy
import html
import json
import pickle
import traceback
from collections.abc import Iterable, Iterator
from typing import Any, cast
from urllib.parse import quote

import attrs
import pytest

from cubicasa_async import AsyncCubiCasa, RequestOptions, Secret
from cubicasa_async.core.wire import Response
from cubicasa_async.errors import AnswerError, ConfigError, CubiCasaError
from cubicasa_async.sandbox import Fault, Sandbox
from tests.core.test_fault_matrix import FAULTS, named, options
from tests.support.calls import CREATE, READ, Call, judge
from tests.support.canary import CANARY
from tests.support.moments import VirtualTime
from tests.support.payloads import DRAFT
from tests.support.raw_server import RawServer, Reply, answer


def reached(value: Any, seen: set[int]) -> Iterator[str]:
    """Every text within reach of a value, by attributes and items."""
    if id(value) in seen or isinstance(value, (type, int, float)) or value is None:
        return
    seen.add(id(value))
    if isinstance(value, (str, bytes)):
        yield value if isinstance(value, str) else value.decode("latin-1")
        return
    yield repr(value)
    if isinstance(value, BaseException):
        inner: list[Any] = [value.args, vars(value), value.__cause__, value.__context__]
    elif isinstance(value, dict):
        inner = [*value.keys(), *value.values()]
    elif isinstance(value, (list, tuple, set, frozenset)):
        inner = list(cast("Iterable[Any]", value))
    elif attrs.has(type(value)):  # pyright: ignore[reportUnknownArgumentType] # anything
        kind: Any = type(value)  # pyright: ignore[reportUnknownVariableType] # the same
        inner = [getattr(value, field.name) for field in attrs.fields(kind)]
    else:
        inner = []
    for part in inner:
        yield from reached(part, seen)


def shown(error: BaseException) -> list[str]:
    """Where an error shows the canary, in whatever way it is looked at."""
    views = [
        str(error),
        repr(error),
        "".join(traceback.format_exception(error)),
        pickle.dumps(error).decode("latin-1"),
        *reached(error, set()),
    ]
    return [view for view in views if CANARY in view]


def test_control_a_key_within_an_error_is_found() -> None:
    for leak in (
        {"body": CANARY.encode()},
        {"headers": {"x": CANARY}},
        {"status": 400, "deep": [{"a": (CANARY,)}]},
    ):
        error = CubiCasaError("It failed.")
        error.__dict__.update(leak)
        assert shown(error)
    caused = CubiCasaError("It failed.")
    caused.__cause__ = ValueError(CANARY)
    assert shown(caused)


@pytest.mark.parametrize("fault", FAULTS, ids=named)
@pytest.mark.parametrize("call", [READ, CREATE], ids=str)
@pytest.mark.usefixtures("leaps")
async def test_no_error_of_a_call_shows_it(
    call: Call, fault: Fault, bounded: AsyncCubiCasa, sandbox: Sandbox
) -> None:
    verdict = await judge(call, bounded, sandbox, fault, options=options(fault))
    assert verdict.error is not None
    assert shown(verdict.error) == []


ECHOES = {
    "header": answer(400, {}, {"X-Echo": f"key {CANARY}"}),
    "retry": answer(503, {}, {"Retry-After": CANARY}),
    "message": answer(403, {"message": f"The key {CANARY} may not."}),
    "field": answer(
        400,
        {"validation_error": {"body_params": [{"loc": [CANARY], "msg": f"not {CANARY}"}]}},
    ),
    "page": answer(404, f"<h1>{CANARY}</h1>".encode(), {"Content-Type": "text/html"}),
    "status line": Reply(f"HTTP/1.1 {CANARY}\r\n\r\n".encode()),
    "bad header": Reply(f"HTTP/1.1 200 OK\r\n{CANARY}\r\n\r\n".encode()),
    "encoding": answer(200, b"{}", {"Content-Encoding": CANARY}),
    "other shape": answer(200, {"id": 1, "extra": CANARY}),
    "key of an object": answer(200, {"id": "x", "info": {CANARY: 1, "status": 1}}),
    "no JSON": answer(200, CANARY.encode()),
    "cut": answer(200, f'{{"id": "{CANARY}'.encode()),
    "location": answer(307, b"", {"Location": f"http://other.test/?key={CANARY}"}),
}


@pytest.mark.parametrize("reply", ECHOES.values(), ids=ECHOES)
async def test_no_error_shows_it_even_if_the_server_gives_it_back(
    reply: Reply, moments: VirtualTime
) -> None:
    async with (
        RawServer(reply) as server,
        AsyncCubiCasa(CANARY, base_url=server.base_url, runtime=moments.runtime) as client,
    ):
        for call in (client.orders.get("x"), client.drafts.create(**DRAFT)):
            with pytest.raises(CubiCasaError) as caught:
                await call
            assert shown(caught.value) == []


ODD_KEY = 'canary"\\/&+7f3d9a'


@pytest.mark.parametrize(
    "spelling",
    [
        json.dumps({"message": f"not {ODD_KEY}"}),
        json.dumps({"message": f"not {ODD_KEY}"}).replace("/", "\\/"),
        json.dumps({"message": f"see http://x.test/?key={quote(ODD_KEY, safe='')}"}),
        f"<p>{html.escape(ODD_KEY)}</p>",
        f"<p>{ODD_KEY}</p>",
    ],
)
async def test_no_error_shows_a_key_that_is_spelt_in_another_way(
    spelling: str, moments: VirtualTime
) -> None:
    async with (
        RawServer(answer(403, spelling.encode())) as server,
        AsyncCubiCasa(ODD_KEY, base_url=server.base_url, runtime=moments.runtime) as client,
    ):
        with pytest.raises(AnswerError) as caught:
            await client.orders.get("x")
    error = caught.value
    assert "7f3d9a" not in f"{error}{error!r}{error.body!r}"
    assert b"***" in error.body


async def test_the_client_and_its_settings_do_not_show_it(client: AsyncCubiCasa) -> None:
    derived = client.with_options(RequestOptions(timeout=1.0))
    for value in (client, derived, client.config, client.config.api_key, client.orders, derived):
        for text in (repr(value), str(value), f"{value}"):
            assert CANARY not in text
    assert CANARY not in repr(vars(client))


def test_a_secret_shows_itself_only_when_asked_for() -> None:
    secret = Secret(CANARY)
    assert repr(secret) == str(secret) == f"{secret}" == "Secret('***')"
    assert secret.reveal() == CANARY
    assert secret == Secret(CANARY)
    assert secret != CANARY
    assert hash(secret) == hash(Secret(CANARY))
    assert not hasattr(secret, "__dict__")
    with pytest.raises(TypeError, match="a Secret is not pickled"):
        pickle.dumps(secret)
    with pytest.raises(TypeError, match="a Secret is not pickled"):
        copy.deepcopy(secret)


@pytest.mark.parametrize("name", ["api-key", "Api-Key", "API-KEY", "Host", "Content-Length"])
def test_a_header_of_the_users_cannot_replace_the_key(name: str) -> None:
    with pytest.raises(ConfigError, match="is set by the client itself"):
        RequestOptions(headers={name: "another"})


async def test_a_good_answer_is_given_as_it_came(moments: VirtualTime) -> None:
    reply = answer(200, {"id": "x", "note": CANARY})
    async with (
        RawServer(reply) as server,
        AsyncCubiCasa(CANARY, base_url=server.base_url, runtime=moments.runtime) as client,
    ):
        response: Response[Any] = await client.request("GET", "/orders/x")
    assert response.data == {"id": "x", "note": CANARY}
