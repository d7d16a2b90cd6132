"""Deadlines: from a start, a limit and pauses to a due instant, its receipt and its next rung.

Every date that motcua shows is computed here and nowhere else. A term is computed once, when it opens
or moves, and the instant is kept; what is kept with it (limit, start, pauses) explains it for ever.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime, time, timedelta
from typing import Literal

from pydantic import Field, model_validator

from models.base import Instant, Value, added
from models.calendar import NOTHING, ONE_DAY, Calendar, CalendarTooShort
from models.limits import HOURS_A_DAY, Limit, Offset
from models.timeliness import Measure, overdue_from
from models.visible import Line

Mode = Literal["resume", "restart", "none"]
"""What a pause does to a term: gives the remaining time back, starts it afresh, or does not stop it."""


MINUTE, A_DAY = timedelta(minutes=1), timedelta(hours=HOURS_A_DAY)


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


def moved(calendar: Calendar, limit: Limit, start: datetime, was: datetime, pause: Pause) -> datetime:
    """Where the due instant `was` of a limit, counted from `start`, stands after a pause.

    The remaining working time is given back exactly, or the whole limit anew from the resume. What was
    late when the pause began stays late in either case, and a clock that has not started cannot stop.
    """
    since = max(pause.since, start)
    if pause.mode == "none" or not calendar.between(since, pause.until):
        return was
    left = calendar.between(since, was)
    # Due at the very moment at which the pause began, while the office was open, it was not late yet.
    if not left and not (since <= was and calendar.is_open(was)):
        return was
    if pause.mode == "restart" and limit.kind != "until":  # a fixed instant has no length to count anew
        return due(calendar, limit, calendar.next_open(pause.until))
    at = calendar.add(pause.until, left)
    if calendar.is_open(at):
        return at
    # A term due at an opening has its last minute in the interval before: keep it at an opening. Asked of
    # the term as it began: an earlier pause may have moved it on, and two pauses must do what one does.
    return calendar.next_open(at) if calendar.is_opening(due(calendar, limit, start)) else at


def due_after(calendar: Calendar, limit: Limit, start: datetime, pauses: Iterable[Pause]) -> datetime:
    """The due instant of a limit with all of its pauses, in the order in which they happened."""
    at = due(calendar, limit, start)
    begun = start
    for pause in pauses:
        at = moved(calendar, limit, begun, at, pause)
        begun = counted_from(calendar, begun, (pause,))
    return at


def counted_from(calendar: Calendar, start: datetime, pauses: Iterable[Pause]) -> datetime:
    """The instant from which a term that began at `start` is counted after its restarts."""
    for pause in pauses:
        if pause.mode == "restart" and calendar.between(max(pause.since, start), pause.until):
            start = calendar.next_open(pause.until)
    return start


def shift(calendar: Calendar, at: datetime, offset: Offset, times: int = 1) -> datetime:
    """The instant that lies an offset of working time from `at`, the offset taken `times` times."""
    days, rest = offset.times(times)
    moved_at = calendar.add_days(at, days) if days else at
    return calendar.add(moved_at, rest) if rest else moved_at


def receipt(
    calendar: Calendar, limit: Limit, start: datetime, end: datetime, pauses: Iterable[Pause] = ()
) -> list[ReceiptLine]:
    """Each day from the start of a term to its due instant with the minutes counted on it, and why.

    `start` is when the clock started (see `starts`), `end` what `due_after` says of the same limit and
    `pauses`, which stand in the order in which they happened. Minutes are working minutes; those of clock
    hours and calendar days are elapsed ones up to their first pause, which gives back working time. What
    is less than a minute is carried on to the next day, so that the minutes of a limit in hours add up to
    it. Raises CalendarTooShort where the calendar does not know a day.
    """
    return list(_Receipt(calendar, limit, start, end, pauses).lines())


class _Receipt:
    """What the lines of one receipt are written from."""

    def __init__(
        self, calendar: Calendar, limit: Limit, start: datetime, end: datetime, pauses: Iterable[Pause]
    ) -> None:
        self.calendar, self.limit, self.start, self.end = calendar, limit, start, end
        # A pause of no working time, and one before the start or after the end, has moved nothing.
        self.pauses = [
            pause.model_copy(update={"since": max(pause.since, start)})
            for pause in pauses
            if pause.mode != "none"
            and pause.since < end
            and calendar.between(max(pause.since, start), pause.until)
        ]
        self.restarts = [p for p in self.pauses if p.mode == "restart" and limit.kind != "until"]
        self.begun = counted_from(calendar, start, self.restarts)
        since = self.pauses[self.pauses.index(self.restarts[-1]) + 1 :] if self.restarts else self.pauses
        # What is counted since the term was last begun: from each resume to the next pause, and to the end.
        begins, ends = [p.until for p in since], [p.since for p in since]
        self.counted = list(zip([self.begun, *begins], [*ends, end], strict=True))
        self.elapsed_end = self._elapsed_end()
        self.rolls = not since and self.elapsed_end is not None and self.elapsed_end < end
        self.numbers = self._numbers(since)

    def _elapsed_end(self) -> datetime | None:
        """When a limit that also runs at night runs out, were it never paused."""
        if self.limit.kind == "clock hours":
            return self.begun + self.limit.rest
        if self.limit.kind == "calendar days":
            local = self.calendar.local(self.begun)
            return self.calendar.instant(local.date() + self.limit.days * ONE_DAY, local.time())
        return None

    def _numbers(self, pauses: list[Pause]) -> dict[date, list[int]]:
        """Which of its whole working days a limit has behind it on a date: where a limit of so many ends."""
        found: dict[date, list[int]] = {}
        for number in range(1, self.limit.days + 1 if self.limit.kind == "days" else 1):
            ends = due_after(self.calendar, Limit.parse(f"{number} days"), self.begun, pauses)
            found.setdefault(self.calendar.local(ends).date(), []).append(number)
        return found

    def lines(self) -> Iterator[ReceiptLine]:
        """One line a day."""
        day, last = (self.calendar.local(at).date() for at in (self.start, self.end))
        total = NOTHING
        while day <= last:
            before, total = total, total + self._counted(day)
            special = self.calendar.special_day(day)
            yield ReceiptLine(
                date=day.isoformat(),
                counted_minutes=total // MINUTE - before // MINUTE,
                why="; ".join(self._why(day, counted=total > before)),
                source=special.source if special else None,
                provisional=special.provisional if special else False,
            )
            day += ONE_DAY

    def _within(self, day: date, since: datetime, until: datetime) -> tuple[datetime, datetime]:
        """The part of a stretch of time that lies on a date."""
        midnight, next_midnight = (self.calendar.instant(each, time(0)) for each in (day, day + ONE_DAY))
        return max(since, midnight), min(until, next_midnight)

    def _counted(self, day: date) -> timedelta:
        total = NOTHING
        for number, (since, until) in enumerate(self.counted):
            if number == 0 and self.elapsed_end is not None:
                begin, end = self._within(day, since, min(until, self.elapsed_end))
                total += max(end - begin, NOTHING)
            else:
                total += self.calendar.between(*self._within(day, since, until))
        return total

    def _why(self, day: date, *, counted: bool) -> Iterator[str]:
        """The reasons of a day: what day it is, what stopped the clock, how it counts."""
        calendar, is_open = self.calendar, bool(self.calendar.opened(day))
        special = calendar.special_day(day)
        if special is not None:
            yield f"{special.kind}: {special.name}"
        elif not is_open:
            yield "weekend" if day.weekday() >= 5 else "closed"
        paused = [pause for pause in self.pauses if self._stopped(day, pause, is_open=is_open)]
        if paused:
            yield "paused: " + ", ".join(dict.fromkeys(pause.reason for pause in paused))
        if day < calendar.local(self.begun).date():
            if is_open and not paused:
                yield f"not counted: starts afresh after {self.restarts[-1].reason}"
            return
        rolls = self.rolls and self.elapsed_end is not None and day >= calendar.local(self.elapsed_end).date()
        how = self._how(day, counted=counted)
        if how:
            yield how
        elif special is None and is_open and not paused and not rolls:
            yield "counted" if counted else "due at the opening"
        if rolls:
            yield "rolls forward to the next opening"

    def _stopped(self, day: date, pause: Pause, *, is_open: bool) -> bool:
        """Whether a pause took time from a day; on a closed day, whether it lasted."""
        since, until = self._within(day, pause.since, pause.until)
        return self.calendar.between(since, until) > NOTHING if is_open else since < until

    def _how(self, day: date, *, counted: bool) -> str | None:
        """How a day counts towards a limit that is not simply working time."""
        limit, first = self.limit, self.calendar.local(self.begun).date()
        if limit.kind == "days" and limit.days:
            if day == first:
                return "starting day"
            numbers = ", ".join(map(str, self.numbers.get(day, ())))
            return f"working day {numbers} of {limit.days + limit.rest / A_DAY:g}" if numbers else None
        if limit.kind == "same day" and day == first:
            return "the same day, until its closing"
        if limit.kind == "until" and day == self.calendar.local(self.end).date():
            return "ends at a fixed instant"
        if self.elapsed_end is None:
            return None
        if day > self.calendar.local(min(self.elapsed_end, self.counted[0][1])).date():
            return None
        if limit.kind == "clock hours":
            return "counted around the clock" if counted else None
        return f"calendar day {(day - first).days} of {limit.days}" if day > first else "starting day"


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
    rests_until: Instant | None = None
    """Until when its alarms rest, because somebody has acknowledged them."""
    rests_by: str | None = None
    reported_due_at: Instant | None = added(None)
    """The due instant that was last reported as overdue to the parent dossier."""

    def resumed(self, calendar: Calendar, pause: Pause) -> datetime:
        """Where its due instant stands after a pause that comes after all it has had."""
        begun = counted_from(calendar, calendar.next_open(self.started_at), self.pauses)
        return moved(calendar, self.limit, begun, self.due_at, pause)

    @property
    def running(self) -> bool:
        """Neither paused nor closed."""
        return self.paused_at is None and self.closed_at is None


Alert = Literal["reminder", "due", "overdue", "escalation"]
"""What an alert tells. A rung is never of the kind `overdue`: its reminders are, once the term is."""


class Rung(Value):
    """One alarm of a ladder."""

    name: Line
    offset: Offset
    """From the due instant, in working time."""
    kind: Literal["reminder", "due", "escalation"]
    to: tuple[str, ...] = Field(min_length=1)
    """Roles that are told (of the dossier's unit, or "role@unit"), or "assignee" or "applicant"."""
    by: tuple[str, ...] = added(())
    """Channels; none named: the usual ones of each recipient."""
    at_once: bool = added(False)
    """Told in the night, too; else at the next opening of the office."""
    every: Offset | None = None
    times: int = Field(default=1, ge=1, le=100)
    """How often it is reached in all, `every` apart."""

    def alert(self, at: datetime, overdue_from: datetime) -> Alert:
        """The kind of alert that this rung raises at an instant; the term is overdue from another."""
        return self.kind if self.kind == "escalation" or at < overdue_from else "overdue"

    @model_validator(mode="after")
    def _goes_forward(self) -> Rung:
        if self.every is not None and (self.every.days, self.every.rest) <= (0, NOTHING):
            raise ValueError("a rung is repeated forward in time")
        return self


class Alarm(Value):
    """The next instant at which a rung of a term is reached."""

    at: Instant
    sounds_at: Instant
    """`at`, or when the rest ends that somebody has given the term's alarms."""
    term: int
    rung: int
    occurrence: int


def rung_at(
    calendar: Calendar, measure: Measure, due_at: datetime, rung: Rung, occurrence: int
) -> datetime | None:
    """When a rung is reached for the `occurrence`-th time (from 0); None past the calendar's end.

    Offsets count from the due instant; by `date` those of rungs after it count from the first opening at
    which the term is overdue. Each repetition counts from the rung's own instant. An alarm that the calendar
    cannot place must never stop a dossier: it is left out, not refused.
    """
    try:
        after = (rung.offset.days, rung.offset.rest) > (0, NOTHING)
        begins = due_at
        if after and measure == "date":
            begins = calendar.next_open(overdue_from(calendar, measure, due_at))
        at = shift(calendar, begins, rung.offset)
        return shift(calendar, at, rung.every, occurrence) if rung.every and occurrence else at
    except CalendarTooShort:
        return None


def next_alarm(calendar: Calendar, measure: Measure, term: Term, ladder: tuple[Rung, ...]) -> Alarm | None:
    """The earliest rung of a running term that has not been reached."""
    if not term.running:
        return None
    best: Alarm | None = None
    for index, rung in enumerate(ladder):
        done = term.reached[index] if index < len(term.reached) else 0
        if done >= rung.times:
            continue
        at = rung_at(calendar, measure, term.due_at, rung, done)
        if at is not None and (best is None or at < best.at):
            sounds_at = max(at, term.rests_until or at)
            best = Alarm(at=at, sounds_at=sounds_at, term=term.id, rung=index, occurrence=done)
    return best


def reached_before(
    calendar: Calendar, measure: Measure, due_at: datetime, ladder: tuple[Rung, ...], at: datetime
) -> tuple[int, ...]:
    """For each rung, how many of its occurrences lie at or before `at` for this due instant."""
    counts = []
    for rung in ladder:
        count = 0
        while count < rung.times:
            instant = rung_at(calendar, measure, due_at, rung, count)
            if instant is None or instant > at:
                break
            count += 1
        counts.append(count)
    return tuple(counts)
