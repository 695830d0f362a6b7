"""Commands of the API's operations, made from their declarations."""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from functools import partial
from typing import Any, Final, get_type_hints

import attrs
import click

from cubicasa_async.cli import output, preview, records
from cubicasa_async.cli.asking import asked_secret
from cubicasa_async.cli.common import UNUSABLE, Target, runs
from cubicasa_async.cli.fields import Field, fields_of, nested
from cubicasa_async.cli.late import Leaf
from cubicasa_async.cli.options import dry_run_option, file_names, json_option, yes_option
from cubicasa_async.cli.tree import command_of
from cubicasa_async.client import AsyncCubiCasa
from cubicasa_async.config import Config, Secret
from cubicasa_async.core import codec
from cubicasa_async.core.endpoint import Effect, Endpoint, Evidence
from cubicasa_async.core.models import Model, wire_names
from cubicasa_async.core.paging import Pager
from cubicasa_async.core.values import UNSET
from cubicasa_async.resources.base import Resource
from cubicasa_async.resources.index import ENDPOINTS

_DECLARED: Final = {endpoint.operation: endpoint for endpoint in ENDPOINTS}
_NO_KEY: Final = Secret("none")


@attrs.frozen
class Operation:
    """An operation, and the method that calls it.

    Attributes:
        endpoint: Its declaration.
        leaf: What the table of commands says of it.
        resource: The class whose method it is.
        method: The method's name.
        arguments: What the method takes by place.
        named: What it must be given by name.
        fields: The values of its body that it takes by name.
    """

    endpoint: Endpoint[Any]
    leaf: Leaf
    resource: type[Resource]
    method: str
    arguments: tuple[str, ...]
    named: tuple[str, ...]
    fields: tuple[Field, ...]

    @classmethod
    def of(cls, leaf: Leaf) -> Operation:
        """The operation of a command."""
        endpoint = _DECLARED[leaf.operation or ""]
        attribute, _, method = endpoint.operation.partition(".")
        resource: type[Resource] = get_type_hints(AsyncCubiCasa)[attribute]
        function = getattr(resource, method)
        parameters = list(inspect.signature(function).parameters.values())[1:]
        arguments = tuple(one.name for one in parameters if one.kind is one.POSITIONAL_OR_KEYWORD)
        named = [one for one in parameters if one.kind is one.KEYWORD_ONLY]
        fields = fields_of(endpoint.request, function) if endpoint.request else ()
        return cls(
            endpoint=endpoint,
            leaf=leaf,
            resource=resource,
            method=method,
            arguments=arguments,
            named=tuple(one.name for one in named if one.default is one.empty),
            fields=tuple(field for field in fields if field.path[0] not in arguments),
        )

    @property
    def asks(self) -> bool:
        """Whether a person is asked before it: it costs money, or deletes."""
        return self.endpoint.effect is Effect.PURCHASE or self.endpoint.method == "DELETE"

    @property
    def is_list(self) -> bool:
        """Whether it gives several things, page by page."""
        return self.method == "list"

    @property
    def secrets(self) -> list[str]:
        """Fields whose value is not to be seen."""
        return [field.path[0] for field in self.fields if field.secret]

    def given(self, values: Mapping[str, Any], source: str | None) -> dict[str, Any]:
        """The body's values by field: from options, else from a file, else asked for.

        Raises:
            click.UsageError: The file cannot be used.
        """
        read = _from_file(self.endpoint, source) if source else {}
        found = _over(read, nested(_typed(self.fields, values)))
        for field in self.fields:
            name = field.path[0]
            if field.secret and name not in found and (field.needed or values.get(field.key)):
                found[name] = _asked(field)
        return {**dict.fromkeys(self.named, UNSET), **found}


def make_command(name: str, leaf: Leaf) -> click.Command:
    """The command of an operation."""
    operation = Operation.of(leaf)
    endpoint = operation.endpoint
    params: list[click.Parameter] = [click.Argument([name]) for name in operation.arguments]
    params += [one.parameter() for one in operation.fields if not (one.secret and one.needed)]
    if operation.fields:
        params.append(_FROM)
    if operation.is_list:
        params.append(_MAX)
    command = click.Command(
        name,
        callback=click.pass_obj(runs(partial(_perform, operation))),
        params=params,
        help=_help(operation),
        short_help=leaf.help,
    )
    if operation.asks:
        command = yes_option(command)
    if endpoint.effect is not Effect.READ:
        command = dry_run_option(command)
    return json_option(command)


_FROM: Final = click.Option(
    ["--from", "source"],
    metavar="FILE",
    shell_complete=file_names,
    help="A JSON object of such values, under the API's names; - is standard input. An option "
    "outweighs it.",
)
_MAX: Final = click.Option(["--max", "most"], type=click.IntRange(1), help="Stop after so many.")


