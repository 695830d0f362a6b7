"""What answers say about the facts that this library relies on: pure functions of what was seen."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, cast

import attrs

from cubicasa_async.core import codec, wire
from cubicasa_async.core.endpoint import Endpoint, Evidence
from cubicasa_async.core.models import Model, wire_names
from cubicasa_async.core.paging import read_page
from cubicasa_async.core.values import OpenEnum, is_nothing
from cubicasa_async.core.walk import Page
from cubicasa_async.errors import DecodeError, FieldError
from cubicasa_async.live.asking import Seen
from cubicasa_async.live.findings import Finding, Verdict
from cubicasa_async.resources.order import Order, OrderStatus

Orders = Page[Order]

MANY: Final = 200
"""The page size asked for to see whether large ones are honoured."""


def existence(seen: Seen) -> Finding:
    """Whether an operation is where its declaration says."""
    endpoint = seen.endpoint
    fact = f"{endpoint.operation} is {endpoint.method} {endpoint.path}"
    status = seen.status
    if seen.omitted:
        said, verdict = seen.omitted, Verdict.OPEN
    elif seen.good and (seen.data is not None or seen.is_pdf):
        said, verdict = f"{status} with {'a PDF' if seen.is_pdf else 'JSON'}", Verdict.CONFIRMED
    elif seen.good:
        said, verdict = f"{status}, but neither JSON nor a PDF", Verdict.OPEN
    elif seen.is_web_page and status in {200, 404, 405, 410}:
        said, verdict = f"{status} with a web page: there is no such path", Verdict.REFUTED
    elif status == 405:
        said, verdict = "405: the path does not take this method", Verdict.REFUTED
    elif status in {404, 410} and "{" not in endpoint.path:
        said, verdict = f"{status}: there is no such path", Verdict.REFUTED
    elif status in {404, 410}:
        said = f"{status}: there is no such path, or nothing is there for this id"
        verdict = Verdict.OPEN
    else:
        said, verdict = seen.error.message if seen.error else "nothing came", Verdict.OPEN
    return Finding(fact, endpoint.evidence, said, verdict)


def shape(seen: Seen) -> Finding | None:
    """What of an answer is not as its model says; None if all is, or nothing came."""
    if seen.answer is None or seen.data is None or not seen.good:
        return None
    problems = _read(seen.endpoint, seen.answer)[1]
    if not problems:
        return None
    named = "; ".join(map(str, problems[:5]))
    more = f"; and {len(problems) - 5} more" if len(problems) > 5 else ""
    fact = f"{seen.endpoint.operation} answers what its model says"
    return Finding(fact, seen.endpoint.evidence, named + more, Verdict.REFUTED)


def novelties(answers: Iterable[Seen]) -> Finding:
    """Which fields and values came that this library does not know."""
    fact, grade = "answers hold only fields and values that this library knows", Evidence.OBSERVED
    found: dict[str, None] = {}
    read = 0
    for seen in answers:
        if seen.answer is not None and seen.data is not None and seen.good:
            read += 1
            for model in _read(seen.endpoint, seen.answer)[0]:
                found |= dict.fromkeys(_new_in(model, seen.endpoint.operation))
    if found:
        return Finding(fact, grade, "; ".join(found), Verdict.NEW)
    if not read:
        return _open(fact, grade, "no answer came")
    return Finding(fact, grade, f"nothing else is in {read} answers", Verdict.CONFIRMED)


def holds_drafts(listed: Orders | None, before: Orders | None, after: Orders | None) -> Finding:
    """Whether the list without a filter holds drafts.

    Args:
        listed: The newest orders, without a filter.
        before: Drafts by the filter, asked for before that.
        after: The same, asked for after that: what is in both was there all the time.
    """
    fact = "the list of orders without a filter holds drafts"
    if listed is None:
        return _open(fact, Evidence.INFERRED, "no list came")
    drafts = sum(order.status == OrderStatus.DRAFT for order in listed.items)
    if drafts:
        said = f"{drafts} of {len(listed.items)} rows are drafts"
        return Finding(fact, Evidence.INFERRED, said, Verdict.CONFIRMED)
    listed_ids = {order.id for order in listed.items}
    times = [time for order in listed.items if (time := _created(order))]
    steady = {order.id for order in after.items} if after else set[str]()
    for order in before.items if before else ():
        time = _created(order)
        newer = not listed.has_more or (time and times and time > min(times))
        if (
            order.status == OrderStatus.DRAFT
            and order.id in steady - listed_ids
            and newer
            and not listed.undecodable
        ):
            said = "a draft is newer than orders of the list, and is not on it"
            return Finding(fact, Evidence.INFERRED, said, Verdict.REFUTED)
    return _open(fact, Evidence.INFERRED, "no draft is as new as the orders that were listed")


def honours_filter(status: OrderStatus, found: Orders | None) -> Finding:
    """Whether a list by status holds only orders in that status."""
    fact = "a list by status holds no orders in another status"
    if found is None or not found.items:
        return _open(fact, Evidence.DOCUMENTED, f"no order is listed as {status}")
    others = sorted({str(order.status) for order in found.items if order.status != status})
    if others:
        said = f"asked for {status}, also {', '.join(others)} came"
        return Finding(fact, Evidence.DOCUMENTED, said, Verdict.REFUTED)
    said = f"{len(found.items)} rows, all {status}"
    return Finding(fact, Evidence.DOCUMENTED, said, Verdict.CONFIRMED)


def rows_without_assets(listed: Orders | None) -> Finding:
    """Whether rows of a list come without files, also of orders that have some."""
    fact = "rows of the list of orders have no delivery_assets"
    rows = listed.items if listed else ()
    having = sum(order.delivery_assets is not None for order in rows)
    if having:
        said = f"{having} of {len(rows)} rows have them"
        return Finding(fact, Evidence.OBSERVED, said, Verdict.REFUTED)
    ready = sum(order.status == OrderStatus.READY for order in rows)
    if not ready:
        return _open(fact, Evidence.OBSERVED, "no listed order is Ready")
    said = f"none of {ready} rows that are Ready has any"
    return Finding(fact, Evidence.OBSERVED, said, Verdict.CONFIRMED)


def newest_first(listed: Orders | None) -> Finding:
    """Whether the list begins with the newest order."""
    fact = "the list of orders is newest first"
    times = [time for order in (listed.items if listed else ()) if (time := _created(order))]
    if len(set(times)) < 2:
        return _open(fact, Evidence.DOCUMENTED, "fewer than two orders to compare")
    wrong = sum(later > earlier for earlier, later in itertools.pairwise(times))
    if wrong:
        said = f"{wrong} of {len(times)} rows are newer than the row before"
        return Finding(fact, Evidence.DOCUMENTED, said, Verdict.REFUTED)
    said = f"{len(times)} rows, none newer than the row before"
    return Finding(fact, Evidence.DOCUMENTED, said, Verdict.CONFIRMED)


def large_pages(seen: Seen) -> Finding:
    """How many records a page may have."""
    fact, grade = "the most records that a page may have", Evidence.INFERRED
    page = seen.page()
    if page is None:
        if seen.status in {400, 422}:
            said = f"limit={MANY} is refused ({seen.status})"
            return Finding(fact, grade, said, Verdict.SETTLED)
        return _open(fact, grade, why(seen))
    came = len(page.keys)
    said = f"limit={MANY} gave {came}"
    if came >= MANY:
        return Finding(fact, grade, f"{said}: it is {MANY} or more", Verdict.SETTLED)
    if page.has_more:
        return Finding(fact, grade, f"{said}, and more follow: it is {came}", Verdict.SETTLED)
    return _open(fact, grade, f"{said}, which are all: it is {came} or more")


def pagination(seen: Seen) -> Finding:
    """Which keys tell where a page stands."""
    fact = "pagination holds has_more, limit, next_offset and previous_offset"
    if seen.page() is None:
        return _open(fact, Evidence.DOCUMENTED, why(seen))
    keys = sorted(codec.as_mapping(codec.as_mapping(seen.data).get("pagination")))
    whole = {"has_more", "limit", "next_offset", "previous_offset"} <= set(keys)
    verdict = Verdict.CONFIRMED if whole else Verdict.REFUTED
    return Finding(fact, Evidence.DOCUMENTED, f"it holds {', '.join(keys)}", verdict)


def combined_pdf(seen: Seen) -> Finding:
    """In which of its two shapes the combined PDF comes."""
    fact, grade = (
        "the combined PDF comes as it is, or as JSON that names its URL",
        Evidence.INFERRED,
    )
    if seen.good and seen.is_pdf:
        return Finding(fact, grade, "it came as it is", Verdict.SETTLED)
    if not seen.good:
        return _open(fact, grade, why(seen))
    fields = codec.as_mapping(seen.data)
    for name in ("url", "download_url", "pdf_url"):
        if isinstance(fields.get(name), str) and fields[name]:
            return Finding(fact, grade, f"JSON names its URL as {name}", Verdict.SETTLED)
    said = f"neither; JSON keys are {', '.join(fields) or 'none'}"
    return Finding(fact, grade, said, Verdict.REFUTED)


def _open(fact: str, grade: Evidence, why: str) -> Finding:
    return Finding(fact, grade, why, Verdict.OPEN)


def why(seen: Seen) -> str:
    """Why nothing can be told, in words."""
    return seen.omitted or (seen.error.message if seen.error else "the answer is no such thing")


def _created(order: Order) -> float | None:
    moment = order.info.created_at if order.info else None
    return moment.timestamp() if moment else None


def _read(
    endpoint: Endpoint[Any], answer: wire.Answer
) -> tuple[Sequence[object], Sequence[FieldError]]:
    """The models of an answer, and what is wrong with it."""
    try:
        if not _is_list(endpoint):
            return [wire.read(endpoint, answer)], []
        page = read_page(endpoint, answer, 0)
    except DecodeError as exc:
        return [exc.partial], exc.problems
    return page.items, [problem for item in page.undecodable for problem in item.problems]


def _is_list(endpoint: Endpoint[Any]) -> bool:
    return endpoint.operation.endswith(".list")


def _new_in(value: object, place: str) -> Iterator[str]:
    if isinstance(value, Model):
        names = wire_names(type(value))
        for name in value.extra:
            known = " in another shape" if name in names.values() else ""
            yield f"field {place}.{name}{known}"
        for field in attrs.fields(type(value)):
            if field.name != "extra":
                yield from _new_in(getattr(value, field.name), f"{place}.{names[field.name]}")
    elif isinstance(value, OpenEnum):
        if not value.is_known:
            yield f"value {str(value)!r} of {place}"
    elif isinstance(value, tuple):
        for item in cast("tuple[object, ...]", value):
            yield from _new_in(item, place)
    elif isinstance(value, dict) and not is_nothing(value):  # of a field whose shape is not known
        yield f"{place} is an object of {', '.join(map(str, cast('dict[str, Any]', value)))}"
    elif isinstance(value, list) and not is_nothing(value):
        yield f"{place} is a list"
