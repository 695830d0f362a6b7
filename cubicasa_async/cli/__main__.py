"""`python -m cubicasa_async.cli` is the `cubicasa` command."""

from __future__ import annotations

from cubicasa_async.cli import main

main()
