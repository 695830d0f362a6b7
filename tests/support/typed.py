"""The command within this process: in a thread, where it makes an event loop of its own."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path

from click.testing import CliRunner

from cubicasa_async.cli.app import cubicasa
from tests.support.commands import Result

_OURS = (
    "CUBICASA_API_KEY",
    "CUBICASA_BASE_URL",
    "CUBICASA_ENVIRONMENT",
    "CUBICASA_PROFILE",
    "CUBICASA_PROXY",
    "XDG_CONFIG_HOME",
)


async def typed(
    *arguments: str | Path, environ: Mapping[str, str], given: str | None = None
) -> Result:
    """Run it with these variables and this standard input; nobody can be asked anything."""
    variables = {name: environ.get(name) for name in _OURS}
    words = [str(argument) for argument in arguments]
    found = await asyncio.to_thread(
        CliRunner().invoke, cubicasa, words, env=variables, input=given, prog_name="cubicasa"
    )
    assert found.exception is None or isinstance(found.exception, SystemExit), found.exception
    key = variables["CUBICASA_API_KEY"]
    assert key is None or key not in found.output
    return Result(found.exit_code, found.stdout, found.stderr)


def fields_file(place: Path, **fields: object) -> Path:
    """A file of fields for `--from`."""
    place.write_text(json.dumps(fields), encoding="utf-8")
    return place
