"""What is made anew in each build: tables, what the command says of itself, and defaults."""

from __future__ import annotations

from collections.abc import Iterator

import attrs
import click
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import inspect
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


def tell_defaults(*event: object) -> tuple[str, object] | None:
    """The signature of an attrs class with its defaults, in place of how attrs looks them up."""
    _app, _what, _name, described, _options, _signature, returned = event
    if not (isinstance(described, type) and attrs.has(described)):
        return None
    defaults = {field.alias: _default(field) for field in attrs.fields(described)}
    signature = inspect.signature(described.__init__, bound_method=True)
    parameters = [
        one
        if one.default is one.empty
        else one.replace(default=defaults.get(one.name, one.default))
        for one in signature.parameters.values()
    ]
    told = signature.replace(parameters=parameters)
    text = inspect.stringify_signature(
        told, show_return_annotation=False, unqualified_typehints=True
    )
    return text, returned


def _default(field: attrs.Attribute[object]) -> object:
    made = field.default
    if isinstance(made, attrs.Factory):  # type: ignore[arg-type] # a class, at run time
        return _Derived() if made.takes_self else made.factory()
    return made


class _Derived:
    """A default that follows from the other arguments."""

    def __repr__(self) -> str:
        return "..."


def setup(app: Sphinx) -> dict[str, bool]:
    """Make the directives known."""
    for name, directive in (
        ("operations", Operations),
        ("faults", Faults),
        ("command-help", CommandHelp),
    ):
        app.add_directive(name, directive)
    app.connect("autodoc-process-signature", tell_defaults)
    return {"parallel_read_safe": True}
