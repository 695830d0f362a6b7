"""The cells of the matrix: what goes wrong, and when."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from typing import Final

import attrs

from cubicasa_async import RequestOptions
from cubicasa_async.config import Settings
from cubicasa_async.sandbox import Fault, Kind, Phase
from tests.faults.calls import LIST, READ, Call
from tests.faults.places import (
    Open,
    across,
    by_proxy,
    nameless,
    never_accepted,
    proxy_refused,
    queue_full,
    raw,
    refused,
    sandbox,
    secure,
)
from tests.faults.scripts import (
    alert,
    answer_one_and_hang_up,
    answer_only_the_first,
    answer_well,
    cut_chunks,
    endless,
    framed,
    half_body,
    half_body_of_no_length,
    hang_up,
    hang_up_within,
    hold_the_one_aside,
    refuse_the_tunnel,
    reset,
    reset_at_once,
    reset_within,
    say_nothing,
    saying,
    speak_plainly,
    with_encoding,
)
from tests.support.moments import EPOCH

ONE_REPEAT: Final = RequestOptions(retries=1)
SHORT: Final = RequestOptions(retries=1, timeout=20.0)


@attrs.frozen
class Cell:
    """One way in which a call can go wrong.

    Attributes:
        group: The class of faults.
        name: What happens.
        place: What the call meets.
        options: Of the call.
        settings: Of the client.
        slow: Whether its runs wait, so that they are made at the same time.
        leaps: Whether time leaps where the server lets its client wait.
        first: A call made before it on the same client: "warm" ends, "dropped" ends and its
            connection with it, "held" does not end.
        read: What is called where the effect is to read.
        races: Whether what is seen of the fault depends on who is faster.
        whole: Whether the client may at last get a whole answer.
    """

    group: str
    name: str
    place: Open
    options: RequestOptions = ONE_REPEAT
    settings: Settings = attrs.field(factory=Settings)
    slow: bool = False
    leaps: bool = False
    first: str = ""
    read: Call = READ
    races: bool = False
    whole: bool = False

    def __str__(self) -> str:
        return f"{self.group}: {self.name}"


def once(kind: Kind | str, **more: object) -> Fault:
    return Fault.from_json({"kind": kind, "times": 1, **more})


def _status(status: int, *, late: bool = False, **more: object) -> Open:
    phase = Phase.AFTER_COMMIT if late else Phase.AFTER_READ
    return sandbox(Fault.from_json({"kind": "status", "status": status, "phase": phase, **more}))


MANY: Final = json.dumps(
    {
        "pagination": {"has_more": False, "next_offset": 100_000},
        "items": [{"id": f"order-{number}"} for number in range(100_000)],
    }
).encode()
FIELD_ERRORS: Final = {
    "validation_error": {"body_params": [{"loc": ["city"], "msg": "field required"}]}
}
LARGE: Final[Settings] = {"max_response_bytes": 1_000_000}
PAGE: Final = "<h1>Bad Gateway</h1>"

AFTER, BEFORE, HEADERS, BODY = (
    Phase.AFTER_COMMIT,
    Phase.AFTER_READ,
    Phase.MID_HEADERS,
    Phase.MID_BODY,
)


def _connect() -> Sequence[Cell]:
    group = "No connection"
    return [
        Cell(group, "connection refused", refused),
        Cell(group, "nothing answers (queue of connections full)", queue_full, slow=True),
        Cell(group, "name not found", nameless),
        Cell("Certificate not trusted", "of nobody known", secure(answer_well, trusted=False)),
        Cell(group, "TLS handshake refused", across(alert, scheme="https")),
        Cell(group, "FIN within the TLS handshake", across(hang_up_within, scheme="https")),
        Cell(group, "TLS to a plain port", across(speak_plainly, scheme="https")),
        Cell(
            group,
            "TLS handshake not answered",
            across(say_nothing, scheme="https"),
            settings={"connect_timeout": 0.05},
            slow=True,
        ),
        Cell(group, "proxy refused", proxy_refused),
        Cell(group, "proxy refuses the tunnel", by_proxy(refuse_the_tunnel, "https://127.0.0.1:1")),
    ]


def _before() -> Sequence[Cell]:
    group = "Lost before the effect"
    return [
        Cell(group, "connection made, never accepted", never_accepted, SHORT, leaps=True),
        Cell(group, "FIN on accept", raw(hang_up), races=True),
        Cell(group, "RST on accept", raw(reset), races=True),
        Cell(group, "RST as the request begins", raw(reset_at_once)),
        Cell(group, "client certificate demanded (TLS 1.3)", secure(answer_well, certificate=True)),
        Cell(group, "plain HTTP to a TLS port", secure(answer_well, plainly=True)),
        Cell(group, "FIN within the request", raw(hang_up_within)),
        Cell(group, "RST within the request", raw(reset_within)),
        Cell(group, "FIN after the headers", sandbox(Fault("drop", phase="before_read"))),
        Cell(group, "FIN after the request", sandbox(Fault("drop", phase=BEFORE))),
        Cell(group, "RST after the request", sandbox(Fault("reset", phase=BEFORE))),
        Cell(
            group,
            "kept connection ends as it is used again",
            raw(answer_only_the_first),
            first="warm",
        ),
        Cell(group, "no answer", sandbox(Fault("stall", phase=BEFORE)), SHORT, leaps=True),
    ]


def _after() -> Sequence[Cell]:
    group = "Lost after the effect"
    huge = b"HTTP/1.1 200 OK\r\nX: " + b"x" * 20_000 + b"\r\nContent-Length: 2\r\n\r\n{}"
    return [
        Cell(group, "FIN", sandbox(Fault("drop", phase=AFTER))),
        Cell(group, "RST", sandbox(Fault("reset", phase=AFTER))),
        Cell(group, "no answer", sandbox(Fault("stall", phase=AFTER)), SHORT, leaps=True),
        Cell(group, "half of the headers, FIN", sandbox(Fault("drop", phase=HEADERS))),
        Cell(group, "half of the headers, RST", sandbox(Fault("reset", phase=HEADERS))),
        Cell(
            group,
            "half of the headers, then nothing",
            sandbox(Fault("stall", phase=HEADERS)),
            SHORT,
            leaps=True,
        ),
        Cell(group, "half of the body, FIN", raw(saying(half_body, stays=False))),
        Cell(group, "half of the body, RST", sandbox(Fault("reset", phase=BODY))),
        Cell(
            group,
            "half of the body, then nothing",
            sandbox(Fault("stall", phase=BODY)),
            SHORT,
            leaps=True,
        ),
        Cell(
            group,
            "half of the body, of no given length",
            raw(saying(half_body_of_no_length, stays=False)),
        ),
        Cell(group, "chunks cut", raw(saying(cut_chunks, stays=False))),
        Cell(group, "a chunk's size is no number", sandbox(Fault("garbage", phase=BODY))),
        Cell(group, "status line is garbage", raw(saying(b"HTTP/1.1 abc\r\n\r\n", stays=False))),
        Cell(group, "header of 20 kB", raw(saying(huge, stays=False))),
        Cell(group, "no HTTP", sandbox(Fault("garbage", phase=AFTER))),
        Cell(group, "gzip is damaged", raw(with_encoding(b"this is not gzip"))),
        Cell(group, "gzip is cut", raw(with_encoding(gzip.compress(b"{}" * 500)[:15]))),
        Cell(group, "encoding not asked for", raw(with_encoding(b"{}", "br"))),
        Cell(
            group,
            "headers drip beyond the timeout",
            sandbox(Fault("drip", phase=HEADERS, seconds=5.0)),
            SHORT,
            leaps=True,
        ),
        Cell(
            group,
            "body drips beyond the timeout",
            sandbox(Fault("drip", phase=BODY, seconds=5.0)),
            SHORT,
            leaps=True,
        ),
    ]


def _nonsense() -> Sequence[Cell]:
    group = "Success that cannot be read"
    return [
        Cell(group, "200 with HTML", sandbox(Fault("html", phase=AFTER))),
        Cell(group, "200 with text", raw(framed(b"all is well", "text/plain"))),
        Cell(group, "200 without id", sandbox(Fault("body", phase=AFTER, body={"info": {}}))),
        Cell(group, "200 with another type", sandbox(Fault("body", phase=AFTER, body=[1]))),
    ]


def _empty() -> Sequence[Cell]:
    group = "Success without a word"
    return [
        Cell(group, "200", raw(framed(b""))),
        Cell(group, "204", raw(framed(b"", status="204 No Content"))),
    ]


def _failed() -> Sequence[Cell]:
    group, unable = "Server failed", "Server cannot do it"
    late = [
        Cell(group, f"{status} after the effect", _status(status, late=True))
        for status in (500, 502, 504)
    ]
    early = [
        Cell(group, f"{status} before the effect", _status(status)) for status in (500, 502, 504)
    ]
    pages = [
        Cell(group, f"{status} with HTML after the effect", _status(status, late=True, html=PAGE))
        for status in (500, 502)
    ]
    never = [
        Cell(unable, "501 before the effect", _status(501)),
        Cell(unable, "501 after the effect", _status(501, late=True)),
    ]
    return [*early, *late, *pages, *never]


def _refused() -> Sequence[Cell]:
    group = "Refused"
    plain = [
        Cell(group, str(status), _status(status))
        for status in (401, 403, 404, 405, 409, 410, 413, 418, 422)
    ]
    return [Cell(group, "400 with field errors", _status(400, body=FIELD_ERRORS)), *plain]


def _for_now() -> Sequence[Cell]:
    group = "Refused for now"
    later = EPOCH.replace(second=3).strftime("%a, %d %b %Y %H:%M:%S GMT")
    earlier = EPOCH.replace(year=2025).strftime("%a, %d %b %Y %H:%M:%S GMT")
    now = {"Date": EPOCH.strftime("%a, %d %b %Y %H:%M:%S GMT")}
    texts = {
        "0": "0",
        "3": "3",
        "3.5": "3.5",
        "a date": later,
        "a date that is past": earlier,
        "²": "²",
        "empty": "",
    }
    return [
        Cell(group, "429", _status(429)),
        *(
            Cell(
                group,
                f"429, Retry-After {name}",
                _status(429, retry_after=text, headers=now),
            )
            for name, text in texts.items()
        ),
        Cell(group, "503", _status(503)),
        Cell(group, "503 with HTML", _status(503, html=PAGE)),
        Cell(group, "503, Retry-After 3", _status(503, retry_after="3")),
        *(
            Cell(
                "Refused for longer than the deadline",
                f"{status}, Retry-After 10⁹",
                _status(status, retry_after="1000000000"),
            )
            for status in (429, 503)
        ),
    ]


def _redirected() -> Sequence[Cell]:
    hosts = {"the same host": "/api/integrate/v4", "another host": "http://other.invalid/"}
    return [
        Cell(
            f"Redirected ({kind})",
            f"{status} to {name}",
            sandbox(Fault("redirect", phase=BEFORE, status=status, location=location)),
        )
        for kind, statuses in (("301, 302, 303", (301, 302, 303)), ("307, 308", (307, 308)))
        for status in statuses
        for name, location in hosts.items()
    ]


def _large() -> Sequence[Cell]:
    group = "Too large"
    return [
        Cell(
            group,
            "gzip that inflates beyond the bound",
            sandbox(Fault("bomb", size=3_000_000)),
            settings=LARGE,
        ),
        Cell(group, "body without end", raw(endless), settings=LARGE),
        Cell(group, "declared length beyond the bound", raw(framed(MANY)), settings=LARGE),
        Cell(group, "100,000 items in a page (read: a list)", raw(framed(MANY)), read=LIST),
    ]


def _queue() -> Sequence[Cell]:
    group = "No turn"
    return [
        Cell(
            group,
            "all places taken until the deadline",
            raw(hold_the_one_aside),
            RequestOptions(retries=1, deadline=0.1),
            settings={"concurrency": 1},
            slow=True,
            first="held",
        ),
    ]


def _once() -> Sequence[Cell]:
    lost, refused_once = "Lost or failed once", "Refused for now, once"
    faults = {
        (lost, "FIN before the effect"): once("drop", phase=BEFORE),
        (lost, "FIN after the effect"): once("drop", phase=AFTER),
        (lost, "502 after the effect"): once("status", status=502, phase=AFTER),
        (refused_once, "429, Retry-After 3"): once("status", status=429, retry_after="3"),
        (refused_once, "503"): once("status", status=503),
    }
    return [
        Cell("Refused", "401 once", sandbox(once("status", status=401))),
        *(Cell(*names, sandbox(fault), whole=True) for names, fault in faults.items()),
    ]


def _harmless() -> Sequence[Cell]:
    group = "No harm"
    faults = {
        "headers drip within the timeout": Fault("drip", phase=HEADERS, seconds=0),
        "body drips within the timeout": Fault("drip", phase=BODY, seconds=0),
        "FIN after the whole answer": Fault("drop", phase="after_body"),
    }
    return [
        *(Cell(group, name, sandbox(fault), whole=True) for name, fault in faults.items()),
        Cell(
            group,
            "idle connection dropped",
            raw(answer_one_and_hang_up),
            first="dropped",
            whole=True,
        ),
    ]


CELLS: Final[tuple[Cell, ...]] = (
    *_connect(),
    *_queue(),
    *_before(),
    *_after(),
    *_nonsense(),
    *_empty(),
    *_failed(),
    *_refused(),
    *_for_now(),
    *_redirected(),
    *_large(),
    *_once(),
    *_harmless(),
)
