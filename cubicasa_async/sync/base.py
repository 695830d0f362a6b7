"""What every group of operations of the synchronous client is made of."""

from __future__ import annotations

from typing import Generic, TypeVar

import attrs

from cubicasa_async.sync.portal import Portal

R = TypeVar("R")


@attrs.frozen
class Twin(Generic[R]):
    """A group of operations whose calls run on a portal's loop.

    Attributes:
        portal: The way to that loop.
        asynchronous: The same group of the async client.
    """

    portal: Portal = attrs.field(repr=False)
    asynchronous: R
