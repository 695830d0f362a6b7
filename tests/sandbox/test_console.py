from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from importlib import resources
from typing import Any

import attrs
import pytest

from cubicasa_async.sandbox import Fault, Sandbox, WebhookFault

from .support import Caller, Reply, draft

STATIC = resources.files("cubicasa_async.sandbox.console") / "static"
TEXTS = {file.name: file.read_text("utf-8") for file in STATIC.iterdir()}
PAGE = TEXTS["console.html"]


async def get(call: Caller, path: str, **headers: str) -> Reply:
    async with call.session.get(
        call.sandbox.origin + path, headers=headers, allow_redirects=False
    ) as response:
        return Reply(response.status, response.headers.copy(), await response.read())


async def change(call: Caller, method: str, path: str, body: Any = None) -> Reply:
    return await call(method, f"/_sandbox/{path}", body, key="", headers={"x-sandbox": "1"})


class TestServing:
    async def test_the_page_is_at_the_root_with_all_that_it_refers_to(self, call: Caller) -> None:
        page = await get(call, "/")
        assert (page.status, page.content.decode()) == (200, PAGE)
        assert page.headers["Content-Type"] == "text/html; charset=utf-8"
        for path in re.findall(r'(?:src|href)="(/[^"]*)"', PAGE):
            assert (await get(call, path)).status == 200
        for name, text in TEXTS.items():
            for other in re.findall(r'from "\./([\w.]+)"', text):
                reply = await get(call, f"/_sandbox/console/{other}")
                assert reply.headers["Content-Type"] == "text/javascript; charset=utf-8", name

    async def test_a_policy_keeps_everything_foreign_out(self, call: Caller) -> None:
        for path in ("/", "/_sandbox/console/console.js", "/_sandbox/console/state"):
            headers = (await get(call, path)).headers
            policy = dict(
                part.strip().split(" ", 1) for part in headers["Content-Security-Policy"].split(";")
            )
            assert policy["default-src"] == policy["frame-ancestors"] == "'none'"
            assert policy["script-src"] == policy["connect-src"] == "'self'"
            assert "unsafe" not in str(policy)
            assert headers["X-Content-Type-Options"] == "nosniff"
            assert headers["Cross-Origin-Resource-Policy"] == "same-origin"

    def test_nothing_comes_from_another_place(self) -> None:
        for name, text in TEXTS.items():
            assert not re.findall(r"https?://(?!www\.w3\.org/2000/svg)", text), name
            assert "innerHTML" not in text
            assert not re.findall(r"\son\w+=\"|<script>|<style>| style=\"", text), name

    async def test_it_stands_in_no_ledger(self, call: Caller) -> None:
        for path in ("/", "/_sandbox/console/state", "/_sandbox/console/facts"):
            assert (await get(call, path)).status == 200
        await change(call, "POST", "examples", {"count": 4})
        assert len(call.sandbox.ledger) == 0

    @pytest.mark.parametrize("path", ["/", "/_sandbox/console/facts", "/_sandbox/console/state"])
    async def test_a_foreign_name_that_points_here_is_refused(
        self, path: str, call: Caller
    ) -> None:
        reply = await get(call, path, Host="evil.example.test")
        assert reply.status in (403, 404)
        assert call.sandbox.api_key.encode() not in reply.content
        assert (await get(call, path, Host="localhost")).status == 200

    async def test_a_fault_of_the_api_does_not_hit_it(self, call: Caller) -> None:
        call.sandbox.faults.add(Fault("drop"))
        assert (await get(call, "/")).status == 200

    async def test_what_there_is_not_is_a_404(self, call: Caller) -> None:
        assert (await get(call, "/_sandbox/console/../server.py")).status == 404
        assert (await get(call, "/_sandbox/console/nothing.js")).status == 404
        assert (await call("POST", "/_sandbox/console/state", {})).status == 403
        async with call.session.head(call.sandbox.origin + "/") as response:
            assert (response.status, await response.read()) == (200, b"")


