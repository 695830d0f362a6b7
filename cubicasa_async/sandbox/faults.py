"""The fault plan: which request goes wrong, at which point, and how."""

from __future__ import annotations

import enum
import math
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any, Final

import attrs

from cubicasa_async.sandbox.plan import Plan, chosen

__all__ = ["PHASES", "Fault", "FaultPlan", "Hit", "Kind", "Phase"]


class Phase(enum.StrEnum):
    """The point in a request's life at which a fault strikes."""

    BEFORE_READ = "before_read"
    """The headers have arrived, nothing of the body has been read, nothing has been done."""
    AFTER_READ = "after_read"
    """The request has been read whole, nothing has been done."""
    AFTER_COMMIT = "after_commit"
    """The request has been carried out and stands in the ledger; nothing has been answered."""
    MID_HEADERS = "mid_headers"
    """Carried out; the answer is cut inside its headers."""
    MID_BODY = "mid_body"
    """Carried out; the answer is cut inside its body."""
    AFTER_BODY = "after_body"
    """Carried out and answered in full, as if the connection could be used again."""


class Kind(enum.StrEnum):
    """What goes wrong."""

    STATUS = "status"
    """An answer with `status`, `retry_after`, `headers` and `html` or `body`."""
    DROP = "drop"
    """The connection is closed in order (FIN)."""
    RESET = "reset"
    """The connection is reset (RST)."""
    STALL = "stall"
    """The connection stays open and silent for `seconds`, or until the client leaves, and is then
    closed."""
    DELAY = "delay"
    """Nothing happens for `seconds`; then all goes on as if nothing had been."""
    CUT = "cut"
    """The headers promise the whole body, half of it is sent, and the connection is closed."""
    GARBAGE = "garbage"
    """Bytes that are not HTTP; inside a body, a chunk whose size is not a number."""
    HTML = "html"
    """A 200 with an HTML page."""
    BODY = "body"
    """A 200 with `body` as JSON."""
    REDIRECT = "redirect"
    """A redirect to `location`."""
    REFUSE = "refuse"
    """The server goes down as a process that dies: all connections are cut, also those of others,
    what was held or delayed is not done, and for `seconds` nobody can connect. The port stays taken
    meanwhile; then it is back there, with all that it knew."""
    DUPLICATE = "duplicate"
    """The request is carried out twice and answered once."""
    DRIP = "drip"
    """The answer comes byte by byte, `seconds` apart."""
    BOMB = "bomb"
    """A 200 with a small gzip body that inflates to `size` bytes of JSON."""


_REPLACING: Final = (Phase.AFTER_READ, Phase.BEFORE_READ, Phase.AFTER_COMMIT)
_LOSING: Final = (Phase.AFTER_COMMIT, Phase.BEFORE_READ, Phase.AFTER_READ)
PHASES: Final[Mapping[Kind, tuple[Phase, ...]]] = {
    Kind.STATUS: _REPLACING,
    Kind.HTML: _REPLACING,
    Kind.REDIRECT: _REPLACING,
    Kind.BODY: _LOSING,
    Kind.BOMB: _LOSING,
    Kind.GARBAGE: (*_LOSING, Phase.MID_BODY),
    Kind.DROP: (Phase.AFTER_READ, *Phase),
    Kind.RESET: (Phase.AFTER_READ, *Phase),
    Kind.STALL: (Phase.AFTER_READ, *Phase),
    Kind.REFUSE: (Phase.AFTER_READ, *Phase),
    Kind.DELAY: (Phase.AFTER_READ, *Phase),
    Kind.CUT: (Phase.MID_BODY,),
    Kind.DRIP: (Phase.MID_BODY, Phase.MID_HEADERS),
    Kind.DUPLICATE: (Phase.AFTER_COMMIT,),
}
"""The phases each kind may have; the first is the default."""

_STATUSES: Final = {Kind.STATUS: 503, Kind.REDIRECT: 307}


def _kind(value: object) -> Kind:
    return chosen(Kind, "kind of fault", value)


def _phase(value: object) -> Phase:
    return chosen(Phase, "phase of a request", value)


def _default_phase(fault: Fault) -> Phase:
    return PHASES[fault.kind][0]


def _default_status(fault: Fault) -> int:
    return _STATUSES.get(fault.kind, 200)


def _headers(value: Mapping[str, str]) -> Mapping[str, str]:
    return dict(value)


