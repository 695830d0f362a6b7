"""What the calls of a context run into on their way: repeats, and the server's rate limit."""

from __future__ import annotations

from contextvars import ContextVar

import attrs


@attrs.define
class Watch:
    """Counts for all calls of the context that it is set in, and of the tasks begun there.

    Attributes:
        repeats: How many attempts were repeats.
        held_until: When the rate limit that was met last lets calls go on, in seconds on the
            client's monotonic clock.
    """

    repeats: int = 0
    held_until: float = float("-inf")

    def repeated(self, *, limited: bool, again_at: float) -> None:
        """An attempt failed and is repeated then."""
        self.repeats += 1
        if limited:
            self.held_until = max(self.held_until, again_at)


watching: ContextVar[Watch | None] = ContextVar("watching", default=None)
