"""What is to be done with a row, by what the journal and the server know of it."""

from __future__ import annotations

from typing import Any

import attrs

from cubicasa_async.bulk.doubts import several
from cubicasa_async.bulk.intake import Checked
from cubicasa_async.bulk.journal.protocol import IN_DOUBT, MADE, Claim, Settlement, State
from cubicasa_async.bulk.outcomes import AlreadyThere, Rejected, RowOutcome, Skipped, Unknown
from cubicasa_async.bulk.sending import VANISHED
from cubicasa_async.errors import FieldError


@attrs.frozen
class Verdict:
    """What is to be done with a row.

    All are None if the row is in doubt and was answered: it waits for the server to list its order.

    Attributes:
        send: The row, if a request is needed for it.
        outcome: What became of it, if none is.
        settlement: What the journal is to be told before.
    """

    send: Checked | None = None
    outcome: RowOutcome | None = None
    settlement: Settlement | None = None


def judge(row: Checked, claim: Claim, *, looked: bool, update: bool) -> Verdict:
    """What is to be done with a row.

    Args:
        row: The row.
        claim: What the journal knows of it.
        looked: Whether the server's orders were looked at in this run.
        update: Whether drafts of rows that changed are to be changed.
    """
    if claim.state is None and claim.repeats is None and not claim.orders:
        return Verdict(send=row)
    at: dict[str, Any] = {"line": row.line, "key": row.key, "cells": row.cells}
    if claim.repeats is not None:
        return Verdict(outcome=repeated(row, claim.repeats, differs=claim.changed))
    in_doubt, made = claim.state in IN_DOUBT, claim.state in MADE
    claim = _up_to_date(claim, looked=looked)
    settlement: Settlement | None = None
    found: str | None
    if claim.orders:
        found = claim.order_id if claim.order_id in claim.orders else claim.orders[0]
        if not made:
            ours = in_doubt or claim.state is State.DELETING
            settlement = Settlement(row.key, State.CREATED if ours else State.THERE, found)
        if len(claim.orders) > 1 and claim.sends > 1:
            outcome = Unknown(order_id=found, note=several(claim.orders), **at)
            return Verdict(outcome=outcome, settlement=settlement)
    elif made and looked:
        note = VANISHED.format(order_id=claim.order_id)
        return Verdict(outcome=Unknown(order_id=claim.order_id, note=note, **at))
    elif made:
        found = claim.order_id
    elif in_doubt and claim.order_id is not None:
        return Verdict()
    else:
        return Verdict(send=attrs.evolve(row, in_doubt=True) if in_doubt else row)
    if update and len(claim.orders) <= 1 and _has_changed(claim):
        return Verdict(send=attrs.evolve(row, order_id=found), settlement=settlement)
    there = AlreadyThere(order_id=found, note=there_note(claim), **at)
    return Verdict(outcome=there, settlement=settlement)


def repeated(row: Checked, line: int, *, differs: bool) -> RowOutcome:
    """The outcome of a row whose external_id an earlier line has."""
    at: dict[str, Any] = {"line": row.line, "key": row.key, "cells": row.cells}
    if not differs:
        return Skipped(note=f"the same as line {line}", **at)
    reason = f"line {line} has the same one but says something else"
    return Rejected(field_errors=(FieldError("external_id", reason),), **at)


def _up_to_date(claim: Claim, *, looked: bool) -> Claim:
    """A claim without orders that the journal knows better about than the list."""
    if claim.state in MADE and not looked:  # the list is that of an earlier run
        return attrs.evolve(claim, orders=())
    if claim.state is State.DELETED:
        return attrs.evolve(claim, orders=tuple(o for o in claim.orders if o != claim.order_id))
    return claim


def _has_changed(claim: Claim) -> bool:
    """Whether a row differs from what its draft was made from, as far as that is known."""
    known = claim.state in MADE | IN_DOUBT or claim.state is State.DELETING
    return known and claim.changed


def there_note(claim: Claim) -> str:
    """What a person should know of a row whose order is there."""
    notes: list[str] = []
    if claim.state in IN_DOUBT:
        notes.append("made by an earlier run whose answer was lost")
    if claim.state is State.DELETING:
        notes.append("an earlier run was about to delete it, but the server still lists it")
    if claim.updating:
        notes.append(
            "a change of its draft was begun, and whether it has it is not known; update it"
        )
    elif _has_changed(claim):
        notes.append("the row has changed since its draft was made; the draft was not changed")
    if len(claim.orders) > 1:
        notes.append(f"the server lists {len(claim.orders)} of them: {', '.join(claim.orders)}")
    return "; ".join(notes)
