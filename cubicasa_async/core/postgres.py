"""What connections to PostgreSQL have in common, for whatever they are used."""

from __future__ import annotations

from typing import Final

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
