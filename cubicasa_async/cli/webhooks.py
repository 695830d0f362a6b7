"""`cubicasa webhooks`: which URLs CubiCasa calls, and receiving those calls."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, TypeVar

import click

from cubicasa_async.cli import output
from cubicasa_async.cli.common import INCOMPLETE, Target, runs
from cubicasa_async.cli.options import json_option, noting, one_of
from cubicasa_async.client import AsyncCubiCasa
from cubicasa_async.config import Secret
from cubicasa_async.core import codec
from cubicasa_async.core.endpoint import Effect
from cubicasa_async.delivery.registration import WebhookSecrets
from cubicasa_async.errors import AnswerError, DecodeError
from cubicasa_async.resources.webhooks import Webhooks, WebhookTrigger, request_for, shown_url

F = TypeVar("F", bound=Callable[..., Any])


def _reveal_option(command: F) -> F:
    text = "Show URLs whole. Otherwise what may be a secret in them is ***."
    return click.option("--reveal", is_flag=True, help=text)(command)


@click.command("set")
@click.argument("urls", nargs=-1, required=True)
@click.option(
    "--trigger",
    "triggers",
    multiple=True,
    default=[str(WebhookTrigger.MOVED_TO_READY)],
    show_default=True,
    callback=noting("trigger", WebhookTrigger),
    shell_complete=one_of(tuple(WebhookTrigger)),
    help=f"When: {', '.join(WebhookTrigger)}. May be repeated.",
)
@click.option(
    "--secret",
    envvar="CUBICASA_WEBHOOK_SECRET",
    help="Is put behind each URL, as `listen` expects it. CUBICASA_WEBHOOK_SECRET; of several "
    "there, the first.",
)
@click.option("--dry-run", is_flag=True, help="Only show what would be set. Needs no key.")
@_reveal_option
@json_option
@click.pass_obj
@runs
async def set_(
    target: Target,
    *,
    urls: tuple[str, ...],
    triggers: tuple[str, ...],
    secret: str | None,
    dry_run: bool,
    reveal: bool,
    as_json: bool,
) -> None:
    """Set which URLs are called, and when. It replaces what was set before.

    The service confirms what it has set. If that is not what was asked for, this fails, and says
    that it is not known which are in force.

    \b
    Examples:
      export CUBICASA_WEBHOOK_SECRET=$(cubicasa webhooks secret)
      cubicasa webhooks set https://hooks.example.com/cubicasa
    """
    if secret is not None:
        known = WebhookSecrets(Secret((secret.split() or [""])[0]))
        urls = tuple(known.url(url) for url in urls)
    request = request_for(webhook_urls=urls, webhook_triggers=triggers)
    if dry_run:
        _show(request.webhook_urls, triggers, reveal=reveal, as_json=as_json)
        return
    async with target.client() as client:
        answer = await client.webhooks.update(webhook_urls=urls, webhook_triggers=triggers)
    _show(answer.webhook_urls, answer.webhook_triggers, reveal=reveal, as_json=as_json)


@click.command("show")
@click.option(
    "--ask",
    is_flag=True,
    help="Send an update that holds nothing but a key that the service does not know. It was "
    "observed to change nothing, and is answered with what is set.",
)
@_reveal_option
@json_option
@click.pass_obj
@runs
async def show(target: Target, *, ask: bool, reveal: bool, as_json: bool) -> int:
    """Show which URLs are called, as far as can be known.

    The service has no documented call that tells. What only reads is tried first: where an answer
    to a plain GET would be, and the company's profile. With --ask the service is asked in a way
    that was observed to change nothing, but that is not documented either.
    """
    async with target.client() as client:
        found = await _found(client)
        if found is None and ask:
            found = await _asked(client)
    if found is None:
        click.echo(
            "The service has no documented call that tells which webhooks are set. --ask asks it "
            "in a way that was observed to change nothing; `set` shows what it has set.",
            err=True,
        )
        return INCOMPLETE
    _show(found.webhook_urls, found.webhook_triggers, reveal=reveal, as_json=as_json)
    return 0


@click.command("secret")
def secret() -> None:
    """Make a new secret for the URLs, and write it to standard output.

    \b
    To change the secret and lose no call:
      1. have `listen` accept both: CUBICASA_WEBHOOK_SECRET="NEW OLD"
      2. `cubicasa webhooks set URL` with both still there; the first goes into the URL
      3. drop the old one a day later
    """
    click.echo(WebhookSecrets.fresh().current.reveal())


def _show(urls: Iterable[str], triggers: Iterable[str], *, reveal: bool, as_json: bool) -> None:
    shown = [url if reveal else shown_url(url) for url in urls]
    named = [str(trigger) for trigger in triggers]
    if output.wants_json(as_json):
        output.json_line({"webhook_urls": shown, "webhook_triggers": named})
        return
    for url in shown:
        click.echo(f"URL      {url}")
    for trigger in named:
        click.echo(f"trigger  {trigger}")
    if not shown:
        click.echo("No URL is called.")


async def _found(client: AsyncCubiCasa) -> Webhooks | None:
    """What calls tell that change nothing; both are inferred."""
    with suppress(AnswerError, DecodeError):
        answer = await client.request("GET", "/companies/webhook")
        if (found := _read(answer.data)) is not None:
            return found
    with suppress(AnswerError, DecodeError):
        return _read(codec.unstructure(await client.company.info()))
    return None


async def _asked(client: AsyncCubiCasa) -> Webhooks | None:
    answer = await client.request(
        "PATCH", "/companies/webhook", body={"nothing_to_change": True}, effect=Effect.REPLACE
    )
    return _read(answer.data)


def _read(value: object) -> Webhooks | None:
    with suppress(codec.CodecError):
        return codec.structure(value, Webhooks)
    return None
