"""Keys for rows that have none of their own."""

from __future__ import annotations

import hashlib
import unicodedata

from cubicasa_async.resources.drafts import DraftRequest

_ADDRESS = ("street", "suite", "city", "state", "postal_code", "country")


def derived_key(draft: DraftRequest) -> str:
    """An external_id made from the address alone, the same for the same address.

    Case, spacing and the form of accents do not matter. Another way of writing the address gives
    another key.
    """
    parts = [getattr(draft, name) or "" for name in _ADDRESS]
    text = "\n".join(" ".join(str(part).split()) for part in parts)
    folded = unicodedata.normalize("NFKC", text).casefold()
    return f"addr-{hashlib.sha256(folded.encode()).hexdigest()[:20]}"
