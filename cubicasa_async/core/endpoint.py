"""What is known of an operation before it is called."""

from __future__ import annotations

import enum
import re
from typing import Any, Final, Generic, TypeVar

import attrs

from cubicasa_async.errors import FieldError, InvalidInputError

T_co = TypeVar("T_co", covariant=True)


class Effect(enum.Enum):
    """What repeating a call would do. Retrying is decided by this, never by the HTTP verb."""

    READ = "read"
    """Nothing."""

    REPLACE = "replace"
    """The same state again."""

    CREATE = "create"
    """A second thing."""

    PURCHASE = "purchase"
    """A second thing that costs money."""


class Evidence(enum.Enum):
    """How a fact about the API is known."""

    DOCUMENTED = "documented"
    """Read in the vendor's documentation."""

    OBSERVED = "observed"
    """Seen in a live answer or a production client, but not documented."""

    INFERRED = "inferred"
    """Deduced from neighbours and conventions. It may be wrong."""


@attrs.frozen(kw_only=True)
class Endpoint(Generic[T_co]):
    """One operation of the API, declared once.

    Attributes:
        operation: Its name here, as in "drafts.create".
        method: HTTP method, upper case.
        path: Path below the base URL, with `{name}` for the parts that vary.
        response: The class an answer is read into; None where the answer says nothing useful.
        effect: What a repeat would do.
        evidence: How the path and method are known.
        request: The class of the request body; None where there is none.
    """

    operation: str
    method: str
    path: str
    response: type[T_co] | None
    effect: Effect
    evidence: Evidence
    request: type | None = None


_BY_METHOD: Final = {
    "GET": Effect.READ,
    "HEAD": Effect.READ,
    "PUT": Effect.REPLACE,
    "PATCH": Effect.REPLACE,
    "DELETE": Effect.REPLACE,
    "POST": Effect.CREATE,
}
_PATH: Final = re.compile(r"/[A-Za-z0-9._~!$&'()*+,;=:@%/-]*")


def raw_endpoint(
    method: str, path: str, effect: Effect | None, response: type[Any] | None
) -> Endpoint[Any]:
    """An endpoint that is not declared, for a call of the user's own.

    Raises:
        InvalidInputError: The method or path cannot be used.
    """
    verb = method.upper()
    faults: list[FieldError] = []
    if verb not in _BY_METHOD:
        faults.append(FieldError("method", f"{method!r} is none of {', '.join(_BY_METHOD)}"))
    if not _PATH.fullmatch(path) or ".." in path.split("/"):
        faults.append(FieldError("path", f"{path!r} must begin with / and be encoded"))
    if faults:
        raise InvalidInputError("The call was not sent: it cannot be made.", faults)
    return Endpoint(
        operation=f"{verb} {path}",
        method=verb,
        path=path,
        response=response,
        effect=effect or _BY_METHOD[verb],
        evidence=Evidence.DOCUMENTED,
    )
