"""Every operation of the API has its command, and the command does what the operation does."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import attrs
import pytest

from cubicasa_async.cli import preview, records
from cubicasa_async.cli.tree import command_of
from cubicasa_async.core.endpoint import Effect
from cubicasa_async.resources.change_requests import ChangeRequest
from cubicasa_async.resources.index import ENDPOINTS
from cubicasa_async.sandbox import Fault, Sandbox
from tests.support.commands import environment, run, started
from tests.support.terminal import on_a_terminal
from tests.support.typed import fields_file, typed
from tests.support.waiting import until

WHERE = ("--street", "1 Main St", "--city", "Springfield", "--country", "US")
PLACE = {"street": "1 Main St", "city": "Springfield", "country": "US"}
STYLE = ("--style-2d-style-template-id", "T-1", "--style-3d-include-basement", "no")
OWNER = "manager@sandbox.test"


@attrs.frozen
class Call:
    """How an operation is called by its command, and the body that this is to send."""

    arguments: Callable[[Sandbox], tuple[str, ...]] = lambda _: ()
    body: Any = None
    given: str | None = None


def ready(sandbox: Sandbox) -> str:
    return sandbox.world.add_order(status="Ready").id


def draft(sandbox: Sandbox) -> str:
    return sandbox.world.add_order(status="Draft").id


def user(sandbox: Sandbox) -> str:
    office = sandbox.world.add_office("North")
    made = sandbox.world.add_user(
        "old@example.com", role="User", office_id=office.id, password="long-enough-1"
    )
    return made.id


def change_request(sandbox: Sandbox) -> tuple[str, str]:
    order = sandbox.world.order(ready(sandbox))
    made = sandbox.world.add_change_request(
        order, products=["products_2d"], text="A door.", img_urls=[]
    )
    return order.id, made.id


PASSWORDS = {
    "email": "old@example.com",
    "old_password": "long-enough-1",
    "new_password": "long-enough-2",
}
CALLS: dict[str, Call] = {
    "company.info": Call(),
    "company.package": Call(),
    "company.send_merge_request": Call(
        lambda _: ("--email", "a@b.example", "--message", "Hello"),
        {"email": "a@b.example", "message": "Hello"},
    ),
    "offices.list": Call(),
    "offices.create": Call(lambda _: ("--name", "North"), {"name": "North"}),
    "users.list": Call(),
    "users.create": Call(
        lambda sandbox: (
            *("--email", "new@example.com", "--role", "User"),
            *("--office-id", sandbox.world.add_office("North").id),
        ),
        {"email": "new@example.com", "role": "User"},
    ),
    "users.get": Call(lambda _: (OWNER,)),
    "users.update": Call(lambda sandbox: (user(sandbox), "--name", "Ada"), {"name": "Ada"}),
    "users.change_password": Call(
        lambda sandbox: (user(sandbox), "--from", "-")[1:], PASSWORDS, json.dumps(PASSWORDS)
    ),
    "users.send_password_reset": Call(lambda _: (OWNER,), {"email": OWNER}),
    "users.delete": Call(lambda sandbox: (user(sandbox),)),
    "orders.list": Call(lambda _: ("--max", "1")),
    "orders.upgrade": Call(
        lambda sandbox: (ready(sandbox), "--package-type", "plus", "--add-on", "gla"),
        {"package_type": "plus", "add_ons": ["gla"]},
    ),
    "orders.redeliver": Call(
        lambda sandbox: (ready(sandbox), *STYLE),
        {
            "order_preferences": {
                "style_2d": {"style_template_id": "T-1"},
                "style_3d": {"include_basement": False},
            }
        },
    ),
    "orders.get": Call(lambda sandbox: (ready(sandbox),)),
    "orders.combined_pdf": Call(lambda sandbox: (ready(sandbox), "-o", "-")),
    "orders.create_redraw": Call(
        lambda _: (*WHERE, "--source", "https://a.example/1.pdf"),
        {**PLACE, "source": ["https://a.example/1.pdf"]},
    ),
    "change_requests.create": Call(
        lambda sandbox: (ready(sandbox), "--product", "products_2d", "--text", "A door."),
        {"products": ["products_2d"], "text": "A door."},
    ),
    "change_requests.list": Call(lambda sandbox: change_request(sandbox)[:1]),
    "change_requests.get": Call(change_request),
    "drafts.create": Call(
        lambda _: (*WHERE, "--owner-email", OWNER, "--latitude", "1.5", "--postal-code", "01234"),
        {**PLACE, "owner_email": OWNER, "latitude": 1.5, "postalCode": "01234"},
    ),
    "drafts.update": Call(
        lambda sandbox: (draft(sandbox), *WHERE, "--owner-email", OWNER),
        {**PLACE, "owner_email": OWNER},
    ),
    "drafts.delete": Call(lambda sandbox: (draft(sandbox),)),
    "gotoscan.create": Call(
        lambda _: (*WHERE, "--client-phone", "+1 555 0100"),
        {**PLACE, "client_phone": "+1 555 0100"},
    ),
    "webhooks.update": Call(
        lambda _: ("https://hooks.example.test/a",),
        {
            "webhook_urls": ["https://hooks.example.test/a"],
            "webhook_triggers": ["moved_to_ready"],
        },
    ),
    "webhooks.delete": Call(),
}
DECLARED = {endpoint.operation: endpoint for endpoint in ENDPOINTS}
CHANGES = [one.operation for one in ENDPOINTS if one.effect is not Effect.READ]
ASKED = [
    one.operation for one in ENDPOINTS if one.effect is Effect.PURCHASE or one.method == "DELETE"
]


def words(operation: str, sandbox: Sandbox) -> tuple[str, ...]:
    return (*command_of(operation), *CALLS[operation].arguments(sandbox))


def test_there_is_a_command_for_each_of_the_27_operations_and_a_call_of_each_here() -> None:
    assert len(ENDPOINTS) == 27
    assert CALLS.keys() == DECLARED.keys()
    commands = {operation: command_of(operation) for operation in DECLARED}
    assert len(set(commands.values())) == 27
    as_named = {operation: tuple(operation.replace("_", "-").split(".")) for operation in DECLARED}
    others = {name: found for name, found in commands.items() if found != as_named[name]}
    assert others == {"webhooks.update": ("webhooks", "set")}


@pytest.mark.parametrize("operation", DECLARED)
async def test_the_command_calls_the_operation_once_with_all_it_was_given(
    sandbox: Sandbox, operation: str
) -> None:
    yes = ("--yes",) if operation in ASKED else ()
    call = CALLS[operation]
    result = await typed(
        *words(operation, sandbox), *yes, environ=environment(sandbox), given=call.given
    )
    assert result.code == 0, result.err
    (entry,) = sandbox.ledger
    assert entry.operation == operation
    assert entry.committed is (operation in CHANGES)
    if call.body is None:
        assert entry.body is None
    else:
        assert {name: entry.body[name] for name in call.body} == call.body
        assert entry.body.keys() - call.body.keys() <= {"office_id"}
    if operation != "orders.combined_pdf":
        assert [type(line) for line in result.json] == [dict] * len(result.json)


@pytest.mark.parametrize("operation", CHANGES)
async def test_a_dry_run_shows_the_very_request_and_sends_nothing(
    sandbox: Sandbox, operation: str
) -> None:
    call, arguments = CALLS[operation], words(operation, sandbox)
    without_key = environment(None, CUBICASA_BASE_URL=sandbox.base_url)
    dry = await typed(*arguments, "--dry-run", environ=without_key, given=call.given)
    assert dry.code == 0, dry.err
    assert len(sandbox.ledger) == 0
    yes = ("--yes",) if operation in ASKED else ()
    done = await typed(*arguments, *yes, environ=environment(sandbox), given=call.given)
    assert done.code == 0, done.err
    (entry,) = sandbox.ledger
    (shown,) = dry.json
    if operation == "webhooks.update":  # it shows what would be set
        assert shown == entry.body
        return
    assert (shown["method"], shown["path"]) == (entry.method, entry.path)
    hidden = {name: "***" for name in ("old_password", "new_password") if shown["body"]}
    body = shown["body"]
    assert body == (
        entry.body and entry.body | {name: hidden[name] for name in hidden if name in body}
    )
    assert shown["base_url"] == sandbox.base_url
    assert "long-enough" not in dry.out


@pytest.mark.parametrize("operation", ASKED)
async def test_where_nobody_can_be_asked_nothing_is_bought_or_deleted(
    sandbox: Sandbox, operation: str
) -> None:
    result = await typed(*words(operation, sandbox), environ=environment(sandbox))
    assert result.code == 2
    assert "add --yes if it is meant" in result.err
    assert len(sandbox.ledger) == 0


async def test_control_a_command_that_does_not_ask_is_seen(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never_asks(reason: str, fields: Mapping[str, Any], *, yes: bool) -> bool:
        return True

    monkeypatch.setattr(preview, "is_meant", never_asks)
    with pytest.raises(AssertionError):
        await test_where_nobody_can_be_asked_nothing_is_bought_or_deleted(sandbox, "orders.upgrade")
    assert len(sandbox.ledger.committed("orders.upgrade")) == 1


@pytest.mark.parametrize(("answer", "bought"), [("n", 0), ("y", 1)])
async def test_a_person_is_shown_what_it_is_and_asked(
    sandbox: Sandbox, tmp_path: Path, answer: str, bought: int
) -> None:
    order = ready(sandbox)
    code, screen = await on_a_terminal(
        *("orders", "upgrade", order, "--add-on", "gla"),
        environ=environment(sandbox),
        cwd=tmp_path,
        replies=[("[y/N]: ", f"{answer}\n")],
    )
    question = screen.index("This costs money. Send it? [y/N]")
    assert screen.index(f"POST /orders/{order}/post-purchase") < question
    assert screen.index('"gla"') < question
    assert len(sandbox.ledger.committed("orders.upgrade")) == bought
    assert code == (0 if bought else 2)
    if bought:
        answer = screen[question:]
        assert "info.product.add_ons" in answer
        assert f"`cubicasa assets list {order}`" in answer
        assert "://" not in answer, "URLs of files may hold secrets"


async def test_a_purchase_that_is_refused_for_now_is_sent_once(sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault("status", status=503, operation="orders.upgrade"))
    arguments = words("orders.upgrade", sandbox)
    result = await typed(*arguments, "--yes", environ=environment(sandbox))
    assert result.code == 3
    assert len(sandbox.ledger) == 1


async def test_a_call_that_is_interrupted_says_that_its_effect_is_unknown(
    sandbox: Sandbox,
) -> None:
    sandbox.faults.add(Fault("stall", phase="after_commit", operation="drafts.create"))
    arguments = words("drafts.create", sandbox)
    async with started(*arguments, environ=environment(sandbox)) as child:
        await until(lambda: bool(sandbox.ledger.committed()))
        child.process.send_signal(signal.SIGINT)
        result = await child.end()
    assert result.code == 130
    assert "drafts.create was interrupted. Whether it took effect is unknown" in result.err


class TestFields:
    async def test_options_outweigh_a_file_also_within_what_is_nested(
        self, sandbox: Sandbox, tmp_path: Path
    ) -> None:
        style = {"style_2d": {"style_template_id": "A", "add_info": "kept"}}
        file = fields_file(
            tmp_path / "draft.json",
            **{**PLACE, "owner_email": OWNER, "postalCode": "1", "info": None},
            order_preferences=style,
        )
        arguments = ("--from", file, "--city", "Shelbyville", "--style-2d-style-template-id", "B")
        result = await typed("drafts", "create", *arguments, environ=environment(sandbox))
        assert result.code == 0, result.err
        (entry,) = sandbox.ledger
        assert entry.body == {
            **PLACE,
            "city": "Shelbyville",
            "owner_email": OWNER,
            "postalCode": "1",
            "info": None,
            "order_preferences": {"style_2d": {"style_template_id": "B", "add_info": "kept"}},
        }

    async def test_what_is_missing_or_unknown_is_named_at_once_and_nothing_is_sent(
        self, sandbox: Sandbox, tmp_path: Path
    ) -> None:
        file = fields_file(tmp_path / "draft.json", stret="1 Main St", city="Springfield")
        result = await typed("drafts", "create", "--from", file, environ=environment(sandbox))
        assert result.code == 2
        for words_ in ("did you mean 'street'?", "country: is required", "owner_email: is"):
            assert words_ in result.err
        assert len(sandbox.ledger) == 0

    @pytest.mark.parametrize(
        ("content", "says"), [("[1]", "is not a JSON object"), ("{", "it is not JSON")]
    )
    async def test_a_file_that_cannot_be_read_is_said(
        self, content: str, says: str, tmp_path: Path
    ) -> None:
        file = tmp_path / "draft.json"
        file.write_text(content)
        result = await typed("drafts", "create", "--from", file, environ=environment(None))
        assert result.code == 2
        assert says in result.err

    async def test_passwords_are_asked_for_and_never_on_the_screen(
        self, sandbox: Sandbox, tmp_path: Path
    ) -> None:
        user(sandbox)
        code, screen = await on_a_terminal(
            *("users", "change-password", "--email", "old@example.com"),
            environ=environment(sandbox),
            cwd=tmp_path,
            replies=[("Old password: ", "long-enough-1\n"), ("New password: ", "long-enough-2\n")],
        )
        assert code == 0, screen
        assert "long-enough" not in screen
        (entry,) = sandbox.ledger
        assert entry.body["new_password"] == "long-enough-2"

    async def test_a_password_that_nobody_can_be_asked_for_is_said(self) -> None:
        arguments = ("users", "change-password", "--email", "a@b.example")
        result = await typed(*arguments, environ=environment(None))
        assert result.code == 2
        assert "Give it by --from FILE" in result.err

    async def test_known_values_are_in_the_help_and_others_may_be_given(
        self, sandbox: Sandbox
    ) -> None:
        text = (await typed("users", "create", "--help", environ={})).out
        assert "Known: Manager, User, Collaborator." in " ".join(text.split())
        arguments = ("users", "update", user(sandbox), "--role", "Auditor", "--dry-run")
        result = await typed(*arguments, environ=environment(sandbox))
        assert result.json[0]["body"] == {"role": "Auditor"}


class TestOutput:
    @pytest.mark.parametrize("width", [60, 80, 160])
    def test_a_list_is_a_table_that_loses_nothing_and_is_no_wider_than_the_terminal(
        self, width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setenv("COLUMNS", str(width))
        texts = [f"The door of room {number} is missing." for number in range(5)]
        found = [ChangeRequest(id=f"id-{number}", text=text) for number, text in enumerate(texts)]
        records.print_models(ChangeRequest, found, "change request")
        heading, *rows = capsys.readouterr().out.splitlines()
        assert heading.split() == ["id", "text"], "columns that say nothing are left out"
        assert max(map(len, rows)) <= width
        assert all(text in "\n".join(rows) for text in texts)
        assert rows[-1] == "5 change requests."

    async def test_an_inferred_path_is_noted_in_a_line_without_python(
        self, sandbox: Sandbox
    ) -> None:
        result = await run("company", "package", environ=environment(sandbox))
        assert result.err.startswith("Note: company.package: GET /companies/package is inferred")
        assert result.err.endswith("The command's --help says how to correct it.\n")
        assert len(result.err.splitlines()) == 1

    async def test_a_list_stops_where_it_is_told_to(self, sandbox: Sandbox) -> None:
        for number in range(4):
            sandbox.world.add_office(f"Office {number}")
        result = await typed("offices", "list", "--max", "2", environ=environment(sandbox))
        assert [line["name"] for line in result.json] == ["Office 3", "Office 2"]


class TestCombinedPdf:
    async def test_a_pdf_becomes_a_file_that_is_not_replaced_unasked(
        self, sandbox: Sandbox, tmp_path: Path
    ) -> None:
        order, place = ready(sandbox), tmp_path / "plans.pdf"
        pdf = "%PDF-1.4 %%EOF"
        sandbox.faults.add(
            Fault("html", html=pdf, status=200, operation="orders.combined_pdf", times=None)
        )
        arguments = ("orders", "combined-pdf", order, "-o", place)
        result = await typed(*arguments, environ=environment(sandbox))
        assert result.code == 0, result.err
        assert result.json[0]["size"] == len(pdf)
        assert place.read_text() == pdf
        place.write_text("mine")
        assert (await typed(*arguments, environ=environment(sandbox))).code == 2
        assert place.read_text() == "mine"
        assert (await typed(*arguments, "--force", environ=environment(sandbox))).code == 0
        assert place.read_text() == pdf
        assert list(tmp_path.iterdir()) == [place]
