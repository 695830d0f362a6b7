"""The vendor's sample calls, sent by a plain tool to the sandbox with only the host changed."""

from __future__ import annotations

import asyncio
import json
import shutil
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import attrs
import pytest

from cubicasa_async.core import codec
from cubicasa_async.sandbox import Sandbox
from tests.contract.test_traffic import answer_schema, validate
from tests.sandbox.support import sample

VENDOR: Final = "https://app.cubi.casa"
CURL: Final = shutil.which("curl")


@attrs.frozen
class Sample:
    """A sample call; `{name}` in its URL stands for an id of the caller's own."""

    operation: str
    method: str
    url: str
    body: str | None = None
    answer: str | None = None


SAMPLES: Final = [
    Sample(
        "users.list",
        "GET",
        f"{VENDOR}/api/integrate/v3/users?limit=20&offset=0",
        answer="07-list-all-users.response",
    ),
    Sample(
        "users.create",
        "POST",
        f"{VENDOR}/api/integrate/v3/users",
        "08-add-new-user.request",
        "08-add-new-user.response",
    ),
    Sample(
        "users.change_password",
        "POST",
        f"{VENDOR}/api/integrate/v3/users/change-password",
        "11-change-user-password.request",
    ),
    Sample(
        "users.send_password_reset",
        "POST",
        f"{VENDOR}/api/integrate/v3/users/reset-password",
        "12-send-password-reset-link.request",
    ),
    Sample("users.delete", "DELETE", f"{VENDOR}/api/integrate/v3/users/{{user}}"),
    Sample(
        "orders.list",
        "GET",
        f"{VENDOR}/api/integrate/v3/orders?limit=20&offset=0&status=Pending&status=Ready",
    ),
    Sample(
        "orders.upgrade",
        "POST",
        f"{VENDOR}/api/integrate/v3/orders/{{ready}}/post-purchase",
        "15-upgrade-order.request",
        "15-upgrade-order.response",
    ),
    Sample(
        "orders.get",
        "GET",
        f"{VENDOR}/api/integrate/v3/orders/{{ready}}",
        answer="17-get-order.observed.response",
    ),
    Sample(
        "change_requests.create",
        "POST",
        f"{VENDOR}/api/integrate/v3/orders/{{ready}}/change-requests",
        "20-add-change-request.request",
        "20-add-change-request.response",
    ),
    Sample(
        "drafts.update",
        "PATCH",
        f"{VENDOR}/api/integrate/v3/orders/draft/{{draft}}",
        "24-update-draft-order.request",
        "24-update-draft-order.response",
    ),
    Sample(
        "webhooks.update",
        "PATCH",
        f"{VENDOR}/api/integrate/v3/companies/webhook",
        "27-update-company-webhooks.request",
        "27-update-company-webhooks.response",
    ),
]


@attrs.frozen
class Reply:
    status: int
    text: str


async def curl(method: str, url: str, headers: Mapping[str, str], data: Path | None) -> Reply:
    """As a page of documentation says it."""
    assert CURL is not None
    said = [part for name, value in headers.items() for part in ("--header", f"{name}: {value}")]
    body = ["--data", f"@{data}"] if data else []
    process = await asyncio.create_subprocess_exec(
        *(CURL, "--silent", "--show-error", "--request", method, "--url", url),
        *(*said, *body, "--write-out", "\n%{http_code}"),
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate()
    assert process.returncode == 0
    text, _, status = output.decode().rpartition("\n")
    return Reply(int(status), text)


async def plain(method: str, url: str, headers: Mapping[str, str], data: Path | None) -> Reply:
    """The same with the standard library."""
    content = data.read_bytes() if data else None
    request = urllib.request.Request(url, content, dict(headers), method=method)  # noqa: S310 # ours

    def send() -> Reply:
        try:
            with urllib.request.urlopen(request) as reply:  # noqa: S310 # as above
                return Reply(reply.status, reply.read().decode())
        except urllib.error.HTTPError as error:
            with error:
                return Reply(error.code, error.read().decode())

    return await asyncio.to_thread(send)


send = curl if CURL else plain


def prepared(sandbox: Sandbox) -> dict[str, str]:
    """What the samples speak of: a user, a delivered order and a draft."""
    world = sandbox.world
    user = world.add_user("new@example.test", role="Collaborator", password="string")
    return {
        "user": user.id,
        "ready": world.add_order(status="Ready").id,
        "draft": world.add_order().id,
    }


def body_of(one: Sample, sandbox: Sandbox, place: Path) -> Path | None:
    if one.body is None:
        return None
    body = sample(one.body)
    if "office_id" in body:  # an office and an address of the caller's own
        body |= {"office_id": sandbox.world.offices[0].id, "email": "newer@example.test"}
    path = place / "body.json"
    path.write_text(json.dumps(body), encoding="utf-8")
    return path


def lacking(documented: Any, answered: Any, place: str = "$") -> list[str]:
    """Where the documented answer has something that this answer has not, or not of its type."""
    kinds: set[Any] = {type(documented), type(answered)}
    if kinds == {dict}:
        fields = codec.as_mapping(answered)
        return [
            fault
            for key, value in codec.as_mapping(documented).items()
            for fault in (
                lacking(value, fields[key], f"{place}.{key}")
                if key in fields
                else [f"{place}.{key}"]
            )
        ]
    if kinds == {list}:
        entries, others = codec.as_list(documented), codec.as_list(answered)
        return lacking(entries[0], others[0], f"{place}[0]") if entries and others else []
    alike = len(kinds) == 1 or kinds == {int, float} or type(None) in kinds
    return [] if alike else [place]


@pytest.mark.parametrize("one", SAMPLES, ids=lambda one: one.operation)
async def test_a_sample_call_gets_the_documented_answer(
    one: Sample, sandbox: Sandbox, tmp_path: Path
) -> None:
    ids = prepared(sandbox)
    headers = {"api-key": sandbox.api_key}
    data = body_of(one, sandbox, tmp_path)
    if data:
        headers["content-type"] = "application/json"
    url = one.url.replace(VENDOR, sandbox.origin).format_map(ids)
    reply = await send(one.method, url, headers, data)
    assert reply.status == 200, reply.text
    answer = json.loads(reply.text)
    validate(answer, answer_schema(one.operation))
    if one.answer:
        assert lacking(sample(one.answer), answer) == []
    (entry,) = sandbox.ledger
    assert entry.operation == one.operation


@pytest.mark.parametrize("one", SAMPLES, ids=lambda one: one.operation)
async def test_a_sample_call_with_the_placeholder_for_a_key_is_refused(
    one: Sample, sandbox: Sandbox, tmp_path: Path
) -> None:
    ids = prepared(sandbox)
    data = body_of(one, sandbox, tmp_path)
    url = one.url.replace(VENDOR, sandbox.origin).format_map(ids)
    reply = await plain(one.method, url, {"api-key": "<your api-key>"}, data)
    assert reply.status == 401
    assert not sandbox.ledger.committed()


@pytest.mark.parametrize(
    ("documented", "answered"),
    [
        ({"id": "x"}, {}),
        ({"id": "x"}, {"id": 7}),
        ({"items": [{"id": "x"}]}, {"items": [{"name": "x"}]}),
        ({"items": []}, {"items": {}}),
        ({"deep": {"on": True}}, {"deep": {"on": 1}}),
    ],
)
def test_control_an_answer_of_another_shape_is_seen(documented: Any, answered: Any) -> None:
    assert lacking(documented, answered)
