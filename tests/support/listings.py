"""Rows to import, and what the journal has of them on disk."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import AsyncIterable, Iterable
from pathlib import Path
from typing import Any

from cubicasa_async.bulk import RowOutcome
from cubicasa_async.sandbox import Sandbox


def listing(number: int, **fields: Any) -> dict[str, Any]:
    """A row that is as it should be."""
    return {
        "street": f"{number} Example Street",
        "city": "Sampletown",
        "country": "United States",
        "owner_email": "owner@example.test",
        "external_id": f"E-{number}",
        **fields,
    }


def listings(count: int) -> list[dict[str, Any]]:
    """Rows E-1 to E-`count`."""
    return [listing(number) for number in range(1, count + 1)]


def as_csv(count: int) -> str:
    """The same as a file."""
    rows = listings(count)
    return "\n".join([",".join(rows[0]), *(",".join(row.values()) for row in rows), ""])


async def told(outcomes: AsyncIterable[RowOutcome]) -> list[RowOutcome]:
    """All outcomes, by line."""
    return sorted([outcome async for outcome in outcomes], key=lambda outcome: outcome.line)


def kinds(outcomes: Iterable[RowOutcome]) -> Counter[str]:
    """How many outcomes of each kind."""
    return Counter(outcome.kind for outcome in outcomes)


def made(sandbox: Sandbox) -> dict[str, int]:
    """How many drafts the server made of each external_id, by its own ledger."""
    return {key: len(ids) for key, ids in sandbox.ledger.by_external_id().items()}


def once(count: int) -> dict[str, int]:
    """What `made` is to be."""
    return {f"E-{number}": 1 for number in range(1, count + 1)}


def states(journal: Path) -> dict[str, str]:
    """The state of each row, as another connection to the journal sees it."""
    db = sqlite3.connect(journal)
    try:
        return dict(db.execute("SELECT external_id, state FROM drafts").fetchall())
    finally:
        db.close()
