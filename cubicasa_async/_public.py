"""The names of `cubicasa_async`, and where they come from."""

from __future__ import annotations

from cubicasa_async.client import AsyncCubiCasa
from cubicasa_async.config import Config, Environment, RequestOptions, Secret
from cubicasa_async.core.endpoint import Effect, Evidence
from cubicasa_async.core.limits import Priority
from cubicasa_async.core.paging import Pager
from cubicasa_async.core.policy import RetryPolicy
from cubicasa_async.core.runtime import Runtime
from cubicasa_async.core.values import UNSET, OpenEnum
from cubicasa_async.core.walk import Page
from cubicasa_async.core.wire import Response
from cubicasa_async.errors import Attempt, CubiCasaError, FieldError, Outcome, Undecodable
from cubicasa_async.resources.assets import (
    Asset,
    DeliveryAssets,
    GlaPackage,
    HomeReport,
    ListingFloorplans,
    PropertyData,
    Snapshot,
    Tour,
)
from cubicasa_async.resources.base import Message
from cubicasa_async.resources.change_requests import (
    ChangeRequest,
    ChangeRequestReceipt,
    ProductType,
)
from cubicasa_async.resources.company import Company, CompanyPackage, CompanyProfile
from cubicasa_async.resources.drafts import DraftRequest
from cubicasa_async.resources.offices import Office
from cubicasa_async.resources.order import (
    AddOn,
    Address,
    Order,
    OrderInfo,
    OrderStatus,
    PackageType,
    Product,
)
from cubicasa_async.resources.orders import CombinedPdf
from cubicasa_async.resources.properties import OrderPreferences, Style2D, Style3D, Video
from cubicasa_async.resources.users import NewUser, Role, User
from cubicasa_async.resources.webhooks import Webhooks, WebhookTrigger
from cubicasa_async.sync import CubiCasa

__all__ = [
    "UNSET",
    "AddOn",
    "Address",
    "Asset",
    "AsyncCubiCasa",
    "Attempt",
    "ChangeRequest",
    "ChangeRequestReceipt",
    "CombinedPdf",
    "Company",
    "CompanyPackage",
    "CompanyProfile",
    "Config",
    "CubiCasa",
    "CubiCasaError",
    "DeliveryAssets",
    "DraftRequest",
    "Effect",
    "Environment",
    "Evidence",
    "FieldError",
    "GlaPackage",
    "HomeReport",
    "ListingFloorplans",
    "Message",
    "NewUser",
    "Office",
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
    "PropertyData",
    "RequestOptions",
    "Response",
    "RetryPolicy",
    "Role",
    "Runtime",
    "Secret",
    "Snapshot",
    "Style2D",
    "Style3D",
    "Tour",
    "Undecodable",
    "User",
    "Video",
    "WebhookTrigger",
    "Webhooks",
]
