"""A service that keeps the files of all orders on disk, to be killed: `PORT SECRET`."""

from __future__ import annotations

import asyncio
import sys

from aiohttp import web

from cubicasa_async import AsyncCubiCasa
from cubicasa_async.core.policy import RetryPolicy
from cubicasa_async.delivery import (
    Failed,
    Inbox,
    Notice,
    Receiver,
    WebhookSecrets,
    download_assets,
    handle_events,
    sweep_regularly,
)

# Who stands still for as long as the hold finds what it had in hand taken over by itself, and its
# directory in use: such failures are no end of it.
HOLD, ATTEMPTS = 0.5, 100_000


async def main(port: int, secret: str) -> None:
    async with AsyncCubiCasa.from_env() as client, Inbox("inbox.db", hold=HOLD) as inbox:
        app = web.Application()
        app.router.add_post("/hook/{secret}", Receiver(inbox, WebhookSecrets(secret)).handle)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()

        async def deliver(notice: Notice) -> None:
            order = notice.order
            async for outcome in download_assets(
                client, order, f"files/{order.id}", allow_private=True
            ):
                if isinstance(outcome, Failed):
                    raise RuntimeError(outcome.note)  # noqa: TRY004 # of this file alone

        sys.stdout.write("Listening\n")
        sys.stdout.flush()
        soon = RetryPolicy(first_wait=0.1, longest_wait=0.5)
        await asyncio.gather(
            handle_events(client, inbox, deliver, retry=soon, attempts=ATTEMPTS),
            sweep_regularly(client, inbox, every=0.2, deep_every=2),
        )


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2]))
