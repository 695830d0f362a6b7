"""The `cubicasa` command."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command; exits with its code."""
    try:
        from cubicasa_async.cli.app import cubicasa
    except ModuleNotFoundError as exc:
        sys.exit(
            f"The command needs the package {exc.name!r}, which is not installed.\n"
            "Install it with: python -m pip install 'cubicasa-async[all]'"
        )
    cubicasa()
