"""Users: the people of the company."""

from __future__ import annotations

from datetime import datetime
from typing import TypedDict, Unpack

import attrs

from cubicasa_async.config import RequestOptions
from cubicasa_async.core import checks
from cubicasa_async.core.endpoint import Effect, Endpoint, Evidence
from cubicasa_async.core.models import Model, model
from cubicasa_async.core.paging import Pager
from cubicasa_async.core.values import OpenEnum, Unset
from cubicasa_async.errors import FieldError, InvalidInputError
from cubicasa_async.resources.base import Message, Resource


class Role(OpenEnum):
    """What a user sees and may do (documented)."""

    MANAGER = "Manager"
    """Sees and sets everything."""
    USER = "User"
    """Sees the scans of its own office, and no company settings."""
    COLLABORATOR = "Collaborator"
    """Sees its own orders only, and gets no order mail."""


@model(kw_only=True)
class User(Model):
    """A user (documented; `created_at` is aware, UTC)."""

    id: str
    email: str | None = None
    name: str | None = None
    surname: str | None = None
    role: Role | None = None
    email_confirmed: bool | None = None
    created_at: datetime | None = None


@model(kw_only=True)
class NewUser(Model):
    """The answer to a new user (documented)."""

    id: str
    email: str | None = None
    role: Role | None = None
    message: str | None = None


@attrs.frozen(kw_only=True)
class UserRequest:
    """The body of a new user (documented).

    Attributes:
        email: E-mail address.
        role: What the user sees and may do.
        office_id: The office the user belongs to.
        password: Left out, an invitation is mailed, which has to be completed.
    """

    email: str = checks.required(checks.email)
    role: str = checks.required(checks.text)
    office_id: str = checks.required(checks.text)
    password: str | Unset | None = attrs.field(
        default=Unset.UNSET, metadata=checks.checked_by(checks.text), repr=False
    )


class _OptionalUserFields(TypedDict, total=False):
    password: str | None


class UserFields(_OptionalUserFields):
    """Keyword arguments of a new user, as UserRequest describes them."""

    email: str
    role: Role | str
    office_id: str


@attrs.frozen(kw_only=True)
class UserUpdate:
    """The body of a user's change (inferred). What is left out is not sent.

    Attributes:
        name: First name; None sends null.
        surname: Last name; None sends null.
        role: What the user sees and may do.
        office_id: The office the user belongs to.
    """

    name: str | Unset | None = checks.optional(checks.text)
    surname: str | Unset | None = checks.optional(checks.text)
    role: str | Unset = checks.optional(checks.text, null=False)
    office_id: str | Unset = checks.optional(checks.text, null=False)


class UserUpdateFields(TypedDict, total=False):
    """Keyword arguments of a user's change, as UserUpdate describes them."""

    name: str | None
    surname: str | None
    role: Role | str
    office_id: str


@attrs.frozen(kw_only=True)
class PasswordChange:
    """The body of a password's change (documented)."""

    email: str = checks.required(checks.email)
    old_password: str = attrs.field(metadata=checks.checked_by(checks.text), repr=False)
    new_password: str = attrs.field(metadata=checks.checked_by(checks.text), repr=False)


@attrs.frozen(kw_only=True)
class PasswordReset:
    """The body of a password reset (documented)."""

    email: str = checks.required(checks.email)


LIST = Endpoint(
    operation="users.list",
    method="GET",
    path="/users",
    response=User,
    effect=Effect.READ,
    evidence=Evidence.DOCUMENTED,
)
CREATE = Endpoint(
    operation="users.create",
    method="POST",
    path="/users",
    request=UserRequest,
    response=NewUser,
    effect=Effect.CREATE,
    evidence=Evidence.DOCUMENTED,
)
GET = Endpoint(
    operation="users.get",
    method="GET",
    path="/users/{email}",
    response=User,
    effect=Effect.READ,
    evidence=Evidence.INFERRED,
)
UPDATE = Endpoint(
    operation="users.update",
    method="PATCH",
    path="/users/{user_id}",
    request=UserUpdate,
    response=User,
    effect=Effect.REPLACE,
    evidence=Evidence.INFERRED,
)
CHANGE_PASSWORD = Endpoint(
    operation="users.change_password",
    method="POST",
    path="/users/change-password",
    request=PasswordChange,
    response=Message,
    effect=Effect.REPLACE,
    evidence=Evidence.DOCUMENTED,
)
SEND_PASSWORD_RESET = Endpoint(
    operation="users.send_password_reset",
    method="POST",
    path="/users/reset-password",
    request=PasswordReset,
    response=Message,
    effect=Effect.CREATE,
    evidence=Evidence.DOCUMENTED,
)
DELETE: Endpoint[None] = Endpoint(
    operation="users.delete",
    method="DELETE",
    path="/users/{user_id}",
    response=None,
    effect=Effect.REPLACE,
    evidence=Evidence.DOCUMENTED,
)


