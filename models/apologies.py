"""When an apology is to be drafted, and which new date it proposes. Arithmetic only: a draft decides nothing.

A late dossier is owed a written apology with its reason and a new date (Decree 301/2026 for linked groups,
Form 04 in general); the date may be set anew at most as often as the procedure says.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from models.calendar import NOTHING, Calendar, CalendarTooShort
from models.facts import ApologyReason
from models.limits import HOURS_A_DAY, Limit
from models.procedure import Procedure, Stage
from models.terms import Term, due, shift

AT_THE_LATEST = timedelta(hours=1)
"""Working time before the due instant: an apology that comes with the breach comes too late."""
USUAL = Limit.parse("1 day")
"""What a step without a limit is given in a proposal."""


def work(limit: Limit | None) -> timedelta:
    """A limit as working time, a day being eight hours; nothing where it does not count working time."""
    if limit is None or limit.kind not in ("days", "hours"):
        return NOTHING
    return limit.days * timedelta(hours=HOURS_A_DAY) + limit.rest


def still_to_do(procedure: Procedure, step: str) -> timedelta:
    """The working time that the steps after this one need, by their limits, until the result is ready."""
    following = procedure.steps[procedure.position(step) + 1 :]
    return sum((work(each.limit) for each in following if each.stage is not Stage.RETURN), NOTHING)


def draft_at(
    calendar: Calendar, procedure: Procedure, step: str, term: Term
) -> tuple[datetime, ApologyReason] | None:
    """When a running term needs its apology drafted while this step is open, and why.

    The earlier of: the procedure's offset before the due instant; the moment from which what follows the
    open step no longer fits. An offset that lies before the start says nothing (as with rungs). None where
    the calendar cannot place it: that must never stop a dossier.
    """
    if procedure.apology is None:
        return None
    rest = still_to_do(procedure, step)
    try:
        tight = calendar.add(term.due_at, -max(rest, AT_THE_LATEST))
    except CalendarTooShort:
        return None
    try:
        near = shift(calendar, term.due_at, procedure.apology)
    except CalendarTooShort:
        near = term.started_at
    if tight < near or near <= term.started_at:
        return max(tight, term.started_at), "work-does-not-fit" if rest else "no-time"
    return near, "no-time"


def proposal(
    calendar: Calendar, procedure: Procedure, step: str, due_at: datetime, at: datetime
) -> datetime | None:
    """The date to promise: the open step's limit afresh and the work after it, from now on.

    Where that would still be in time it is counted from the due instant: a new date lies after the old
    one. None where the calendar ends before.
    """
    limit = procedure.steps[procedure.position(step)].limit or USUAL
    rest = still_to_do(procedure, step)
    try:
        for start in (at, max(at, due_at)):
            end = calendar.next_open(calendar.add(due(calendar, limit, calendar.next_open(start)), rest))
            if end > max(at, due_at):
                return end
    except CalendarTooShort:
        pass
    return None
