"""What connections to PostgreSQL have in common, for whatever they are used."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote_to_bytes

KEEPALIVES: Final = {
    "keepalives_idle": "20",
    "keepalives_interval": "5",
    "keepalives_count": "3",
}
"""Parameters of libpq by which a server that is gone is noticed, in seconds and tries."""

IDLENESS: Final = "idle_in_transaction_session_timeout"
"""The server's setting, in milliseconds, for how long a transaction may be silent.

Then it is undone: a machine that is never heard of again would keep what it has locked from others.
"""

TO_BE_ENCODED: Final = (
    "Special characters of user and password have to be percent-encoded: # is %23, / is %2F, "
    "? is %3F, @ is %40, % is %25."
)
"""What to say of a URL that is not `is_unambiguous`."""

_AUTHORITY: Final = re.compile(r"[^:/?#]+://(?P<authority>[^/?#]*)(?P<behind>.*)", re.DOTALL)
_HOST: Final = re.compile(r"(\[[^\[\]]*\]|[^:\[\]]*)(:[0-9]*)?")
_PARAMETER: Final = re.compile(r"[a-z_]+=.*", re.DOTALL)
_PASSWORD_AND_NAME: Final = re.compile(r"[?&](ssl)?password=[^#]*#")
_NO_CODE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")


def is_unambiguous(url: str) -> bool:
    """Whether it is certain which part of a URL is the password.

    Drivers cut a URL apart in ways of their own. Where a special character is not encoded, a part
    of the password would be taken for a host, a database or a job, and shown.
    """
    found = _AUTHORITY.fullmatch(url)
    if found is None:
        return False
    authority, behind = found["authority"], found["behind"]
    address, _, _ = url.partition("#")
    _, _, query = address.partition("?")
    _, _, hosts = authority.rpartition("@")
    try:
        unquote_to_bytes(address).decode()
    except UnicodeError:
        return False
    return (
        "\0" not in url  # behind it, libpq reads nothing
        and authority.count("@") <= 1
        and "@" not in behind
        and all(_HOST.fullmatch(host) for host in hosts.split(","))
        and all(_PARAMETER.fullmatch(part) for part in query.split("&") if query)
        and not _PASSWORD_AND_NAME.search(behind)
        and not _NO_CODE.search(address)
    )
