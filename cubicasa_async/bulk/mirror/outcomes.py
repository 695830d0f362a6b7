"""What a run of the mirror found of each order."""

from __future__ import annotations

from typing import ClassVar

import attrs

from cubicasa_async.errors import CubiCasaError


@attrs.frozen(kw_only=True)
class MirrorOutcome:
    """What a run found of one order.

    Attributes:
        order_id: The order; None only for an entry of the list that has no readable id.
        status: Its status; None if the server did not say.
        note: What a person should know about it; empty if nothing.
    """

    kind: ClassVar[str] = ""

    order_id: str | None
    status: str | None = None
    note: str = ""


class NewOrder(MirrorOutcome):
    """The mirror did not have it before."""

    kind = "new"


@attrs.frozen(kw_only=True)
class ChangedOrder(MirrorOutcome):
    """Its row in the list has changed, and the mirror has its details anew.

    Attributes:
        previous_status: Its status in the mirror before; the same if something else changed.
    """

    kind = "changed"

    previous_status: str | None = None


class UnchangedOrder(MirrorOutcome):
    """Its row in the list is what it was. Nothing was asked and nothing was written."""

    kind = "unchanged"


class ReturnedOrder(MirrorOutcome):
    """It had vanished, and the server has it again."""

    kind = "came back"


class VanishedOrder(MirrorOutcome):
    """The server has it no more. Its row stays in the mirror, marked."""

    kind = "vanished"


@attrs.frozen(kw_only=True)
class FailedOrder(MirrorOutcome):
    """Its details could not be read. The mirror has what the list says; the next run tries again.

    Attributes:
        error: Why.
    """

    kind = "failed"

    error: CubiCasaError


MIRROR_KINDS = (
    NewOrder,
    ChangedOrder,
    UnchangedOrder,
    ReturnedOrder,
    VanishedOrder,
    FailedOrder,
)
"""All outcomes, in the order in which people want to read them."""
