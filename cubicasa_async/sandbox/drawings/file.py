"""A file that can be filled up."""

from __future__ import annotations

from collections.abc import Callable

import attrs

__all__ = ["File"]


@attrs.frozen
class File:
    """A whole file in two parts, between which there is a place for what nobody sees.

    Attributes:
        before: What comes first.
        after: What comes last.
        hide: Wraps any bytes so that programs that show the file skip them.
    """

    before: bytes = attrs.field(repr=False)
    after: bytes = attrs.field(repr=False)
    hide: Callable[[bytes], bytes]

    @property
    def whole(self) -> bytes:
        """The file with nothing hidden in it."""
        return self.before + self.after

    def filled(self, size: int, filling: Callable[[int], bytes]) -> bytes | None:
        """The file with so many bytes, or None if it cannot have just as many.

        Args:
            size: Bytes that it shall have.
            filling: Makes so many bytes to hide.
        """
        room = size - len(self.before) - len(self.after)
        if room == 0:
            return self.whole
        inside = 2 * room - len(self.hide(bytes(room))) if room > 0 else 0
        if inside < 1:
            return None
        hidden = self.hide(filling(inside))
        return self.before + hidden + self.after if len(hidden) == room else None
