"""Receiving webhooks and having a command handle them, until Ctrl-C."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import attrs
import click
from aiohttp import web

from cubicasa_async.cli import output
from cubicasa_async.cli.common import INTERRUPTED, Target, runs
from cubicasa_async.cli.handler_command import HandlerCommand, reason_of
from cubicasa_async.cli.log_lines import saying_faults
from cubicasa_async.cli.options import file_names, json_option, port_option
from cubicasa_async.cli.stopping import stopping
from cubicasa_async.cli.tables import Rows, count, print_rows
from cubicasa_async.config import Secret
from cubicasa_async.core.policy import RetryPolicy
from cubicasa_async.delivery.handling import Settlement, handle_events
from cubicasa_async.delivery.inbox import Inbox
from cubicasa_async.delivery.receiver import Receiver
from cubicasa_async.delivery.registration import WebhookSecrets, hide_secrets
from cubicasa_async.delivery.sweeper import Swept, sweep_regularly
from cubicasa_async.errors import ConfigError

F = TypeVar("F", bound=Callable[..., Any])

_inbox_option = click.option(
    "--inbox",
    default="webhooks.inbox",
    show_default=True,
    shell_complete=file_names,
    help="Where events are kept: a file, or a URL postgresql://...",
)
_OPTIONS = (
    _inbox_option,
    click.option(
        "--exec",
        "command",
        required=True,
        metavar="CMD",
        help="Is run for each event, without a shell. Ending with 0 means handled.",
    ),
    click.option("--concurrency", default=4, show_default=True, type=click.IntRange(1, 100)),
    click.option(
        "--attempts",
        default=12,
        show_default=True,
        type=click.IntRange(1),
        help="After so many failures an event is left for a person.",
    ),
    click.option(
        "--retry-after",
        default=5.0,
        show_default=True,
        type=click.FloatRange(0.01, 3600),
        metavar="SECONDS",
        help="Bound of the first wait after a failure; it doubles each time, up to an hour.",
    ),
    click.option(
        "--timeout",
        default=3600.0,
        show_default=True,
        type=click.FloatRange(0.1),
        metavar="SECONDS",
        help="How long CMD may run.",
    ),
    click.option(
        "--hold",
        default=60.0,
        show_default=True,
        type=click.FloatRange(0.5, 3600),
        metavar="SECONDS",
        help="After a crash, what was being handled is begun anew so much later.",
    ),
    click.option(
        "--sweep",
        "sweep_every",
        default=300.0,
        show_default=True,
        type=click.FloatRange(0),
        metavar="SECONDS",
        help="How often to look for what no call told; 0 never. Each 12th look is a thorough one.",
    ),
    click.option(
        "--since",
        type=click.DateTime(),
        help="Also find what was first delivered since then. Default: since the inbox was made.",
    ),
)


def _handling_options(command: F) -> F:
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@attrs.frozen(kw_only=True)
class _Handling:
    """The options of `listen` and `handle`."""

    inbox: str
    command: str
    concurrency: int
    attempts: int
    retry_after: float
    timeout: float
    hold: float
    sweep_every: float
    since: datetime | None

    def handler(self, target: Target) -> HandlerCommand:
        """The command, which can be run. Raises ConfigError."""
        return HandlerCommand.parse(self.command, self.timeout, target.variables(os.environ))


@click.command("listen")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to bind.")
@port_option(8378)
@click.option(
    "--secret",
    "secrets",
    multiple=True,
    envvar="CUBICASA_WEBHOOK_SECRET",
    help="What the URL's path ends with; of several, all are accepted. CUBICASA_WEBHOOK_SECRET, "
    "several with spaces between.",
)
@click.option("--no-secret", is_flag=True, help="Believe whoever calls. Only behind another check.")
@_handling_options
@json_option
@click.pass_obj
@runs
async def listen(
    target: Target,
    /,
    *,
    host: str,
    port: int,
    secrets: tuple[str, ...],
    no_secret: bool,
    as_json: bool,
    **options: Any,
) -> int:
    """Receive webhooks and run a command for each event, at least once.

    An event is on disk before its call is answered. Then the order is read again, and CMD gets
    both on standard input as a JSON object with `event`, `order`, `reason`, `attempt`, `source`
    and `received_at`, and as variables CUBICASA_EVENT_ORDER_ID, _STATUS, _PREVIOUS_STATUS, _REASON,
    _PRODUCT_TYPE, _ATTEMPT and _SOURCE. If it does not end with 0, it is run again later. It may be
    run twice for one event, so doing it twice must do no harm.

    This is plain HTTP: put it behind what speaks https. Ctrl-C lets running commands come to their
    end; a second one ends them.

    \b
    Example:
      export CUBICASA_WEBHOOK_SECRET=$(cubicasa webhooks secret)
      cubicasa webhooks listen --exec ./deliver.sh
      cubicasa webhooks set https://hooks.example.com
    """
    known = _known(secrets, no_secret=no_secret)
    handling = _Handling(**options)
    command = handling.handler(target)
    async with (
        Inbox(handling.inbox, hold=handling.hold) as inbox,
        _listening(Receiver(inbox, known), host, port) as address,
    ):
        place = "/SECRET" if known else ""
        click.echo(f"Listening on {address}{place}, inbox {inbox.name}.", err=True)
        return await _handle(target, handling, command, inbox, as_json=as_json)


@click.command("handle")
@_handling_options
@json_option
@click.pass_obj
@runs
async def handle(target: Target, /, *, as_json: bool, **options: Any) -> int:
    """Run a command for each event of an inbox that something else receives into.

    As `listen`, but without receiving. Several may share an inbox in PostgreSQL.
    """
    handling = _Handling(**options)
    command = handling.handler(target)
    async with Inbox(handling.inbox, hold=handling.hold) as inbox:
        click.echo(f"Handling events of {inbox.name}.", err=True)
        return await _handle(target, handling, command, inbox, as_json=as_json)


@click.command("dead")
@_inbox_option
@json_option
@runs
async def dead(*, inbox: str, as_json: bool) -> None:
    """List events that failed too often, or that cannot be read."""
    async with Inbox(_existing(inbox)) as opened:
        letters = await opened.dead.list()
    if output.wants_json(as_json):
        for letter in letters:
            text = letter.body.decode("utf-8", "backslashreplace")
            output.json_line({**attrs.asdict(letter), "body": text})
        return
    rows = [
        (
            str(letter.number),
            letter.order_id or "-",
            str(letter.attempts),
            letter.received_at.isoformat(" ", "seconds"),
            letter.reason,
        )
        for letter in letters
    ]
    headings = ("number", "order", "attempts", "received", "reason")
    print_rows(Rows(headings, rows, folds=("reason",)), f"{count(len(rows), 'dead letter')}.")


@click.command("requeue")
@click.argument("numbers", nargs=-1, type=int)
@click.option("--all", "every", is_flag=True, help="All of them.")
@_inbox_option
@runs
async def requeue(*, numbers: tuple[int, ...], every: bool, inbox: str) -> None:
    """Have events that were given up handled again, by the numbers that `dead` shows."""
    if bool(numbers) == every:
        raise click.UsageError("Name events by their numbers, or say --all.")
    async with Inbox(_existing(inbox)) as opened:
        requeued = await opened.dead.requeue(*numbers)
    click.echo(f"{count(requeued, 'event')} will be handled again.")


def _existing(inbox: str) -> str:
    """An inbox that is there already, as one would be made otherwise. Raises ConfigError."""
    if "://" not in inbox and not Path(inbox).exists():
        raise ConfigError(f"There is no inbox {inbox}. Name it by --inbox.")
    return inbox


def _known(secrets: tuple[str, ...], *, no_secret: bool) -> WebhookSecrets | None:
    if no_secret:
        return None
    if not secrets:
        raise ConfigError(
            "A secret is needed, as the calls are not signed: set CUBICASA_WEBHOOK_SECRET, which "
            "`cubicasa webhooks secret` makes, or say --no-secret."
        )
    current, *former = map(Secret, secrets)
    known = WebhookSecrets(current, former)
    hide_secrets(known)
    return known


@asynccontextmanager
async def _listening(receiver: Receiver, host: str, port: int) -> AsyncGenerator[str]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", receiver.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=5.0)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as exc:
            raise ConfigError(f"cannot listen on {host}:{port}: {exc.strerror}") from None
        shown_host, shown_port = runner.addresses[0][:2]
        yield f"http://{shown_host}:{shown_port}"
    finally:
        await runner.cleanup()


async def _handle(
    target: Target, handling: _Handling, command: HandlerCommand, inbox: Inbox, *, as_json: bool
) -> int:
    """Handle events and sweep, until a signal asks to stop."""
    report = _Report(output.wants_json(as_json))
    stop = asyncio.Event()
    async with target.client() as client:
        handler = asyncio.create_task(
            handle_events(
                client,
                inbox,
                command,
                concurrency=handling.concurrency,
                attempts=handling.attempts,
                retry=RetryPolicy(first_wait=handling.retry_after, longest_wait=3600.0),
                stop=stop,
                told=report.settled,
            )
        )
        tasks = [handler]
        if handling.sweep_every:
            since = handling.since.astimezone() if handling.since else None
            every = handling.sweep_every
            sweeps = sweep_regularly(client, inbox, every=every, told=report.swept, since=since)
            tasks.append(asyncio.create_task(sweeps))

        def asked() -> None:
            click.echo("Stopping; once more ends running commands.", err=True)
            stop.set()

        try:
            with saying_faults(), stopping(asked, handler):
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                if not task.cancelling():  # a second time would disturb its giving back
                    task.cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
    for error in ended:
        if isinstance(error, Exception):
            raise error
    return INTERRUPTED if isinstance(ended[0], asyncio.CancelledError) else 0


@attrs.frozen
class _Report:
    """Says what happens: a line for people, JSON for programs."""

    as_json: bool

    def settled(self, settlement: Settlement) -> None:
        event = settlement.event
        fields = {
            "type": "event",
            "number": settlement.number,
            "order_id": event.order_id,
            "status": str(event.current_status),
            "reason": reason_of(event),
            "product_type": event.product_type and str(event.product_type),
            "attempt": settlement.attempt,
            "outcome": str(settlement.state),
            "message": settlement.reason,
            "due": settlement.due and settlement.due.isoformat(),
        }
        if self.as_json:
            output.json_line(fields)
            return
        what = ", ".join(str(one) for one in (fields["reason"], fields["product_type"]) if one)
        line = f"{event.order_id}  {event.current_status} ({what or '-'})  {settlement.state}"
        click.echo(f"{line}: {settlement.reason}" if settlement.reason else line)

    def swept(self, swept: Swept) -> None:
        if swept.event is not None:
            message = "a delivery that no call told of"
        else:
            message = f"could not be looked at: {swept.error}"
        if self.as_json:
            found = swept.event is not None
            output.json_line(
                {"type": "sweep", "order_id": swept.order_id, "found": found, "message": message}
            )
        else:
            click.echo(f"{swept.order_id or 'the list of orders'}  {message}")
