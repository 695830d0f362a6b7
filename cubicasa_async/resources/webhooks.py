"""Webhooks: which URLs CubiCasa calls, and when."""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from cubicasa_async.config import RequestOptions
from cubicasa_async.core import checks
from cubicasa_async.core.endpoint import Effect, Endpoint, Evidence
from cubicasa_async.core.values import Model, OpenEnum
from cubicasa_async.errors import EchoMismatchError
from cubicasa_async.resources.base import Resource


class WebhookTrigger(OpenEnum):
    """What makes CubiCasa call (documented)."""

    MOVED_TO_DRAFT = "moved_to_draft"
    MOVED_TO_PENDING = "moved_to_pending"
    MOVED_TO_READY = "moved_to_ready"
    MOVED_TO_FIXING = "moved_to_fixing"


@attrs.frozen(kw_only=True)
class WebhookRequest:
    """The body that sets the webhooks (documented).

    Attributes:
        webhook_urls: Which URLs are called; http or https.
        webhook_triggers: When they are called.
    """

    webhook_urls: tuple[str, ...] = checks.required(checks.urls)
    webhook_triggers: tuple[str, ...] = checks.required(checks.texts)


@attrs.frozen(kw_only=True)
class Webhooks(Model):
    """The webhooks in force (documented)."""

    webhook_urls: tuple[str, ...]
    webhook_triggers: tuple[WebhookTrigger, ...]


UPDATE = Endpoint(
    operation="webhooks.update",
    method="PATCH",
    path="/companies/webhook",
    request=WebhookRequest,
    response=Webhooks,
    effect=Effect.REPLACE,
    evidence=Evidence.DOCUMENTED,
)
DELETE: Endpoint[None] = Endpoint(
    operation="webhooks.delete",
    method="DELETE",
    path="/companies/webhook",
    response=None,
    effect=Effect.REPLACE,
    evidence=Evidence.INFERRED,
)


class WebhookSettings(Resource):
    """Which URLs CubiCasa calls, and when."""

    async def update(
        self,
        *,
        webhook_urls: Iterable[str],
        webhook_triggers: Iterable[WebhookTrigger | str],
        options: RequestOptions | None = None,
    ) -> Webhooks:
        """Set the webhooks; it replaces what was set before (documented).

        The server answers 200 also to what it ignores (observed), so the answer is compared with
        what was asked for.

        Args:
            webhook_urls: Which URLs are called.
            webhook_triggers: When they are called.
            options: Settings of this call.

        Raises:
            InvalidInputError: A URL is none. Nothing was sent.
            EchoMismatchError: The server answered other webhooks than were asked for.
            CubiCasaError: The call failed; see `outcome`.
        """
        given = {"webhook_urls": webhook_urls, "webhook_triggers": webhook_triggers}
        body = checks.build(WebhookRequest, given, what="The webhooks")
        echo = await self._call(UPDATE, options, body=body)
        for name in ("webhook_urls", "webhook_triggers"):
            asked, answered = getattr(body, name), getattr(echo, name)
            if sorted(asked) != sorted(answered):
                raise EchoMismatchError(
                    f"The server accepted the call but answered {name} {list(answered)} instead "
                    f"of {list(asked)}. Check what is set before relying on it."
                )
        return echo

    async def delete(self, *, options: RequestOptions | None = None) -> None:
        """Delete the company's webhooks (path inferred).

        Raises:
            CubiCasaError: The call failed; see `outcome`.
        """
        await self._call(DELETE, options)
