"""An announced outage, counted for every open dossier: a few at a time, and again after a kill."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Literal

from models.base import Value
from models.outages import check
from models.refusals import DossierClosed, OutageKnown, OutageMissed, RequestReused
from motcua.desk import Desk
from motcua.forms import read_command
from motcua.many import Tell, each, silently
from motcua.store import Store

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
    tell: Tell = silently,
) -> Told:
    """Tell each open dossier of an outage. The same announcement again asks for the first answers.

    `tell` hears how many of how many have answered. Raises the first problem that is not one dossier's own.
    """
    check(desk.rulebook.calendar, since, until, datetime.now(UTC))
    told = f"{notice}|{since.isoformat()}|{until.isoformat()}"
    announcement = hashlib.sha256(told.encode()).hexdigest()[:32]
    data = {"since": since.isoformat(), "until": until.isoformat(), "notice": notice}
    # Refused now, also where no dossier is open to refuse it.
    read_command("", "outage", desk.rulebook.actor(user), data, "outage", desk.rulebook.calendar)

    async def ask(code: str) -> Fate:
        try:
            await desk.act(code, "outage", user, data, f"outage/{announcement}/{code}")
        except OutageMissed:
            return "missed"
        except (OutageKnown, RequestReused):  # the same announcement by somebody else, who broke off
            return "known"
        except DossierClosed:
            return "closed"
        return "counted"

    codes = await store.open_codes()
    fates = await each(codes, ask, tell)
    return Told(
        notice=notice,
        since=since,
        until=until,
        open=len(codes),
        counted=fates["counted"],
        known=fates["known"],
        missed=fates["missed"],
        closed=fates["closed"],
    )
