"""The office's calendar: when it is open, and arithmetic in working time. The only user of ZoneInfo.

All instants that come in and go out are UTC. Opening intervals are half-open, [opening, closing).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from itertools import pairwise
from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import ConfigDict, model_validator

from models.base import TYPED_YEARS, OfficeTime, Value
from models.refusals import BadInput

ONE_DAY = timedelta(days=1)
NOTHING = timedelta(0)


class CalendarTooShort(BadInput):
    """A date lies outside the days that a calendar knows."""

    sentence = "The calendar {calendar} knows the days from {first} to {last}; {day} lies outside."


class Hours(Value):
    """One opening interval of a day in office time, [opens, closes)."""

    opens: OfficeTime
    closes: OfficeTime

    @model_validator(mode="after")
    def _forward(self) -> Hours:
        if self.opens >= self.closes:
            raise ValueError(f"opening hours must go forward: {self.opens} to {self.closes}")
        return self


class SpecialDay(Value):
    """A date whose hours differ from its weekday's, and the decree that says so."""

    date: date
    kind: Literal["holiday", "make-up", "half-day", "swap"]
    name: str
    source: str
    hours: tuple[Hours, ...] = ()
    provisional: bool = False
    """Computed, not yet announced."""


class Calendar(Value):
    """Opening hours by weekday (Monday first) with the special days of a span of dates."""

    # The derived tables below are cached on the instance: building them costs more than using them.
    model_config = ConfigDict(ignored_types=(cached_property,))

    version: str
    zone: str = "Asia/Ho_Chi_Minh"
    first: date
    last: date
    week: tuple[tuple[Hours, ...], ...]
    special: tuple[SpecialDay, ...] = ()

    @model_validator(mode="after")
    def _well_formed(self) -> Calendar:
        try:
            ZoneInfo(self.zone)
        except (LookupError, ValueError, OSError) as error:  # what ZoneInfo says to a name it cannot use
            raise ValueError(f"the zone {self.zone} is not known") from error
        if len(self.week) != 7:
            raise ValueError("week needs seven days, Monday first")
        if not any(self.week):
            raise ValueError("a calendar needs at least one opening interval in its week")
        if self.first > self.last:
            raise ValueError("a calendar's first day must not come after its last")
        if self.first.year not in TYPED_YEARS or self.last.year not in TYPED_YEARS:
            years = f"{TYPED_YEARS[0]} to {TYPED_YEARS[-1]}"
            raise ValueError(f"a calendar must lie in the years {years}, not {self.first} to {self.last}")
        dates = [day.date for day in self.special]
        if len(set(dates)) != len(dates):
            raise ValueError("a date may be special only once")
        outside = next((day for day in dates if not self.first <= day <= self.last), None)
        if outside is not None:
            raise ValueError(f"the special day {outside} lies outside {self.first} to {self.last}")
        for hours in (*self.week, *(day.hours for day in self.special)):
            if any(a.closes > b.opens for a, b in pairwise(hours)):
                raise ValueError("opening intervals of a day must follow each other")
        if not any(self.hours(day) for day in self._days()):
            raise ValueError("a calendar needs at least one working day; its special days close every one")
        return self

    def _days(self) -> Iterator[date]:
        return (self.first + number * ONE_DAY for number in range((self.last - self.first).days + 1))

    @cached_property
    def _zone(self) -> ZoneInfo:
        return ZoneInfo(self.zone)

    @cached_property
    def _special(self) -> dict[date, SpecialDay]:
        return {day.date: day for day in self.special}

    @cached_property
    def _opened(self) -> dict[date, tuple[tuple[datetime, datetime], ...]]:
        return {}

    def local(self, at: datetime) -> datetime:
        """The same moment on the office's clock."""
        return at.astimezone(self._zone)

    def shown(self, at: datetime) -> str:
        """A moment for people: office time, to the minute."""
        return f"{self.local(at):%Y-%m-%d %H:%M}"

    def instant(self, day: date, clock: time) -> datetime:
        """The UTC instant of a time of day at the office.

        A time that the clocks skip in spring is the moment of the skip, and one that they show twice in
        autumn is the first: so a later time of day is never an earlier instant.
        """
        wall = datetime.combine(day, clock.replace(fold=0), self._zone)
        at = wall.astimezone(UTC)
        return at if self.local(at).time() == clock else self._skip(wall)

    def day_begins(self, day: date) -> datetime:
        """The instant from which the office's clock shows this date, or a later one, for good.

        Where the clocks go back over midnight, the day begins when they pass it for the last time.
        """
        first = self.instant(day, time())
        again = datetime.combine(day, time(fold=1), self._zone).astimezone(UTC)
        went_back = again > first and self.local(again - timedelta.resolution).date() < day
        return again if went_back else first

    def _skip(self, wall: datetime) -> datetime:
        """The moment at which the clocks skip over a time that does not exist."""
        # Read as summer time it lies before the skip, read as winter time after it.
        before, after = wall.replace(fold=1).astimezone(UTC), wall.astimezone(UTC)
        seconds = range(int((after - before).total_seconds()))
        shift = after.astimezone(self._zone).utcoffset()
        found = bisect_left(
            seconds, True, key=lambda n: self.local(before + timedelta(seconds=n)).utcoffset() == shift
        )
        return before + timedelta(seconds=found)

    def special_day(self, day: date) -> SpecialDay | None:
        """What makes this date differ from its weekday, if anything."""
        return self._special.get(day)

    def hours(self, day: date) -> tuple[Hours, ...]:
        """The opening intervals of a date, in order; empty when the office is closed."""
        special = self._special.get(day)
        return self.week[day.weekday()] if special is None else special.hours

    def opened(self, day: date) -> tuple[tuple[datetime, datetime], ...]:
        """The opening intervals of a date as UTC instants; refuses a date the calendar does not know."""
        known = self._opened.get(day)
        if known is None:
            if not self.first <= day <= self.last:
                raise CalendarTooShort(calendar=self.version, first=self.first, last=self.last, day=day)
            known = self._opened[day] = tuple(self._intervals(day))
        return known

    def _intervals(self, day: date) -> list[tuple[datetime, datetime]]:
        found: list[tuple[datetime, datetime]] = []
        for hours in self.hours(day):
            opens, closes = self.instant(day, hours.opens), self.instant(day, hours.closes)
            if found and found[-1][1] == opens:  # what touches is one interval
                opens = found.pop()[0]
            if opens < closes:  # hours that the clocks skip are none
                found.append((opens, closes))
        return found

    def is_open(self, at: datetime) -> bool:
        """Whether the office is open at this instant."""
        return any(opens <= at < closes for opens, closes in self.opened(self.local(at).date()))

    def is_opening(self, at: datetime) -> bool:
        """Whether an opening interval begins at exactly this instant."""
        return any(opens == at for opens, _ in self.opened(self.local(at).date()))

    def next_open(self, at: datetime) -> datetime:
        """`at` itself while the office is open, else the next opening."""
        return next(max(opens, at) for opens, closes in self._forward(at) if at < closes)

    def working_day_after(self, day: date, count: int) -> date:
        """The `count`-th day with opening hours after `day`; before it when negative."""
        step = ONE_DAY if count > 0 else -ONE_DAY
        for _ in range(abs(count)):
            day += step
            while not self.opened(day):
                day += step
        return day

    def add_days(self, at: datetime, count: int) -> datetime:
        """`count` working days after (before, when negative) the day of `at`, at the same time of day.

        Where that time lies outside the day's intervals: that day's next opening, else its closing.
        """
        local = self.local(at)
        day = self.working_day_after(local.date(), count)
        wanted = self.instant(day, local.time())
        intervals = self.opened(day)
        if not intervals:  # count is 0 and the office is closed that day
            return self.next_open(at)
        inside = (max(opens, wanted) for opens, closes in intervals if wanted < closes)
        return next(inside, intervals[-1][1])

    def add(self, at: datetime, work: timedelta) -> datetime:
        """The instant at which `work` of working time has passed since `at`; at a closing, not after it."""
        if work <= NOTHING:
            return self.next_open(at) if work == NOTHING else self._subtract(at, -work)
        for opens, closes in self._forward(at):
            begin = max(opens, at)
            if begin >= closes:
                continue
            if work <= closes - begin:
                return begin + work
            work -= closes - begin
        raise AssertionError("unreachable: _forward ends only by refusing")

    def between(self, start: datetime, end: datetime) -> timedelta:
        """The working time from `start` to `end`; nothing when `end` is not later."""
        if end <= start:
            return NOTHING
        total = NOTHING
        day, last = self.local(start).date(), self.local(end - timedelta.resolution).date()
        while day <= last:
            for opens, closes in self.opened(day):
                total += max(NOTHING, min(closes, end) - max(opens, start))
            day += ONE_DAY
        return total

    def closing(self, at: datetime) -> datetime:
        """The last closing of the day of `at`, which must be a working day."""
        return self.opened(self.local(at).date())[-1][1]

    def end_of(self, day: date) -> datetime:
        """The end of a date that is named without a time: its last closing, or its last second where the
        office does not open."""
        with suppress(CalendarTooShort):  # what lies beyond the calendar is refused where it is counted
            if opened := self.opened(day):
                return opened[-1][1]
        return self.instant(day, time(23, 59, 59))

    def excerpt(self, first: date, last: date) -> Calendar:
        """This calendar cut to a span of dates, so that it can travel with a dossier.

        Raises CalendarTooShort when it knows none of them.
        """
        if first > self.last or last < self.first:
            raise CalendarTooShort(calendar=self.version, first=self.first, last=self.last, day=first)
        first, last = max(first, self.first), min(last, self.last)
        special = tuple(day for day in self.special if first <= day.date <= last)
        # Built anew, not copied: a copy would share the caches and so know days that it must refuse.
        return Calendar(
            version=self.version, zone=self.zone, first=first, last=last, week=self.week, special=special
        )

    def _forward(self, at: datetime) -> Iterator[tuple[datetime, datetime]]:
        day = self.local(at).date()
        while True:
            yield from self.opened(day)
            day += ONE_DAY

    def _subtract(self, at: datetime, work: timedelta) -> datetime:
        day = self.local(at).date()
        while True:
            for opens, closes in reversed(self.opened(day)):
                end = min(closes, at)
                if end <= opens:
                    continue
                if work <= end - opens:
                    return end - work
                work -= end - opens
            day -= ONE_DAY
