"""Directives for what is made anew in each build: tables, and what the command says of itself."""

from __future__ import annotations

from collections.abc import Iterator

import click
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from cubicasa_async.cli.app import cubicasa
from cubicasa_async.cli.endpoints import markdown
from tests.faults.table import TABLE, condensed, parse


class Operations(SphinxDirective):
    """All operations, by their declarations."""

    def run(self) -> list[nodes.Node]:
        """The table."""
        return self.parse_text_to_nodes(markdown())


class Faults(SphinxDirective):
    """What each class of faults comes to, in a few words, by the whole table."""

    def run(self) -> list[nodes.Node]:
        """The table."""
        self.env.note_dependency(str(TABLE))
        return self.parse_text_to_nodes(condensed(parse(TABLE.read_text(encoding="utf-8"))))


class CommandHelp(SphinxDirective):
    """What each command says with `--help`."""

    def run(self) -> list[nodes.Node]:
        """One section for each command."""
        sections: list[nodes.Node] = []
        for context in _contexts(cubicasa, None, "cubicasa"):
            path = context.command_path
            section = nodes.section(ids=[nodes.make_id(path)], names=[path])
            section += nodes.title("", "", nodes.literal("", path))
            said = context.get_help()
            section += nodes.literal_block(said, said, language="none")
            sections.append(section)
        return sections


def _contexts(
    command: click.Command, parent: click.Context | None, name: str
) -> Iterator[click.Context]:
    """A command and all below it, each with its place."""
    context = click.Context(command, parent, info_name=name, terminal_width=88)
    yield context
    if isinstance(command, click.Group):
        for below in command.list_commands(context):
            found = command.get_command(context, below)
            if found is not None and not found.hidden:
                yield from _contexts(found, context, below)


def setup(app: Sphinx) -> dict[str, bool]:
    """Make the directives known."""
    for name, directive in (
        ("operations", Operations),
        ("faults", Faults),
        ("command-help", CommandHelp),
    ):
        app.add_directive(name, directive)
    return {"parallel_read_safe": True}
