"""The `cubicasa` command."""

from __future__ import annotations

import sys
from io import TextIOWrapper


def main() -> None:
    """Run the command; exits with its code."""
    try:
        from cubicasa_async.cli.app import cubicasa
    except ModuleNotFoundError as exc:
        sys.exit(
            f"The command needs the package {exc.name!r}, which is not installed.\n"
            "Install it with: python -m pip install 'cubicasa-async[all]'"
        )
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a letter that the output cannot hold is escaped
            stream.reconfigure(errors="backslashreplace")
    cubicasa(prog_name="cubicasa")