class Users(Resource):
    """The people of the company."""

    def list(
        self,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        strict: bool = False,
        options: RequestOptions | None = None,
    ) -> Pager[User]:
        """List the users (documented).

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

    async def create(
        self, *, options: RequestOptions | None = None, **fields: Unpack[UserFields]
    ) -> NewUser:
        """Add a user (documented).

        A call whose outcome is UNKNOWN is not repeated: look for the address among the users.

        Args:
            options: Settings of this call.
            **fields: `email`, `role` and `office_id`; optionally `password`. See UserRequest.

        Raises:
            InvalidInputError: Fields are missing, unknown or wrong. Nothing was sent.
            CubiCasaError: The call failed; see `outcome`.
        """
        body = checks.build(UserRequest, fields, what="The user")
        return await self._call(CREATE, options, body=body)

    async def get(self, email: str, *, options: RequestOptions | None = None) -> User:
        """Get a user by e-mail address (path inferred).

        Raises:
            InvalidInputError: The address is none. Nothing was sent.
            NotFoundError: There is no such user (REFUSED).
            CubiCasaError: The call failed; see `outcome`.
        """
        checked = checks.build(PasswordReset, {"email": email}, what="The call")
        return await self._call(GET, options, ids={"email": checked.email})

    async def update(
        self,
        user_id: str,
        *,
        options: RequestOptions | None = None,
        **fields: Unpack[UserUpdateFields],
    ) -> User:
        """Change a user (method documented, path and body inferred).

        Args:
            user_id: The user's identifier.
            options: Settings of this call; `extra_body` adds fields that are not known here.
            **fields: `name`, `surname`, `role`, `office_id`. What is left out is not sent.

        Raises:
            InvalidInputError: Fields are unknown or wrong, or none is given. Nothing was sent.
            NotFoundError: There is no such user (REFUSED).
            CubiCasaError: The call failed; see `outcome`.
        """
        body = checks.build(UserUpdate, fields, what="The change")
        if body == UserUpdate() and not (options and options.extra_body):
            fault = FieldError("", "give at least one of name, surname, role, office_id")
            raise InvalidInputError("The change was not sent: it changes nothing.", [fault])
        return await self._call(UPDATE, options, ids={"user_id": user_id}, body=body)

    async def change_password(
        self,
        *,
        email: str,
        old_password: str,
        new_password: str,
        options: RequestOptions | None = None,
    ) -> Message:
        """Change a user's password (documented).

        After a lost answer and a repeat, a refusal may mean that the first attempt changed it.

        Raises:
            InvalidInputError: A field is wrong. Nothing was sent.
            CubiCasaError: The call failed; see `outcome`.
        """
        given = {"email": email, "old_password": old_password, "new_password": new_password}
        body = checks.build(PasswordChange, given, what="The change of password")
        return await self._call(CHANGE_PASSWORD, options, body=body)

    async def send_password_reset(
        self, email: str, *, options: RequestOptions | None = None
    ) -> Message:
        """Mail a link to reset the password (documented).

        A call whose outcome is UNKNOWN is not repeated, as a repeat could mail twice.

        Raises:
            InvalidInputError: The address is none. Nothing was sent.
            CubiCasaError: The call failed; see `outcome`.
        """
        body = checks.build(PasswordReset, {"email": email}, what="The reset")
        return await self._call(SEND_PASSWORD_RESET, options, body=body)

    async def delete(self, user_id: str, *, options: RequestOptions | None = None) -> None:
        """Delete a user (documented). Their orders stay and lose their assignee.

        Raises:
            NotFoundError: There is no such user (REFUSED). After a lost answer and a repeat this
                may mean that the first attempt deleted them.
            CubiCasaError: The call failed; see `outcome`.
        """
        await self._call(DELETE, options, ids={"user_id": user_id})
