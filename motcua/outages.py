"""An announced outage, counted for every open dossier: a few at a time, and again after a kill."""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import Literal

from models.base import Value
from models.outages import check
from models.refusals import DossierClosed, OutageKnown, OutageMissed, Problem
from motcua.desk import Desk
from motcua.store import Store

AT_ONCE = 20
"""Dossiers that are asked at the same time."""

Fate = Literal["counted", "known", "missed", "closed"]


class Told(Value):
    """What became of an announcement."""

    notice: str
    since: datetime
    until: datetime
    open: int
    """Dossiers without a result when it was told."""
    counted: int
    """That got time back, now or when the same was told before."""
    known: int
    """For which this notice was counted before, with other times or by hand."""
    missed: int
    """From which it took nothing."""
    closed: int
    """That were closed meanwhile."""


async def announce(
    desk: Desk,
    store: Store,
    *,
    since: datetime,
    until: datetime,
    notice: str,
    user: str,
    tell: Callable[[int, int], None] = lambda done, total: None,
) -> Told:
    """Tell each open dossier of an outage. The same announcement again asks for the first answers.

    `tell` hears how many of how many have answered. Raises the first problem that is not one dossier's own.
    """
    check(since, until)
    told = f"{notice}|{since.isoformat()}|{until.isoformat()}"
    announcement = hashlib.sha256(told.encode()).hexdigest()[:32]
    codes = await store.open_codes()
    fates: Counter[Fate] = Counter()
    waiting = iter(codes)

    async def ask() -> None:
        for code in waiting:
            data = {"since": since.isoformat(), "until": until.isoformat(), "notice": notice}
            try:
                await desk.act(code, "outage", user, data, f"outage/{announcement}/{code}")
            except OutageMissed:
                fates["missed"] += 1
            except OutageKnown:
                fates["known"] += 1
            except DossierClosed:
                fates["closed"] += 1
            else:
                fates["counted"] += 1
            tell(fates.total(), len(codes))

    problem: BaseException | None = None
    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(ask())
    except* Problem as problems:
        problem = problems.exceptions[0]
    if problem is not None:
        raise problem
    return Told(
        notice=notice,
        since=since,
        until=until,
        open=len(codes),
        **{fate: fates[fate] for fate in ("counted", "known", "missed", "closed")},
    )
