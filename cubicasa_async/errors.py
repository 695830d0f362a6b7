"""Everything this library raises, in one tree.

::

    CubiCasaError
     ├─ ConfigError                  settings that cannot work; nothing was sent
     ├─ InvalidInputError            your data was refused here, before anything was sent
     │   └─ EventError               ... as what a webhook brought is no event
     ├─ ClientClosedError            the client was used after close()
     ├─ TransportError               no whole answer came back
     │   ├─ ConnectError             no connection could be made
     │   ├─ ConnectionLostError      the connection broke before the answer was complete
     │   ├─ CallTimeoutError         time ran out (also a TimeoutError)
     │   │   └─ QueueTimeoutError    ... while the call still waited for its turn
     │   ├─ ProtocolError            what came back is not HTTP
     │   └─ ResponseTooLargeError    the answer is larger than the configured bound
     ├─ AnswerError                  the server answered with a status other than 2xx
     │   ├─ BadRequestError          400, 422: see field_errors
     │   ├─ AuthenticationError      401: the key is wrong or missing
     │   ├─ ForbiddenError           403: the key may not do this
     │   ├─ NotFoundError            404, 410
     │   ├─ ConflictError            409
     │   ├─ RateLimitError           429: see retry_at
     │   ├─ RedirectError            3xx: never followed, the key stays where it is
     │   └─ ServerError              5xx
     ├─ DecodeError                  a 2xx answer that is not what the contract says: see problems
     ├─ EchoMismatchError            the server confirmed something else than was asked for
     ├─ UndecodableItemsError        a list held items that could not be read; the others were given
     ├─ PagingError                  a list cannot be walked on: see cursor
     │   └─ GapError                 ... because completeness can no longer be proven
     ├─ JournalError                 the journal of a job cannot be used or written
     ├─ DownloadError                a delivered file could not be fetched whole
     ├─ WaitTimeoutError             an order did not get there in time (also a TimeoutError)
     ├─ StoreError                   the database of a store cannot be used or written
     └─ JobStoppedError              a bulk job stopped early; its cause is chained

Each error says whether the call may have had an effect: `outcome` is NOT_SENT, REFUSED or
UNKNOWN. All errors survive pickle and copy, and none holds the api key.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import attrs

from cubicasa_async.outcome import Attempt as Attempt
from cubicasa_async.outcome import FieldError as FieldError
from cubicasa_async.outcome import Outcome as Outcome


def _rebuild(
    cls: type[CubiCasaError], args: tuple[Any, ...], state: dict[str, Any]
) -> CubiCasaError:
    error = cls.__new__(cls, *args)
    error.args = args
    error.__dict__.update(state)
    return error


class CubiCasaError(Exception):
    """Root of all errors of this library.

    Attributes:
        outcome: What is known of the call's effect on the server.
        operation: The operation's name, such as "drafts.create"; None outside a call.
        attempts: All tries of the call, oldest first.
        retry_at: When the server asked to be called again (aware, UTC), if it did.
        cursor: Where a list can be taken up again, if a list was being walked.
    """

    outcome: Outcome = Outcome.NOT_SENT
    operation: str | None = None
    attempts: tuple[Attempt, ...] = ()
    retry_at: datetime | None = None
    cursor: str | None = None

    def __init__(self, message: str, *, outcome: Outcome | None = None) -> None:
        super().__init__(message)
        if outcome is not None:
            self.outcome = outcome

    @property
    def message(self) -> str:
        """The plain sentence, without the data behind it."""
        return str(self.args[0]) if self.args else type(self).__name__

    _transient = False

    @property
    def transient(self) -> bool:
        """Whether the same call may well succeed later without a change."""
        return self._transient

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.args, self.__dict__.copy())

    def __str__(self) -> str:
        tried = len(self.attempts)
        return f"{self.message} (tried {tried} times)" if tried > 1 else self.message


class ConfigError(CubiCasaError):
    """The settings cannot work. Nothing was sent."""


class InvalidInputError(CubiCasaError):
    """Data was refused locally, before anything was sent.

    Attributes:
        field_errors: All faults found, each with its field.
    """

    field_errors: tuple[FieldError, ...] = ()

    def __init__(self, message: str, field_errors: Sequence[FieldError] = ()) -> None:
        super().__init__(message)
        self.field_errors = tuple(field_errors)

    def __str__(self) -> str:
        return _with_fields(super().__str__(), self.field_errors)


class EventError(InvalidInputError):
    """What a webhook brought is no event: see `field_errors`, each with its JSON path."""


class ClientClosedError(CubiCasaError):
    """The client was closed before this call, or while it ran."""


class TransportError(CubiCasaError):
    """No whole answer came back."""

    _transient = True


class ConnectError(TransportError):
    """No connection could be made: wrong host, no network, refused, or bad TLS.

    Attributes:
        permanent: True where trying again cannot help, such as a bad certificate.
    """

    permanent: bool = False

    @property
    def transient(self) -> bool:
        """True unless a certificate or the like is at fault."""
        return not self.permanent


class ConnectionLostError(TransportError):
    """The connection broke before the answer was complete."""


class CallTimeoutError(TransportError, TimeoutError):
    """Time ran out before the answer was complete."""


class QueueTimeoutError(CallTimeoutError):
    """The call's deadline passed, or had to pass, before its turn came. It was never sent."""

    _transient = False


