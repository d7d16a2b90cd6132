"""A second calculator of deadlines, for tests only: it shares no code with models/.

The product walks opening intervals with datetimes. The witness knows no intervals: it marks each minute at
which the office is open, numbers the open ones through, and looks all answers up in those numbers.

An office is a plain dict {"zone", "first", "last", "days": {date: [(minute of day, minute of day), …]}}; an
instant is a whole number of minutes since 1970 (UTC); a limit is (kind, days, minutes).
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import accumulate
from typing import Any
from zoneinfo import ZoneInfo

DAY = 24 * 60
PausedFor = tuple[int, int, str]
"""A pause: from, to, and its mode."""


class Unknown(Exception):
    """An answer lies outside the days that the calendar knows."""


class Witness:
    """The minutes at which one office is open."""

    def __init__(self, office: dict[str, Any]) -> None:
        self.zone = office["zone"]
        self.first = self.on(office["first"], 0)
        self.end = self.on(office["last"] + timedelta(days=1), 0)
        self.open = bytearray(self.end - self.first)
        self.closings: dict[date, int] = {}
        for day, spans in office["days"].items():
            for opens, closes in spans:
                begin, end = self.on(day, opens), self.on(day, closes)
                if begin < end:
                    self.open[begin - self.first : end - self.first] = b"\1" * (end - begin)
                    self.closings[day] = end
        self.before = array("i", accumulate(self.open, initial=0))
        """How many open minutes lie before each minute."""

    def on(self, day: date, minute: int) -> int:
        """The first instant at which the office's clock shows this date and minute, or a later one."""
        wanted = (day - date(1970, 1, 1)).days * DAY + minute
        early, late = offset(self.zone, wanted - DAY), offset(self.zone, wanted + DAY)
        at = wanted - max(early, late)
        if early != late:
            while at + offset(self.zone, at) < wanted:
                at += 1
        return at

    def wall(self, at: int) -> tuple[date, int]:
        """The date and the minute of the day on the office's clock."""
        days, minute = divmod(at + offset(self.zone, at), DAY)
        return date(1970, 1, 1) + timedelta(days=days), minute

    def _index(self, at: int) -> int:
        if not self.first <= at <= self.end:
            raise Unknown
        return at - self.first

    def is_open(self, at: int) -> bool:
        """Whether the office is open during this minute."""
        if at == self.end:
            raise Unknown
        return bool(self.open[self._index(at)])

    def is_opening(self, at: int) -> bool:
        """Whether the office opens at this minute."""
        return self.is_open(at) and not (at > self.first and self.is_open(at - 1))

    def worked(self, since: int, until: int) -> int:
        """How many open minutes lie between; none when it goes backward."""
        return max(0, self.before[self._index(until)] - self.before[self._index(since)])

    def opening(self, at: int) -> int:
        """This minute while the office is open, else the first open one after it."""
        found = bisect_right(self.before, self.before[self._index(at)]) - 1
        if found == len(self.open):
            raise Unknown
        return self.first + found

    def work(self, at: int, count: int) -> int:
        """The end of the `count`-th open minute from here; the next open minute when that is none."""
        if count == 0:
            return self.opening(at)
        found = bisect_left(self.before, self.before[self._index(at)] + count)
        if found > len(self.open):
            raise Unknown
        return self.first + found

    def working_day(self, day: date, count: int) -> date:
        """The `count`-th date after this one at which the office opens."""
        while count:
            day += timedelta(days=1)
            if self.on(day, 0) >= self.end:
                raise Unknown
            count -= day in self.closings
        return day

    def start(self, at: int, cut_off: int | None = None) -> int:
        """When the clock starts for something that came at this minute."""
        at = self.opening(at)
        day, clock = self.wall(at)
        if cut_off is not None and clock >= cut_off:
            return self.opening(self.on(self.working_day(day, 1), 0))
        return at

    def due(self, limit: tuple[str, int, int], start: int) -> int:
        """Where a limit ends that starts here."""
        kind, days, rest = limit
        day, clock = self.wall(start)
        if kind == "until":
            return rest
        if kind == "same day":
            return self.closings[day]
        if kind == "elapsed":
            return self.opening(self.ran_out(limit, start))
        if not days:
            return self.work(start, rest)
        day = self.working_day(day, days)
        at = self.on(day, clock)
        if not self.is_open(at):
            later = self.opening(at) if at < self.closings[day] else at
            at = min(later, self.closings[day])
        return self.work(at, rest) if rest else at

    def ran_out(self, limit: tuple[str, int, int], start: int) -> int:
        """Where a limit ends that also runs at night, before it rolls to the next opening."""
        _, days, rest = limit
        day, clock = self.wall(start)
        return self.on(day + timedelta(days=days), clock) if days else start + rest

    def due_after(self, limit: tuple[str, int, int], start: int, pauses: Iterable[PausedFor] = ()) -> int:
        """Where a limit ends with its pauses."""
        due = first = self.due(limit, start)
        for begin, until, mode in pauses:
            since = max(begin, start)
            if mode == "none" or not self.worked(since, until):
                continue
            left = self.worked(since, due)
            if not left and (since > due or not self.is_open(due)):
                continue  # it was late
            if mode == "restart" and limit[0] != "until":
                start = self.opening(until)
                due = first = self.due(limit, start)
            else:
                due = self.work(until, left)
                if self.is_opening(first):
                    due = self.opening(due)
        return due

    def minutes(
        self, limit: tuple[str, int, int], start: int, end: int, pauses: Iterable[PausedFor] = ()
    ) -> dict[date, int]:
        """How many minutes count on each date from a start to the due instant `end`; 0 is left out."""
        found: Counter[date] = Counter()
        night = limit[0] == "elapsed"
        at, runs_out = start, self.ran_out(limit, start) if night else 0
        stops = [
            pause
            for pause in pauses
            if pause[2] != "none" and pause[0] < end and self.worked(max(pause[0], start), pause[1])
        ]
        for since, until, mode in [*stops, (end, end, "resume")]:
            stop = min(since, runs_out) if night else since
            while at < stop:
                day, _ = self.wall(at)
                midnight = min(self.on(day + timedelta(days=1), 0), stop)
                found[day] += midnight - at if night else self.worked(at, midnight)
                at = midnight
            at, night = until, False
            if mode == "restart" and limit[0] != "until":
                found.clear()
                at, night = self.opening(until), limit[0] == "elapsed"
                runs_out = self.ran_out(limit, at) if night else 0
        return {day: count for day, count in found.items() if count}


