"""Offices: groups of users within the company."""

from __future__ import annotations

import attrs

from cubicasa_async.config import RequestOptions
from cubicasa_async.core import checks
from cubicasa_async.core.endpoint import Effect, Endpoint, Evidence
from cubicasa_async.core.models import Model, model
from cubicasa_async.core.paging import Pager
from cubicasa_async.resources.base import Resource


@model(kw_only=True)
class Office(Model):
    """An office (inferred)."""

    id: str
    name: str | None = None


@attrs.frozen(kw_only=True)
class NewOffice:
    """The body of a new office (inferred).

    Attributes:
        name: Its name.
    """

    name: str = checks.required(checks.text)


LIST = Endpoint(
    operation="offices.list",
    method="GET",
    path="/offices",
    response=Office,
    effect=Effect.READ,
    evidence=Evidence.INFERRED,
)
CREATE = Endpoint(
    operation="offices.create",
    method="POST",
    path="/offices",
    request=NewOffice,
    response=Office,
    effect=Effect.CREATE,
    evidence=Evidence.INFERRED,
)


class Offices(Resource):
    """The company's offices."""

    def list(
        self,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        strict: bool = False,
        options: RequestOptions | None = None,
    ) -> Pager[Office]:
        """List the offices (path and rows inferred).

        Args:
            limit: Records per page; the client's page_size by default.
            cursor: Where to start, from another pager's `cursor` or an error's.
            strict: Fail at the first row that cannot be read, not after all others.
            options: Settings of each page's call.

        Returns:
            A pager: await it for one page, or iterate over all.

        Raises:
            InvalidInputError: An argument is not valid. Nothing was sent.
        """
        return self._list(LIST, options, limit=limit, cursor=cursor, strict=strict)

    async def create(self, *, name: str, options: RequestOptions | None = None) -> Office:
        """Add an office (path and body inferred).

        A call whose outcome is UNKNOWN is not repeated, as a repeat could make a second one.

        Args:
            name: Its name.
            options: Settings of this call; `extra_body` adds fields that are not known here.

        Raises:
            InvalidInputError: The name is blank. Nothing was sent.
            CubiCasaError: The call failed; see `outcome`.
        """
        body = checks.build(NewOffice, {"name": name}, what="The office")
        return await self._call(CREATE, options, body=body)