class ProtocolError(TransportError):
    """What came back is not well-formed HTTP. Its status, if any, is not to be believed."""


class ResponseTooLargeError(TransportError):
    """The answer is larger, after decompression, than the configured bound in bytes."""

    _transient = False


class AnswerError(CubiCasaError):
    """The server answered with a status other than 2xx.

    Attributes:
        status: The HTTP status.
        body: The answer's body, at most the first 64 KiB, the key removed.
        headers: The answer's headers by lower-case name, the key removed.
        field_errors: Faults per field, where the server named them (observed, status 400).
    """

    status: int = 0
    body: bytes = b""
    headers: Mapping[str, str] = {}
    field_errors: tuple[FieldError, ...] = ()

    def __init__(
        self,
        message: str,
        *,
        status: int,
        outcome: Outcome,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        field_errors: Sequence[FieldError] = (),
    ) -> None:
        super().__init__(message, outcome=outcome)
        self.status = status
        self.body = body
        self.headers = dict(headers or {})
        self.field_errors = tuple(field_errors)

    @property
    def transient(self) -> bool:
        """Whether the status is one that passes: 429, 500, 502, 503 or 504."""
        return self.status in TRANSIENT_STATUSES

    def __str__(self) -> str:
        return _with_fields(super().__str__(), self.field_errors)


class BadRequestError(AnswerError):
    """Status 400 or 422: the server refused the request's content."""


class AuthenticationError(AnswerError):
    """Status 401: the api key is missing, wrong or revoked."""


class ForbiddenError(AnswerError):
    """Status 403: the api key may not do this."""


class NotFoundError(AnswerError):
    """Status 404 or 410: there is no such thing, or no such path."""


class ConflictError(AnswerError):
    """Status 409: the thing's present state does not allow this."""


class RateLimitError(AnswerError):
    """Status 429: too many calls. `retry_at` says when to come back, if the server did."""


class RedirectError(AnswerError):
    """Status 3xx. API calls are never redirected, so that the key stays with its host."""


class ServerError(AnswerError):
    """Status 5xx. Only 503 is taken as a refusal; the others may come after the effect."""


TRANSIENT_STATUSES: Final = frozenset({429, 500, 502, 503, 504})


