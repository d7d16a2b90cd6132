"""Which stretches of an announced outage a term lost. Arithmetic on instants only.

An announced outage of the systems stops the clock of the linked groups (Decree 301/2026); what it does in
another procedure is that procedure's setting (`pausing.outage`).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from models import refusals as r
from models.calendar import Calendar
from models.terms import Term

LONGEST = timedelta(days=60)
"""A longer outage is a slip of the pen: nobody announces one."""


def check(calendar: Calendar, since: datetime, until: datetime, at: datetime) -> None:
    """Refuse an outage that goes backward, is longer than any, or has not ended by `at`."""
    if since >= until:
        reason = r.Phrase("it must lie after its beginning.")
    elif until - since > LONGEST:
        reason = r.Phrase("it lasts at most {days} days; announce a longer one in parts.", days=LONGEST.days)
    elif until > at:
        reason = r.Phrase("it lies in the future.")
    else:
        return
    raise r.BadOutage(what=r.Phrase("The end of the outage"), value=calendar.shown(until), reason=reason)


def lost(
    term: Term, begun: datetime, since: datetime, until: datetime
) -> Iterator[tuple[datetime, datetime]]:
    """The parts of [since, until) in which a term that counts from `begun` ran, in order.

    A term that is paused lost nothing from its pause on; the pauses that it has had are left out.
    """
    at, end = max(since, begun), min(until, term.paused_at or until)
    for pause in sorted(term.pauses, key=lambda pause: pause.since):
        if at < min(pause.since, end):
            yield at, min(pause.since, end)
        at = max(at, pause.until)
    if at < end:
        yield at, end