class TestState:
    async def test_it_is_answered_again_only_when_something_has_changed(self, call: Caller) -> None:
        path = "/_sandbox/console/state"
        known = (await get(call, path)).headers["ETag"]
        assert (await get(call, path, **{"If-None-Match": known})).status == 304
        call.sandbox.world.add_order()
        assert (await get(call, path, **{"If-None-Match": known})).status == 200

    async def test_it_tells_of_orders_requests_calls_and_faults(self, call: Caller) -> None:
        sandbox = call.sandbox
        sandbox.world.webhook_urls, sandbox.world.webhook_triggers = (
            ["http://127.0.0.1:9/none"],
            ["moved_to_ready"],
        )
        sandbox.webhooks.faults.add(WebhookFault("lose"))
        order = sandbox.world.add_order(status="Pending", street="7 Harbour View", add_ons=["gla"])
        sandbox.world.advance(order.id)
        await sandbox.webhooks.settled()
        await call("GET", f"/orders/{order.id}")
        sandbox.faults.add(Fault("status", status=500, times=2))
        state = (await get(call, f"/_sandbox/console/state?order={order.id}")).json
        shown = state["order"]
        moves = [(one["previous"], one["current"]) for one in shown["changes"]]
        assert moves == [("Pending", "Ready"), (None, "Pending")]
        names = [file["name"] for file in shown["files"]]
        assert {
            "floor-0.png",
            "floor-1.svg",
            "plans.pdf",
            "home-report.pdf",
            "gla.json",
            "tour",
        } <= set(names)
        for entries in (state["ledger"], shown["ledger"]):
            assert [entry["operation"] for entry in entries] == ["orders.get"]
        for calls in (state["calls"], shown["calls"]):
            assert [(one["attempt"], one["fault"]) for one in calls] == [(0, "lose")]
        (fault,) = state["faults"]["api"]
        assert fault == {
            "number": 1,
            "hit": 0,
            "fault": {"kind": "status", "phase": "after_read", "status": 500, "times": 2},
        }
        (lost,) = state["faults"]["webhooks"]
        assert lost == {"number": 1, "hit": 1, "fault": {"kind": "lose"}}

    @pytest.mark.parametrize(
        "fault",
        [
            Fault("status", status=200),
            Fault("status"),
            Fault("redirect", location="/x"),
            Fault("drop", phase="mid_body", share=0.5),
            Fault("body", body=[]),
        ],
    )
    async def test_what_is_told_of_a_fault_makes_it_again(self, fault: Fault, call: Caller) -> None:
        call.sandbox.faults.add(fault)
        (told,) = (await get(call, "/_sandbox/console/state")).json["faults"]["api"]
        assert Fault.from_json(told["fault"]) == fault

    async def test_what_had_an_effect_is_told_though_much_came_after_it(self, call: Caller) -> None:
        made = (await call("POST", "/orders/draft", draft())).json["id"]
        for _ in range(101):
            await call("GET", "/companies/info")
        state = (await get(call, "/_sandbox/console/state")).json
        assert (len(state["ledger"]), state["asked"], state["requests"]) == (100, 102, 102)
        assert state["ledger"][0]["number"] == 102
        state = (await get(call, "/_sandbox/console/state?committed=1")).json
        assert [entry["created"] for entry in state["ledger"]] == [[made]]
        assert (state["asked"], state["requests"]) == (1, 102)

    async def test_orders_are_chosen_by_status_and_by_words(self, call: Caller) -> None:
        call.sandbox.world.add_examples(8)
        call.sandbox.world.add_order(street="7 Harbour View", external_id="ERP-77")

        async def found(query: str) -> list[str]:
            state = (await get(call, f"/_sandbox/console/state?{query}")).json
            return [order["address"] for order in state["orders"]]

        assert await found("search=harbour") == await found("search=erp-77")
        assert await found("search=harbour") == ["7 Harbour View, Sampletown"]
        assert len(await found("status=Ready")) == 2
        assert await found("search=7 Harbour View, Sample") == ["7 Harbour View, Sampletown"]
        assert await found("status=Ready&search=harbour") == []
        assert len(await found("")) == 9

    async def test_many_orders_are_counted_and_the_newest_told(self, call: Caller) -> None:
        call.sandbox.world.add_examples(250)
        state = (await get(call, "/_sandbox/console/state")).json
        assert (len(state["orders"]), state["matching"]) == (100, 250)
        assert state["orders"][0]["external_id"] == "EXAMPLE-250"
        for rows, told in (("200", 200), ("9999", 250), ("99999", 100), ("x", 100), ("-1", 100)):
            state = (await get(call, f"/_sandbox/console/state?rows={rows}")).json
            assert len(state["orders"]) == told, rows

    async def test_only_a_key_that_the_sandbox_made_up_is_told(self, call: Caller) -> None:
        assert (await get(call, "/_sandbox/console/facts")).json["api_key"] == call.sandbox.api_key
        async with Sandbox("somebody's own") as own:
            caller = Caller(call.session, own)
            await caller("GET", "/orders")
            for path in ("facts", "state"):
                reply = await get(caller, f"/_sandbox/console/{path}")
                assert reply.status == 200
                assert b"somebody's own" not in reply.content
            assert (await get(caller, "/_sandbox/console/facts")).json["api_key"] is None


