"""Orders floor plans for the listings of a broker, and puts them on disk when they are ready."""

from __future__ import annotations

from pathlib import Path

import attrs
from aiohttp import web

from cubicasa_async import AsyncCubiCasa, CubiCasaError, Order, OrderStatus, Outcome
from cubicasa_async.delivery import Event, Failed, Receiver, WebhookSecrets, download_assets


@attrs.frozen
class Listing:
    """A property for sale."""

    number: str
    street: str
    city: str
    country: str
    photographer: str


@attrs.frozen
class PlanDesk:
    """The service. Set `local_files` where the files lie on this machine, as they do in tests."""

    client: AsyncCubiCasa
    folder: Path
    local_files: bool = False

    async def order_plan(self, listing: Listing) -> str:
        """The id of the listing's order, which is made unless there is one."""
        known = await self._find(listing)
        if known is not None:
            return known.id
        try:
            order = await self.client.drafts.create(
                street=listing.street,
                city=listing.city,
                country=listing.country,
                owner_email=listing.photographer,
                external_id=listing.number,
            )
        except CubiCasaError as error:
            if error.outcome is not Outcome.UNKNOWN:
                raise
            # The draft may be there and only the answer be lost. Look; never make a second one.
            found = await self._find(listing)
            if found is None:
                raise
            return found.id
        return order.id

    async def _find(self, listing: Listing) -> Order | None:
        found = await self.client.orders.find_by_external_id(listing.number)
        return found[0] if found else None

    def app(self, secrets: WebhookSecrets) -> web.Application:
        """The web application that CubiCasa calls, at `/cubicasa/<the secret>`."""
        app = web.Application()
        app.router.add_post("/cubicasa/{secret}", Receiver(self, secrets).handle)
        return app

    async def put(self, event: Event, body: bytes) -> None:
        """Take an event. If this raises, CubiCasa is asked to call again.

        A larger service lets an Inbox keep the events and does the work afterwards.
        """
        if event.current_status == OrderStatus.READY:
            files = download_assets(
                self.client,
                event.order_id,
                self.folder / event.order_id,
                formats=["pdf"],
                allow_private=self.local_files,
            )
            failed = [outcome async for outcome in files if isinstance(outcome, Failed)]
            if failed:
                raise failed[0].error

    async def put_unreadable(self, body: bytes, reason: str) -> None:
        """Keep what is no event, for a person to look at."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "unreadable.txt").write_bytes(body)
