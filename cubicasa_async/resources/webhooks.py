"""Webhooks: which URLs CubiCasa calls, and when."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final
from urllib.parse import urlsplit

import attrs

from cubicasa_async.config import RequestOptions
from cubicasa_async.core import checks
from cubicasa_async.core.endpoint import Effect, Endpoint, Evidence
from cubicasa_async.core.models import Model, model
from cubicasa_async.core.values import OpenEnum
from cubicasa_async.errors import EchoMismatchError
from cubicasa_async.resources.base import Resource


class WebhookTrigger(OpenEnum):
    """What makes CubiCasa call (documented)."""

    MOVED_TO_DRAFT = "moved_to_draft"
    MOVED_TO_PENDING = "moved_to_pending"
    MOVED_TO_READY = "moved_to_ready"
    MOVED_TO_FIXING = "moved_to_fixing"


def shown_url(url: str) -> str:
    """A webhook's URL for people and logs, without what may be a secret in it.

    Credentials, the query's values and steps of the path of 16 characters or more become `***`.
    """
    try:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
    except ValueError:
        return "***"
    steps = parts.path.split("/")
    path = "/".join("***" if len(step) >= _SECRET_LENGTH else step for step in steps)
    return f"{parts.scheme}://{host}{path}{'?***' if parts.query else ''}"


_SECRET_LENGTH: Final = 16


def _shown_urls(urls: Iterable[str]) -> str:
    return repr(tuple(map(shown_url, urls)))


def _urls(value: Any) -> tuple[str, ...]:
    found = checks.texts(value)
    for number, url in enumerate(found, 1):
        try:
            checks.urls([url])
        except ValueError:  # its words repeat the URL, which may hold a secret
            raise ValueError(f"entry {number} is not an absolute http or https URL") from None
    return _each_once(found)


def _each_once(texts: tuple[str, ...]) -> tuple[str, ...]:
    for number, text in enumerate(texts, 1):
        if (first := texts.index(text) + 1) < number:
            raise ValueError(f"entry {number} is the same as entry {first}")
    return texts


def _triggers(value: Any) -> tuple[str, ...]:
    return _each_once(checks.texts(value))


@attrs.frozen(kw_only=True)
class WebhookRequest:
    """The body that sets the webhooks (documented).

    Attributes:
        webhook_urls: Which URLs are called; http or https. What may be a secret in them does not
            show itself.
        webhook_triggers: When they are called.
    """

    webhook_urls: tuple[str, ...] = attrs.field(repr=_shown_urls, metadata=checks.checked_by(_urls))
    webhook_triggers: tuple[str, ...] = checks.required(_triggers)


def request_for(
    *, webhook_urls: Iterable[str], webhook_triggers: Iterable[WebhookTrigger | str]
) -> WebhookRequest:
    """The body that sets these.

    Raises:
        InvalidInputError: A URL is none, or something is given twice.
    """
    given = {"webhook_urls": webhook_urls, "webhook_triggers": webhook_triggers}
    return checks.build(WebhookRequest, given, what="The change of webhooks")


@model(kw_only=True)
class Webhooks(Model):
    """The webhooks in force (documented). What may be a secret in them does not show itself."""

    webhook_urls: tuple[str, ...] = attrs.field(repr=_shown_urls)
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
        what was asked for: the same URLs and triggers, each once, in any order.

        Args:
            webhook_urls: Which URLs are called.
            webhook_triggers: When they are called.
            options: Settings of this call.

        Raises:
            InvalidInputError: A URL is none, or something is given twice. Nothing was sent.
            EchoMismatchError: The server answered other webhooks than were asked for. Which are
                in force is UNKNOWN then; setting them once more is harmless.
            CubiCasaError: The call failed; see `outcome`.
        """
        body = request_for(webhook_urls=webhook_urls, webhook_triggers=webhook_triggers)
        echo = await self._call(UPDATE, options, body=body)
        differences = [
            *_differences("webhook_urls", body.webhook_urls, echo.webhook_urls, shown_url),
            *_differences("webhook_triggers", body.webhook_triggers, echo.webhook_triggers, str),
        ]
        if differences:
            raise EchoMismatchError(
                "The server accepted the call but confirmed other webhooks than were asked for: "
                f"{'; '.join(differences)}. Which are in force is not known; set them once more, "
                "and do not rely on being called until the answer agrees."
            )
        return echo

    async def delete(self, *, options: RequestOptions | None = None) -> None:
        """Delete the company's webhooks (path inferred).

        Raises:
            CubiCasaError: The call failed; see `outcome`.
        """
        await self._call(DELETE, options)


def _differences(
    name: str, asked: Iterable[str], answered: Iterable[str], shown: Callable[[str], str]
) -> Iterator[str]:
    wanted, found = Counter(map(str, asked)), Counter(map(str, answered))
    for word, texts in (("lacks", wanted - found), ("has besides", found - wanted)):
        if texts:
            yield f"{name} {word} {', '.join(map(shown, texts))}"