class DecodeError(CubiCasaError):
    """A 2xx answer whose content is not what the contract says.

    Attributes:
        status: The HTTP status.
        body: The answer's body, at most the first 64 KiB, the key removed.
        problems: Each fault with its JSON path, such as `$.items[7].id`.
        partial: What could be read, with the faulty fields left out; None if nothing could.
        incomplete: True if the JSON text ends too early, as after a cut connection.
    """

    status: int = 200
    body: bytes = b""
    problems: tuple[FieldError, ...] = ()
    partial: Any = None
    incomplete: bool = False

    def __init__(
        self,
        message: str,
        *,
        status: int = 200,
        body: bytes = b"",
        problems: Sequence[FieldError] = (),
        partial: Any = None,
        incomplete: bool = False,
    ) -> None:
        super().__init__(message, outcome=Outcome.UNKNOWN)
        self.partial = partial
        self.status = status
        self.body = body
        self.problems = tuple(problems)
        self.incomplete = incomplete

    @property
    def field_errors(self) -> tuple[FieldError, ...]:
        """The same as `problems`, under the name that answered errors use."""
        return self.problems

    @property
    def transient(self) -> bool:
        """Whether the text was cut, as opposed to being wrong."""
        return self.incomplete

    def __str__(self) -> str:
        return _with_fields(super().__str__(), self.problems)


class EchoMismatchError(CubiCasaError):
    """The server answered success, but its answer confirms something else than was asked for."""

    outcome = Outcome.UNKNOWN


class InferredPathWarning(UserWarning):
    """An operation was called whose path or method is inferred, and may be wrong.

    Its arguments are what is inferred, in a sentence, and how to correct it from Python.
    """

    def __init__(self, fact: str, advice: str = "") -> None:
        super().__init__(fact, advice)
        self.fact: str = fact

    def __str__(self) -> str:
        return " ".join(filter(None, self.args))


@attrs.frozen
class Undecodable:
    """A list item that could not be read.

    Attributes:
        raw: The item as it came, parsed from JSON.
        problems: Each fault with its JSON path within the page.
    """

    raw: Any
    problems: tuple[FieldError, ...]


class UndecodableItemsError(CubiCasaError):
    """Raised at the end of a list that held unreadable items, after all others were given.

    Attributes:
        items: The first 100 unreadable items with their faults.
        count: How many there were.
    """

    items: tuple[Undecodable, ...] = ()
    count: int = 0

    def __init__(self, message: str, items: Sequence[Undecodable], count: int) -> None:
        super().__init__(message, outcome=Outcome.UNKNOWN)
        self.items = tuple(items)
        self.count = count

    def __str__(self) -> str:
        return _with_fields(super().__str__(), [p for item in self.items for p in item.problems])


class PagingError(CubiCasaError):
    """A list cannot be walked on. `cursor` tells where to take it up again."""

    outcome = Outcome.UNKNOWN


class GapError(PagingError):
    """The list changed so much between two pages that completeness cannot be proven."""


class JournalError(CubiCasaError):
    """The journal of a job cannot be opened, read or written. Nothing was sent after that."""


class DownloadError(CubiCasaError):
    """A delivered file could not be fetched whole, or is not what it should be.

    Attributes:
        status: The HTTP status of the answer, if that is what is wrong.
    """

    status: int | None = None

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        outcome: Outcome = Outcome.UNKNOWN,
        transient: bool = False,
    ) -> None:
        super().__init__(message, outcome=outcome)
        self.status = status
        self._transient = transient


class WaitTimeoutError(CubiCasaError, TimeoutError):
    """An order did not come into the wanted status in time. Waiting changes nothing on the server.

    Attributes:
        order: The order as it was last seen; None if it never was.
        seen_at: When that was (aware, UTC).
    """

    outcome = Outcome.UNKNOWN
    order: Any = None
    seen_at: datetime | None = None


class StoreError(CubiCasaError):
    """The database of a store cannot be opened, read or written, or is in use by another run."""


class JobStoppedError(CubiCasaError):
    """A bulk job stopped before its end for a reason that concerns all rows.

    What was under way was finished and written down; running the job again takes it up where it
    stopped. The cause is chained (`__cause__`), and its outcome and retry_at are copied here.
    """


def _with_fields(text: str, faults: Sequence[FieldError]) -> str:
    shown = [str(fault) for fault in faults[:10]]
    if len(faults) > len(shown):
        shown.append(f"and {len(faults) - len(shown)} more")
    return f"{text} [{'; '.join(shown)}]" if shown else text