class TestFiles:
    async def test_a_preview_is_the_file_and_is_no_fetch_of_a_client(self, call: Caller) -> None:
        host = call.sandbox.file_host
        host.faults.add(Fault("cut", times=1))
        reply = await get(call, "/_sandbox/console/preview/o/1/floor-0.png")
        assert reply.content == host.content("/o/1/floor-0.png")
        assert reply.headers["Content-Type"] == "image/png"
        assert reply.headers["Content-Security-Policy"].startswith("sandbox;")
        assert (host.fetches, host.faults.hits) == ([], [])

    async def test_a_link_leads_to_the_file_host_with_a_valid_signature(self, call: Caller) -> None:
        call.sandbox.file_host.habits.signed_for = 60
        reply = await get(call, "/_sandbox/console/file/o/1/plans.pdf")
        where = reply.headers["Location"]
        assert reply.status == 302
        assert where.startswith(f"{call.sandbox.file_host.origin}/o/1/plans.pdf?")
        async with call.session.get(where) as response:
            assert response.status == 200

    async def test_it_leads_nowhere_else(self, call: Caller) -> None:
        for path in ("//evil.test/", "https://evil.test/", "@evil.test/"):
            async with call.session.get(
                f"{call.sandbox.origin}/_sandbox/console/file/{path}", allow_redirects=False
            ) as response:
                where = response.headers["Location"]
            assert where.startswith(f"{call.sandbox.file_host.origin}/")

    async def test_a_large_file_is_not_previewed(self, call: Caller) -> None:
        call.sandbox.file_host.contents.sizes["/v.mp4"] = 2 << 30
        assert (await get(call, "/_sandbox/console/preview/v.mp4")).status == 404


class TestControl:
    async def test_a_change_is_requested_and_needs_a_delivered_order(self, call: Caller) -> None:
        order = call.sandbox.world.add_order(status="Pending")
        path, body = f"orders/{order.id}/change-requests", {"text": "A door", "products": ["tour"]}
        refused = await change(call, "POST", path, body)
        assert (refused.status, order.status) == (400, "Pending")
        call.sandbox.world.advance(order.id)
        assert (await change(call, "POST", path, body)).json["status"] == "Fixing"
        (asked,) = call.sandbox.world.change_requests
        assert (asked.text, asked.products, order.status) == ("A door", ["tour"], "Fixing")
        assert (await change(call, "POST", "orders/nowhere/change-requests", {})).status == 404
        for wrong in ({"text": 1}, {"products": "tour"}):
            assert (await change(call, "POST", path, wrong)).status == 400

    async def test_webhooks_are_registered(self, call: Caller) -> None:
        body = {"webhook_urls": ["http://x.test/"], "webhook_triggers": ["moved_to_ready"]}
        assert (await change(call, "PUT", "webhooks/urls", body)).json == body
        assert call.sandbox.world.webhook_urls == ["http://x.test/"]
        for wrong in ({"webhook_urls": "x"}, {"webhook_triggers": ["moved_to_mars"]}):
            assert (await change(call, "PUT", "webhooks/urls", wrong)).status == 400
        assert call.sandbox.world.webhook_urls == ["http://x.test/"]

    @pytest.mark.parametrize("count", [0, 1001, "4", None, True])
    async def test_examples_are_made_in_bounds(self, count: Any, call: Caller) -> None:
        assert (await change(call, "POST", "examples", {"count": count})).status == 400
        made = await change(call, "POST", "examples", {"count": 4})
        assert made.json["orders"] == {"Draft": 1, "Pending": 1, "Ready": 1, "Fixing": 1}


