"""The command's top: global options, and subcommands that load when they are used."""

from __future__ import annotations

import importlib

import click

from cubicasa_async._version import __version__
from cubicasa_async.cli.common import Target
from cubicasa_async.config import Environment

_COMMANDS = {
    "assets": "cubicasa_async.cli.assets:assets",
    "demo": "cubicasa_async.cli.demo:demo",
    "doctor": "cubicasa_async.cli.doctor:doctor",
    "drafts": "cubicasa_async.cli.drafts:drafts",
    "endpoints": "cubicasa_async.cli.endpoints:endpoints",
    "orders": "cubicasa_async.cli.orders:orders",
    "sandbox": "cubicasa_async.cli.sandbox:sandbox",
    "webhooks": "cubicasa_async.cli.webhooks:webhooks",
}


class _LateGroup(click.Group):
    """A group whose commands are imported when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 # click's signature
        return sorted(_COMMANDS)

    def get_command(  # as in click
        self,
        ctx: click.Context,  # noqa: ARG002 # click's signature
        cmd_name: str,
    ) -> click.Command | None:
        place = _COMMANDS.get(cmd_name)
        if place is None:
            return None
        module, _, name = place.partition(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command


@click.group(cls=_LateGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="cubicasa")
@click.option(
    "--environment",
    type=click.Choice([str(value) for value in Environment]),
    help="Installation to talk to. Default: CUBICASA_ENVIRONMENT, else production.",
)
@click.option("--base-url", help="Another installation, such as a sandbox. CUBICASA_BASE_URL.")
@click.pass_context
def cubicasa(ctx: click.Context, environment: str | None, base_url: str | None) -> None:
    """Work with CubiCasa orders: no order created twice, lost or skipped.

    The api key is read from the environment variable CUBICASA_API_KEY.

    \b
    Exit codes:
      0    all done
      1    done, but rows were rejected or their outcome is unknown
      2    the command line, a file or a setting cannot be used; nothing was sent
      3    the service refused, for example the api key
      4    the service could not be reached or understood; see what the message says of the outcome
      130  interrupted
    """
    ctx.obj = Target(environment=environment, base_url=base_url)
