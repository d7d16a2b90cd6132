"""Calendars: a file of opening hours and corrections, and the feasts that the `holidays` package knows."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import date
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ValidationError, model_validator

from models.base import Value
from models.calendar import Calendar, Hours, SpecialDay
from models.refusals import BadInput, Phrase
from models.visible import Line
from motcua.catalogue.files import BadCatalogue, check, files, only_once, read

Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
_WEEK: tuple[Weekday, ...] = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


class UnknownCalendar(BadInput):
    """The catalogue has no calendar of this name."""

    sentence = "There is no calendar {name}; there is: {known}."


class NotAHoliday(BadInput):
    """A date that is no day off cannot be made a working day."""

    sentence = "{day} cannot become an ordinary working day in the calendar {calendar}: {reason}."


class Basis(Value):
    """What days off of the library rest on: those with certain words in their name, or in a span, or both."""

    feasts: tuple[str, ...] = ()
    first: date = date.min
    last: date = date.max
    source: Line
    provisional: bool = False

    def fits(self, day: date, name: str) -> bool:
        """Whether a day off rests on this."""
        named = not self.feasts or any(feast in name for feast in self.feasts)
        return named and self.first <= day <= self.last


class Correction(Value):
    """A day that is like neither its weekday nor what the library says of it."""

    date: date
    kind: Literal["holiday", "swap", "make-up", "half-day", "ordinary"]
    name: Line
    source: Line
    hours: tuple[Hours, ...] = ()
    provisional: bool = False

    @model_validator(mode="after")
    def _hours_fit(self) -> Correction:
        if (self.kind in ("make-up", "half-day")) != bool(self.hours):
            raise ValueError("a make-up day or half day needs hours, any other correction has none")
        return self


class CalendarFile(Value):
    """A calendar as it is written down."""

    zone: str
    first: date
    last: date
    library: Line | None = None
    """The country whose feasts the `holidays` package supplies, by its code there."""
    week: dict[Weekday, tuple[Hours, ...]]
    basis: tuple[Basis, ...] = ()
    correction: tuple[Correction, ...] = ()


class CalendarFiles:
    """The calendars of a catalogue by name."""

    def __init__(self, files: Mapping[str, CalendarFile]) -> None:
        self._files = files
        self._built: dict[str, Calendar] = {}

    @classmethod
    def load(cls, root: Path) -> CalendarFiles:
        """Read and check all of them, still without the feasts of the library."""
        return cls(_read(root))

    def __contains__(self, name: object) -> bool:
        return name in self._files

    def calendar(self, name: str) -> Calendar:
        """A calendar with its feasts and corrections; built once."""
        if name not in self._files:
            raise UnknownCalendar(name=name, known=", ".join(self._files) or "none")
        if name not in self._built:
            self._built[name] = read_calendar(name, self._files[name])
        return self._built[name]


class _Home(BaseModel):
    """What names the calendar of the office; the rest of the file is read by `motcua.catalogue.office`."""

    id: str
    calendar: str


def calendar_of(root: Path, name: str | None) -> Calendar:
    """A calendar by its name or by its office's; that of the office unless named. Reads calendars alone."""
    home = check(_Home, read(root, "office.toml"), "office.toml")
    return CalendarFiles.load(root).calendar(home.calendar if name in (None, home.id) else name)


def _read(root: Path) -> dict[str, CalendarFile]:
    found = {}
    for name, data in files(root, "calendars"):
        file = check(CalendarFile, data, name)
        only_once(name, "correction", [correction.date for correction in file.correction])
        for correction in file.correction:
            if not file.first <= correction.date <= file.last:
                reason = f"lies outside {file.first} to {file.last}"
                raise BadCatalogue(file=name, field=f"correction[{correction.date}]", reason=reason)
        try:  # Without the feasts: they take time, and could not make a wrong file right.
            build(Path(name).stem, file, {}, set())
        except ValidationError as error:
            reason = error.errors()[0]["msg"].removeprefix("Value error, ")
            field = "zone" if reason.startswith("the zone") else "calendar"
            raise BadCatalogue(file=name, field=field, reason=reason.removeprefix("the zone ")) from error
        found[Path(name).stem] = file
    return found


