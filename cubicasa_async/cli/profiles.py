"""`cubicasa profiles`: settings of several companies side by side."""

from __future__ import annotations

import sys
from typing import Any

import attrs
import click

from cubicasa_async.cli import output, profile_file, records
from cubicasa_async.cli.asking import asked_secret, is_confirmed
from cubicasa_async.cli.common import Target, runs
from cubicasa_async.cli.options import dry_run_option, json_option, profile_names, yes_option
from cubicasa_async.cli.profile_file import Profile
from cubicasa_async.cli.settings import Address, Settings
from cubicasa_async.cli.tables import Rows, count, print_rows
from cubicasa_async.config import Environment, Secret
from cubicasa_async.errors import ConfigError
from cubicasa_async.resources.index import corrected


def _checked_name(_: click.Context, __: click.Parameter, name: str) -> str:
    if not profile_file.NAME.fullmatch(name):
        raise click.BadParameter(f"{name!r} is not letters, digits, - and _ (at most 64).")
    return name


_name = click.argument("name", shell_complete=profile_names, callback=_checked_name)


@click.command("list")
@json_option
@runs
async def list_(*, as_json: bool) -> None:
    """List the profiles, without their keys."""
    found = sorted(profile_file.read().items())
    if output.wants_json(as_json):
        for name, profile in found:
            output.json_line(_fields(name, profile))
        return
    headings = ("name", "installation", "api key")
    rows = [(name, _installation(profile), _key(profile)) for name, profile in found]
    print_rows(
        Rows(headings, rows, folds=("installation",)),
        f"{count(len(rows), 'profile')} in {profile_file.place()}.",
    )


@click.command("show")
@_name
@json_option
@runs
async def show(*, name: str, as_json: bool) -> None:
    """Show a profile, without its key."""
    fields = _fields(name, profile_file.get(name))
    if output.wants_json(as_json):
        output.json_line(fields)
    else:
        records.print_facts(fields)


@click.command("set")
@_name
@click.option("--environment", type=click.Choice([str(one) for one in Environment]))
@click.option("--base-url", metavar="URL", help="Another installation, such as a sandbox.")
@click.option("--proxy", metavar="URL", help="An HTTP proxy; '' for none.")
@dry_run_option
@click.pass_obj
@runs
async def set_(
    target: Target,
    *,
    name: str,
    environment: str | None,
    base_url: str | None,
    proxy: str | None,
    dry_run: bool,
) -> None:
    """Write a profile down, or change what is said of it here.

    The api key is asked for, or read from standard input; it is no option, as others can see the
    command lines of this machine. The file can be read by you only, and is refused if not.

    \b
    Examples:
      cubicasa profiles set north
      cubicasa profiles set north-qa --environment qa < key.txt
      cubicasa --profile north orders list
    """
    environment, base_url = environment or target.environment, base_url or target.base_url
    before = profile_file.read().get(name, Profile())
    key = _asked_key(has_one=before.api_key is not None) or before.api_key
    if key is None:
        raise ConfigError("No api key was given. Nothing was changed.")
    profile = attrs.evolve(before, api_key=key)
    if environment or base_url:
        profile = attrs.evolve(profile, environment=environment, base_url=base_url)
    if proxy is not None:
        profile = attrs.evolve(profile, proxy=proxy or None)
    _check(name, profile)
    if dry_run:
        click.echo(f"The profile {name} would be written to {profile_file.place()}.")
        return
    with profile_file.changing() as profiles:
        profiles[name] = profile
    click.echo(f"The profile {name} is in {profile_file.place()}. Use it by --profile {name}.")


@click.command("remove")
@_name
@yes_option
@dry_run_option
@runs
async def remove(*, name: str, yes: bool, dry_run: bool) -> int:
    """Remove a profile, with its key. Asks before."""
    profile_file.get(name)
    if dry_run:
        click.echo(f"The profile {name} would be removed from {profile_file.place()}.")
        return 0
    question = f"This removes the profile {name} and its key. Go on"
    refusal = f"This would remove the profile {name} and its key; add --yes if that is meant."
    if not is_confirmed(question, yes=yes, refusal=refusal):
        return 2
    with profile_file.changing() as profiles:
        profiles.pop(name, None)
    click.echo(f"The profile {name} is removed.")
    return 0


def _asked_key(*, has_one: bool) -> Secret | None:
    """The key that a person types or a program writes; None if it is empty."""
    if sys.stdin.isatty():
        words = "API key (not shown; empty keeps the present one)" if has_one else "API key"
        text = asked_secret(words, may_be_empty=True)
    else:
        text = sys.stdin.read()
    return Secret(text.strip()) if text.strip() else None


def _check(name: str, profile: Profile) -> None:
    """See that a client could be made. Raises ConfigError."""
    source = f"for the profile {name}"
    Settings(
        api_key=profile.api_key,
        key_source=source,
        address=Address(environment=profile.environment, base_url=profile.base_url, source=source),
        proxy=profile.proxy,
        proxy_source=source,
    ).config()
    corrected(profile.paths)


def _installation(profile: Profile) -> str:
    return profile.base_url or profile.environment or str(Environment.PRODUCTION)


def _key(profile: Profile) -> str:
    return "set" if profile.api_key else "missing"


def _fields(name: str, profile: Profile) -> dict[str, Any]:
    return {
        "name": name,
        "environment": profile.environment,
        "base_url": profile.base_url,
        "api_key": _key(profile),
        "proxy": None if profile.proxy is None else "set",
        "paths": dict(profile.paths),
        "file": str(profile_file.place()),
    }