def _help(operation: Operation) -> str:
    endpoint, leaf = operation.endpoint, operation.leaf
    said = [leaf.details] if leaf.details else []
    if endpoint.effect is Effect.PURCHASE:
        said.append("It costs money: asks before.")
    elif operation.asks:
        said.append("Asks before.")
    if endpoint.evidence is Evidence.INFERRED:
        said.append(
            f"That this is {endpoint.method} {endpoint.path} is inferred. If it is wrong, correct "
            f'it in a profile: [NAME.paths] "{endpoint.operation}" = "METHOD /path".'
        )
    text = f"{leaf.help}\n\n{' '.join(said)}" if said else leaf.help
    if leaf.examples:
        place = " ".join(("cubicasa", *command_of(endpoint.operation)))
        lines = "\n".join(f"  {place} {example}" for example in leaf.examples)
        text += f"\n\n\b\nExamples:\n{lines}"
    return text


async def _perform(
    operation: Operation,
    target: Target,
    *,
    source: str | None = None,
    most: int | None = None,
    yes: bool = False,
    dry_run: bool = False,
    as_json: bool,
    **values: Any,
) -> int:
    arguments = [values.pop(name) for name in operation.arguments]
    given = operation.given(values, source)
    settings = target.settings()
    if dry_run:
        config = settings.config(key=_NO_KEY)
        preview.tell(await _request(operation, config, arguments, given), as_json=as_json)
        return 0
    async with settings.client() as client:
        if operation.asks:
            fields = await _request(operation, client.config, arguments, given)
            reason = operation.leaf.question or "This costs money"
            if not preview.is_meant(reason, fields, yes=yes):
                return UNUSABLE
        method = _method(operation, getattr(client, operation.endpoint.operation.split(".")[0]))
        if operation.is_list:
            await _list(operation, method(*arguments, **given), most, as_json=as_json)
            return 0
        with preview.no_silent_end(operation.endpoint.effect, operation.endpoint.operation):
            answer = await method(*arguments, **given)
    _tell(operation, answer, as_json=as_json)
    return 0


def _method(operation: Operation, resource: Resource) -> Callable[..., Any]:
    method: Callable[..., Any] = getattr(resource, operation.method)
    return method


async def _request(
    operation: Operation, config: Config, arguments: Sequence[str], given: Mapping[str, Any]
) -> dict[str, Any]:
    """What would be sent, as JSON fields."""
    request = await preview.rehearse(
        config,
        operation.resource,
        lambda resource: _method(operation, resource)(*arguments, **given),
    )
    return preview.shown(request, str(config.base_url), operation.secrets)


async def _list(
    operation: Operation, pager: Pager[Model], most: int | None, *, as_json: bool
) -> None:
    as_json = output.wants_json(as_json)
    found: list[Model] = []
    count = 0
    async with aclosing(pager.items()) as items:
        async for item in items:
            count += 1
            if as_json:
                output.json_line(codec.unstructure(item))
            else:
                found.append(item)
            if count == most:
                break
    if not as_json:
        what = operation.endpoint.operation.partition(".")[0].replace("_", " ").removesuffix("s")
        records.print_models(operation.endpoint.response or Model, found, what)


def _tell(operation: Operation, answer: Model | None, *, as_json: bool) -> None:
    if output.wants_json(as_json):
        fields = {"type": "done", "operation": operation.endpoint.operation}
        output.json_line(fields if answer is None else codec.unstructure(answer))
    elif answer is None:
        click.echo(operation.leaf.done)
    else:
        records.print_model(answer)


def _typed(fields: Sequence[Field], values: Mapping[str, Any]) -> dict[tuple[str, ...], Any]:
    """What was typed, by its place in the body."""
    return {
        field.path: values[field.key]
        for field in fields
        if not field.secret and values[field.key] not in {None, ()}
    }


def _over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """One mapping of mappings laid over another."""
    inner = {
        name: _over(codec.as_mapping(below.get(name)), codec.as_mapping(value))
        for name, value in above.items()
        if isinstance(value, dict)
    }
    return {**below, **above, **inner}


def _from_file(endpoint: Endpoint[Any], source: str) -> dict[str, Any]:
    """The body's values by our names, from a JSON object under the API's."""
    try:
        with click.open_file(source, encoding="utf-8") as file:
            read = json.load(file)
    except (OSError, ValueError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else f"it is not JSON: {exc}"
        raise click.UsageError(f"--from {source} cannot be read: {reason}.") from None
    if not isinstance(read, dict):
        raise click.UsageError(f"--from {source} is not a JSON object.")
    ours = {wire: name for name, wire in wire_names(endpoint.request or Model).items()}
    return {ours.get(name, name): value for name, value in codec.as_mapping(read).items()}


def _asked(field: Field) -> str:
    """A secret, typed by a person."""
    name = field.path[0]
    if not sys.stdin.isatty():
        raise click.UsageError(f"Nobody can be asked for {name} here. Give it by --from FILE.")
    return asked_secret(name.replace("_", " ").capitalize())
