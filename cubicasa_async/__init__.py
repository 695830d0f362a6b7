"""Async client for the CubiCasa Integrate API v3.

No order is created twice, lost or skipped; and where the client cannot know, it says so.
"""

from __future__ import annotations

from cubicasa_async._version import __version__
from cubicasa_async.client import AsyncCubiCasa
from cubicasa_async.config import Config, Environment, RequestOptions, Secret
from cubicasa_async.core.endpoint import Effect, Evidence
from cubicasa_async.core.limits import Priority
from cubicasa_async.core.paging import Pager
from cubicasa_async.core.policy import RetryPolicy
from cubicasa_async.core.runtime import Runtime
from cubicasa_async.core.values import UNSET, OpenEnum
from cubicasa_async.core.walk import Page
from cubicasa_async.errors import Attempt, CubiCasaError, FieldError, Outcome, Undecodable
from cubicasa_async.resources.change_requests import (
    ChangeRequest,
    ChangeRequestReceipt,
    ProductType,
)
from cubicasa_async.resources.drafts import DraftRequest, OrderPreferences, Style2D, Style3D, Video
from cubicasa_async.resources.orders import (
    AddOn,
    Address,
    Order,
    OrderInfo,
    OrderStatus,
    PackageType,
    Product,
)

__all__ = [
    "UNSET",
    "AddOn",
    "Address",
    "AsyncCubiCasa",
    "Attempt",
    "ChangeRequest",
    "ChangeRequestReceipt",
    "Config",
    "CubiCasaError",
    "DraftRequest",
    "Effect",
    "Environment",
    "Evidence",
    "FieldError",
    "OpenEnum",
    "Order",
    "OrderInfo",
    "OrderPreferences",
    "OrderStatus",
    "Outcome",
    "PackageType",
    "Page",
    "Pager",
    "Priority",
    "Product",
    "ProductType",
    "RequestOptions",
    "RetryPolicy",
    "Runtime",
    "Secret",
    "Style2D",
    "Style3D",
    "Undecodable",
    "Video",
    "__version__",
]