@attrs.frozen
class Fault:
    """One entry of the plan. Only `kind` has to be given.

    Which requests it may hit (all that are given have to match; globs are those of `fnmatch`):

    Attributes:
        kind: What goes wrong.
        phase: When. By default `after_read` for status, html, redirect, drop, reset, refuse, stall
            and delay (no effect); `after_commit` for body, bomb, garbage and duplicate; `mid_body`
            for cut and drip.
        operation: Operation name, also as a glob: `drafts.create`, `orders.*`.
        method: HTTP method.
        path: Glob on the path below the base URL, without the query: `/orders/*`.
        skip: How many matching requests pass unharmed at first.
        times: How many requests it hits; None: for ever.
        every: Hits each n-th matching request after the skipped ones.
        share: Probability of a hit, drawn from the plan's own seeded random numbers.
        seconds: Length of a delay, of a refusal, of a stall (None: until the client leaves), or the
            time between two bytes of a drip.
        status: Status of a status (default 503) or redirect (default 307) fault.
        retry_after: Text of a `Retry-After` header, sent as it is.
        headers: Further headers of a status, html, body or redirect fault.
        html: The HTML page of a status or html fault.
        body: The JSON value of a body or status fault.
        location: Where a redirect leads.
        size: Inflated size of a bomb, bytes.

    Raises:
        ValueError: The arguments do not fit together; the message says which and why.
    """

    kind: Kind = attrs.field(converter=_kind)
    phase: Phase = attrs.field(
        default=attrs.Factory(_default_phase, takes_self=True), converter=_phase, kw_only=True
    )
    operation: str | None = attrs.field(default=None, kw_only=True)
    method: str | None = attrs.field(default=None, kw_only=True)
    path: str | None = attrs.field(default=None, kw_only=True)
    skip: int = attrs.field(default=0, kw_only=True)
    times: int | None = attrs.field(default=None, kw_only=True)
    every: int = attrs.field(default=1, kw_only=True)
    share: float = attrs.field(default=1.0, kw_only=True)
    seconds: float | None = attrs.field(default=None, kw_only=True)
    status: int = attrs.field(default=attrs.Factory(_default_status, takes_self=True), kw_only=True)
    retry_after: str | None = attrs.field(default=None, kw_only=True)
    headers: Mapping[str, str] = attrs.field(
        factory=dict[str, str], converter=_headers, kw_only=True, hash=False
    )
    html: str | None = attrs.field(default=None, kw_only=True)
    body: Any = attrs.field(factory=dict[str, Any], kw_only=True, hash=False)
    location: str | None = attrs.field(default=None, kw_only=True)
    size: int = attrs.field(default=10_000_000, kw_only=True)

    def __attrs_post_init__(self) -> None:
        phases = PHASES[self.kind]
        _demand(
            self.phase in phases,
            f"A {self.kind} fault cannot strike at {self.phase}; its phases are "
            f"{', '.join(dict.fromkeys(phases))}.",
        )
        for name, least in (("skip", 0), ("every", 1), ("times", 1), ("size", 1), ("status", 200)):
            value = getattr(self, name)
            if not (name == "times" and value is None):
                _demand(
                    isinstance(value, int) and not isinstance(value, bool) and value >= least,
                    f"{name} is a whole number of at least {least}, not {value!r}.",
                )
        _demand(self.status <= 599, f"status lies between 200 and 599, not at {self.status}.")
        _demand(
            _is_number(self.share) and 0 <= self.share <= 1,
            f"share is a probability between 0 and 1, not {self.share!r}.",
        )
        _demand(
            self.seconds is None or (_is_number(self.seconds) and self.seconds >= 0),
            f"seconds is a number of at least 0, not {self.seconds!r}.",
        )
        if self.kind in (Kind.DELAY, Kind.DRIP, Kind.REFUSE):
            _demand(self.seconds is not None, f"A {self.kind} fault needs seconds.")
        if self.kind is Kind.REDIRECT:
            _demand(bool(self.location), "A redirect fault needs a location.")
            _demand(
                300 <= self.status <= 399,
                f"A redirect's status lies between 300 and 399, not at {self.status}.",
            )
        for name in ("operation", "method", "path", "retry_after", "html", "location"):
            value = getattr(self, name)
            _demand(value is None or isinstance(value, str), f"{name} is a text, not {value!r}.")
        lines = [*self.headers.items(), ("Retry-After", self.retry_after), ("", self.location)]
        _demand(
            not any(mark in f"{name}{value}" for name, value in lines for mark in "\r\n\0"),
            "A header cannot contain a line break.",
        )

    def matches(self, operation: str | None, method: str, path: str) -> bool:
        """Whether a request is one of those that this fault may hit."""
        return (
            (self.operation is None or fnmatchcase(operation or "", self.operation))
            and (self.method is None or self.method.upper() == method)
            and (self.path is None or fnmatchcase(path, self.path))
        )

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Fault:
        """A fault from JSON types; the keys are the attributes' names.

        Raises:
            ValueError: A key is unknown, `kind` is missing, or the values do not fit together.
        """
        names = [field.name for field in attrs.fields(cls)]
        for name in data:
            _demand(name in names, f"A fault has no {name!r}; it knows {', '.join(names)}.")
        _demand("kind" in data, "A fault needs a kind.")
        _demand(isinstance(data.get("headers", {}), Mapping), "headers is an object of texts.")
        return cls(**data)

    def to_json(self) -> dict[str, Any]:
        """The fault as JSON types."""
        return attrs.asdict(self)


@attrs.frozen
class Hit:
    """That a fault hit a request; `number` is the number of the ledger's entry."""

    fault: Fault
    number: int


class FaultPlan(Plan[Fault]):
    """The faults in force and the list of what they hit.

    Each request is hit by one fault at most: the first, in the order in which they were added, that
    is due. All that match count the request. `clear` lets the hits stay.
    """

    def __init__(self, seed: int = 0) -> None:
        super().__init__(seed)
        self.hits: list[Hit] = []

    def choose(self, operation: str | None, method: str, path: str, number: int) -> Fault | None:
        """The fault that hits this request, if any."""
        fault = self._due(lambda fault: fault.matches(operation, method, path))
        if fault is not None:
            self.hits.append(Hit(fault, number))
        return fault


def _demand(holds: bool, message: str) -> None:
    if not holds:
        raise ValueError(message)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
