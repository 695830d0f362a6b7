"""Async client for the CubiCasa Integrate API v3.

No order is created twice, lost or skipped; and where the client cannot know, it says so.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from cubicasa_async._version import __version__ as __version__

if TYPE_CHECKING:
    from cubicasa_async._public import *  # noqa: F403 # its __all__ names them
    from cubicasa_async._public import __all__ as __all__
else:

    def __getattr__(name):
        """Import the client when it is first used: a command that needs none starts without it."""
        if name.startswith("__") and name != "__all__":
            raise AttributeError(name)
        public = import_module("cubicasa_async._public")
        globals().update({each: getattr(public, each) for each in public.__all__})
        globals()["__all__"] = public.__all__
        if name in globals():
            return globals()[name]
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}", name=name)

    def __dir__():
        return sorted({*globals(), *import_module("cubicasa_async._public").__all__})