def read_calendar(name: str, file: CalendarFile) -> Calendar:
    """The calendar that a file describes, with the feasts of the library."""
    if file.library is None:
        return build(name, file, {}, set())
    try:
        feasts, worked = library_days(file.library, range(file.first.year, file.last.year + 1))
    except StopIteration as error:
        reason = f"the holidays package knows no country {file.library}"
        raise BadCatalogue(file=f"calendars/{name}.toml", field="library", reason=reason) from error
    return build(name, file, feasts, worked)


def library_days(country: str, years: range) -> tuple[dict[date, str], set[date]]:
    """The days off of the `holidays` package by name, and the weekend days it has as working days."""
    # Imported here: it takes 0.2 s, more than all else the catalogue does, and many uses need no feasts.
    import holidays
    from holidays.registry import COUNTRIES

    module, names = next((module, names) for module, names in COUNTRIES.items() if country in names)
    # The front door, holidays.country_holidays, imports every country of the world: 0.35 s more. So this
    # one file is loaded on its own; a test holds the answer against that of the front door.
    path = Path(holidays.__file__).parent / "countries" / f"{module}.py"
    spec = spec_from_file_location(f"motcua_holidays_{module}", path)
    assert spec is not None
    assert spec.loader is not None
    loaded = module_from_spec(spec)
    spec.loader.exec_module(loaded)
    country_holidays = getattr(loaded, names[0])
    # Unless told, the names follow the machine's locale, and the version of the calendar follows the names.
    found = country_holidays(years=years, language=country_holidays.default_language)
    return dict(found.items()), set(found.weekend_workdays)


def build(name: str, file: CalendarFile, feasts: Mapping[date, str], worked: set[date]) -> Calendar:
    """The calendar of a file with given feasts and given make-up days; corrections have the last word."""
    week = tuple(file.week.get(weekday, ()) for weekday in _WEEK)
    usual = next((hours for hours in week if hours), ())
    days: dict[date, SpecialDay] = {}
    for day in {*feasts, *worked}:
        if not file.first <= day <= file.last:
            continue
        feast = feasts.get(day, "make-up day")
        bases = [basis for basis in file.basis if basis.fits(day, feast)]
        days[day] = SpecialDay(
            date=day,
            kind="make-up" if day in worked else "holiday",
            name=feast,
            source="; ".join(basis.source for basis in bases) or "holidays package",
            hours=usual if day in worked else (),
            provisional=any(basis.provisional for basis in bases),
        )
    for correction in file.correction:
        days.pop(correction.date, None)
        if correction.kind != "ordinary":
            days[correction.date] = SpecialDay.model_validate(dict(correction))
    special = tuple(days[day] for day in sorted(days))
    draft = Calendar(
        version=name, zone=file.zone, first=file.first, last=file.last, week=week, special=special
    )
    return _fingerprinted(name, draft)


def without_holiday(calendar: Calendar, day: date) -> Calendar:
    """A copy in which a day off is an ordinary working day; its version differs."""
    special = calendar.special_day(day)
    if special is None or special.kind not in ("holiday", "swap"):
        raise NotAHoliday(day=day, calendar=calendar.version, reason=Phrase("it is no day off"))
    if not calendar.week[day.weekday()]:
        raise NotAHoliday(
            day=day, calendar=calendar.version, reason=Phrase("the office is closed on that weekday")
        )
    fewer = [other for other in calendar.special if other is not special]
    draft = Calendar.model_validate({**dict(calendar), "special": fewer})
    return _fingerprinted(calendar.version.rpartition("-")[0], draft)


def _fingerprinted(name: str, draft: Calendar) -> Calendar:
    """The calendar with a version made from all it says: whatever changes, the version does too."""
    said = json.dumps(draft.model_dump(mode="json", exclude={"version"}), sort_keys=True)
    version = f"{name}-{hashlib.sha256(said.encode()).hexdigest()[:8]}"
    return Calendar.model_validate({**dict(draft), "version": version})
