"""The present moment in an office's calendar: on real servers the tests move the calendar, not the clock.

Temporal's server reads the clock without libc, so no tool can give it another day. Whether the present moment
is a Sunday, a holiday or the last minute before closing is decided by the office's calendar alone, and that
is data. `pytest --calendar tet` chooses one for all tests that take `present()` for the calendar of the desk.
"""

from __future__ import annotations

import os
import shutil
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any, Literal, get_args
from zoneinfo import ZoneInfo

from models.calendar import Calendar, Hours, SpecialDay
from motcua.catalogue.catalogue import Catalogue

ROOT = Path(__file__).resolve().parents[1]
ZONE = "Asia/Ho_Chi_Minh"
CHOSEN = "MOTCUA_TEST_CALENDAR"
"""The environment variable by which `--calendar` reaches every process of a test run."""
Kind = Literal["open", "sunday", "tet", "night", "closing", "year-end"]
KINDS: tuple[Kind, ...] = get_args(Kind)
LAST = time.max.isoformat()
"""The end of a day: nothing lies between it and midnight."""
ROUND_THE_CLOCK = [{"opens": "00:00", "closes": LAST}]
WEEK = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
OFFICE_HOURS = [{"opens": "07:00", "closes": "11:30"}, {"opens": "13:30", "closes": "17:00"}]


def now() -> datetime:
    """The real present moment, for what is to fall due on real servers soon."""
    return datetime.now(UTC)


def day(after: int) -> date:
    """The office's date so many days from now: a fixed date would lie in the past one day."""
    return _local(None).date() + timedelta(days=after)


def always_open(at: datetime | None = None) -> Calendar:
    """A calendar that is open now, and at every other time."""
    return _calendar(_local(at), "always", [ROUND_THE_CLOCK] * 7)


def present(kind: Kind | None = None, at: datetime | None = None) -> Calendar:
    """The calendar in which the present moment is of a kind; without one, that of `--calendar`, or open.

    sunday: today's weekday is free, and the days around it have office hours. tet: seven days off, today the
    third. night: open at other hours of today. closing: closes within a minute. year-end: the last day that
    is open before three days off.
    """
    chosen = kind or os.environ.get(CHOSEN, "open")
    local = _local(at)
    week = [ROUND_THE_CLOCK] * 7
    match chosen:
        case "open":
            return always_open(at)
        case "sunday":
            return _calendar(local, chosen, _on(local, [], [OFFICE_HOURS] * 7))
        case "tet":
            days = [local.date() + timedelta(days=number) for number in range(-2, 5)]
            return _calendar(local, chosen, week, [_holiday(day, "Tết Nguyên Đán") for day in days])
        case "night":
            return _calendar(local, chosen, [_away_from(local)] * 7)
        case "closing":
            soon = local + timedelta(minutes=1)
            closes = f"{soon:%H:%M:%S}" if soon.date() == local.date() else LAST
            return _calendar(local, chosen, _on(local, [{"opens": "00:00", "closes": closes}], week))
        case "year-end":
            days = [local.date() + timedelta(days=number) for number in range(1, 4)]
            return _calendar(local, chosen, week, [_holiday(day, "Tết Dương lịch") for day in days])
    raise ValueError(f"there is no calendar {chosen}, but {', '.join(KINDS)}")


def shipped(at: datetime | None = None) -> Calendar:
    """The calendar of the catalogue, with the days around the present as `--calendar` wants them.

    It knows the next year, also when the catalogue knows it no more.
    """
    calendar = Catalogue.load(ROOT / "catalog").calendar("vn")
    today, chosen = _local(at).date(), os.environ.get(CHOSEN, "open")
    last = max(calendar.last, date(today.year + 1, 12, 31))
    special = {each.date: each for each in calendar.special}
    if chosen != "open":
        moved = present(at=at)
        for number in range(-3, 8):
            hours = moved.hours(changed := today + timedelta(days=number))
            kind = "make-up" if hours else "swap"
            special[changed] = SpecialDay(date=changed, kind=kind, name=chosen, source="a test", hours=hours)
    days = tuple(special[each] for each in sorted(special))
    return calendar.model_copy(update={"last": last, "special": days})


def catalog_with(calendar: Calendar, folder: Path) -> Path:
    """A copy of the catalogue with another calendar for the office, under the same name."""
    shutil.copytree(ROOT / "catalog", folder)
    (folder / "calendars" / "vn.toml").write_text(as_toml(calendar), encoding="utf-8")
    return folder


def as_toml(calendar: Calendar) -> str:
    """A calendar as the catalogue has it, each special day by itself."""
    lines = [f'zone = "{calendar.zone}"', f"first = {calendar.first}", f"last = {calendar.last}", "[week]"]
    lines += [f"{day} = {_hours(hours)}" for day, hours in zip(WEEK, calendar.week, strict=True)]
    for special in calendar.special:
        lines += ["[[correction]]", f"date = {special.date}", f'kind = "{special.kind}"']
        lines += [f'name = "{special.name}"', f'source = "{special.source}"']
        lines += [f"hours = {_hours(special.hours)}"] if special.hours else []
    return "\n".join(lines) + "\n"


def _hours(hours: tuple[Hours, ...]) -> str:
    return "[" + ", ".join(f"{{ opens = {each.opens}, closes = {each.closes} }}" for each in hours) + "]"


def _local(at: datetime | None) -> datetime:
    return (at or now()).astimezone(ZoneInfo(ZONE))


def _away_from(local: datetime) -> list[dict[str, str]]:
    """Opening hours of a day that begin or end at least three hours from now."""
    if local.hour < 13:
        return [{"opens": f"{local.hour + 4:02}:00", "closes": LAST}]
    return [{"opens": "04:00", "closes": f"{local.hour - 4:02}:00"}]


def _on(local: datetime, hours: list[Any], week: list[Any]) -> list[Any]:
    """A week with other hours on today's weekday."""
    today = local.weekday()
    return [hours if number == today else each for number, each in enumerate(week)]


def _holiday(day: date, name: str) -> dict[str, Any]:
    return {"date": day, "kind": "holiday", "name": name, "source": f"decree on {name}"}


def _calendar(
    local: datetime, version: str, week: list[Any], special: list[dict[str, Any]] | None = None
) -> Calendar:
    first, last = date(local.year - 1, 1, 1), date(local.year + 3, 12, 31)
    span = {"version": version, "zone": ZONE, "first": first, "last": last}
    return Calendar.model_validate({**span, "week": week, "special": special or []})
