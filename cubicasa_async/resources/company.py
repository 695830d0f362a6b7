"""The company that the api key belongs to."""

from __future__ import annotations

from typing import TypedDict, Unpack

import attrs

from cubicasa_async.config import RequestOptions
from cubicasa_async.core import checks
from cubicasa_async.core.endpoint import Effect, Endpoint, Evidence
from cubicasa_async.core.models import Model, model
from cubicasa_async.core.values import Unset
from cubicasa_async.resources.base import Message, Resource
from cubicasa_async.resources.order import AddOn, PackageType


@model(kw_only=True)
class CompanyProfile(Model):
    """Who the company is (observed)."""

    name: str | None = None
    email: str | None = None


@model(kw_only=True)
class Company(Model):
    """The company (its profile is observed; more keys are likely and found in `extra`)."""

    profile: CompanyProfile | None = None


@model(kw_only=True)
class CompanyPackage(Model):
    """What the company orders by default (inferred; what else comes is found in `extra`)."""

    package_type: PackageType | None = None
    add_ons: tuple[AddOn, ...] | None = None


@attrs.frozen(kw_only=True)
class MergeRequest:
    """The body of a merge request (inferred).

    Attributes:
        email: E-mail address of the other company's manager.
        message: What to tell them.
    """

    email: str | Unset | None = checks.optional(checks.email)
    message: str | Unset | None = checks.optional(checks.text)


class MergeRequestFields(TypedDict, total=False):
    """Keyword arguments of a merge request, as MergeRequest describes them."""

    email: str | None
    message: str | None


INFO = Endpoint(
    operation="company.info",
    method="GET",
    path="/companies/info",
    response=Company,
    effect=Effect.READ,
    evidence=Evidence.OBSERVED,
)
PACKAGE = Endpoint(
    operation="company.package",
    method="GET",
    path="/companies/package",
    response=CompanyPackage,
    effect=Effect.READ,
    evidence=Evidence.INFERRED,
)
SEND_MERGE_REQUEST = Endpoint(
    operation="company.send_merge_request",
    method="POST",
    path="/companies/merge-request",
    request=MergeRequest,
    response=Message,
    effect=Effect.CREATE,
    evidence=Evidence.INFERRED,
)


class Companies(Resource):
    """The company that the api key belongs to."""

    async def info(self, *, options: RequestOptions | None = None) -> Company:
        """Get the company's profile (observed).

        Raises:
            CubiCasaError: The call failed; see `outcome`.
        """
        return await self._call(INFO, options)

    async def package(self, *, options: RequestOptions | None = None) -> CompanyPackage:
        """Get the company's package (path and answer inferred).

        Raises:
            CubiCasaError: The call failed; see `outcome`.
        """
        return await self._call(PACKAGE, options)

    async def send_merge_request(
        self, *, options: RequestOptions | None = None, **fields: Unpack[MergeRequestFields]
    ) -> Message:
        """Ask another company to merge with this one (path and body inferred).

        A call whose outcome is UNKNOWN is not repeated, as a repeat could ask twice.

        Args:
            options: Settings of this call; `extra_body` adds fields that are not known here.
            **fields: `email`, `message`. See MergeRequest.

        Raises:
            InvalidInputError: A field is unknown or wrong. Nothing was sent.
            CubiCasaError: The call failed; see `outcome`.
        """
        body = checks.build(MergeRequest, fields, what="The merge request")
        return await self._call(SEND_MERGE_REQUEST, options, body=body)