@cache
def zone(name: str) -> ZoneInfo:
    """A zone by its name."""
    return ZoneInfo(name)


@cache
def _offset(name: str, quarter: int) -> int:
    shift = datetime.fromtimestamp(quarter * 15 * 60, zone(name)).utcoffset()
    assert shift is not None
    return int(shift.total_seconds()) // 60


def offset(name: str, at: int) -> int:
    """By how many minutes a zone's clock is ahead of UTC; it changes at quarters of an hour only."""
    return _offset(name, at // 15)


def minute_of(at: datetime) -> int:
    """An aware datetime as minutes since 1970."""
    return int(at.timestamp()) // 60


def instant_of(minute: int) -> datetime:
    """Minutes since 1970 as an aware datetime."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(minutes=minute)


def limit_of(text: str) -> tuple[str, int, int]:
    """A limit's text as (kind, days, minutes), read with string methods and floats."""
    if text == "same day":
        return "same day", 0, 0
    if text.startswith("until "):
        return "until", 0, minute_of(datetime.fromisoformat(text[6:]))
    amount, unit = text.split(" ", 1)
    number = float(amount)
    if unit.startswith("calendar"):
        return "elapsed", int(number), 0
    if unit.startswith("clock"):
        return "elapsed", 0, round(number * 60)
    if unit.startswith("hour"):
        return "work", 0, round(number * 60)
    return "work", int(number), round((number - int(number)) * 8 * 60)
