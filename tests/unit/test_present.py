"""In each calendar of the present the moment is what its name says, at any time of any day."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import pytest

from models.calendar import Calendar
from motcua.catalogue.catalogue import Catalogue
from tests.present import KINDS, ROOT, Kind, always_open, as_toml, catalog_with, present, shipped

MOMENTS = [
    datetime(2026, 11, 29, 3, 0, tzinfo=UTC),
    datetime(2027, 2, 6, 9, 30, tzinfo=UTC),
    datetime(2026, 12, 31, 16, 58, tzinfo=UTC),  # 23:58 in the office
    datetime(2026, 12, 31, 16, 59, 59, tzinfo=UTC),
    datetime(2026, 12, 31, 17, 0, tzinfo=UTC),  # midnight
    datetime(2028, 2, 29, 0, 0, tzinfo=UTC),
    *(datetime(2026, 6, 1, hour, 59, 30, tzinfo=UTC) for hour in range(24)),
]


def is_as_named(kind: Kind, calendar: Calendar, now: datetime) -> bool:
    """Whether a moment is of a kind in a calendar."""
    day = calendar.local(now).date()
    later = now + timedelta(minutes=1)
    tomorrow = calendar.hours(day + timedelta(days=1))
    match kind:
        case "open":
            return calendar.is_open(now) and calendar.is_open(later) and bool(tomorrow)
        case "sunday":
            special = calendar.special_day(day)
            return special is None and not calendar.hours(day) and bool(tomorrow)
        case "tet":
            special = calendar.special_day(day)
            return special is not None and special.kind == "holiday" and not tomorrow
        case "night":
            open_today = bool(calendar.hours(day))
            return open_today and not any(calendar.is_open(now + timedelta(hours=n)) for n in range(3))
        case "closing":
            closed = not calendar.is_open(later) or calendar.local(later).date() != day
            return calendar.is_open(now) and closed
        case "year-end":
            return calendar.is_open(now) and not tomorrow


@pytest.mark.parametrize("now", MOMENTS, ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_the_present_is_as_its_calendar_is_named(kind: Kind, now: datetime) -> None:
    """Also in the last second of a day, on 29 February and at every hour."""
    assert is_as_named(kind, present(kind, now), now)


@pytest.mark.parametrize("now", MOMENTS, ids=str)
def test_the_open_calendar_closes_at_no_minute_of_the_day(now: datetime) -> None:
    """It was closed from 23:59 to midnight, and tests failed in that minute."""
    calendar = always_open(now)
    day = calendar.local(now).date()
    minutes = [calendar.instant(day, time(0)) + timedelta(minutes=number) for number in range(24 * 60)]
    assert all(calendar.is_open(minute) for minute in minutes)


@pytest.mark.parametrize("kind", KINDS)
def test_a_calendar_survives_being_written_into_a_catalogue(kind: Kind, tmp_path: Path) -> None:
    """The command line of the stories reads it from there."""
    written = present(kind, MOMENTS[0])
    read = Catalogue.load(catalog_with(written, tmp_path / "catalog")).calendar("vn")
    assert read.model_copy(update={"version": written.version}) == written


def test_the_catalogue_knows_the_present_after_its_calendar_has_ended(tmp_path: Path) -> None:
    """Stories that are told after 2027 do not end with a calendar that is too short."""
    last = Catalogue.load(ROOT / "catalog").calendar("vn").last
    later = datetime.combine(last, time(12), UTC) + timedelta(days=60)
    assert shipped(later).last >= later.date() + timedelta(days=300)
    assert bool(shipped(later).opened(later.date())) == bool(shipped(later).hours(later.date()))
    assert as_toml(shipped(later)).count("[[correction]]") > 50
