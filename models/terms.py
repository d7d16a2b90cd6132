"""Deadlines: from a start, a limit and pauses to a due instant, its receipt and its next rung.

Every date that motcua shows is computed here and nowhere else. A term is computed once, when it opens
or moves, and the instant is kept; what is kept with it (limit, start, pauses) explains it for ever.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, time, timedelta
from typing import Literal

from pydantic import Field, model_validator

from models.base import Instant, Value
from models.calendar import NOTHING, ONE_DAY, Calendar, CalendarTooShort
from models.limits import Limit, Offset

Mode = Literal["resume", "restart", "none"]
"""What a pause does to a term: gives the remaining time back, starts it afresh, or does not stop it."""


class Pause(Value):
    """One stretch of time during which a term did not run."""

    since: Instant
    until: Instant
    reason: str
    mode: Mode = "resume"


class ReceiptLine(Value):
    """One day on the way from a start to a due instant."""

    date: str
    counted_minutes: int
    why: str
    source: str | None = None
    provisional: bool = False


def starts(calendar: Calendar, at: datetime, cut_off: time | None = None) -> datetime:
    """When the clock starts for something accepted at `at`: then, or at the next opening.

    `cut_off` is an office time of day from which counting begins on the next working day (the 15:00
    rule of same-day procedures, Decree 301/2026; it is not a general rule of the clock).
    """
    start = calendar.next_open(at)
    if cut_off is not None and calendar.local(start).time() >= cut_off:
        start = calendar.opened(calendar.working_day_after(calendar.local(start).date(), 1))[0][0]
    return start


def due(calendar: Calendar, limit: Limit, start: datetime) -> datetime:
    """The due instant of a limit whose clock starts at `start`."""
    match limit.kind:
        case "days":
            at = calendar.add_days(start, limit.days) if limit.days else start
            return calendar.add(at, limit.rest) if limit.rest else at
        case "hours":
            return calendar.add(start, limit.rest)
        case "same day":
            return calendar.closing(start)
        case "clock hours":
            return calendar.next_open(start + limit.rest)
        case "calendar days":
            local = calendar.local(start)
            return calendar.next_open(calendar.instant(local.date() + limit.days * ONE_DAY, local.time()))
        case "until":
            assert limit.until is not None
            return limit.until


def moved(calendar: Calendar, limit: Limit, was: datetime, pause: Pause) -> datetime:
    """Where a due instant stands after a pause: the remaining working time is given back exactly."""
    if pause.mode == "none" or not calendar.between(pause.since, pause.until):
        return was
    if pause.mode == "restart":
        return due(calendar, limit, calendar.next_open(pause.until))
    if was <= pause.since:  # already late when the pause began: there was no time left to give back
        return was
    at = calendar.add(pause.until, calendar.between(pause.since, was))
    # A term due at an opening has its last minute in the interval before: keep it at an opening.
    return calendar.next_open(at) if calendar.is_opening(was) else at


def due_after(calendar: Calendar, limit: Limit, start: datetime, pauses: Iterable[Pause]) -> datetime:
    """The due instant of a limit with all of its pauses, in the order in which they happened."""
    at = due(calendar, limit, start)
    for pause in pauses:
        at = moved(calendar, limit, at, pause)
    return at


def shift(calendar: Calendar, at: datetime, offset: Offset, times: int = 1) -> datetime:
    """The instant that lies an offset of working time from `at`, the offset taken `times` times."""
    days, rest = offset.times(times)
    moved_at = calendar.add_days(at, days) if days else at
    return calendar.add(moved_at, rest) if rest else moved_at


def receipt(
    calendar: Calendar, start: datetime, end: datetime, pauses: Iterable[Pause] = ()
) -> list[ReceiptLine]:
    """Each day from start to due with the working minutes counted on it, and why."""
    stopped = [p for p in pauses if p.mode != "none" and calendar.between(p.since, p.until)]
    # A restart throws away what was counted before it: the receipt shows those days as not counted.
    fresh = max((pause.until for pause in stopped if pause.mode == "restart"), default=start)
    lines = []
    day, last = calendar.local(start).date(), calendar.local(end).date()
    while day <= last:
        opens = calendar.instant(day, time(0))
        closes = calendar.instant(day + ONE_DAY, time(0))
        counted = calendar.between(max(opens, start, fresh), min(closes, end))
        paused = [p for p in stopped if calendar.between(max(opens, p.since), min(closes, p.until))]
        for pause in paused:
            counted -= calendar.between(max(opens, start, fresh, pause.since), min(closes, end, pause.until))
        special = calendar.special_day(day)
        open_that_day = bool(calendar.opened(day))
        if paused:
            why = "paused: " + ", ".join(dict.fromkeys(p.reason for p in paused))
        elif special is not None:
            why = f"{special.kind}: {special.name}"
        elif not open_that_day:
            why = "weekend" if day.weekday() >= 5 else "closed"
        else:
            why = "counted" if counted else "outside opening hours"
        lines.append(
            ReceiptLine(
                date=day.isoformat(),
                counted_minutes=int(max(counted, NOTHING) / timedelta(minutes=1)),
                why=why,
                source=special.source if special else None,
                provisional=special.provisional if special else False,
            )
        )
        day += ONE_DAY
    return lines


class Term(Value):
    """One deadline of a dossier: of the whole, of a step, of a supplement, of a consulted agency."""

    id: int
    """The sequence number of the fact that opened it."""
    of: Literal["intake", "dossier", "step", "supplement", "payment", "consultation", "link"]
    name: str
    """The step, agency or reason this term belongs to."""
    limit: Limit
    started_at: Instant
    due_at: Instant
    original_due_at: Instant
    generation: int = 0
    """Rises when a due instant that moved puts a rung that had fired back into the future."""
    pauses: tuple[Pause, ...] = ()
    paused_at: Instant | None = None
    closed_at: Instant | None = None
    reached: tuple[int, ...] = ()
    """For each rung of the ladder, how often it has been reached in this generation."""
    extensions: tuple[Instant, ...] = ()

    @property
    def running(self) -> bool:
        """Neither paused nor closed."""
        return self.paused_at is None and self.closed_at is None


class Rung(Value):
    """One alarm of a ladder."""

    name: str
    offset: Offset
    """From the due instant, in working time."""
    kind: Literal["reminder", "due", "escalation"]
    to: tuple[str, ...] = Field(min_length=1)
    """Roles that are told, or "assignee" or "applicant"."""
    every: Offset | None = None
    times: int = Field(default=1, ge=1, le=100)
    """How often it is reached in all, `every` apart."""

    @model_validator(mode="after")
    def _goes_forward(self) -> Rung:
        if self.every is not None and (self.every.days, self.every.rest) <= (0, NOTHING):
            raise ValueError("a rung is repeated forward in time")
        return self


class Alarm(Value):
    """The next instant at which a rung of a term is reached."""

    at: Instant
    term: int
    rung: int
    occurrence: int


def rung_at(calendar: Calendar, due_at: datetime, rung: Rung, occurrence: int) -> datetime | None:
    """When a rung is reached for the `occurrence`-th time (from 0); None past the calendar's end.

    An alarm that the calendar cannot place must never stop a dossier: it is left out, not refused.
    """
    try:
        at = shift(calendar, due_at, rung.offset)
        return shift(calendar, at, rung.every, occurrence) if rung.every and occurrence else at
    except CalendarTooShort:
        return None


def next_alarm(calendar: Calendar, term: Term, ladder: tuple[Rung, ...]) -> Alarm | None:
    """The earliest rung of a running term that has not been reached."""
    if not term.running:
        return None
    best: Alarm | None = None
    for index, rung in enumerate(ladder):
        done = term.reached[index] if index < len(term.reached) else 0
        if done >= rung.times:
            continue
        at = rung_at(calendar, term.due_at, rung, done)
        if at is not None and (best is None or at < best.at):
            best = Alarm(at=at, term=term.id, rung=index, occurrence=done)
    return best


def reached_before(
    calendar: Calendar, due_at: datetime, ladder: tuple[Rung, ...], at: datetime
) -> tuple[int, ...]:
    """For each rung, how many of its occurrences lie at or before `at` for this due instant."""
    counts = []
    for rung in ladder:
        count = 0
        while count < rung.times:
            instant = rung_at(calendar, due_at, rung, count)
            if instant is None or instant > at:
                break
            count += 1
        counts.append(count)
    return tuple(counts)
