"""Packages that come with an extra: imported when needed, and named when they are missing."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from cubicasa_async.errors import ConfigError


@contextmanager
def from_extra(extra: str, purpose: str) -> Generator[None]:
    """Import what an extra brings, inside of this.

    Args:
        extra: Its name.
        purpose: What needs it, as the beginning of a sentence.

    Raises:
        ConfigError: A package is not installed; says how to install it.
    """
    try:
        yield
    except ModuleNotFoundError as exc:
        if exc.name is None or exc.name.startswith("cubicasa_async"):
            raise
        raise ConfigError(
            f"{purpose} needs the package {exc.name!r}, which is not installed. Install it with: "
            f"python -m pip install 'cubicasa-async[{extra}]'"
        ) from None
