"""Deadlines: starts, offsets and alarms, calendars that are cut or malformed.

When limits end is in worked-cases.md, what holds for all of them in test_term_algebra.py.
"""

from __future__ import annotations

from datetime import date, time, timedelta
from typing import Any, get_args

import pytest

from models.calendar import CalendarTooShort
from models.limits import Limit, Offset
from models.terms import Pause, Rung, due, due_after, reached_before, shift, starts
from models.timeliness import Measure
from tests.unit.office import CALENDAR, MORNING, at, calendar, local


@pytest.mark.parametrize(
    ("received", "start", "why"),
    [
        ("2026-03-02 14:59", "2026-03-02 14:59", "a minute before it is today"),
        ("2026-03-02 15:00", "2026-03-03 07:00", "from 15:00 it is the next working day"),
        ("2026-03-06 16:00", "2026-03-09 07:00", "which after a Friday is Monday"),
        ("2026-03-02 18:00", "2026-03-03 07:00", "after closing it is the next day, not the day after"),
        ("2026-02-13 15:30", "2026-02-23 07:00", "and after Tết at Tết"),
    ],
)
def test_the_15_00_rule(received: str, start: str, why: str) -> None:
    """A procedure's cut-off puts the start off to the next working day."""
    assert local(starts(CALENDAR, at(received), time(15))) == start, why


def test_a_calendar_that_ends_too_soon_is_refused() -> None:
    """A term that could end after the calendar's last day is refused, an alarm there is left out."""
    with pytest.raises(CalendarTooShort, match="2027-01-01"):
        due(CALENDAR, Limit.parse("5 days"), at("2026-12-30 09:00"))
    rung = Rung(name="late", offset=Offset.parse("+5 days"), kind="escalation", to=("assignee",))
    for measure in get_args(Measure):
        assert reached_before(CALENDAR, measure, at("2026-12-30 09:00"), (rung,), at("2026-12-31 09:00")) == (
            0,
        )


def test_the_last_day_of_a_calendar_can_be_measured() -> None:
    """Working time up to the end of the last known day needs no day after it."""
    short = calendar(last="2026-03-08", special=[])  # a Sunday
    assert short.between(at("2026-03-06 16:00"), at("2026-03-09 00:00")) == timedelta(hours=1)
    with pytest.raises(CalendarTooShort):
        short.between(at("2026-03-06 16:00"), at("2026-03-09 00:01"))


@pytest.mark.parametrize(
    ("offset", "times", "expected"),
    [
        ("0", 1, "2026-03-09 09:00"),
        ("-1 day", 1, "2026-03-06 09:00"),
        ("+1 day", 3, "2026-03-12 09:00"),
        ("-4 hours", 1, "2026-03-06 15:00"),
        ("+4 hours", 2, "2026-03-10 09:00"),
    ],
)
def test_an_offset_is_working_time(offset: str, times: int, expected: str) -> None:
    """Alarms lie in working time from the due instant, never in the night or on a weekend."""
    assert local(shift(CALENDAR, at("2026-03-09 09:00"), Offset.parse(offset), times)) == expected


def test_an_offset_from_a_closing_lands_at_the_opening_after_it() -> None:
    """Intervals are half-open: half past eleven is no time of the next morning, but 13:30 is."""
    noon = due(CALENDAR, Limit.parse("4.5 hours"), at("2026-03-02 07:00"))
    assert local(noon) == "2026-03-02 11:30"
    assert local(shift(CALENDAR, noon, Offset.parse("+1 day"))) == "2026-03-03 13:30"
    assert local(shift(CALENDAR, noon, Offset.parse("-1 day"))) == "2026-02-27 13:30"