@attrs.define
class Elements(HTMLParser):
    """The elements of a page, each with its attributes and the names of those around it."""

    found: list[tuple[str, dict[str, str | None], list[str]]] = attrs.field(factory=list[Any])
    around: list[str] = attrs.field(factory=list[str])

    def __attrs_pre_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs), list(self.around)))
        if tag not in ("meta", "link", "input", "img"):
            self.around.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.around.pop() == tag, "each element is closed where it belongs"


@pytest.fixture(scope="module")
def elements() -> list[tuple[str, dict[str, str | None], list[str]]]:
    parser = Elements()
    parser.feed(PAGE)
    assert parser.around == []
    return parser.found


class TestAccess:
    def test_every_field_has_a_label_and_every_region_a_name(self, elements: Any) -> None:
        for tag, given, around in elements:
            if tag in ("input", "select", "textarea"):
                assert "label" in around, given
            if tag in ("nav", "section", "article", "dialog", "footer"):
                assert {"aria-label", "aria-labelledby"} & set(given), given

    def test_ids_are_unique_and_those_referred_to_are_there(self, elements: Any) -> None:
        ids = [given["id"] for _, given, _ in elements if "id" in given]
        assert len(ids) == len(set(ids))
        named = [given.get("aria-labelledby") for _, given, _ in elements]
        used = {name for name in named if name}
        for name, text in TEXTS.items():
            if name.endswith(".js"):
                used |= set(re.findall(r'(?:find|say|list|onClick|onSubmit)\("([\w-]+)"', text))
        assert used - set(ids) == set()

    def test_what_is_done_and_what_fails_is_announced(self, elements: Any) -> None:
        roles = {
            given["id"]: given["role"]
            for _, given, _ in elements
            if "role" in given and "id" in given
        }
        assert roles == {"link": "status", "said": "status", "failed": "alert", "choose": "search"}

    def test_headings_leave_out_no_level(self, elements: Any) -> None:
        levels = [int(tag[1]) for tag, _, _ in elements if re.fullmatch("h[1-6]", tag)]
        assert levels[0] == 1
        assert all(after <= before + 1 for before, after in itertools.pairwise(levels))


TEXT = [
    *((ink, back) for ink in ("ink", "quiet", "link") for back in ("page", "card", "code")),
    ("on-main", "main"),
    *(("alarm", back) for back in ("alarm-back", "card", "page")),
    *((status, f"{status}-back") for status in ("new", "draft", "pending", "ready", "fixing")),
]
SHAPES = [(edge, back) for edge in ("edge", "focus", "main") for back in ("page", "card")]


def themes(css: str) -> Iterator[dict[str, str]]:
    light, dark = (
        dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", block))
        for block in re.findall(r":root \{(.*?)\}", css, re.DOTALL)
    )
    assert light.keys() == dark.keys()
    yield from (light, dark)


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def pale(css: str) -> list[str]:
    """The pairs of colours with less contrast than WCAG 2.2 asks for at level AA."""
    found: list[str] = []
    for theme in themes(css):
        for pairs, least in ((TEXT, 4.5), (SHAPES, 3.0)):
            for one, other in pairs:
                dim, bright = sorted(luminance(theme[name]) for name in (one, other))
                contrast = (bright + 0.05) / (dim + 0.05)
                if contrast < least:
                    found.append(f"{one} on {other}: {contrast:.2f}")
    return found


class TestContrast:
    def test_there_is_enough_of_it_by_day_and_by_night(self) -> None:
        assert pale(TEXTS["console.css"]) == []

    def test_control_a_pale_colour_is_seen(self) -> None:
        assert pale(TEXTS["console.css"].replace("--quiet: #57606a", "--quiet: #9a9fa5"))

    def test_all_colours_are_among_those_compared(self) -> None:
        css = TEXTS["console.css"]
        rules = css[css.index("* {") :]
        assert set(re.findall(r"#[0-9a-f]{3,6}\b(?=[;, ])|rgb\(", rules)) == {"#fff", "rgb("}
        used = set(re.findall(r"var\(--([\w-]+)\)", rules))
        compared = {name for pair in [*TEXT, *SHAPES] for name in pair} | {"line"}
        assert used <= compared
