"""Files of calendar changes: what a decree says of some days, checked against the calendar it is for."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, model_validator

from models.base import Day as Date
from models.base import Value
from models.calendar import Calendar, Hours, SpecialDay
from models.changes import Change, Day, amended, closed_year, name_of
from models.faults import fault
from models.refusals import Phrase
from models.visible import Line
from motcua.catalogue.files import BadCatalogue, check, only_once, read


class _Day(Value):
    date: date
    kind: Literal["holiday", "swap", "make-up", "half-day", "ordinary"]
    name: Line
    hours: tuple[Hours, ...] = ()
    provisional: bool = False

    @model_validator(mode="after")
    def _hours_fit(self) -> _Day:
        if (self.kind in ("make-up", "half-day")) != bool(self.hours):
            raise ValueError(Phrase("a make-up day or half day needs hours, any other day has none"))
        return self


class _ChangeFile(Value):
    id: str = Field(pattern=r"^[a-z0-9][a-z0-9.-]{0,59}$")
    decree: Line = Field(max_length=180)
    title: Line
    issued: Date
    calendar: Line
    day: tuple[_Day, ...] = Field(min_length=1)


def read_change(path: Path, calendar: Calendar) -> Change:
    """The change that a file describes; BadCatalogue where it cannot be one of this calendar."""
    return change_of(read(path.parent, path.name), path.name, calendar)


def change_of(data: dict[str, Any], where: str, calendar: Calendar) -> Change:
    """The same from what such a file holds; `where` is what it is called when something is wrong."""
    file = check(_ChangeFile, data, where)
    if file.calendar != name_of(calendar):
        ours = name_of(calendar)
        reason = Phrase("this office counts by {ours}, not by {given}", ours=ours, given=file.calendar)
        raise BadCatalogue(file=where, field="calendar", reason=reason)
    only_once(where, "day", [day.date for day in file.day])
    for day in file.day:
        if not calendar.first <= day.date <= calendar.last:
            span = {"first": calendar.first, "last": calendar.last}
            reason = Phrase("lies outside the calendar, which knows {first} to {last}", **span)
            raise BadCatalogue(file=where, field=f"day[{day.date}]", reason=reason)
    change = Change(
        id=file.id,
        calendar=file.calendar,
        decree=file.decree,
        title=file.title,
        issued=file.issued,
        days=tuple(_day(day, file.decree) for day in sorted(file.day, key=lambda day: day.date)),
    )
    for one in change.days:  # one at a time, so that what is wrong has a name
        _amended(where, f"day[{one.date}].hours", calendar, change.model_copy(update={"days": (one,)}))
    _still_open(where, _amended(where, "day", calendar, change))
    return change


def _day(day: _Day, decree: str) -> Day:
    if day.kind == "ordinary":
        return Day(date=day.date)
    said = day.model_dump() | {"source": decree}
    return Day(date=day.date, special=SpecialDay.model_validate(said))


def _amended(file: str, field: str, calendar: Calendar, change: Change) -> Calendar:
    try:
        return amended(calendar, change)
    except ValidationError as error:
        reason = fault(dict(error.errors()[0]))
        raise BadCatalogue(file=file, field=field, reason=reason) from error


def _still_open(file: str, calendar: Calendar) -> None:
    """Refuse a calendar with a year in which nothing could ever fall due."""
    if (closed := closed_year(calendar)) is not None:
        span = {"first": closed[0], "last": closed[1]}
        reason = Phrase("{first} to {last} would be left without a working day", **span)
        raise BadCatalogue(file=file, field="day", reason=reason)
