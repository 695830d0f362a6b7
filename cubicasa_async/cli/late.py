"""Groups of commands that load a command when it is used, not when it is listed."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from cubicasa_async.cli.common import INTERRUPTED

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

_HERE = __package__


class Leaf(NamedTuple):
    """A command, as it is known before it is loaded.

    Attributes:
        help: What it does, in a line.
        place: Where it is, as "module:name" below this package; None if it is made from the
            declaration of its operation.
        operation: The operation of the API that it calls, if it is the command of one.
        details: More help, for a command that is made.
        examples: Command lines to copy, for a command that is made.
        question: What it does is asked about by these words, without the question mark.
        done: What is said when it is done, if the service answers nothing.
    """

    help: str
    place: str | None = None
    operation: str | None = None
    details: str = ""
    examples: tuple[str, ...] = ()
    question: str = ""
    done: str = "Done."


class Branch(NamedTuple):
    """A group of commands, with its help in a line."""

    help: str
    leaves: Mapping[str, Leaf]


class LateGroup(click.Group):
    """A group whose commands are loaded when they are asked for by name.

    Listing, `--help` and completion go by the table, so they load nothing.

    Args:
        table: Its commands by name.
        make: Makes those that have no place.
        **settings: As for click's own groups.
    """

    def __init__(
        self,
        *,
        table: Mapping[str, Leaf | Branch],
        make: Callable[[str, Leaf], click.Command],
        **settings: Any,
    ) -> None:
        super().__init__(**settings)
        self.table = table
        self._make = make

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 # click's signature
        """The names of its commands."""
        return sorted(self.table)

    def get_command(
        self,
        ctx: click.Context,  # noqa: ARG002 # click's signature
        cmd_name: str,
    ) -> click.Command | None:
        """A command, loaded; None if there is none of that name."""
        entry = self.table.get(cmd_name)
        if isinstance(entry, Branch):
            return LateGroup(table=entry.leaves, make=self._make, name=cmd_name, help=entry.help)
        if entry is None:
            return None
        if entry.place is None:
            return self._make(cmd_name, entry)
        module, _, attribute = entry.place.partition(":")
        command: click.Command = getattr(importlib.import_module(f"{_HERE}.{module}"), attribute)
        command.short_help = entry.help
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command that is typed."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:  # whoever read the output has gone
            raise SystemExit(INTERRUPTED) from None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that is typed. Raises click.UsageError with names like it."""
        if args and args[0] not in self.table and not args[0].startswith("-"):
            from difflib import get_close_matches

            like = " or ".join(map(repr, get_close_matches(args[0], self.table)))
            ctx.fail(
                f"No such command {args[0]!r}.{f' Did you mean {like}?' if like else ''} "
                f"`{ctx.command_path} --help` lists all."
            )
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, self.table[name].help) for name in self.list_commands(ctx)])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """What the shell offers."""
        from click.shell_completion import CompletionItem

        names = [name for name in self.list_commands(ctx) if name.startswith(incomplete)]
        found = [CompletionItem(name, help=self.table[name].help) for name in names]
        return [*found, *click.Command.shell_complete(self, ctx, incomplete)]
