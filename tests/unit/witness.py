"""A second calculator of deadlines, for tests only: it shares no code with models/ and walks every minute.

A calendar is a plain dict {"zone", "first", "last", "days": {date: [(minute of day, minute of day), …]}};
an instant is a whole number of minutes since 1970 (UTC). Slow and obvious on purpose.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo


class Unknown(Exception):
    """The walk left the days that the calendar knows."""


class Witness:
    """The minutes at which one office is open."""

    def __init__(self, calendar: dict[str, Any]) -> None:
        self.zone = ZoneInfo(calendar["zone"])
        self.days: dict[date, list[tuple[int, int]]] = calendar["days"]
        self.first = self.on(calendar["first"], 0)
        self.end = self.on(calendar["last"] + timedelta(days=1), 0)
        self.open: set[int] = set()
        self.openings: set[int] = set()
        self.closings: dict[date, int] = {}
        for day, spans in self.days.items():
            for opens, closes in spans:
                begin, end = self.on(day, opens), self.on(day, closes)
                self.open.update(range(begin, end))
                self.openings.add(begin)
                self.closings[day] = end

    def on(self, day: date, minute: int) -> int:
        """The instant of a minute of a day on the office's clock."""
        wall = datetime(day.year, day.month, day.day, minute // 60, minute % 60, tzinfo=self.zone)
        return minute_of(wall)

    def wall(self, at: int) -> tuple[date, int]:
        """The date and the minute of the day on the office's clock."""
        shown = instant_of(at).astimezone(self.zone)
        return shown.date(), shown.hour * 60 + shown.minute

    def is_open(self, at: int) -> bool:
        """Whether the office is open during this minute."""
        if not self.first <= at < self.end:
            raise Unknown
        return at in self.open

    def opening(self, at: int) -> int:
        """This minute while the office is open, else the first open one after it."""
        while not self.is_open(at):
            at += 1
        return at

    def start(self, at: int, cut_off: int | None = None) -> int:
        """When the clock starts for something that came at this minute."""
        at = self.opening(at)
        day, clock = self.wall(at)
        if cut_off is not None and clock >= cut_off:
            while self.wall(at)[0] == day:
                at = self.opening(at + 1)
        return at

    def worked(self, since: int, until: int) -> int:
        """How many open minutes lie between."""
        return sum(self.is_open(at) for at in range(since, until))

    def work(self, at: int, count: int) -> int:
        """The end of the `count`-th open minute from here."""
        if count == 0:
            return self.opening(at)
        while count:
            count -= self.is_open(at)
            at += 1
        return at

    def due(self, limit: tuple[Any, ...], start: int) -> int:
        """Where a limit ends that starts here: (kind, days, minutes)."""
        kind, days, rest = limit
        if kind == "same day":
            return self.closings[self.wall(start)[0]]
        if kind == "clock":
            return self.opening(start + rest)
        day, clock = self.wall(start)
        if kind == "calendar days":
            return self.opening(self.on(day + timedelta(days=days), clock))
        at = start
        if days:
            left = days
            while left:
                day += timedelta(days=1)
                if self.on(day, 0) >= self.end:
                    raise Unknown
                left -= bool(self.days.get(day))
            at = self.on(day, clock)
            while at not in self.open and at < self.closings[day]:
                at += 1
            at = min(at, self.closings[day])
        return self.work(at, rest) if rest else at

    def paused(self, limit: tuple[Any, ...], due: int, since: int, until: int, mode: str) -> int:
        """Where a due instant stands after a pause."""
        if mode == "none" or self.worked(since, until) == 0:
            return due
        if mode == "restart":
            return self.due(limit, self.opening(until))
        if due <= since:
            return due
        at = self.work(until, self.worked(since, due))
        return self.opening(at) if due in self.openings else at

    def due_after(
        self, limit: tuple[Any, ...], start: int, pauses: Iterable[tuple[int, int, str]] = ()
    ) -> int:
        """Where a limit ends with its pauses."""
        due = self.due(limit, start)
        for since, until, mode in pauses:
            due = self.paused(limit, due, since, until, mode)
        return due


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
    amount, unit = text.split(" ", 1)
    number = float(amount)
    if unit.startswith("calendar"):
        return "calendar days", int(number), 0
    if unit.startswith("clock"):
        return "clock", 0, round(number * 60)
    if unit.startswith("hour"):
        return "work", 0, round(number * 60)
    return "work", int(number), round((number - int(number)) * 8 * 60)
