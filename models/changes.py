"""Changes of an office's calendar: what a decree says of some days, and the acts by which it is brought in.

A calendar names in its version the changes that it contains, in their order: `vn-1f0c2ab4+tet-2027`. So
the calendar that a dossier carries tells by itself which decrees it counts by.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Literal

from pydantic import Field

from models.base import Instant, Value
from models.calendar import Calendar, SpecialDay
from models.commands import Actor
from models.visible import Visible

Direction = Literal["apply", "undo"]


class Day(Value):
    """What a date is to be; without `special` it is like its weekday."""

    date: date
    special: SpecialDay | None = None


class Change(Value):
    """What one decree changes in one calendar."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9.-]{0,59}$")
    calendar: str
    """The calendar's name, which its versions begin with."""
    decree: Visible = Field(max_length=180)
    title: str
    issued: date
    days: tuple[Day, ...] = Field(min_length=1)

    def command(self, direction: Direction, code: str) -> str:
        """The id of the command that carries this change to a dossier: the same for ever."""
        return f"{command_prefix(self.id, direction)}{code}"


def command_prefix(change: str, direction: Direction) -> str:
    """What the ids of all commands of a change in one direction begin with."""
    return f"calendar/{change}/{direction}/"


class Ordered(Value):
    """A change as it was ordered, with what the office's calendar said of its days until then."""

    change: Change
    before: tuple[Day, ...]


class Act(Value):
    """A step of bringing a change in or taking it back; acts are never altered."""

    number: int
    change: str
    act: Literal["apply", "applied", "undo", "undone"]
    """Ordered, and done with every open dossier; the same for taking it back."""
    actor: Actor
    at: Instant
    ordered: Ordered | None = None
    """With `apply`."""


class Acts(Value):
    """All acts so far, in order."""

    acts: tuple[Act, ...] = ()

    @property
    def epoch(self) -> int:
        """Rises with each act: who knows this number knows the calendar in force."""
        return self.acts[-1].number if self.acts else 0

    @property
    def in_force(self) -> tuple[Ordered, ...]:
        """The changes that the office counts by, in the order in which they came."""
        undone = {act.change for act in self.acts if act.act == "undo"}
        return tuple(act.ordered for act in self.acts if act.ordered and act.change not in undone)

    @property
    def unfinished(self) -> Act | None:
        """The act that has been ordered and is not done with every dossier."""
        last = self.acts[-1] if self.acts else None
        return last if last is not None and last.act in ("apply", "undo") else None

    @property
    def undoable(self) -> str | None:
        """The change whose undo may be ordered now, or continued where an earlier attempt broke off."""
        last = self.unfinished
        if last is not None:
            return last.change if last.act == "undo" else None
        return self.in_force[-1].change.id if self.in_force else None

    def of(self, change: str) -> dict[str, Act]:
        """The acts of one change by their name."""
        return {act.act: act for act in self.acts if act.change == change}


def name_of(calendar: Calendar) -> str:
    """A calendar's name: its version without the fingerprint and the changes."""
    return calendar.version.partition("+")[0].rpartition("-")[0]


def carries(calendar: Calendar, change: str) -> bool:
    """Whether a calendar contains a change."""
    return change in calendar.version.split("+")[1:]


def amended(calendar: Calendar, change: Change) -> Calendar:
    """The calendar, or excerpt of one, with a change; of the same span."""
    return _with(calendar, change.days, f"{calendar.version}+{change.id}")


def restored(calendar: Calendar, ordered: Ordered) -> Calendar:
    """The calendar without a change, which must be the last one that it contains."""
    suffix = f"+{ordered.change.id}"
    if not calendar.version.endswith(suffix):
        raise ValueError(f"{calendar.version} does not end with {suffix}")
    return _with(calendar, ordered.before, calendar.version.removesuffix(suffix))


def closed_year(calendar: Calendar) -> tuple[date, date] | None:
    """The first and last day of a year in which a calendar has no working day, so that nothing falls due."""
    for year in range(calendar.first.year, calendar.last.year + 1):
        first, last = max(calendar.first, date(year, 1, 1)), min(calendar.last, date(year, 12, 31))
        days = (date.fromordinal(n) for n in range(first.toordinal(), last.toordinal() + 1))
        if not any(calendar.hours(day) for day in days):
            return first, last
    return None


def before(calendar: Calendar, change: Change) -> tuple[Day, ...]:
    """What a calendar says of the days of a change."""
    return tuple(Day(date=day.date, special=calendar.special_day(day.date)) for day in change.days)


def _with(calendar: Calendar, days: Iterable[Day], version: str) -> Calendar:
    special = {day.date: day for day in calendar.special}
    for day in days:
        special.pop(day.date, None)
        if day.special is not None and calendar.first <= day.date <= calendar.last:
            special[day.date] = day.special
    ordered = [special[day] for day in sorted(special)]
    return Calendar.model_validate({**dict(calendar), "version": version, "special": ordered})