DAY = {"date": "2026-03-02", "kind": "holiday", "name": "x", "source": "y"}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"week": [[]] * 7}, "at least one opening interval"),
        ({"week": [[]] * 6}, "seven days"),
        ({"week": [[{"opens": "11:00", "closes": "07:00"}], *[[]] * 6]}, "must go forward"),
        ({"week": [[{"opens": "11:00", "closes": "11:00"}], *[[]] * 6]}, "must go forward"),
        ({"week": [[MORNING, {"opens": "10:00", "closes": "12:00"}], *[[]] * 6]}, "must follow each other"),
        ({"special": [DAY, DAY]}, "special only once"),
        ({"special": [{**DAY, "date": "2025-12-31"}]}, "2025-12-31 lies outside 2026-01-01 to 2026-12-31"),
        ({"special": [{**DAY, "date": "2027-01-01"}]}, "2027-01-01 lies outside"),
        ({"first": "2027-01-01"}, "must not come after"),
        ({"first": "2026-03-02", "last": "2026-03-02", "special": [DAY]}, "special days close every one"),
        ({"first": "2026-03-07", "last": "2026-03-08", "special": []}, "at least one working day"),
    ],
)
def test_malformed_calendars_are_refused(change: dict[str, Any], reason: str) -> None:
    """Hours that cannot be, days outside the calendar, and an office that never opens."""
    with pytest.raises(ValueError, match=reason):
        calendar(**change)


def test_hours_that_touch_are_one_interval() -> None:
    """Written in two pieces or in one, a day is the same: noon is no opening where nothing was closed."""
    whole = calendar(week=[[{"opens": "07:00", "closes": "15:00"}], *[[]] * 6])
    pieces = [{"opens": "07:00", "closes": "11:00"}, {"opens": "11:00", "closes": "15:00"}]
    touching = calendar(week=[pieces, *[[]] * 6])
    day = date(2026, 3, 2)
    assert touching.opened(day) == whole.opened(day)
    assert not touching.is_opening(at("2026-03-02 11:00"))


@pytest.mark.parametrize(
    ("hours", "opened"),
    [
        ([("01:00", "06:00")], [("00:00", "04:00")]),
        ([("02:15", "02:45")], []),  # times that did not exist
        ([("01:00", "02:30"), ("02:45", "05:00")], [("00:00", "03:00")]),
        ([("02:30", "04:00")], [("01:00", "02:00")]),
    ],
)
def test_hours_that_the_clocks_skip_are_none(hours: list[Any], opened: list[Any]) -> None:
    """Amsterdam went from 02:00 to 03:00 on 29 March 2026, at 01:00 UTC; a Sunday."""
    night = [{"opens": opens, "closes": closes} for opens, closes in hours]
    days = calendar(zone="Europe/Amsterdam", week=[*[[MORNING]] * 6, night], special=[])
    day = date(2026, 3, 29)
    assert [(f"{a:%H:%M}", f"{b:%H:%M}") for a, b in days.opened(day)] == opened


def test_a_restart_leaves_a_late_term_late() -> None:
    """Already late when the pause began it stays late; only a term that is in time starts afresh."""
    limit, start = Limit.parse("1 day"), at("2026-03-02 09:00")  # due on Tuesday at 09:00
    for since, expected in (
        ("2026-03-03 08:59", "2026-03-06 10:00"),
        ("2026-03-03 09:00", "2026-03-06 10:00"),
        ("2026-03-03 09:01", "2026-03-03 09:00"),
    ):
        pause = Pause(since=at(since), until=at("2026-03-05 10:00"), reason="supplement", mode="restart")
        assert local(due_after(CALENDAR, limit, start, [pause])) == expected


def test_an_excerpt_knows_only_its_days() -> None:
    """A calendar cut to a span counts the same inside it and refuses what lies outside."""
    cut = CALENDAR.excerpt(date(2026, 2, 1), date(2026, 2, 28))
    start = at("2026-02-11 09:32")
    assert due(cut, Limit.parse("5 days"), start) == due(CALENDAR, Limit.parse("5 days"), start)
    with pytest.raises(CalendarTooShort):
        due(cut, Limit.parse("9 days"), start)
    for year in (2025, 2027):
        with pytest.raises(CalendarTooShort, match=str(year)):
            CALENDAR.excerpt(date(year, 2, 1), date(year, 2, 28))
