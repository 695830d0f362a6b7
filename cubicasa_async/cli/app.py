"""The command's top: the options that all commands share."""

from __future__ import annotations

import click

from cubicasa_async._version import __version__
from cubicasa_async.cli.common import Target
from cubicasa_async.cli.late import LateGroup, Leaf
from cubicasa_async.cli.options import profile_names
from cubicasa_async.cli.tree import COMMANDS

ENVIRONMENTS = ("production", "qa")


def _made(name: str, leaf: Leaf) -> click.Command:
    from cubicasa_async.cli.operations import make_command

    return make_command(name, leaf)


@click.group(
    cls=LateGroup,
    table=COMMANDS,
    make=_made,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="cubicasa")
@click.option(
    "--profile",
    metavar="NAME",
    shell_complete=profile_names,
    help="Use what `cubicasa profiles set NAME` wrote down. CUBICASA_PROFILE.",
)
@click.option(
    "--environment",
    type=click.Choice(ENVIRONMENTS),
    help="Installation to talk to. CUBICASA_ENVIRONMENT; production by default.",
)
@click.option(
    "--base-url",
    metavar="URL",
    help="Another installation, such as a sandbox. CUBICASA_BASE_URL.",
)
@click.option(
    "--proxy",
    metavar="URL",
    help="An HTTP proxy. CUBICASA_PROXY; other variables for proxies are not read.",
)
@click.pass_context
def cubicasa(
    ctx: click.Context,
    profile: str | None,
    environment: str | None,
    base_url: str | None,
    proxy: str | None,
) -> None:
    """Work with CubiCasa orders: no order created twice, lost or skipped.

    The api key is read from the environment variable CUBICASA_API_KEY or from a profile, and shown
    nowhere. What a setting is taken from, the first that has it:

    \b
      1. --environment, --base-url, --proxy
      2. the profile that --profile names, with its key and its installation
      3. CUBICASA_API_KEY, CUBICASA_ENVIRONMENT, CUBICASA_BASE_URL, CUBICASA_PROXY
      4. the profile that CUBICASA_PROFILE names
      5. production, without a proxy

    Where 2 is used, CUBICASA_API_KEY, CUBICASA_ENVIRONMENT and CUBICASA_BASE_URL have no effect.
    A key and a profile that are both set by variables are refused: they may be those of two
    companies.

    \b
    Exit codes:
      0    all done
      1    done, but rows were rejected or their outcome is unknown
      2    the command line, a file or a setting cannot be used, or a question was answered
           with no; nothing was sent
      3    the service refused, for example the api key
      4    the service could not be reached or understood; see what the message says of the outcome
      130  interrupted

    \b
    Examples:
      cubicasa doctor
      cubicasa orders list --status Ready
      cubicasa --profile north drafts import listings.csv --dry-run
    """
    ctx.obj = Target(profile=profile, environment=environment, base_url=base_url, proxy=proxy)
