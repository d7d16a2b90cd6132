"""The dossiers received in a period, each with what the office's register says of it."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from models.base import Instant, Value
from motcua.store import Store
from motcua.store.sql import query


class Registered(Value):
    """A received dossier; `applicant` is None where that row has been erased."""

    code: str
    unit: str
    field: str
    procedure: str
    linked: bool
    """Whether it was opened for another dossier, whose applicant it shares."""
    received_at: Instant
    due_at: Instant | None
    """As it was promised last."""
    original_due_at: Instant | None
    outcome: str | None
    finished_at: Instant | None
    receiver: str
    """The user who received it."""
    simulated: bool
    applicant: dict[str, Any] | None


async def received(store: Store, start: datetime, end: datetime, unit: str | None) -> list[Registered]:
    """The dossiers received in [start, end), of one unit or all, in the order of their reception."""
    async with store._connection() as connection:
        rows = await connection.fetch(query("register"), start, end, unit)
    return [
        Registered(**{**row, "applicant": json.loads(row["applicant"]) if row["applicant"] else None})
        for row in rows
    ]
