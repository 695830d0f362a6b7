"""The `cubicasa` command."""

from __future__ import annotations

import errno
import os
import sys
from io import TextIOWrapper

_NO_ROOM = (errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC))


def main() -> None:
    """Run the command; exits with its code."""
    code: int | str | None
    try:
        try:
            code = _run()
        except SystemExit as ended:
            code = ended.code
        sys.stdout.flush()
    except KeyboardInterrupt:  # while it was being loaded
        code = 130
    except BrokenPipeError:  # whoever read the output has gone
        code = 130
        _drop_output()
    except OSError as exc:
        what = "The output cannot be written: " if exc.errno in _NO_ROOM else ""
        print(  # noqa: T201 # click may be what is broken
            f"Error: {what}{exc.strerror or exc}. What was asked of the service may have been "
            "done.",
            file=sys.stderr,
        )
        code = 4
        _drop_output()
    sys.exit(code)


def _drop_output() -> None:
    """Lose what could not be written; Python would try it again as it ends."""
    with open(os.devnull, "w", encoding="utf-8") as nowhere:  # noqa: PTH123 # it is no file
        os.dup2(nowhere.fileno(), sys.stdout.fileno())


def _run() -> int:
    try:
        import click

        from cubicasa_async.cli.app import cubicasa
    except ModuleNotFoundError as exc:
        sys.exit(
            f"The command needs the package {exc.name!r}, which is not installed.\n"
            "Install it with: python -m pip install 'cubicasa-async[all]'"
        )
    _open_streams()
    try:
        return cubicasa.main(prog_name="cubicasa", standalone_mode=False) or 0
    except click.ClickException as exc:
        exc.show()
        return exc.exit_code
    except click.Abort:
        click.echo("Interrupted.", err=True)
        return 130


def _open_streams() -> None:
    """Make sure that all can be written, whether anybody reads it or not."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            nowhere = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115 # open to the end
            setattr(sys, name, nowhere)
        elif isinstance(stream, TextIOWrapper):  # letters that it cannot hold are escaped
            stream.reconfigure(errors="backslashreplace")
